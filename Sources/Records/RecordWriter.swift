import Foundation

/// A file of records in TensorFlow's format, TFRecord, as it is written.
///
///     length: UInt64, masked CRC-32C of the length: UInt32, the bytes, masked CRC-32C of the bytes: UInt32
///
/// Numbers are little-endian.
public struct RecordWriter: ~Copyable {
    public let path: String
    private let file: FileHandle
    private var buffer: [UInt8] = []

    private static let bufferByteCount = 1 << 20

    /// Creates a file; one that had the name before is replaced.
    public init(creating path: String) throws(RecordError) {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else {
            throw RecordError(.create, path, "it cannot be created; is there such a folder, and may you write there?")
        }
        self.path = path
        self.file = file
    }

    /// Adds a record, which is in the file after `flush` or `close`.
    public mutating func write(_ record: [UInt8]) throws(RecordError) {
        let length = Self.bytes(of: UInt64(record.count))
        buffer += length + Self.bytes(of: CRC32C.masked(length.span))
        buffer += record
        buffer += Self.bytes(of: CRC32C.masked(record.span))
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    /// Hands over to the system what was written so far, so that others can read it.
    public mutating func flush() throws(RecordError) {
        do {
            try file.write(contentsOf: buffer)
        } catch {
            throw RecordError(.write, path, "it cannot be written; is the disk full?")
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left, and closes the file.
    public consuming func close() throws(RecordError) {
        try flush()
        do {
            try file.close()
        } catch {
            throw RecordError(.write, path, "it cannot be closed; is the disk full?")
        }
    }

    private static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> Number(8 * $0)) }
    }
}
