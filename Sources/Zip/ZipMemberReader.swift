import CZlib

/// The bytes of one member of an archive from first to last, decompressed if need be.
public struct ZipMemberReader: ~Copyable {
    private let member: ZipReader.Member
    private let source: ZipReader.Source
    private let path: String
    private var inflater: Inflater?
    /// What was read of the archive, up to `used` of it.
    private var block: [UInt8] = []
    private var used = 0
    private var position: Int
    /// The bytes of the member that are still in the archive.
    private var rest: Int
    private var total = 0
    private var checksum: UInt = 0

    private static let blockByteCount = 1 << 18

    init(_ member: ZipReader.Member, _ source: ZipReader.Source, _ path: String) throws(ZipError) {
        self.member = member
        self.source = source
        self.path = path
        inflater = member.isCompressed ? try Inflater(path, member.name) : nil
        position = try source.start(of: member)
        rest = member.storedByteCount
    }

    /// Reads bytes until the memory is full or the member ends, and returns their number.
    ///
    /// At the end, which is seen by asking for more bytes than there are, it checks their number and checksum.
    public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(ZipError) -> Int {
        var count = 0
        while count < bytes.count {
            if used == block.count, rest > 0 { try refill() }
            var room = bytes._mutatingExtracting(count...)
            let made = try inflater == nil ? copy(into: &room) : inflate(into: &room)
            count += made
            try add(room.span.extracting(0..<made))
            if made == 0, used == block.count, rest == 0 {
                try checkEnd()
                break
            }
        }
        return count
    }

    private mutating func refill() throws(ZipError) {
        block = try source.read(position, min(rest, Self.blockByteCount))
        position += block.count
        rest -= block.count
        used = 0
    }

    private mutating func copy(into bytes: inout MutableSpan<UInt8>) -> Int {
        let count = min(bytes.count, block.count - used)
        for index in 0..<count { bytes[index] = block[used + index] }
        used += count
        return count
    }

    private mutating func inflate(into bytes: inout MutableSpan<UInt8>) throws(ZipError) -> Int {
        guard var inflater = inflater.take() else { return 0 }
        let (used, made) = try inflater.inflate(block, from: used, into: &bytes)
        self.used = used
        self.inflater = consume inflater
        return made
    }

    private mutating func add(_ bytes: Span<UInt8>) throws(ZipError) {
        total += bytes.count
        guard total <= member.byteCount else {
            throw ZipError(
                .damaged, path, "'\(member.name)' has more than the \(member.byteCount) bytes it declares")
        }
        let checksum = checksum
        self.checksum = unsafe bytes.withUnsafeBufferPointer {
            unsafe $0.count == 0 ? checksum : crc32_z(checksum, $0.baseAddress, $0.count)
        }
    }

    private func checkEnd() throws(ZipError) {
        guard total == member.byteCount, checksum == UInt(member.checksum) else {
            throw ZipError(.damaged, path, "'\(member.name)' is damaged: its size or checksum is wrong")
        }
    }
}

/// zlib's decompression of a bare deflate stream.
@safe private struct Inflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>
    private let path: String
    private let member: String
    private var isDone = false

    init(_ path: String, _ member: String) throws(ZipError) {
        self.path = path
        self.member = member
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            unsafe stream.deallocate()
            throw ZipError(.unreadable, path, "there is no memory left")
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Decompresses what follows in a block of input, as far as there is room.
    ///
    /// - Returns: Up to where the input is used, and how many bytes it made.
    mutating func inflate(
        _ input: [UInt8], from start: Int, into bytes: inout MutableSpan<UInt8>
    ) throws(ZipError) -> (used: Int, made: Int) {
        // What stands behind the stream is not of it.
        guard !isDone else { return (input.count, 0) }
        var input = input
        let (status, used, made) = unsafe input.withUnsafeMutableBufferPointer { source in
            unsafe bytes.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = source.baseAddress.map { unsafe $0 + start }
                unsafe stream.pointee.avail_in = UInt32(source.count - start)
                let room = min(target.count, 1 << 30)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(room)
                let status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                return unsafe (
                    status, source.count - Int(stream.pointee.avail_in), room - Int(stream.pointee.avail_out)
                )
            }
        }
        // Without input, there may be nothing to do.
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR && start == input.count else {
            throw ZipError(.damaged, path, "'\(member)' is damaged: it cannot be decompressed")
        }
        isDone = status == Z_STREAM_END
        return (used, made)
    }
}
