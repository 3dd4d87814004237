import Foundation

/// The records of a file in TensorFlow's format, TFRecord, from first to last; `RecordWriter` has the format.
///
/// Both checksums of every record are compared, and no memory is taken for more bytes than the file has.
public struct RecordReader: ~Copyable {
    public let path: String
    /// Where the next record begins.
    public private(set) var offset = 0
    private let byteCount: Int
    private let file: FileHandle
    private var buffer: [UInt8] = []
    /// What of the buffer was handed over.
    private var used = 0

    private static let bufferByteCount = 1 << 20
    private static let headByteCount = 12
    private static let tailByteCount = 4

    public init(opening path: String) throws(RecordError) {
        guard let file = FileHandle(forReadingAtPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw RecordError(
                exists ? .unreadable : .missing, path, exists ? "it cannot be opened" : "there is no such file")
        }
        byteCount = try Self.measure(file, path)
        self.path = path
        self.file = file
    }

    private static func measure(_ file: FileHandle, _ path: String) throws(RecordError) -> Int {
        do {
            let end = try file.seekToEnd()
            try file.seek(toOffset: 0)
            return Int(end)
        } catch {
            throw RecordError(.unreadable, path, "it cannot be measured; is it a file?")
        }
    }

    /// The bytes of the next record; nil at the end of the file.
    public mutating func next() throws(RecordError) -> [UInt8]? {
        let rest = byteCount - offset
        guard rest > 0 else { return nil }
        guard rest >= Self.headByteCount else {
            throw damaged("expected \(Self.headByteCount) bytes with its length, found \(rest); the file is cut off")
        }
        let head = try take(Self.headByteCount), length = Self.number(head[..<8])
        guard Self.number(head[8...]) == UInt64(CRC32C.masked(head.span.extracting(0..<8))) else {
            throw damaged(
                "the checksum of its length is wrong; the file is damaged, compressed, or does not hold TFRecords")
        }
        let room = rest - Self.headByteCount - Self.tailByteCount
        guard room >= 0, length <= UInt64(room) else {
            throw damaged(
                "it is \(length) bytes long, but \(rest - Self.headByteCount) bytes follow; the file is cut off")
        }
        let record = try take(Int(length)), checksum = Self.number(try take(Self.tailByteCount)[...])
        guard checksum == UInt64(CRC32C.masked(record.span)) else {
            throw damaged("the checksum of its \(length) bytes is wrong; the file is damaged")
        }
        offset += Self.headByteCount + record.count + Self.tailByteCount
        return record
    }

    private func damaged(_ reason: String) -> RecordError { RecordError(.damaged, path, at: offset, reason) }

    /// Exactly `count` bytes, which the file had when it was opened.
    private mutating func take(_ count: Int) throws(RecordError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            if used == buffer.count { try refill() }
            let part = buffer[used..<min(buffer.count, used + count - bytes.count)]
            bytes += part
            used += part.count
        }
        return bytes
    }

    private mutating func refill() throws(RecordError) {
        let data: Data?
        do {
            data = try file.read(upToCount: Self.bufferByteCount)
        } catch {
            throw RecordError(.unreadable, path, at: offset, "it cannot be read")
        }
        guard let data, !data.isEmpty else { throw damaged("the file became shorter while it was read") }
        buffer = Array(data)
        used = 0
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
