import Tensors
import Testing

@Suite struct TensorTests {
    @Test(arguments: [(0..<3, 2), (2..<5, 0), (1..<1, 5), (0..<5, 0)])
    func copiesStretchesThatOverlap(elements: Range<Int>, offset: Int) {
        let buffer = Buffer(zeros: 5), tensor = buffer.tensor
        tensor.copy(from: [1, 2, 3, 4, 5] as [Float])
        var expected: [Float] = [1, 2, 3, 4, 5]
        expected.replaceSubrange(offset..<(offset + elements.count), with: Array(expected[elements]))
        tensor.copy(elements, of: tensor, to: offset)
        #expect(tensor.values == expected)
    }

    @Test func fillsAStretch() {
        let buffer = Buffer(zeros: 5), tensor = buffer.tensor
        tensor.fill(1..<3, with: 2)
        tensor.fill(5..<5, with: 9)
        #expect(tensor.values == [0, 2, 2, 0, 0])
    }
}
