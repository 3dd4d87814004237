// Codes of small floats. They are computed here: the library's own conversion loses carries when it rounds.

extension SmallFloat {
    /// A type with its fields one behind another, as this program writes it: sign, exponent, mantissa.
    ///
    /// With another bias all numbers are multiplied by a power of two, so that each tensor can have a scale of its own, which no
    /// dataset beside it has to hold. With two bits of exponent half of the numbers are equally spaced.
    /// - Parameters:
    ///   - exponentBits: From 2 on.
    ///   - mantissaBits: From 1 on: libhdf5 crashes where there is none. 4 to 16 bits in all.
    ///   - bias: From 1 on: h5py takes 0 for a failure.
    public init(exponentBits: Int, mantissaBits: Int, bias: Int) {
        let count = 1 + exponentBits + mantissaBits
        precondition(exponentBits >= 2 && mantissaBits >= 1 && 4...16 ~= count && bias >= 1)
        byteCount = count > 8 ? 2 : 1
        bitCount = count
        sign = Field(position: count - 1, count: 1)
        exponent = Field(position: mantissaBits, count: exponentBits)
        mantissa = Field(position: 0, count: mantissaBits)
        self.bias = bias
        isBigEndian = false
    }

    /// The code of `largest`, without a sign: what follows is infinite.
    private var largestCode: UInt32 { UInt32(((1 << exponent.count) - 1) << mantissa.count - 1) }

    /// The largest finite number.
    public var largest: Float { number(UInt64(largestCode)) }

    /// The code of the number nearest to a value; of two as near that with an even mantissa. What is larger than `largest`
    /// becomes that, and the code of zero is 0, whatever its sign.
    ///
    /// - Precondition: The fields lie as this program writes them.
    public func code(nearestTo value: Float) -> UInt16 {
        guard value != 0 else { return 0 }
        // Numbers that have no leading 1 in single precision get one.
        let isSmall = abs(value) < .leastNormalMagnitude
        let bits = (isSmall ? value * 0x1p24 : value).bitPattern & 0x7FFF_FFFF
        let power = Int(bits >> 23) - 127 + bias - (isSmall ? 24 : 0)
        let rounded: UInt32
        if power >= 1 {
            // Beyond, the shift would lose what is too large.
            guard power < 1 << exponent.count else { return signed(largestCode, value) }
            rounded = halved(UInt32(power) << 23 | bits & 0x7F_FFFF, by: 23 - mantissa.count)
        } else {
            // Below the normal numbers the whole significand is moved to where the mantissa is.
            let shift = 24 - mantissa.count - power
            rounded = shift > 24 ? 0 : halved(1 << 23 | bits & 0x7F_FFFF, by: shift)
        }
        return signed(min(rounded, largestCode), value)
    }

    private func signed(_ code: UInt32, _ value: Float) -> UInt16 {
        let sign = value.sign == .minus && code > 0 ? UInt32(1) << UInt32(sign.position) : 0
        return UInt16(truncatingIfNeeded: code | sign)
    }

    /// bits / 2^count, to the nearest number; from the middle to the even one.
    private func halved(_ bits: UInt32, by count: Int) -> UInt32 {
        let shift = UInt32(count)
        return (bits &+ ((1 << (shift - 1)) - 1) &+ bits >> shift & 1) >> shift
    }

    /// Replaces finite values by the nearest numbers of the type.
    public func round(_ values: inout MutableSpan<Float>) { rounding()(&values) }

    /// What `round` does, for who does it often.
    public func rounding() -> @Sendable (inout MutableSpan<Float>) -> Void {
        let nearest = nearest
        return { values in
            for index in values.indices where values[index].isFinite { values[index] = nearest(values[index]) }
        }
    }

    /// The number of the nearest code, computed without the code where single precision can.
    private var nearest: @Sendable (Float) -> Float {
        if let rounding = SpacedRounding(self) { return { rounding.nearest($0) } }
        let table = table()
        return { table[Int(code(nearestTo: $0))] }
    }
}

/// Rounds to the numbers of a small float by one addition: beside 1.5 · 2^(E + 23 − m) single precision has the spacing that
/// numbers of exponent E and m bits of mantissa have, and the processor rounds to it, from the middle to the even one.
private struct SpacedRounding {
    private let largest: Float
    /// The exponent below which the spacing stays the same, and what makes the addend of an exponent, as bits of a float.
    private let smallestExponent, addend: UInt32

    /// - Returns: Nil where numbers or addends have no place in single precision.
    init?(_ type: SmallFloat) {
        largest = type.largest
        guard type.bias <= 126, largest.isFinite, Int(largest.exponent) + 23 - type.mantissa.count <= 127 else {
            return nil
        }
        smallestExponent = UInt32(128 - type.bias) << 23
        addend = UInt32(23 - type.mantissa.count) << 23 | 1 << 22
    }

    func nearest(_ value: Float) -> Float {
        let value = max(-largest, min(largest, value))
        let spacing = Float(bitPattern: max(value.bitPattern & 0x7F80_0000, smallestExponent) + addend)
        return (value + spacing) - spacing
    }
}

extension SmallFloat {
    /// The type of so many bits with the smallest sum of squared errors: sizes of the exponent and biases are tried.
    ///
    /// Values that are few and far from the others are cut off where that makes the error smaller. Of values that are numbers of
    /// some such type already, none is changed by the type that is found.
    /// - Parameters:
    ///   - bitCount: 4 to 16.
    ///   - values: Of many, some are looked at, always the same ones, and the largest.
    public init(bitCount: Int, fitting values: Span<Float>) {
        let step = max(1, values.count / Self.sampleCount)
        var sample: [Float] = [], largest: Float = 0
        sample.reserveCapacity(values.count / step + 1)
        for index in values.indices {
            if values[index].isFinite { largest = max(largest, abs(values[index])) }
            if index % step == 0 { sample.append(values[index]) }
        }
        let types = Self.candidates(bitCount, largest: largest)
        var best = types[0], error = Double.infinity
        for type in types {
            var found = type.squaredError(sample.span, below: error)
            // A sample without errors may hide some.
            if found == 0, step > 1 { found = type.squaredError(values) }
            if found < error { (best, error) = (type, found) }
            if found == 0 { break }
        }
        self = best
    }

    private static let sampleCount = 65_536

    /// With the bias of the middle the largest exponent is that of the largest value; with one less than that twice its range
    /// is left, with more it is cut off.
    private static func candidates(_ bitCount: Int, largest: Float) -> [SmallFloat] {
        let top = largest > 0 ? Int(largest.exponent) : 0
        var types: [SmallFloat] = []
        for exponentBits in 2...min(8, bitCount - 2) {
            let fitting = (1 << exponentBits) - 2 - top
            for bias in (fitting - 1)...(fitting + 2) where bias >= 1 {
                types.append(
                    SmallFloat(exponentBits: exponentBits, mantissaBits: bitCount - 1 - exponentBits, bias: bias))
            }
        }
        guard types.isEmpty else { return types }
        // No exponent reaches as far: the widest cuts off least.
        let widest = min(8, bitCount - 2)
        return [SmallFloat(exponentBits: widest, mantissaBits: bitCount - 1 - widest, bias: 1)]
    }

    /// Σ (x − the nearest number)².
    public func squaredError(_ values: Span<Float>) -> Double { squaredError(values, below: .infinity) }

    /// The same, or some number from a limit on where it is not below that.
    private func squaredError(_ values: Span<Float>, below limit: Double) -> Double {
        func sum(_ nearest: (Float) -> Float) -> Double {
            var sum = 0.0, start = 0
            while start < values.count, sum < limit {
                let end = min(start + 1024, values.count)
                for index in start..<end {
                    let difference = Double(values[index]) - Double(nearest(values[index]))
                    sum += difference * difference
                }
                start = end
            }
            return sum
        }
        if let rounding = SpacedRounding(self) { return sum { rounding.nearest($0) } }
        return sum(nearest)
    }
}
