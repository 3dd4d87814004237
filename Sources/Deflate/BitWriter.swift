/// Bits, the first one lowest in the first byte.
struct BitWriter {
    private var words: [UInt64] = []
    private var bits: UInt64 = 0
    private var bitCount: UInt64 = 0

    /// - Parameter capacity: The bytes that are expected.
    init(capacity: Int) { words.reserveCapacity(capacity / 8 + 1) }

    /// Appends the `count` lowest bits of `value`, at most 32; the others are 0.
    @inline(__always)
    mutating func put(_ value: UInt32, _ count: Int) {
        bits |= UInt64(value) &<< bitCount
        bitCount &+= UInt64(count)
        guard bitCount >= 64 else { return }
        words.append(bits)
        bitCount &-= 64
        // What found no room. If all of it did, it is 0: a value has at most 32 bits.
        bits = UInt64(value) &>> (UInt64(count) &- bitCount)
    }

    /// All bytes; zeros fill the last one.
    consuming func finished() -> [UInt8] {
        [UInt8](capacity: words.count * 8 + 8) { output in
            for word in words {
                for place in 0..<UInt64(8) { output.append(UInt8(truncatingIfNeeded: word &>> (8 &* place))) }
            }
            for place in 0..<(bitCount + 7) / 8 { output.append(UInt8(truncatingIfNeeded: bits &>> (8 &* place))) }
        }
    }
}
