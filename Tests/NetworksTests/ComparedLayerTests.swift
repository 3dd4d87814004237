import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Layers that make of a student's and a teacher's values what distillation compares.
@Suite struct ComparedLayerTests {
    @Test func flowMatricesKeepTheContract() throws {
        try expectLayerContract(FlowMatrix(), inputs: [[3, 2, 4], [3, 2, 5]])
        try expectLayerContract(FlowMatrix(), inputs: [[5, 3], [5, 1]])
        try expectLayerContract(FlowMatrix(), inputs: [[1, 1, 2], [1, 1, 3]])
    }

    @Test func attentionMapsKeepTheContract() throws {
        try expectLayerContract(AttentionMap(), inputs: [[3, 2, 5]])
        try expectLayerContract(AttentionMap(), inputs: [[7, 1]])
        try expectLayerContract(AttentionMap(), inputs: [[2, 2, 2, 3]])
    }

    /// Two positions: ½ ((1, 2)ᵀ (5) + (3, 4)ᵀ (6)) = (11.5, 17), and 1 + 4 and 9 + 16.
    @Test func computesWhatItSays() throws {
        var graph = LayerGraph()
        let x = graph.addInput([1, 2, 2]), y = graph.addInput([1, 2, 1])
        let flow = try graph.add("flow", FlowMatrix(), to: [x, y]), map = try graph.add("map", AttentionMap(), to: [x])
        graph.finish(outputs: [flow, map], logits: flow, head: .none)
        #expect(graph.shape(of: flow) == [2, 1])
        #expect(graph.shape(of: map) == [2])
        let workspace = Workspace(graph, batchSize: 1, mode: .training, kernels: KernelContext())
        workspace.input(0, count: 1).copy(from: [1, 2, 3, 4])
        workspace.input(1, count: 1).copy(from: [5, 6])
        workspace.forward(weights: ParameterVector(zeros: graph.layout).tensor, count: 1)
        #expect(workspace.value(flow, count: 1).values == [11.5, 17])
        #expect(workspace.value(map, count: 1).values == [5, 25])
    }

    @Test func refusesWhatHasNoPositionsInCommon() throws {
        func message(_ layer: any Layer, _ inputs: [Shape]) -> String? {
            do {
                _ = try layer.plan(for: inputs)
                return nil
            } catch { return "\(error)" }
        }
        #expect(
            message(FlowMatrix(), [[4, 4, 3], [2, 2, 3]]) == """
                takes two inputs of the same positions, such as (H, W, m) and (H, W, n), found (4, 4, 3) and (2, 2, 3): \
                choose layers between which no pooling or stride is
                """)
        #expect(message(FlowMatrix(), [[3], [3]]) != nil)
        #expect(
            message(AttentionMap(), [[3]])
                == "takes one input of positions and channels, such as (H, W, C), found (3)")
    }
}
