/// A zlib stream (RFC 1950) of bytes that are all zeros but for a few ones, made from the lengths of the runs of zeros:
/// the bytes themselves are never in memory, and no time is spent on them.
///
/// The stream is one block of DEFLATE with its fixed codes (RFC 1951, 3.2.6). Of a run the first zero is a literal, the
/// others are copies of up to 258 bytes from one byte before, 13 bits each.
struct ZeroRunStream {
    private var bytes: [UInt8] = [0x78, 0x01]
    /// What does not fill a byte yet, from the lowest bit on.
    private var bits: UInt64 = 0
    private var bitCount = 0
    /// The zeros that were not written yet.
    private var zeroCount = 0
    /// The two sums of Adler-32: of the bytes and of those sums.
    private var sums: (UInt64, UInt64) = (1, 0)

    /// Bits of the stream, the first one lowest.
    private typealias Code = (bits: UInt64, count: Int)

    init() {
        // The last block, with fixed codes.
        put((0b011, 3))
    }

    mutating func appendZeros(_ count: Int) { zeroCount += count }

    mutating func appendOne() {
        putZeros()
        put(Self.literal(1))
        sums.0 += 1
        sums.1 += sums.0
    }

    /// The whole stream; nothing can be appended any more.
    consuming func finished() -> [UInt8] {
        putZeros()
        // The end of the block, seven zeros, and as many as fill a byte.
        put((0, 7))
        put((0, -bitCount & 7))
        for sum in [sums.1 % Self.modulus, sums.0 % Self.modulus] { bytes += [UInt8(sum >> 8), UInt8(sum & 0xFF)] }
        return bytes
    }

    private mutating func putZeros() {
        guard zeroCount > 0 else { return }
        sums.0 %= Self.modulus
        sums.1 = (sums.1 + UInt64(zeroCount) * sums.0) % Self.modulus
        put(Self.literal(0))
        zeroCount -= 1
        while zeroCount >= Self.copies.lowerBound {
            let count = min(zeroCount, Self.copies.upperBound)
            put(Self.codes[count - Self.copies.lowerBound])
            zeroCount -= count
        }
        while zeroCount > 0 {
            put(Self.literal(0))
            zeroCount -= 1
        }
    }

    private mutating func put(_ code: Code) {
        bits |= code.bits << UInt64(bitCount)
        bitCount += code.count
        while bitCount >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
            bitCount -= 8
        }
    }

    private static let modulus: UInt64 = 65_521
    /// How many bytes a copy may have.
    private static let copies = 3...258
    /// The codes of copies from one byte before, by the number of their bytes.
    private static let codes: [Code] = copies.map { copy($0) }

    private static func copy(_ count: Int) -> Code {
        let more = count - copies.lowerBound
        // Symbols of 8 lengths and more come in fours, each of which has twice as many lengths as that before.
        let extra = more < 8 ? 0 : more.bitWidth - more.leadingZeroBitCount - 3
        let isLongest = count == copies.upperBound
        let symbol = isLongest ? 285 : 257 + 4 * extra + (more >> extra)
        let code = symbol < 280 ? reversed(symbol - 256, 7) : reversed(symbol - 280 + 0b1100_0000, 8)
        guard !isLongest else { return (code.bits, code.count + distanceBitCount) }
        let rest = UInt64(more) & ((1 << extra) - 1)
        return (code.bits | rest << UInt64(code.count), code.count + extra + distanceBitCount)
    }

    /// The distance of one byte is the symbol 0.
    private static let distanceBitCount = 5

    private static func literal(_ byte: Int) -> Code { reversed(0b0011_0000 + byte, 8) }

    /// Codes are the only numbers that begin with their highest bit.
    private static func reversed(_ number: Int, _ count: Int) -> Code {
        ((0..<count).reduce(0) { $0 << 1 | UInt64(number >> $1) & 1 }, count)
    }
}
