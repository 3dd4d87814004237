/// The last block of a DEFLATE stream, with codes of its own (RFC 1951, 3.2.7): literals, and copies from one byte before.
struct Block {
    /// The bits of the block, its head included.
    let bitCount: Int
    /// The codes of the 256 bytes, of the end of the block, and of the lengths of copies.
    private let code: PrefixCode
    private let head: BlockHead
    private let rule: RunRule

    /// A block in which each byte is coded by itself.
    ///
    /// - Parameter histogram: How often each of the 256 bytes occurs.
    init(histogram: [Int]) {
        var symbols = Symbols()
        symbols.counts.replaceSubrange(0..<256, with: histogram)
        self.init(symbols, RunRule.never)
    }

    /// A block in which runs of a byte are copied where that saves bits; nil if none does.
    ///
    /// What a copy saves depends on the codes, and these on what is copied: begins with the codes of `plain`, and improves
    /// them twice. Runs are looked for where a byte is so common that its code has one bit; of others there are few.
    init?(runsOf bytes: [UInt8], from plain: Block) {
        guard plain.code.lengths[..<256].contains(1) else { return nil }
        var best: Block?, last = plain
        for _ in 0..<3 {
            let rule = RunRule(savingBitsOf: last.code)
            guard rule != RunRule.never else { break }
            last = Block(Symbols(of: bytes, rule), rule)
            if last.bitCount < best?.bitCount ?? .max { best = last }
        }
        guard let best else { return nil }
        self = best
    }

    private init(_ symbols: Symbols, _ rule: RunRule) {
        self.rule = rule
        code = PrefixCode(histogram: symbols.counts, limit: 15)
        head = BlockHead(literals: code, hasCopies: symbols.hasCopies)
        bitCount = head.bitCount + code.bitCount(symbols.counts) + symbols.extraBits
    }

    /// - Parameter bytes: Those that the block was made for.
    func encode(_ bytes: [UInt8], into writer: inout BitWriter) {
        head.write(to: &writer)
        let codes = code.codes
        // The bits of a code, and how many they are.
        let table = zip(codes, code.lengths).map { UInt32($0.0) << 8 | UInt32($0.1) }
        if rule == .never {
            // Two at once have at most 30 bits.
            for index in stride(from: 0, to: bytes.count - 1, by: 2) {
                let first = table[Int(bytes[index])], second = table[Int(bytes[index &+ 1])]
                let count = first & 0xFF
                writer.put(first &>> 8 | (second &>> 8) &<< count, Int(count &+ (second & 0xFF)))
            }
            if bytes.count % 2 == 1, let last = bytes.last {
                writer.put(table[Int(last)] >> 8, Int(table[Int(last)] & 0xFF))
            }
        } else {
            rule.forEachPart(of: bytes) { byte, literals, copy in
                for _ in 0..<literals { writer.put(table[Int(byte)] >> 8, Int(table[Int(byte)] & 0xFF)) }
                guard copy > 0 else { return }
                let length = CopyLength(copy)
                writer.put(table[length.symbol] >> 8, Int(table[length.symbol] & 0xFF))
                // The one distance is coded by one bit, 0.
                writer.put(UInt32(length.extra), length.extraBits + 1)
            }
        }
        writer.put(table[256] >> 8, Int(table[256] & 0xFF))
    }
}

/// What a block is made of.
private struct Symbols {
    /// How often each of the 286 symbols occurs.
    var counts = [Int](repeating: 0, count: 286)
    /// The bits beside the symbols': of lengths and distances.
    var extraBits = 0
    var hasCopies = false

    init() { counts[256] = 1 }

    init(of bytes: [UInt8], _ rule: RunRule) {
        self.init()
        rule.forEachPart(of: bytes) { byte, literals, copy in
            counts[Int(byte)] += literals
            guard copy > 0 else { return }
            let length = CopyLength(copy)
            counts[length.symbol] += 1
            extraBits += length.extraBits + 1
            hasCopies = true
        }
    }
}

/// Which runs are copied: those of a byte that are as long as its minimum.
private struct RunRule: Equatable {
    /// For each byte; of a shorter run all bytes are literals.
    let minimums: [Int]

    static let never = RunRule(minimums: [Int](repeating: .max, count: 256))

    private init(minimums: [Int]) { self.minimums = minimums }

    /// Copies runs from the length on at which a copy takes fewer bits than its literals.
    init(savingBitsOf code: PrefixCode) {
        /// What has no code yet is taken for as rare as the rarest.
        let rarest = Int(code.lengths.max() ?? 15)
        let copies = CopyLength.all.map { length in
            let bits = Int(code.lengths[length.symbol])
            return (length.count, (bits > 0 ? bits : min(rarest, 8)) + length.extraBits + 1)
        }
        minimums = (0..<256).map { byte in
            let literal = Int(code.lengths[byte])
            guard literal > 0 else { return .max }
            return copies.first { count, bits in bits < count * literal }.map { $0.0 + 1 } ?? .max
        }
    }

    /// Hands over the bytes in parts: so many literals of a byte, then a copy of so many more (0: none).
    func forEachPart(of bytes: [UInt8], _ body: (_ byte: UInt8, _ literals: Int, _ copy: Int) -> Void) {
        var start = 0
        while start < bytes.count {
            let byte = bytes[start]
            var end = start + 1
            while end < bytes.count && bytes[end] == byte { end += 1 }
            var rest = end - start
            start = end
            guard rest >= minimums[Int(byte)] else {
                body(byte, rest, 0)
                continue
            }
            var literals = 1
            rest -= 1
            while rest >= CopyLength.range.lowerBound {
                let copy = min(rest, CopyLength.range.upperBound)
                body(byte, literals, copy)
                literals = 0
                rest -= copy
            }
            if rest > 0 { body(byte, rest, 0) }
        }
    }
}

/// How the length of a copy is coded: a symbol, and some bits behind it (RFC 1951, 3.2.5).
struct CopyLength {
    static let range = 3...258
    static let all = range.map { CopyLength($0) }

    let count: Int
    let symbol: Int
    let extra: Int
    let extraBits: Int

    /// - Parameter count: In `range`.
    init(_ count: Int) {
        self.count = count
        let more = count - Self.range.lowerBound
        guard count < Self.range.upperBound else {
            (symbol, extra, extraBits) = (285, 0, 0)
            return
        }
        // Symbols from 8 lengths on come in fours, each of which has twice as many lengths as the four before.
        extraBits = more < 8 ? 0 : Int.bitWidth - 3 - more.leadingZeroBitCount
        symbol = 257 + 4 * extraBits + (more >> extraBits)
        extra = more & ((1 << extraBits) - 1)
    }
}
