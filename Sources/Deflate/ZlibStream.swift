/// Bytes as a zlib stream (RFC 1950) of one DEFLATE block (RFC 1951) with codes made for them.
///
/// Made for quantized weights: bytes that are as random as their histogram allows, in which a search for repeats finds
/// nothing but false ones. So every byte is coded by itself ("Huffman-only"), or, where that is shorter, runs of the most common
/// byte are copies from one byte before: many zeros. No library is in this, so the same bytes give the same stream everywhere.
public struct ZlibStream {
    /// The bytes of the whole stream.
    public let byteCount: Int
    private let block: Block
    private let bytes: [UInt8]

    /// Chooses the shorter form. The stream itself is made by `encoded`; its size is exact before that.
    ///
    /// - Parameter bytes: Up to 2³¹ − 1.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let histogram = histogram(of: bytes), plain = Block(histogram: histogram)
        let runs = Block(runsOf: bytes, histogram, from: plain)
        block = runs.map { $0.bitCount < plain.bitCount ? $0 : plain } ?? plain
        byteCount = Self.size(block.bitCount)
    }

    /// The bytes of a stream in which each byte is coded by itself: it depends on the histogram alone.
    ///
    /// - Parameter histogram: How often each of the 256 bytes occurs.
    public static func byteCount(histogram: [Int]) -> Int { size(Block(histogram: histogram).bitCount) }

    /// Two bytes of header before the bits, the checksum behind.
    private static func size(_ bitCount: Int) -> Int { 2 + (bitCount + 7) / 8 + 4 }

    public func encoded() -> [UInt8] {
        var writer = BitWriter(capacity: byteCount + 8)
        // A window of 32 KiB, "compressed with the fastest algorithm".
        writer.put(0x0178, 16)
        block.encode(bytes, into: &writer)
        var stream = writer.finished()
        let sum = adler32(bytes)
        for shift in [24, 16, 8, 0] as [UInt32] { stream.append(UInt8(truncatingIfNeeded: sum >> shift)) }
        return stream
    }
}

/// How often each of the 256 bytes occurs.
public func histogram(of bytes: [UInt8]) -> [Int] {
    // Four tables, so that equal neighbours do not wait for one another.
    var counts = [Int](repeating: 0, count: 4 * 256)
    var index = 0
    while index + 4 <= bytes.count {
        counts[Int(bytes[index])] &+= 1
        counts[256 &+ Int(bytes[index &+ 1])] &+= 1
        counts[512 &+ Int(bytes[index &+ 2])] &+= 1
        counts[768 &+ Int(bytes[index &+ 3])] &+= 1
        index &+= 4
    }
    for index in index..<bytes.count { counts[Int(bytes[index])] += 1 }
    return (0..<256).map { counts[$0] + counts[256 + $0] + counts[512 + $0] + counts[768 + $0] }
}

/// Adler-32 (RFC 1950, 9) of bytes.
func adler32(_ bytes: [UInt8]) -> UInt32 {
    let modulus: UInt64 = 65_521
    var (low, high) = (UInt64(1), UInt64(0))
    var start = 0
    while start < bytes.count {
        // After so many bytes neither sum has left 64 bits.
        let end = min(start + 1 << 20, bytes.count)
        for index in start..<end {
            low &+= UInt64(bytes[index])
            high &+= low
        }
        low %= modulus
        high %= modulus
        start = end
    }
    return UInt32(high << 16 | low)
}
