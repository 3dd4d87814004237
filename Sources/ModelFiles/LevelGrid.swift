import HDF5

/// Equally spaced levels, 0 among them, each moved to the nearest number of a float8 that suits the largest of them.
///
/// Once they are Huffman-coded, equal steps cost fewer bits for the same error than the best shared values (k-means) do. A
/// coarse step is pruning, too: what is nearer to 0 than half a step becomes 0.
struct LevelGrid: Hashable, Sendable {
    /// From a level to the next one.
    let step: Float
    /// Its bias is the numbers' own scale.
    let type: SmallFloat
    /// From the lowest to the highest; 0 is in the middle.
    private let levels: [Float]
    /// The code of each level.
    private let codes: [UInt8]
    /// What is below one of these is nearer to the level before: −∞, what lies half way between levels, ∞.
    private let bounds: [Float]

    /// - Parameters:
    ///   - step: Above 0. A step finer than the numbers of float8 near the largest value becomes that.
    ///   - largest: The largest magnitude of the numbers, finite.
    init(step: Float, largest: Float) {
        let (type, spacing) = Self.type(for: largest)
        self.type = type
        self.step = max(step, spacing)
        let half = Int((min(largest, type.largest) / self.step).rounded())
        let table = type.table(), width = self.step
        levels = (-half...half).map { table[Int(type.code(nearestTo: Float($0) * width))] }
        codes = levels.map { UInt8(truncatingIfNeeded: type.code(nearestTo: $0)) }
        bounds = [-.infinity] + zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 } + [.infinity]
    }

    /// The float8 that reaches a value with the fewest bits of exponent, half of whose numbers are then equally spaced, and
    /// what lies between its largest numbers.
    private static func type(for largest: Float) -> (SmallFloat, spacing: Float) {
        let top = largest > 0 ? max(Int(largest.exponent), -100) : 0
        for exponentBits in 2...5 where (1 << exponentBits) - 2 - top >= 1 {
            let mantissaBits = 7 - exponentBits
            let type = SmallFloat(
                exponentBits: exponentBits, mantissaBits: mantissaBits, bias: (1 << exponentBits) - 2 - top)
            return (type, Float(sign: .plus, exponent: top - mantissaBits, significand: 1))
        }
        // The largest exponent of these is 14 or more.
        return (SmallFloat(exponentBits: 5, mantissaBits: 2, bias: 1), Float(sign: .plus, exponent: 27, significand: 1))
    }

    /// Moves numbers to the nearest level. Those that are not finite are left alone.
    func round(_ numbers: inout MutableSpan<Float>) {
        for index in numbers.indices where numbers[index].isFinite {
            numbers[index] = levels[place(of: numbers[index])]
        }
    }

    /// The code of the nearest level of each number; what is not finite is taken for 0.
    func codes(of numbers: Span<Float>) -> [UInt8] {
        [UInt8](capacity: numbers.count) { output in
            for index in numbers.indices {
                output.append(codes[place(of: numbers[index].isFinite ? numbers[index] : 0)])
            }
        }
    }

    /// Which level is nearest to a finite value, of two that are the upper one. A level is less than half a step from its
    /// multiple of the step, so that it is the one of the nearest multiple, or a neighbor.
    @inline(__always)
    private func place(of value: Float) -> Int {
        let half = Float(levels.count / 2)
        var multiple = value / step
        multiple = multiple < half ? multiple : half
        multiple = multiple > -half ? multiple : -half
        // To the nearest whole number, without a call: these have no bits for fractions.
        let place = Int(multiple + half + 0.5)
        if value < bounds[place] { return place - 1 }
        return value >= bounds[place + 1] ? place + 1 : place
    }
}
