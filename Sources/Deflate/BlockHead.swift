/// The head of a block with codes of its own: the lengths of the codes, themselves coded (RFC 1951, 3.2.7).
struct BlockHead {
    /// The bits of the head, with the three that begin the block.
    let bitCount: Int
    private let lengthCode: PrefixCode
    private let parts: [Part]
    private let literalCount: Int
    /// How many lengths of the code of lengths are written.
    private let orderCount: Int

    /// A length, or a repetition of one, with the number behind it.
    private struct Part {
        let symbol: Int
        let extra: Int
        let extraBits: Int
    }

    /// The order in which the lengths of the code of lengths are written, so that the last ones are mostly 0.
    private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    /// - Parameters:
    ///   - code: Of bytes, the end of the block and lengths of copies.
    ///   - hasCopies: Whether there is one distance, whose code has one bit, or none.
    init(literals code: PrefixCode, hasCopies: Bool) {
        let used = 1 + (code.lengths.lastIndex { $0 > 0 } ?? 0)
        literalCount = max(used, 257)
        parts = Self.parts(code.lengths[..<literalCount].map { Int($0) } + [hasCopies ? 1 : 0])
        var histogram = [Int](repeating: 0, count: 19)
        for part in parts { histogram[part.symbol] += 1 }
        let lengthCode = PrefixCode(histogram: histogram, limit: 7)
        self.lengthCode = lengthCode
        orderCount = max(4, 1 + (Self.order.lastIndex { lengthCode.lengths[$0] > 0 } ?? 0))
        let extraBits = parts.reduce(0) { $0 + $1.extraBits }
        bitCount = 3 + 5 + 5 + 4 + 3 * orderCount + lengthCode.bitCount(histogram) + extraBits
    }

    /// Runs of lengths in the three ways that there are: the length before 3 to 6 times, 0 for 3 to 10 or 11 to 138 times.
    private static func parts(_ lengths: [Int]) -> [Part] {
        var parts: [Part] = [], start = 0
        while start < lengths.count {
            let length = lengths[start]
            var count = 1
            while start + count < lengths.count && lengths[start + count] == length { count += 1 }
            start += count
            if length == 0 {
                while count >= 3 {
                    let zeros = min(count, 138)
                    parts.append(
                        zeros < 11
                            ? Part(symbol: 17, extra: zeros - 3, extraBits: 3)
                            : Part(symbol: 18, extra: zeros - 11, extraBits: 7))
                    count -= zeros
                }
            } else {
                parts.append(Part(symbol: length, extra: 0, extraBits: 0))
                count -= 1
                while count >= 3 {
                    let repeated = min(count, 6)
                    parts.append(Part(symbol: 16, extra: repeated - 3, extraBits: 2))
                    count -= repeated
                }
            }
            parts += [Part](repeating: Part(symbol: length, extra: 0, extraBits: 0), count: count)
        }
        return parts
    }

    func write(to writer: inout BitWriter) {
        // The last block, with codes of its own.
        writer.put(0b101, 3)
        writer.put(UInt32(literalCount - 257), 5)
        // One distance.
        writer.put(0, 5)
        writer.put(UInt32(orderCount - 4), 4)
        for symbol in Self.order[..<orderCount] { writer.put(UInt32(lengthCode.lengths[symbol]), 3) }
        let codes = lengthCode.codes
        for part in parts {
            writer.put(UInt32(codes[part.symbol]), Int(lengthCode.lengths[part.symbol]))
            writer.put(UInt32(part.extra), part.extraBits)
        }
    }
}
