public import Storage

/// A file of records in TensorFlow's format, TFRecord, as it is written.
///
///     length: UInt64, masked CRC-32C of the length: UInt32, the bytes, masked CRC-32C of the bytes: UInt32
///
/// Numbers are little-endian.
public struct RecordWriter: ~Copyable {
    private let file: FileWriter
    private var buffer: [UInt8] = []

    private static let bufferByteCount = 1 << 20

    /// Creates a file; one that had the name before is replaced.
    public init(creating path: String) throws(StorageError) { file = try FileWriter(creating: path) }

    /// Adds a record, which is in the file after `flush` or `close`.
    public mutating func write(_ record: [UInt8]) throws(StorageError) {
        let length = Self.bytes(of: UInt64(record.count))
        buffer += length + Self.bytes(of: CRC32C.masked(length.span))
        buffer += record
        buffer += Self.bytes(of: CRC32C.masked(record.span))
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    /// Hands over to the system what was written so far, so that others can read it.
    public mutating func flush() throws(StorageError) {
        try file.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left, waits until all is on the disk, and closes the file.
    public consuming func close() throws(StorageError) {
        try flush()
        try file.sync()
        try file.close()
    }

    private static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> Number(8 * $0)) }
    }
}
