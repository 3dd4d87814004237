/// Random numbers that are a function of a seed and a few coordinates, such as an epoch and a window.
///
/// SplitMix64 (Steele, Lea, Flood 2014). The shuffle is our own, because the standard library does not promise that its
/// own stays the same, and a resumed run must see the examples in the order in which it left them.
struct KeyedRandom {
    private var state: UInt64

    init(_ seed: UInt64, _ coordinates: Int...) {
        state = Self.mix(seed)
        for coordinate in coordinates {
            state = Self.mix(state ^ UInt64(bitPattern: Int64(coordinate)) &+ 0x9E37_79B9_7F4A_7C15)
        }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A number from 0 to `bound` − 1, all equally likely (Lemire 2019).
    mutating func below(_ bound: Int) -> Int {
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold {
                product = next().multipliedFullWidth(by: bound)
            }
        }
        return Int(product.high)
    }

    /// Puts elements into random order (Fisher and Yates).
    mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, below(last + 1))
        }
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
