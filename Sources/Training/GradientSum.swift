import Networks
import Tensors

/// Computes the gradients of a batch's shards and adds them in the order of the recipe (`SumOrder`).
///
/// Floating-point addition depends on the order, so every conformance keeps to this one: the sum has the same bits
/// whoever computes the shards, on any number of threads and processes.
protocol GradientSum: Sendable {
    /// The last sum, with the layout of the weights; where processes move the weights of their blocks alone, this one's block of
    /// it. It may be written over.
    var total: Tensor { get }

    /// Leaves the sum of the shards' gradients in `total`.
    ///
    /// - Parameters:
    ///   - shards: The examples of each.
    ///   - compute: Writes a shard's gradient, but for deferred kernels, and returns the sums of the objective's terms. It
    ///     is called once for each shard, from several threads, with a workspace that nobody else uses.
    /// - Returns: The terms of each shard, in order.
    /// - Throws: `ValueFault` for the first example that the network cannot compute with.
    func add(
        _ shards: [Range<Int>],
        _ compute: @Sendable (_ shard: Int, _ examples: Range<Int>, Workspace, _ gradient: Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]]
}
