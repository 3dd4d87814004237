import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct MagnitudePruningTests {
    /// Two kernels without biases: 4 and 6 numbers.
    private func graph() throws -> LayerGraph {
        var graph = LayerGraph()
        let input = graph.addInput([2])
        let hidden = try graph.add("first", Dense(units: 2, useBias: false), to: [input])
        let output = try graph.add("second", Dense(units: 3, useBias: false), to: [hidden])
        graph.finish(outputs: [output], logits: output, head: .none)
        return graph
    }

    private func weights(_ graph: LayerGraph, _ values: [[Float]]) -> ParameterVector {
        let weights = ParameterVector(zeros: graph.layout)
        for (entry, values) in zip(graph.layout.entries, values) { weights[entry].copy(from: values) }
        return weights
    }

    /// The scores of the paper: of 4, −3, 2, 1 they are 16/16, 9/25, 4/29 and 1/30; of 10, −10, 8, 6, 0, 0.1 they are 100/100, 100/200,
    /// 64/264, 36/300, 0 and 0.01/300.01. The half with the largest: 1, 1, 0.5, 0.36, 0.24. Magnitudes alone would have taken the
    /// four of the second kernel first.
    @Test func keepsTheLargestLayerAdaptiveScores() throws {
        let graph = try graph()
        let vector = weights(graph, [[4, -3, 2, 1], [10, -10, 8, 6, 0, 0.1]])
        let pruning = MagnitudePruning(graph.layout, vector.tensor, share: 0.5) { _ in true }
        let pruned = pruning.prune(vector.tensor)
        let found = graph.layout.entries.map { entry in
            pruned.slice(at: entry.offset, count: entry.spec.shape.elementCount).values
        }
        #expect(found == [[4, -3, 0, 0], [10, -10, 8, 0, 0, 0]])
        #expect(vector[graph.layout.entries[0]].values == [4, -3, 2, 1])
    }

    @Test func leavesOtherParametersAlone() throws {
        let graph = try graph()
        let vector = weights(graph, [[4, -3, 2, 1], [10, -10, 8, 6, 0, 0.1]])
        let pruning = MagnitudePruning(graph.layout, vector.tensor, share: 0.75) { $0.layer == "first" }
        #expect(pruning.rounding(graph.layout.entries[1]) == nil)
        let first = graph.layout.entries[0]
        #expect(pruning.prune(vector.tensor).slice(at: first.offset, count: 4).values == [4, 0, 0, 0])
    }

    /// Of everything the largest weight is left, and of nothing nothing is taken.
    @Test func neverTakesTheLargest() throws {
        let graph = try graph()
        let values: [[Float]] = [[4, -3, 2, 1], [10, -10, 8, 6, 0, 0.1]], vector = weights(graph, values)
        func pruned(_ share: Double) -> [Float] {
            MagnitudePruning(graph.layout, vector.tensor, share: share) { _ in true }.prune(vector.tensor).values
        }
        #expect(pruned(1).filter { $0 != 0 } == [4, 10, -10])
        #expect(pruned(0) == vector.tensor.values)
    }

    /// Of 600,000 numbers thresholds are found on a sample.
    @Test func findsTheShareOfLargeParameters() throws {
        var graph = LayerGraph()
        let input = graph.addInput([600])
        let output = try graph.add("wide", Dense(units: 1000, useBias: false), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let vector = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 5))
        let pruning = MagnitudePruning(graph.layout, vector.tensor, share: 0.9) { _ in true }
        let zeros = pruning.prune(vector.tensor).values.count { $0 == 0 }
        #expect(abs(Double(zeros) / 600_000 - 0.9) < 0.003)
    }
}
