import Deflate
import Foundation
import HDF5

/// Equally spaced levels, 0 among them, that the numbers of one parameter are rounded to: codes of float8 in one byte each,
/// few of them different, and Huffman-coded.
///
/// Once they are coded, equal steps cost fewer bits for the same error than the best shared values (k-means) do. A coarse
/// step is pruning, too: what is nearer to 0 than half a step becomes 0.
public struct CodedLevels: Hashable, Sendable {
    /// From a level to the next one; each is moved to the nearest number of float8.
    public let step: Float
    /// How many levels the numbers are on.
    public let count: Int
    /// The bytes of the coded numbers.
    public let byteCount: Int
    /// Its bias is the parameter's own scale.
    let type: SmallFloat
    /// From the lowest to the highest; 0 is in the middle.
    private let levels: [Float]

    /// Finds what a step makes of numbers.
    ///
    /// - Parameters:
    ///   - step: Above 0. A step finer than the numbers of float8 near the largest value becomes that.
    ///   - numbers: Those that are not finite are taken for 0.
    init(step: Float, of numbers: Span<Float>) {
        var largest: Float = 0
        for index in numbers.indices where numbers[index].isFinite { largest = max(largest, abs(numbers[index])) }
        let (type, spacing) = Self.type(for: largest)
        self.type = type
        self.step = max(step, spacing)
        let half = Int((min(largest, type.largest) / self.step).rounded())
        let table = type.table()
        let step = self.step
        levels = (-half...half).map { table[Int(type.code(nearestTo: Float($0) * step))] }
        let codes = Self.codes(of: numbers, levels, step, type)
        count = histogram(of: codes).count { $0 > 0 }
        byteCount = ZlibStream(codes).byteCount
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
            numbers[index] = levels[Self.place(of: numbers[index], levels, step)]
        }
    }

    /// The codes of numbers, as a zlib stream of `byteCount` bytes if they are those that the levels were made for.
    func stream(of numbers: Span<Float>) -> [UInt8] {
        ZlibStream(Self.codes(of: numbers, levels, step, type)).encoded()
    }

    private static func codes(
        of numbers: Span<Float>, _ levels: [Float], _ step: Float, _ type: SmallFloat
    ) -> [UInt8] {
        let codes = levels.map { UInt8(truncatingIfNeeded: type.code(nearestTo: $0)) }
        return numbers.indices.map { index in
            codes[place(of: numbers[index].isFinite ? numbers[index] : 0, levels, step)]
        }
    }

    /// Which level is nearest to a finite value. A level is less than half a step from its multiple of the step, so that it
    /// is this one or a neighbor.
    @inline(__always)
    private static func place(of value: Float, _ levels: [Float], _ step: Float) -> Int {
        let half = levels.count / 2
        let place = half + Int(min(max((value / step).rounded(.toNearestOrEven), -Float(half)), Float(half)))
        var (best, distance) = (place, abs(levels[place] - value))
        for neighbor in [place - 1, place + 1] where levels.indices.contains(neighbor) {
            let other = abs(levels[neighbor] - value)
            if other < distance { (best, distance) = (neighbor, other) }
        }
        return best
    }
}
