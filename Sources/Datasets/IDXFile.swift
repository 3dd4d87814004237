import Gzip
import HDF5

/// A file of bytes in the IDX format of MNIST, plain or compressed by gzip, read from first to last.
///
///     0, 0, type (8: unsigned bytes), rank, then one big-endian UInt32 for each axis, then the elements
public struct IDXFile: ~Copyable {
    public let path: String
    public let shape: [Int]
    private var reader: GzipReader
    /// The most bytes of one example, which is read as a whole.
    private static let rowLimit = 1 << 28

    public init(opening path: String) throws {
        var reader = try GzipReader(opening: path)
        let magic = try Self.read(4, from: &reader)
        guard magic.count == 4, magic[0] == 0, magic[1] == 0 else {
            throw ExampleFileError(
                path, expected: "an IDX file, which begins with 0 0", found: Self.kind(path) ?? Self.words(magic),
                "Is this the file you meant?")
        }
        guard magic[2] == 8, (1...4).contains(magic[3]) else {
            throw ExampleFileError(
                path, expected: "an IDX file of unsigned bytes with 1 to 4 axes (0 0 8 1 to 0 0 8 4)",
                found: Self.words(magic), "Other types are not supported.")
        }
        let rank = Int(magic[3])
        let extents = try Self.read(4 * rank, from: &reader)
        guard extents.count == 4 * rank else {
            throw ExampleFileError(
                path, expected: "\(rank) extents", found: "\(extents.count) bytes after the first four",
                "The file is cut off; fetch it again.")
        }
        let shape = (0..<rank).map { axis in
            extents[(4 * axis)..<(4 * axis + 4)].reduce(0) { $0 << 8 | Int($1) }
        }
        let count = shape.reduce(Int?(1)) { product, extent in
            guard let (value, overflow) = product?.multipliedReportingOverflow(by: extent) else { return nil }
            return overflow ? nil : value
        }
        guard let count, count > 0, count < 1 << 40, count / shape[0] <= Self.rowLimit else {
            throw ExampleFileError(
                path,
                expected: "a shape of at least one byte, less than a tebibyte, and at most \(Self.rowLimit) an example",
                found: "\(shape)", "The file is damaged; fetch it again.")
        }
        self.path = path
        self.shape = shape
        self.reader = reader
    }

    /// The number of bytes that share one first index.
    public var bytesPerRow: Int {
        shape.dropFirst().reduce(1, *)
    }

    /// Reads the next bytes.
    public mutating func read(into bytes: inout MutableSpan<UInt8>) throws {
        let count = try reader.read(into: &bytes)
        guard count == bytes.count else {
            throw ExampleFileError(
                path, expected: "\(shape.reduce(1, *)) bytes of shape \(shape)",
                found: "the end of the file before that",
                "The file is cut off; fetch it again.")
        }
    }

    /// Makes sure that nothing follows.
    public mutating func finish() throws {
        guard try Self.read(1, from: &reader).isEmpty else {
            throw ExampleFileError(
                path, expected: "\(shape.reduce(1, *)) bytes of shape \(shape)", found: "more",
                "The file is damaged; fetch it again.")
        }
    }

    private static func read(_ count: Int, from reader: inout GzipReader) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let found = try reader.read(into: &span)
        return Array(bytes.prefix(found))
    }

    /// What the file is, where it is known for something else.
    private static func kind(_ path: String) -> String? {
        guard let kind = FileKind(of: path), ![.idx, .gzip, .empty, .unknown].contains(kind) else { return nil }
        return kind.name
    }

    private static func words(_ bytes: [UInt8]) -> String {
        bytes.isEmpty ? "an empty file" : bytes.map { "\($0)" }.joined(separator: " ")
    }
}
