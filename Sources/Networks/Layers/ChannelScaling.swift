import Kernels
public import Tensors

/// y = scale · x + offset, with numbers of its own for every channel, or every place along the last axes: Keras's Rescaling
/// and Normalization with lists.
public struct ChannelScaling: Layer {
    public let scale, offset: [Float]
    /// The shape of the numbers: that of the last axes.
    public let shape: Shape

    public init(scale: [Float], offset: [Float], shape: Shape? = nil) {
        let shape = shape ?? [scale.count]
        precondition(scale.count == offset.count, "\(scale.count) scales and \(offset.count) offsets")
        precondition(shape.elementCount == scale.count, "\(scale.count) scales are not \(shape)")
        (self.scale, self.offset, self.shape) = (scale, offset, shape)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let plan = try elementwisePlan(inputs)
        guard inputs[0].last(shape.rank) == shape else {
            let what = shape.rank == 1 ? "\(scale.count) channels" : "the axes \(shape)"
            throw ShapeError("scales \(what), which its input \(inputs[0]) does not have")
        }
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        withNumbers(pass.kernels) {
            scaleColumns(pass.input().joining(last: shape.rank), by: $0, adding: $1, into: pass.output)
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        withNumbers(pass.kernels) { scale, _ in
            scaleColumns(pass.outputGradient.joining(last: shape.rank), by: scale, adding: nil, into: dx)
        }
    }

    private func withNumbers(_ kernels: KernelContext, _ body: (_ scale: Tensor, _ offset: Tensor) -> Void) {
        kernels.withScratch(2 * scale.count) { scratch in
            let scales = scratch.slice(at: 0, count: scale.count)
            let offsets = scratch.slice(at: scale.count, count: scale.count)
            scales.copy(from: scale)
            offsets.copy(from: offset)
            body(scales, offsets)
        }
    }
}
