import Foundation
import HDF5
import Isolation
import Storage
import Tensors
import Zip

/// A `.keras` file: a zip archive of `config.json`, `model.weights.h5` and perhaps `metadata.json`.
struct ModelArchive: ~Copyable {
    private let zip: ZipReader
    private let path: String
    private let byteCount: Int

    private static let textLimit = 64 << 20
    private static let blockByteCount = 1 << 20
    /// What weights may become when they are decompressed: numbers do not shrink to a hundredth, zeros may.
    private var weightsLimit: Int { 256 << 20 + 100 * byteCount }

    static func isArchive(_ path: String) -> Bool {
        let start = try? InputFile.open(path).read(upToCount: 4)
        return start == Data([0x50, 0x4B, 0x03, 0x04])
    }

    init(opening path: String) throws(ModelFileError) {
        zip = try Self.translating { () throws(ZipError) in try ZipReader(opening: path) }
        self.path = path
        byteCount = WholeFile.byteCount(of: path) ?? 0
    }

    func outline() throws -> ModelOutline {
        guard let configuration = try text("config.json") else {
            if let kind = FileKind(of: path), kind != .zip, kind != .kerasArchive {
                throw ModelFileError(
                    .refused, path, ["is \(kind.name), no .keras file"], advice: kind.cure(for: .model))
            }
            throw ModelFileError(
                .refused, path,
                ["is a zip archive without 'config.json' (it has \(list(zip.members.map(\.name)))), so no .keras file"],
                advice: ModelReader.savingAdvice)
        }
        // The weights of a class of its own are where that class has them.
        if let refusal = (try? JSON(parsing: configuration)).flatMap(KerasConfiguration.refusal) {
            throw ModelFileError(.refused, path, [refusal])
        }
        let offset = try member.flatMap { member in
            try Self.translating { () throws(ZipError) in try zip.offset(of: member) }
        }
        let file = try weights()
        Isolation.closeDoors()
        var outline = try ModelReader.outline(file, byteCount: byteCount, base: offset)
        outline.configuration = configuration
        let metadata = try text("metadata.json").flatMap { try? JSON(parsing: $0) }
        outline.kerasVersion = metadata?["keras_version"]?.string
        return outline
    }

    /// The file of weights, unpacked: HDF5 does not read from the middle of a file.
    func weights() throws -> HDF5File {
        guard let member = member else {
            let other = zip["model.weights.npz"] == nil ? "" : ", but 'model.weights.npz'"
            throw ModelFileError(
                .refused, path, ["is an archive without 'model.weights.h5'\(other)"],
                advice: "In Keras, save with the default format of weights, or with model.save('model.h5')")
        }
        let limit = weightsLimit
        guard member.byteCount <= limit else {
            throw ModelFileError(
                .refused, path, ["'\(member.name)' declares \(member.byteCount) bytes; at most \(limit) are read"])
        }
        do {
            let copy = try ScratchFile()
            try unpack(member, to: copy.path)
            let file = try HDF5File(opening: copy.path, as: "\(path):\(member.name)")
            // The copy goes when it is open.
            withExtendedLifetime(copy) {}
            return file
        } catch let error as StorageError {
            let folder = FileManager.default.temporaryDirectory.path
            throw ModelFileError(
                .write, path, ["its weights cannot be unpacked in '\(folder)': \(SystemReason.words(error.code))"],
                advice: "Set TMPDIR to a folder with \(ByteCount(member.byteCount)) of space")
        }
    }

    private var member: ZipReader.Member? { zip["model.weights.h5"] }

    private func unpack(_ member: ZipReader.Member, to path: String) throws {
        let file = try FileWriter(creating: path)
        var reader = try Self.translating { () throws(ZipError) in try zip.reader(of: member) }
        // One byte more than it declares, to see that there are none.
        var bytes = [UInt8](repeating: 0, count: min(member.byteCount + 1, Self.blockByteCount)), count: Int
        repeat {
            var span = bytes.mutableSpan
            count = try Self.translating { () throws(ZipError) in try reader.read(into: &span) }
            try file.write(bytes.span.extracting(0..<count))
        } while count == bytes.count
        try file.close()
    }

    private func text(_ name: String) throws -> String? {
        guard let member = zip[name] else { return nil }
        let bytes = try Self.translating { () throws(ZipError) in try zip.bytes(of: member, limit: Self.textLimit) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ModelFileError(.refused, path, ["'\(name)' in the archive is not text in UTF-8"])
        }
        return text
    }

    private func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    }

    private static func translating<Result: ~Copyable>(
        _ body: () throws(ZipError) -> Result
    ) throws(ModelFileError) -> Result {
        do throws(ZipError) {
            return try body()
        } catch {
            let kind: ModelFileError.Kind =
                switch error.kind {
                case .missing: .missing
                case .unreadable: .unreadable
                case .damaged, .unsupported: .refused
                }
            throw ModelFileError(kind, error.path, [error.reason])
        }
    }
}
