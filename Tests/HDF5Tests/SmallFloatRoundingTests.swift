import Foundation
import Testing

@testable import HDF5

@Suite struct SmallFloatRoundingTests {
    static let types = [
        (2, 1, 1), (2, 1, 4), (2, 2, 3), (2, 3, 1), (2, 5, 7), (3, 4, 3), (4, 3, 11), (5, 2, 15), (5, 10, 15),
        (8, 7, 127), (3, 1, 2),
    ]

    @Test func readsValuesWorkedByHand() {
        // 1-2-1 with bias 1: 0, ½, 1, 1½, 2, 3, ∞, NaN.
        let small = SmallFloat(exponentBits: 2, mantissaBits: 1, bias: 1)
        #expect((0..<7).map { small.number($0) } == [0, 0.5, 1, 1.5, 2, 3, .infinity])
        #expect(small.number(7).isNaN)
        #expect((8..<15).map { small.number($0) } == [0, -0.5, -1, -1.5, -2, -3, -.infinity])
        #expect(small.largest == 3)
        // Half precision: 1, 65,504, the smallest number.
        let half = SmallFloat(exponentBits: 5, mantissaBits: 10, bias: 15)
        #expect(half.number(0x3C00) == 1)
        #expect(half.largest == 65_504)
        #expect(half.number(1) == 0x1p-24)
    }

    @Test(arguments: types) func findsEveryValueAgain(_ exponentBits: Int, _ mantissaBits: Int, _ bias: Int) {
        let type = SmallFloat(exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias)
        for code in 0..<UInt32(1 << type.bitCount) {
            let value = type.number(UInt64(code))
            guard value.isFinite else { continue }
            #expect(type.number(UInt64(type.code(nearestTo: value))) == value)
        }
    }

    /// Against the definition: no other value is nearer, and of two the one with the even code is taken.
    @Test(arguments: types) func roundsToTheNearestAndFromTheMiddleToEven(
        _ exponentBits: Int, _ mantissaBits: Int, _ bias: Int
    ) {
        let type = SmallFloat(exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias)
        let codes = (0..<UInt16(((1 << exponentBits) - 1) << mantissaBits)),
            values = codes.map { Double(type.number(UInt64($0))) }
        for index in values.indices.dropLast() {
            let (low, high) = (values[index], values[index + 1])
            let even = index % 2 == 0 ? index : index + 1
            for (share, expected) in [
                (0.0, index), (0.25, index), (0.5, even), (0.75, index + 1), (0.499, index), (0.501, index + 1),
            ] {
                let value = Float(low + share * (high - low))
                #expect(Int(type.code(nearestTo: value)) == expected)
                let negative = type.code(nearestTo: -value)
                #expect(Int(negative) == (expected == 0 ? 0 : expected | 1 << (type.bitCount - 1)))
            }
        }
    }

    @Test(arguments: types) func cutsOffWhatIsTooLarge(_ exponentBits: Int, _ mantissaBits: Int, _ bias: Int) {
        let type = SmallFloat(exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias)
        for factor: Float in [1.01, 1.49, 1.51, 3, 1e9] where (type.largest * factor).isFinite {
            #expect(type.number(UInt64(type.code(nearestTo: type.largest * factor))) == type.largest)
            #expect(type.number(UInt64(type.code(nearestTo: -type.largest * factor))) == -type.largest)
        }
        #expect(type.number(UInt64(type.code(nearestTo: .infinity))) == type.largest)
        #expect(type.code(nearestTo: -0.0) == 0 && type.code(nearestTo: -.leastNonzeroMagnitude) == 0)
    }

    @Test func agreesWithHalfPrecisionOfTheProcessor() {
        let half = SmallFloat(exponentBits: 5, mantissaBits: 10, bias: 15)
        for bits in stride(from: UInt32(0), to: 0x7F80_0000, by: 7_919) {
            let value = Float(bitPattern: bits)
            guard abs(value) <= 65_504 else { continue }
            #expect(half.code(nearestTo: value) == Float16(value).bitPattern)
        }
    }

    /// With types whose numbers or spacings have no place in single precision, too.
    @Test(arguments: types + [(8, 2, 126), (8, 2, 1), (2, 9, 300), (5, 1, 140), (4, 1, 60)])
    func roundsAsItsCodesDo(_ exponentBits: Int, _ mantissaBits: Int, _ bias: Int) {
        let type = SmallFloat(exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias)
        var values = stride(from: UInt32(0), to: 0x7F80_0000, by: 100_003).map { Float(bitPattern: $0) }
        for code in 0..<UInt64(1 << (type.bitCount - 1)) {
            let (low, high) = (type.number(code), type.number(code + 1))
            guard high.isFinite else { break }
            let middle = low + (high - low) / 2
            values += [low, low.nextUp, middle.nextDown, middle, middle.nextUp]
        }
        values += values.map { -$0 }
        let expected = values.map { type.number(UInt64(type.code(nearestTo: $0))) }
        var span = values.mutableSpan
        type.round(&span)
        #expect(values == expected)
        // Numbers of the type that single precision cannot hold become zeros with their sign.
        #expect(bias > 200 || !values.contains { $0 == 0 && $0.sign == .minus })
    }

    @Test func findsTheScaleOfATensor() {
        /// The type for some values, and the squared error with it.
        func fitted(_ values: [Float], bits: Int) -> (type: SmallFloat, error: Double) {
            let type = SmallFloat(bitCount: bits, fitting: values.span)
            return (type, type.squaredError(values.span))
        }
        // Numbers that are equally spaced have no error with e = 2, at any scale.
        for scale: Float in [1, 0x1p-20, 0x1p-9] {
            #expect(fitted((-31...31).map { Float($0) * scale }, bits: 8).error == 0)
        }
        // 4,000,000 is more than any small exponent reaches with a bias of 1.
        #expect(fitted([4e6, 1, -3], bits: 8).type.exponent.count >= 5)
        #expect(fitted([0, 0], bits: 8).error == 0)
        #expect(fitted([], bits: 4).type.bitCount == 4)
    }

    /// The errors that were measured for normal numbers, of 8, 6, 5 and 4 bits.
    @Test(arguments: [(8, 0.0135), (6, 0.053), (5, 0.097), (4, 0.172)])
    func hasTheErrorOfItsBits(_ bits: Int, _ bound: Double) {
        let values = normalNumbers(50_000, seed: 1)
        let error = (SmallFloat(bitCount: bits, fitting: values.span).squaredError(values.span) / 50_000).squareRoot()
        #expect(error < bound && error > bound / 2)
    }

    /// What is rounded once is not rounded again, of samples, too, and of numbers that were cut off or rounded up.
    @Test(arguments: 4...12) func changesNothingThatIsRoundedAlready(_ bits: Int) {
        for (seed, count) in [(1, 300), (2, 5_000), (3, 150_000)] {
            let values = normalNumbers(count, seed: UInt64(seed)).map { $0 * $0 * $0 * 0.37 }
            var rounded = values
            func round() {
                let type = SmallFloat(bitCount: bits, fitting: rounded.span)
                var span = rounded.mutableSpan
                type.round(&span)
            }
            round()
            let once = rounded
            round()
            #expect(once != values && rounded == once)
        }
    }

    /// What is written is read again, and takes the bytes that are predicted: in one chunk, where codes do not fill bytes.
    @Test(arguments: 4...16) func writesAndReadsCodes(_ bits: Int) throws {
        let values = normalNumbers(1_001, seed: 7), path = temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let type = SmallFloat(bitCount: bits, fitting: values.span)
        let file = try HDF5File(creating: path, version: .v1_10)
        do {
            let dataset = try file.root.createDataset("w", type, shape: [7, 11, 13])
            try dataset.write(nearestTo: values.span)
        }
        try file.close()
        let read = try HDF5File(opening: path).root.dataset("w")
        #expect(read.storedByteCount == (bits == 8 ? 1_001 : bits == 16 ? 2_002 : 1_001 * bits / 8 + 1))
        var expected = values
        var span = expected.mutableSpan
        type.round(&span)
        let found: [Float] = try read.read()
        #expect(found == expected)
    }
}

private func temporaryPath() -> String {
    FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).h5").path
}

/// Nearly normal: sums of twelve uniform numbers.
private func normalNumbers(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
        Float(
            (0..<12).reduce(-6.0) { sum, _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return sum + Double(state >> 11) / 9_007_199_254_740_992
            })
    }
}
