/// The last block of a DEFLATE stream, with codes of its own (RFC 1951, 3.2.7): literals, and copies from one byte before.
struct Block {
    /// The bits of the block, its head included.
    let bitCount: Int
    /// The codes of the 256 bytes, of the end of the block, and of the lengths of copies.
    private let code: PrefixCode
    private let head: BlockHead
    /// Which runs are copied; nil for none.
    private let rule: RunRule?

    /// A block in which each byte is coded by itself.
    ///
    /// - Parameter histogram: How often each of the 256 bytes occurs.
    init(histogram: [Int]) { self.init(Symbols(histogram), nil) }

    /// A block in which runs of a byte are copied where that saves bits; nil if none does.
    ///
    /// What a copy saves depends on the codes, and these on what is copied: begins with the codes of `plain`, and improves
    /// them twice. Runs are looked for of a byte that is so common that its code has one bit; of others there are few.
    ///
    /// - Parameter histogram: That of the bytes.
    init?(runsOf bytes: [UInt8], _ histogram: [Int], from plain: Block) {
        guard let common = plain.code.lengths[..<256].firstIndex(of: 1) else { return nil }
        let byte = UInt8(common), runs = RunLengths(of: byte, in: bytes)
        var best: Block?, last = plain
        for _ in 0..<3 {
            guard let rule = RunRule(of: byte, savingBitsOf: last.code) else { break }
            last = Block(Symbols(histogram, runs, rule), rule)
            if last.bitCount < best?.bitCount ?? .max { best = last }
        }
        guard let best else { return nil }
        self = best
    }

    private init(_ symbols: Symbols, _ rule: RunRule?) {
        self.rule = rule
        code = PrefixCode(histogram: symbols.counts, limit: 15)
        head = BlockHead(literals: code, hasCopies: symbols.hasCopies)
        bitCount = head.bitCount + code.bitCount(symbols.counts) + symbols.extraBits
    }

    /// - Parameter bytes: Those that the block was made for.
    func encode(_ bytes: [UInt8], into writer: inout BitWriter) {
        head.write(to: &writer)
        // The bits of a code, and how many they are.
        let table = zip(code.codes, code.lengths).map { UInt32($0.0) << 8 | UInt32($0.1) }
        var done = 0
        if let rule {
            forEachRun(of: rule.byte, in: bytes, from: rule.minimum) { run in
                // A copy needs the byte before it.
                writer.put(bytes[done...run.lowerBound], table)
                let rest = forEachCopy(run.count - 1) { length in
                    writer.put(table[length.symbol] >> 8, Int(table[length.symbol] & 0xFF))
                    // The one distance is coded by one bit, 0.
                    writer.put(UInt32(length.extra), length.extraBits + 1)
                }
                done = run.upperBound - rest
            }
        }
        writer.put(bytes[done...], table)
        writer.put(table[256] >> 8, Int(table[256] & 0xFF))
    }
}

extension BitWriter {
    /// Writes the codes of bytes.
    ///
    /// - Parameter table: Of each byte the bits of its code, and in the last 8 bits how many they are, up to 15.
    fileprivate mutating func put(_ bytes: ArraySlice<UInt8>, _ table: [UInt32]) {
        var index = bytes.startIndex
        // Two at once have at most 30 bits.
        while index &+ 1 < bytes.endIndex {
            let first = table[Int(bytes[index])], second = table[Int(bytes[index &+ 1])]
            let count = first & 0xFF
            put(first &>> 8 | (second &>> 8) &<< count, Int(count &+ (second & 0xFF)))
            index &+= 2
        }
        if index < bytes.endIndex {
            let last = table[Int(bytes[index])]
            put(last >> 8, Int(last & 0xFF))
        }
    }
}

/// What a block is made of.
private struct Symbols {
    /// How often each of the 286 symbols occurs.
    var counts = [Int](repeating: 0, count: 286)
    /// The bits beside the symbols': of lengths and distances.
    var extraBits = 0
    var hasCopies = false

    /// - Parameter histogram: How often each of the 256 bytes occurs.
    init(_ histogram: [Int]) {
        counts.replaceSubrange(0..<256, with: histogram)
        counts[256] = 1
    }

    /// The same with copies.
    init(_ histogram: [Int], _ runs: RunLengths, _ rule: RunRule) {
        self.init(histogram)
        for (length, count) in runs.counts where length >= rule.minimum {
            hasCopies = true
            let rest = forEachCopy(length - 1) { copy in
                counts[copy.symbol] += count
                extraBits += (copy.extraBits + 1) * count
            }
            counts[Int(rule.byte)] -= (length - 1 - rest) * count
        }
    }
}

/// Which runs are copied: those of a byte that are as long as a minimum.
private struct RunRule {
    let byte: UInt8
    let minimum: Int

    /// Copies runs from the length on at which a copy takes fewer bits than its literals; nil if none does.
    init?(of byte: UInt8, savingBitsOf code: PrefixCode) {
        let literal = Int(code.lengths[Int(byte)])
        /// What has no code yet is taken for as rare as the rarest.
        let rarest = Int(code.lengths.max() ?? 15)
        let first = CopyLength.all.first { length in
            let bits = Int(code.lengths[length.symbol])
            return (bits > 0 ? bits : min(rarest, 8)) + length.extraBits + 1 < length.count * literal
        }
        guard let first else { return nil }
        (self.byte, minimum) = (byte, max(first.count + 1, RunLengths.fewest))
    }
}

/// How many runs of a byte there are of each length.
private struct RunLengths {
    /// Shorter ones are not looked for.
    static let fewest = 8
    let counts: [(length: Int, count: Int)]

    init(of byte: UInt8, in bytes: [UInt8]) {
        var short = [Int](repeating: 0, count: 1024), long: [Int: Int] = [:]
        forEachRun(of: byte, in: bytes, from: Self.fewest) { run in
            if run.count < short.count { short[run.count] &+= 1 } else { long[run.count, default: 0] += 1 }
        }
        let found = short.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) }
        counts = found + long.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// Hands over the runs of a byte that are so long at least, each as long as it is.
@inline(__always)
private func forEachRun(of byte: UInt8, in bytes: [UInt8], from fewest: Int, _ body: (Range<Int>) -> Void) {
    var done = 0
    // Of so many places in a row a run has one that is a multiple, so that few bytes are looked at.
    var place = fewest - 1
    while place < bytes.count {
        guard bytes[place] == byte else {
            place &+= fewest
            continue
        }
        var start = place, end = place &+ 1
        while start > done, bytes[start &- 1] == byte { start &-= 1 }
        while end < bytes.count, bytes[end] == byte { end &+= 1 }
        if end &- start >= fewest { body(start..<end) }
        done = end
        place = end &+ fewest
    }
}

/// Cuts what follows the first byte of a run into copies.
///
/// - Returns: How many bytes are left at the end, too few for a copy.
@inline(__always)
private func forEachCopy(_ count: Int, _ body: (CopyLength) -> Void) -> Int {
    var rest = count
    while rest >= CopyLength.range.lowerBound {
        let copy = min(rest, CopyLength.range.upperBound)
        body(CopyLength(copy))
        rest -= copy
    }
    return rest
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
