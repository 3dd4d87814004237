import Networks
import Tensors
import TestSupport
import Testing

/// Products and extrema of sequences with padding, by hand.
@Suite struct MergedPaddingTests {
    /// What a merging layer makes of two sequences of one feature, zeros being padding.
    private func merged(
        _ operation: Merge.Operation, _ a: [Float], _ b: [Float], masksA: Bool = true, masksB: Bool = true,
        leavesOutPadding: Bool = true
    ) throws -> [Float] {
        var graph = LayerGraph()
        let inputs = [graph.addInput([a.count, 1]), graph.addInput([b.count, 1])]
        // Padding is 7 where it is read.
        let values = try zip(inputs, [masksA, masksB]).enumerated().map { index, input in
            guard input.1 else { return input.0 }
            let mask = try graph.add("mask\(index)", Masking(), to: [input.0])
            return try graph.add("shifted\(index)", Rescaling(scale: 1, offset: 7), to: [mask])
        }
        let output = try graph.add("merged", Merge(operation, leavesOutPadding: leavesOutPadding), to: values)
        graph.finish(outputs: [output], logits: output, head: .none)
        return Network(graph, weights: ParameterVector(zeros: graph.layout)).predict([a, b])[0]
    }

    @Test func multipliesWhatIsReal() throws {
        #expect(try merged(.multiply, [1, 1, 0, 0], [2, 0, 2, 0]) == [72, 8, 9, 0])
        #expect(try merged(.multiply, [1, 1, 0, 0], [2, 0, 2, 0], masksB: false) == [16, 0, 2, 0])
        #expect(try merged(.multiply, [1, 1, 0, 0], [2, 0, 2, 0], leavesOutPadding: false) == [72, 56, 63, 49])
    }

    @Test func findsExtremaOfWhatIsReal() throws {
        #expect(try merged(.maximum, [1, -1, 0, 0], [2, 0, -2, 0]) == [9, 6, 5, 7])
        #expect(try merged(.minimum, [1, 1, 0, 0], [2, 0, 2, 0]) == [8, 8, 9, 7])
        #expect(try merged(.minimum, [1, 1, 0, 0], [2, 0, 2, 0], masksA: false) == [1, 1, 0, 0])
        #expect(try merged(.maximum, [1, -1, 0, 0], [2, 0, -2, 0], leavesOutPadding: false) == [9, 7, 7, 7])
    }
}
