import Kernels
import Networks
import Tensors

/// The gradient of a shard of a batch: the way forward, the objective, the way back.
///
/// It is a function of the weights, the examples and the random key of (step, shard): whoever computes it gets the same
/// bits.
struct ShardGradient<Examples: Batch>: Sendable {
    let graph: LayerGraph
    let weights: Tensor
    /// Parameters that are measured while training, such as the moments of batch normalization.
    let statistics: [ParameterLayout.Entry]
    let batch: Examples
    let objective: any Objective<Examples>
    /// The share of training that is over.
    let progress: Double
    /// The random key of the step.
    let key: RandomKey

    /// Writes what a shard adds to the gradient of the mean over the batch, but for deferred kernels; and to statistics,
    /// its share of them.
    ///
    /// - Parameter examples: Those of the shard.
    /// - Returns: The sum of each of the objective's terms over the examples; NaN where the network's values are no numbers.
    func compute(
        _ shard: Int, _ examples: Range<Int>, in workspace: Workspace, into gradient: Tensor
    ) -> [Double] {
        let count = examples.count, total = Float(batch.count)
        batch.readInputs(examples, into: workspace.input(0, count: count))
        workspace.forward(weights: weights, count: count, key: key[shard])
        guard let logitsGradient = workspace.gradient(graph.logits, count: count) else {
            preconditionFailure("the network has no trainable parameter")
        }
        let taps = graph.taps.map { value in
            Tap(value: workspace.value(value, count: count), gradient: workspace.gradient(value, count: count))
        }
        let logits = workspace.value(graph.logits, count: count)
        let terms = objective.evaluate(
            logits, taps: taps, batch, examples, progress: progress, scale: 1 / total, gradient: logitsGradient,
            kernels: workspace.kernels)
        let areNumbers = isFinite(logits) && isFinite(logitsGradient)
        workspace.backward(weights: weights, gradient: gradient, count: count, key: key[shard])
        for entry in statistics {
            let values = gradient.slice(at: entry.offset, count: entry.spec.shape.elementCount)
            scale(values, by: Float(count) / total, into: values)
        }
        return areNumbers ? terms : terms.map { _ in .nan }
    }
}
