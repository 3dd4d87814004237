import Kernels
public import Tensors

/// y = scale · x + offset, with numbers of its own for every channel: Keras's Rescaling and Normalization with lists.
public struct ChannelScaling: Layer {
    public let scale, offset: [Float]

    public init(scale: [Float], offset: [Float]) {
        precondition(scale.count == offset.count, "\(scale.count) scales and \(offset.count) offsets")
        self.scale = scale
        self.offset = offset
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let plan = try elementwisePlan(inputs)
        guard inputs[0].rank >= 1, inputs[0].channels == scale.count else {
            throw ShapeError("scales \(scale.count) channels, which its input \(inputs[0]) does not have")
        }
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        withNumbers(pass.kernels) { scaleColumns(pass.input(), by: $0, adding: $1, into: pass.output) }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        withNumbers(pass.kernels) { scale, _ in scaleColumns(pass.outputGradient, by: scale, adding: nil, into: dx) }
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
