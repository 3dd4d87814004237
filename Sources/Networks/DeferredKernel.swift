public import Kernels
public import Tensors

/// A large kernel whose gradient is not computed on the way back, but later, of several workers' examples at once.
///
///     dW = Σ_s x_sᵀ dy_s,  s = 0, 1, … the shards, in this order
///
/// A gradient of a gigabyte for each worker is then not needed, and every part of the sum is computed, from all shards,
/// while it is in the processor's cache. Parts are cut by the kernel's shape alone.
public struct DeferredKernel: Sendable {
    fileprivate let node: Int
    /// Where the kernel is among the parameters, (features, units).
    public let offset, features, units: Int

    public var elements: Range<Int> { offset..<(offset + features * units) }

    /// Features whose rows of the gradient are computed together: about a mebibyte.
    private static let partCount = 1 << 18

    /// The features in parts that can be computed side by side.
    public var parts: [Range<Int>] {
        let size = max(1, Self.partCount / max(units, 1))
        return stride(from: 0, to: features, by: size).map { $0..<min($0 + size, features) }
    }
}

extension Workspace {
    /// Those whose gradient `backward` leaves out.
    public var deferredKernels: [DeferredKernel] {
        graph.nodes.indices.filter { plan.isDeferred[$0] }.map { index in
            let shape = graph.nodes[index].plan.parameters[0].shape
            return DeferredKernel(
                node: index, offset: parameterOffset(index, 0), features: shape[0], units: shape[1])
        }
    }

    /// Computes rows of a kernel's gradient from the `count` examples that were last on the way back here.
    ///
    /// - Parameters:
    ///   - gradient: The gradient of all parameters.
    ///   - adding: Whether the rows are added to what is there.
    public func computeGradient(
        of kernel: DeferredKernel, _ features: Range<Int>, count: Int, into gradient: Tensor, adding: Bool,
        _ kernels: KernelContext
    ) {
        let node = graph.nodes[kernel.node], x = value(node.inputs[0], count: count)
        guard let dy = self.gradient(node.output, count: count) else {
            preconditionFailure("a kernel that does not learn has no gradient")
        }
        let columns = Matrix(
            x, rows: x.rowCount, columns: features.count, stride: kernel.features, at: features.lowerBound)
        let rows = gradient.slice(
            at: kernel.offset + features.lowerBound * kernel.units, count: features.count * kernel.units)
        kernels.multiply(
            columns.transposed, dy.rows, into: Matrix(rows, rows: features.count, columns: kernel.units),
            adding: adding)
    }
}
