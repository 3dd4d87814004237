import Foundation
import Gzip

/// The records of a file in TensorFlow's format, TFRecord, plain or in a gzip file, from first to last; `RecordWriter`
/// has the format.
///
/// Both checksums of every record are compared, and no memory is taken for more bytes than the file has.
public struct RecordReader: ~Copyable {
    public let path: String
    /// Where the record is that was read last, or that could not be read.
    public private(set) var place = RecordError.Place()
    private var following = RecordError.Place()
    /// Where nothing says where the next record begins: the bytes that were read last, among which it may begin.
    private var rest: [UInt8]?
    /// Whether nothing more can be read.
    private var isBroken = false
    /// How many bytes were passed over because no record could be found in them.
    public private(set) var lostByteCount = 0
    private var file: GzipReader
    /// The bytes of the file; nil if it is compressed, so that nobody knows before the end.
    private let byteCount: Int?
    private var buffer = [UInt8](repeating: 0, count: bufferByteCount)
    /// What of the buffer was not handed over yet.
    private var unused = 0..<0

    private static let bufferByteCount = 1 << 20
    private static let searchByteCount = 1 << 16
    private static let headByteCount = 12
    private static let tailByteCount = 4
    /// A small compressed file could claim to hold any number of bytes.
    private static let mostBytes = 1 << 28

    public init(opening path: String) throws(RecordError) {
        do {
            file = try GzipReader(opening: path)
        } catch {
            throw RecordError(error.kind == .missing ? .missing : .unreadable, path, error.reason)
        }
        var status = stat()
        let isMeasured = unsafe stat(path, &status) == 0
        byteCount = file.isCompressed || !isMeasured ? nil : Int(status.st_size)
        self.path = path
    }

    /// How many bytes of the file, compressed or not, were read from the disk.
    public var bytesRead: Int { file.fileOffset }

    /// The bytes of the next record; nil at the end of the file.
    ///
    /// After an error, what follows is the record behind the damaged one. Where nobody can say where that is, it is the
    /// next place that looks like the head of a record: a length that fits, with its checksum.
    public mutating func next() throws(RecordError) -> [UInt8]? {
        let head: [UInt8]
        if let rest { head = try findHead(rest) } else { head = try take(Self.headByteCount) }
        place = following
        guard !head.isEmpty else { return nil }
        guard head.count == Self.headByteCount else {
            throw lost(
                behind: [],
                damaged(
                    "expected \(Self.headByteCount) bytes with its length, found \(head.count); the file is cut off"))
        }
        let length = Self.length(head)
        guard Self.isHead(head) else {
            throw lost(
                behind: head,
                damaged("the checksum of its length is wrong; the file is damaged, or does not hold TFRecords"))
        }
        if let error = refusal(ofLength: length) { throw lost(behind: head, error) }
        var record = try take(Int(length) + Self.tailByteCount)
        guard record.count == Int(length) + Self.tailByteCount else {
            throw lost(behind: [], tooShort(length, record.count))
        }
        following.index += 1
        following.offset += Self.headByteCount + record.count
        rest = nil
        let checksum = Self.number(record.span.extracting(last: Self.tailByteCount))
        record.removeLast(Self.tailByteCount)
        guard checksum == UInt64(CRC32C.masked(record.span)) else {
            throw damaged("the checksum of its \(length) bytes is wrong; the file is damaged")
        }
        return record
    }

    /// Notes that nothing says where the next record begins; it may be among the bytes behind the first of a head.
    private mutating func lost(behind head: [UInt8], _ error: RecordError) -> RecordError {
        rest = Array(head.dropFirst())
        return error
    }

    private static func length(_ head: [UInt8]) -> UInt64 { number(head.span.extracting(first: 8)) }

    private static func isHead(_ bytes: [UInt8]) -> Bool {
        let checksum = number(bytes.span.extracting(droppingFirst: 8))
        return checksum == UInt64(CRC32C.masked(bytes.span.extracting(first: 8)))
    }

    /// The next bytes that may be the head of a record, nothing if there are none.
    ///
    /// - Parameter bytes: The first that were read already.
    private mutating func findHead(_ bytes: [UInt8]) throws(RecordError) -> [UInt8] {
        var bytes = bytes, offset = place.offset + Self.headByteCount - bytes.count
        while true {
            let more = try take(Self.searchByteCount)
            bytes += more
            for start in 0..<max(bytes.count - Self.headByteCount + 1, 0) {
                // A length of less than 2²⁸ ends in zeros; so most places need no checksum.
                guard bytes[start + 4] | bytes[start + 5] | bytes[start + 6] | bytes[start + 7] == 0 else { continue }
                let head = Array(bytes[start..<(start + Self.headByteCount)])
                guard Self.isHead(head), Self.length(head) <= UInt64(Self.mostBytes) else { continue }
                giveBack(bytes[(start + Self.headByteCount)...])
                lostByteCount += offset + start - place.offset
                following = RecordError.Place(index: place.index + 1, offset: offset + start)
                return head
            }
            guard !more.isEmpty else {
                lostByteCount += (byteCount ?? offset + bytes.count) - place.offset
                return []
            }
            let kept = min(bytes.count, Self.headByteCount - 1)
            offset += bytes.count - kept
            bytes.removeFirst(bytes.count - kept)
        }
    }

    /// Lets the last bytes that were taken be read again.
    private mutating func giveBack(_ bytes: ArraySlice<UInt8>) {
        buffer = Array(bytes) + buffer[unused]
        unused = buffer.indices
        if buffer.count < Self.bufferByteCount {
            buffer += repeatElement(0, count: Self.bufferByteCount - buffer.count)
        }
    }

    /// The error that what the record last read holds cannot be used.
    public func damaged(_ reason: String) -> RecordError { RecordError(.damaged, path, at: place, reason) }

    /// The error that the file as a whole cannot be used.
    public func damagedFile(_ reason: String) -> RecordError { RecordError(.damaged, path, reason) }

    private func refusal(ofLength length: UInt64) -> RecordError? {
        if let byteCount {
            let rest = byteCount - place.offset - Self.headByteCount
            guard rest >= Self.tailByteCount, length <= UInt64(rest - Self.tailByteCount) else {
                return tooShort(length, rest)
            }
        }
        guard length > UInt64(Self.mostBytes) else { return nil }
        return damaged("it is \(length) bytes long; only records of at most \(Self.mostBytes) bytes are read")
    }

    private func tooShort(_ length: UInt64, _ rest: Int) -> RecordError {
        damaged(
            "it is \(length) bytes and \(Self.tailByteCount) of their checksum long, but \(rest) bytes follow; "
                + "the file is cut off")
    }

    /// That many bytes, or those that are left.
    private mutating func take(_ count: Int) throws(RecordError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(count, Self.bufferByteCount))
        while bytes.count < count {
            if unused.isEmpty { try refill() }
            guard !unused.isEmpty else { break }
            let part = unused.prefix(count - bytes.count)
            bytes.append(contentsOf: buffer.span.extracting(part))
            unused = part.upperBound..<unused.upperBound
        }
        return bytes
    }

    private mutating func refill() throws(RecordError) {
        guard !isBroken else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &buffer)
        defer { swap(&bytes, &buffer) }
        do {
            var span = bytes.mutableSpan
            unused = 0..<(try file.readSome(into: &span))
        } catch {
            // Asked again, zlib says the same again.
            isBroken = true
            guard error.kind == .damaged else { throw RecordError(.unreadable, path, at: place, error.reason) }
            throw RecordError(
                .damaged, path, at: place,
                "the gzip file cannot be unpacked there or a little behind it (\(error.reason)); fetch it again")
        }
    }

    /// The number that some bytes are, the lowest first.
    private static func number(_ bytes: Span<UInt8>) -> UInt64 {
        bytes.indices.reduce(0) { $0 | UInt64(bytes[$1]) << UInt64(8 * $1) }
    }
}
