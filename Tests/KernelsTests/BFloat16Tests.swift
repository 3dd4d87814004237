import Kernels
import Tensors
import Testing

/// bfloat16 is the upper half of a float32, the nearest one.
@Suite struct BFloat16Tests {
    /// A number, and its bits as bfloat16.
    private static let cases: [(Float, UInt16)] = [
        (0, 0), (-0.0, 0x8000), (1, 0x3f80), (-2.5, 0xc020),
        // Between two neighbors, 1 and 1 + 2⁻⁷: below and above the middle, and the middle, which goes to the even one.
        (1 + 0x1p-9, 0x3f80), (1 + 0x1p-8, 0x3f80), (1 + 0x1p-8 + 0x1p-20, 0x3f81), (1 + 0x3p-8, 0x3f82),
        (-(1 + 0x3p-8), 0xbf82),
        // Carries into the exponent; beyond the greatest number is infinity.
        (1.999, 0x4000), (.greatestFiniteMagnitude, 0x7f80), (.infinity, 0x7f80), (-.infinity, 0xff80),
        // Subnormal numbers are numbers.
        (0x1p-133, 0x0001), (0x1p-149, 0),
    ]

    private func tensor(_ numbers: [Float]) -> Tensor {
        let tensor = Buffer(zeros: numbers.count).tensor
        for (index, number) in numbers.enumerated() { tensor[index] = number }
        return tensor
    }

    @Test func roundsToTheNearestTiesToEven() {
        let numbers = tensor(Self.cases.map(\.0))
        roundToBFloat16(numbers)
        for (index, (number, bits)) in Self.cases.enumerated() {
            #expect(numbers[index].bitPattern == UInt32(bits) << 16, "\(number)")
        }
    }

    /// Whatever the bits of its payload; a signaling one with low bits alone would round to infinity.
    @Test func keepsWhatIsNoNumber() {
        let numbers = tensor([.nan, Float(bitPattern: 0x7f80_0001), Float(bitPattern: 0xffff_ffff)])
        roundToBFloat16(numbers)
        let values = numbers.values
        #expect(values.allSatisfy { $0.isNaN })
    }

    @Test(arguments: [1, 2, 15, 100]) func packsTwoInAnElement(count: Int) {
        let numbers = tensor((0..<count).map { Self.cases[$0 % Self.cases.count].0 })
        let packed = Buffer(zeros: (count + 1) / 2).tensor, read = Buffer(zeros: count).tensor
        packBFloat16(numbers, into: packed)
        unpackBFloat16(packed, into: read)
        roundToBFloat16(numbers)
        #expect(read.values.map(\.bitPattern) == numbers.values.map(\.bitPattern))
        #expect(UInt16(truncatingIfNeeded: packed[0].bitPattern) == Self.cases[0].1)
    }
}
