import Tensors

/// A graph together with the weights it runs with.
public final class Network: Sendable {
    public let graph: LayerGraph
    public let weights: ParameterVector

    public init(_ graph: LayerGraph, weights: consuming ParameterVector) {
        self.graph = graph
        self.weights = weights
    }

    /// What the network says of examples, one array for each of its outputs: NaN where it reads a number that one of its
    /// layers cannot compute with.
    ///
    /// - Parameter inputs: The examples one after another, an array for each input of the network.
    public func predict(_ inputs: [[Float]], batchSize: Int = 32) -> [[Float]] {
        precondition(inputs.count == graph.inputs.count, "\(inputs.count) inputs for \(graph.inputs.count)")
        let sizes = graph.inputs.map { graph.shape(of: $0).elementCount }
        let count = sizes[0] == 0 ? 0 : inputs[0].count / sizes[0]
        precondition(
            zip(inputs, sizes).allSatisfy { $0.count == count * $1 }, "inputs of different numbers of examples")
        let workspace = Workspace(graph, batchSize: max(1, min(batchSize, count)), mode: .inference)
        var outputs = [[Float]](repeating: [], count: graph.outputs.count)
        for start in stride(from: 0, to: count, by: workspace.batchSize) {
            let examples = start..<min(start + workspace.batchSize, count)
            for (position, size) in sizes.enumerated() {
                workspace.input(position, count: examples.count)
                    .copy(from: inputs[position][(examples.lowerBound * size)..<(examples.upperBound * size)])
            }
            workspace.forward(weights: weights.tensor, count: examples.count)
            for (position, output) in graph.outputs.enumerated() {
                outputs[position] += workspace.value(output, count: examples.count).values
            }
        }
        return outputs
    }
}
