/// Bits, the first one lowest in the first byte.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var bits: UInt64 = 0
    private var bitCount = 0

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// Appends the `count` lowest bits of `value`, at most 32; the others are 0.
    @inline(__always)
    mutating func put(_ value: UInt32, _ count: Int) {
        bits |= UInt64(value) &<< UInt64(bitCount)
        bitCount &+= count
        if bitCount >= 32 { flush() }
    }

    @inline(__always)
    private mutating func flush() {
        for place in 0..<UInt64(4) { bytes.append(UInt8(truncatingIfNeeded: bits &>> (8 &* place))) }
        bits &>>= 32
        bitCount &-= 32
    }

    /// All bytes; zeros fill the last one.
    consuming func finished() -> [UInt8] {
        var result = bytes
        while bitCount > 0 {
            result.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
            bitCount -= 8
        }
        return result
    }
}
