#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A source of reproducible randomness that can be split without sharing state.
///
/// A key is a place in a tree: `key[epoch][step][layer]` is the same wherever and whenever it is asked for, on any
/// number of threads. Numbers are hashes of the key and an index (SplitMix64: Steele, Lea, Flood, 2014).
public struct RandomKey: Hashable, Sendable {
    public let bits: UInt64

    public init(seed: Int) { bits = Self.mix(UInt64(bitPattern: Int64(seed)) &+ 0x9E37_79B9_7F4A_7C15) }

    private init(bits: UInt64) { self.bits = bits }

    /// The key of branch `index`.
    public subscript(_ index: Int) -> RandomKey {
        RandomKey(bits: Self.mix(bits ^ Self.mix(UInt64(bitPattern: Int64(index)) &+ 0xD1B5_4A32_D192_ED03)))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The number at `index` of this key's own sequence.
    public func word(_ index: Int) -> UInt64 {
        Self.mix(bits &+ UInt64(bitPattern: Int64(index)) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// A number from 0 up to, not including, 1.
    public func uniform(_ index: Int) -> Double { Double(word(index) >> 11) * 0x1p-53 }

    /// Two independent standard normal numbers, from the uniform numbers 2 · `index` and 2 · `index` + 1 (Box and
    /// Muller, 1958).
    public func normals(_ index: Int) -> (Double, Double) {
        let radius = (-2 * log(1 - uniform(2 * index))).squareRoot(), angle = 2 * .pi * uniform(2 * index + 1)
        return (radius * cos(angle), radius * sin(angle))
    }

    /// An integer from 0 up to, not including, `bound`.
    public func integer(_ index: Int, below bound: Int) -> Int {
        Int(word(index).multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// The integers from 0 up to, not including, `count`, in random order (Fisher and Yates).
    public func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, integer(last, below: last + 1)) }
        return order
    }
}
