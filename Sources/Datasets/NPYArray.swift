import Foundation
import HDF5
import Storage
import Zip

/// An array of numpy, in an archive or in a file of its own, read from first to last.
///
///     0x93 "NUMPY", version (1, 2 or 3), 0, length of the header (UInt16; from version 2 on UInt32), header, elements
struct NPYArray: ~Copyable {
    let place: NPYPlace
    let type: HDF5Type
    /// (examples, …), with at least one element.
    let shape: [Int]
    /// How elements that are text are stored, whose bytes are the last axis; nil for numbers.
    let text: NPYText?
    private let isBigEndian: Bool
    /// Whether the first axis runs fastest, as in arrays that pandas makes of tables.
    private let isFortran: Bool
    private let bytes: any ByteSource

    /// numpy itself reads no longer header.
    private static let headerLimit = 10_000
    private static let rowLimit = 1 << 28
    /// The most bytes of an array in Fortran order: its rows are scattered, so all of it is in memory at once.
    private static let fortranLimit = 1 << 30

    /// - Parameter allowsText: Whether elements may be text: labels and names may.
    init(_ member: ZipReader.Member, in archive: borrowing ZipReader, allowsText: Bool = false) throws {
        try self.init(
            MemberBytes(try archive.reader(of: member)), byteCount: member.byteCount,
            NPYPlace(path: archive.path, name: member.name), allowsText: allowsText)
    }

    /// Opens a file of one array (.npy).
    ///
    /// - Throws: `ExampleFileError` for a damaged one; `HDF5Error` where there is no such file.
    init(opening path: String) throws {
        let file = try FileBytes(path)
        try self.init(file, byteCount: file.byteCount, NPYPlace(path: path, name: nil), allowsText: false)
    }

    private init(_ bytes: any ByteSource, byteCount total: Int, _ place: NPYPlace, allowsText: Bool) throws {
        let (header, headerByteCount) = try Self.header(from: bytes, place)
        guard header.text == nil || allowsText else {
            throw place.error(expected: "numbers", found: "text", "Save an array of plain numbers with np.savez.")
        }
        let byteCount = header.shape.reduce(header.type.byteCount) { product, extent in
            guard let (value, overflow) = product?.multipliedReportingOverflow(by: extent) else { return nil }
            return overflow ? nil : value
        }
        guard let byteCount, byteCount == total - headerByteCount else {
            throw place.error(
                expected: "the elements of an array of shape \(header.shape)",
                found: "\(total - headerByteCount) bytes", "The file is damaged; fetch it again.")
        }
        guard !header.isFortran || byteCount <= Self.fortranLimit else {
            throw place.error(
                expected: "an array in C order, as it has more than \(Self.fortranLimit) bytes",
                found: "Fortran order", "Save it again as np.ascontiguousarray(…) makes it.")
        }
        guard let count = header.shape.first, byteCount > 0, byteCount / count <= Self.rowLimit else {
            throw place.error(
                expected: "at least one example of at most \(Self.rowLimit) bytes, in an array whose first axis counts "
                    + "examples", found: "shape \(header.shape)", "Is this the array you meant?")
        }
        self.place = place
        self.type = header.type
        self.shape = header.shape
        self.isBigEndian = header.isBigEndian
        self.isFortran = header.isFortran
        text = header.text
        self.bytes = bytes
    }

    private static func header(
        from bytes: any ByteSource, _ place: NPYPlace
    ) throws -> (NPYHeader, byteCount: Int) {
        let magic = try read(8, from: bytes)
        guard magic.count == 8, magic.starts(with: [0x93] + Array("NUMPY".utf8)), (1...3).contains(magic[6]) else {
            throw place.error(
                expected: "an array of numpy, which begins with 147 78 85 77 80 89 and a version from 1 to 3",
                found: "\(magic.map { "\($0)" }.joined(separator: " "))", "Save it with np.savez.")
        }
        let lengthBytes = try read(magic[6] == 1 ? 2 : 4, from: bytes)
        let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= headerLimit else {
            throw place.error(
                expected: "a header of at most \(headerLimit) bytes", found: "\(length)",
                "The file is damaged; fetch it again.")
        }
        let text = try read(length, from: bytes)
        do {
            guard text.count == length else { throw NPYHeader.Problem(expected: "\(length) bytes", found: "fewer") }
            return (try NPYHeader(parsing: text), magic.count + lengthBytes.count + length)
        } catch let problem as NPYHeader.Problem {
            throw place.error(
                expected: "in its header \(problem.expected)", found: problem.found,
                problem.found == "elements '|O'"
                    ? "Python objects are not read. Save numbers, or, as labels, text: y.astype(str)."
                    : "Save an array of plain numbers with np.savez.")
        }
    }

    /// Hands over all elements in C order, some rows at a time, and makes sure that nothing follows.
    func readAll<Element: NumPyElement>(
        as: Element.Type, _ take: (Range<Int>, Span<Element>) throws -> Void
    ) throws {
        guard isFortran else { return try readBlocks(as: Element.self, take) }
        var all: [Element] = []
        all.reserveCapacity(shape.reduce(1, *))
        try readBlocks(as: Element.self) { _, elements in for index in elements.indices { all.append(elements[index]) }
        }
        let places = fortranPlaces, count = shape[0], step = max(1, (1 << 18) / places.count)
        for start in stride(from: 0, to: count, by: step) {
            let rows = start..<min(start + step, count)
            let elements = rows.flatMap { row in places.map { all[row + $0] } }
            try take(rows, elements.span)
        }
    }

    /// Where the elements of row 0 lie in Fortran order, listed in C order; those of row r lie r places later.
    private var fortranPlaces: [Int] {
        var places = [0], stride = shape[0]
        for extent in shape.dropFirst() {
            places = places.flatMap { place in (0..<extent).map { place + $0 * stride } }
            stride *= extent
        }
        return places
    }

    /// Hands over all elements in the order of the file.
    private func readBlocks<Element: NumPyElement>(
        as: Element.Type, _ take: (Range<Int>, Span<Element>) throws -> Void
    ) throws {
        let width = shape.dropFirst().reduce(1, *), size = MemoryLayout<Element>.size
        let step = max(1, min(shape[0], (1 << 20) / (width * size)))
        var block = [UInt8](repeating: 0, count: step * width * size)
        var elements = [Element](repeating: .zero, count: step * width)
        for start in stride(from: 0, to: shape[0], by: step) {
            let rows = start..<min(start + step, shape[0]), count = rows.count * width
            var span = block.mutableSpan
            var part = span._mutatingExtracting(0..<(count * size))
            // The archive knows how many there are, and throws if there are fewer.
            _ = try bytes.read(into: &part)
            decode(part.span, into: &elements)
            try take(rows, elements.span.extracting(0..<count))
        }
        _ = try Self.read(1, from: bytes)
    }

    private func decode<Element: NumPyElement>(_ bytes: Span<UInt8>, into elements: inout [Element]) {
        let size = MemoryLayout<Element>.size, isBigEndian = isBigEndian
        var elements = elements.mutableSpan
        for index in 0..<(bytes.count / size) {
            var bits: Element.BitPattern = 0
            for place in 0..<size {
                let byte = bytes[index * size + place]
                bits |= Element.BitPattern(byte) << Element.BitPattern(8 * (isBigEndian ? size - 1 - place : place))
            }
            elements[index] = Element(bitPattern: bits)
        }
    }

    private static func read(_ count: Int, from source: any ByteSource) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let found = try source.read(into: &span)
        return Array(bytes.prefix(found))
    }
}

/// Bytes that are read from first to last.
protocol ByteSource: AnyObject {
    /// Reads bytes until the memory is full or there are no more, and returns their number.
    func read(into bytes: inout MutableSpan<UInt8>) throws -> Int
}

/// Those of a member of an archive.
private final class MemberBytes: ByteSource {
    private var reader: ZipMemberReader

    init(_ reader: consuming ZipMemberReader) { self.reader = reader }

    func read(into bytes: inout MutableSpan<UInt8>) throws -> Int { try reader.read(into: &bytes) }
}

/// Those of a file.
final class FileBytes: ByteSource {
    let byteCount: Int
    private let path: String
    private let file: FileHandle

    /// - Throws: `HDF5Error` where it cannot be opened.
    init(_ path: String) throws {
        do throws(InputFile.Problem) {
            file = try InputFile.open(path)
        } catch {
            throw HDF5Error(system: error.description, opening: path)
        }
        self.path = path
        byteCount = WholeFile.byteCount(of: path) ?? 0
    }

    func read(into bytes: inout MutableSpan<UInt8>) throws -> Int {
        var count = 0
        while count < bytes.count, let block = try next(bytes.count - count) {
            for byte in block {
                bytes[count] = byte
                count += 1
            }
        }
        return count
    }

    /// The next bytes, at most so many; nil at the end.
    func next(_ limit: Int) throws -> [UInt8]? {
        let block = try file.read(upToCount: min(limit, 1 << 20)) ?? Data()
        return block.isEmpty ? nil : Array(block)
    }
}

/// Where an array is, for errors.
struct NPYPlace: Hashable {
    let path: String
    /// The array's name in an archive; nil for a file of one array.
    let name: String?

    func error(expected: String, found: String, _ advice: String) -> ExampleFileError {
        ExampleFileError(path, name, expected: expected, found: found, advice)
    }
}

/// A number that numpy stores as its bits.
protocol NumPyElement: HDF5Element {
    associatedtype BitPattern: FixedWidthInteger & UnsignedInteger
    init(bitPattern: BitPattern)
}

extension Float16: NumPyElement {}
extension Float: NumPyElement {}
extension Double: NumPyElement {}
extension Int8: NumPyElement {}
extension Int16: NumPyElement {}
extension Int32: NumPyElement {}
extension Int64: NumPyElement {}
extension UInt8: NumPyElement { init(bitPattern: UInt8) { self = bitPattern } }
extension UInt16: NumPyElement { init(bitPattern: UInt16) { self = bitPattern } }
extension UInt32: NumPyElement { init(bitPattern: UInt32) { self = bitPattern } }
extension UInt64: NumPyElement { init(bitPattern: UInt64) { self = bitPattern } }
