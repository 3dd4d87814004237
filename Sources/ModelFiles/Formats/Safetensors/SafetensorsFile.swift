import Foundation
import HDF5
import Isolation
import Storage

/// A safetensors file that is open. Nothing of what it says is trusted: every byte behind the header belongs to one tensor.
struct SafetensorsFile {
    struct Entry {
        let name: String
        /// The type in the file's own word, such as `BF16`.
        let type: String
        let shape: [Int]
        /// Where the numbers begin in the whole file.
        let offset: Int
        let byteCount: Int
    }

    /// In the order of their places.
    let entries: [Entry]
    let metadata: [String: String]
    let byteCount: Int
    let handle: FileHandle
    let path: String

    static let metadataKey = "__metadata__", configurationKey = "config", versionKey = "keras_version"

    /// The longest header, as in the library of safetensors.
    static let headerLimit = 100_000_000
    private static let lengthByteCount = 8
    /// Nobody has tensors of more axes.
    private static let rankLimit = 32

    /// Whether a file has the suffix, or begins as such files do: with a length, and JSON.
    static func isNamed(_ path: String) -> Bool {
        if path.lowercased().hasSuffix(".safetensors") { return true }
        return FileKind(of: path) == .safetensors
    }

    /// Opens a file and reads its header; opens nothing afterwards.
    ///
    /// - Throws: `ModelFileError` with the place and what was expected there.
    init(opening path: String) throws(ModelFileError) {
        do throws(InputFile.Problem) { handle = try InputFile.open(path) } catch {
            throw ModelFileError(
                error == .missing ? .missing : .unreadable, path, ["could not be opened: \(error)"])
        }
        let file = handle, byteCount = WholeFile.byteCount(of: path) ?? 0
        (self.path, self.byteCount) = (path, byteCount)
        Isolation.closeDoors()
        func refusal(_ problem: String) -> ModelFileError {
            ModelFileError(
                .refused, path, [problem], advice: "Copy it again, or save it anew with the library of safetensors")
        }
        guard let start = try? file.read(upToCount: Self.lengthByteCount), start.count == Self.lengthByteCount else {
            throw refusal("has \(byteCount) bytes; a safetensors file begins with 8 for the length of its header")
        }
        let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.headerLimit) else {
            throw refusal("declares a header of \(length) bytes; at most \(Self.headerLimit) are read")
        }
        guard Int(length) <= byteCount - Self.lengthByteCount else {
            throw refusal("declares a header of \(length) bytes, and has \(byteCount) in all")
        }
        guard let data = try? file.read(upToCount: Int(length)), data.count == Int(length),
            let text = String(validating: data, as: UTF8.self)
        else { throw refusal("has a header that is not text in UTF-8") }
        let json: JSON
        do throws(JSONError) { json = try JSON(parsing: text, limit: Self.headerLimit) } catch {
            throw refusal("has a header that is not JSON: \(error)")
        }
        guard let header = json.object else { throw refusal("has a header that is no JSON object") }
        let begin = Self.lengthByteCount + Int(length)
        do throws(EntryError) {
            entries = try Self.entries(header, begin: begin, byteCount: byteCount - begin)
            metadata = try Self.metadata(header[Self.metadataKey])
        } catch {
            throw refusal(error.text)
        }
    }

    private struct EntryError: Error {
        let text: String
    }

    private static func metadata(_ json: JSON?) throws(EntryError) -> [String: String] {
        guard let json else { return [:] }
        guard let members = json.object?.members, members.allSatisfy({ $0.value.string != nil }) else {
            throw EntryError(text: "has metadata that is no object of texts")
        }
        return Dictionary(members.map { ($0.key, $0.value.string ?? "") }) { _, last in last }
    }

    private static func entries(
        _ header: JSON.Object, begin: Int, byteCount: Int
    ) throws(EntryError) -> [Entry] {
        var entries: [Entry] = [], names: Set<String> = []
        for member in header.members where member.key != metadataKey {
            guard names.insert(member.key).inserted else {
                throw EntryError(text: "has two tensors '\(member.key)'")
            }
            entries.append(try entry(member.key, member.value, begin: begin, byteCount: byteCount))
        }
        // Of an empty tensor the place does not matter.
        entries.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        var end = begin
        for entry in entries {
            guard entry.offset == end else {
                throw EntryError(
                    text: entry.offset < end
                        ? "has tensors that overlap: '\(entry.name)' begins at byte \(entry.offset - begin) of the data, and the one "
                            + "before it ends at \(end - begin)"
                        : "has \(entry.offset - end) bytes before '\(entry.name)' that belong to no tensor")
            }
            end += entry.byteCount
        }
        guard end == begin + byteCount else {
            throw EntryError(text: "has \(begin + byteCount - end) bytes at its end that belong to no tensor")
        }
        return entries
    }

    private static func entry(
        _ name: String, _ json: JSON, begin: Int, byteCount: Int
    ) throws(EntryError) -> Entry {
        func refusal(_ problem: String) -> EntryError { EntryError(text: "tensor '\(name)' \(problem)") }
        guard let type = json["dtype"]?.string else { throw refusal("has no 'dtype'") }
        guard let size = sizes[type] else { throw refusal("has the unknown type '\(type)'") }
        guard let axes = json["shape"]?.array, axes.count <= rankLimit else { throw refusal("has no 'shape'") }
        var shape: [Int] = [], count = 1
        for axis in axes {
            guard let extent = axis.integer, extent >= 0 else { throw refusal("has the axis \(axis) in its shape") }
            let (product, overflows) = count.multipliedReportingOverflow(by: extent)
            guard !overflows, product <= Int.max / 16 else { throw refusal("has more numbers than any file holds") }
            count = product
            shape.append(extent)
        }
        guard let places = json["data_offsets"]?.array, places.count == 2, let first = places[0].integer,
            let end = places[1].integer
        else { throw refusal("has no two 'data_offsets'") }
        guard 0 <= first, first <= end, end <= byteCount else {
            throw refusal("lies at bytes \(first) to \(end) of the data, which has \(byteCount)")
        }
        guard end - first == count * size else {
            throw refusal("has \(end - first) bytes, expected \(count * size) for the shape \(shape) of \(type)")
        }
        return Entry(name: name, type: type, shape: shape, offset: begin + first, byteCount: end - first)
    }

    /// The bytes of a number of each type.
    private static let sizes = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4,
        "U32": 4,
        "F32": 4, "F64": 8, "I64": 8, "U64": 8,
    ]
}
