import Kernels
public import Tensors

/// Marks frames all of whose features are `maskValue` as padding, and sets them to zero.
public struct Masking: Layer {
    public let maskValue: Float

    public init(maskValue: Float = 0) { self.maskValue = maskValue }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank >= 1 else {
            throw ShapeError("takes one sequence (time, features), found \(list(inputs))")
        }
        return LayerPlan(output: inputs[0], mask: .computed, maskAxes: inputs[0].rank - 1)
    }

    public func forward(_ pass: ForwardPass) {
        withMask(of: pass.input(), pass.kernels) { mask in
            pass.outputMask?.copy(from: mask)
            scaleRows(pass.input(), by: mask, into: pass.output)
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        withMask(of: pass.input(), pass.kernels) { scaleRows(pass.outputGradient, by: $0, into: dx) }
    }

    private func withMask(of x: Tensor, _ kernels: KernelContext, _ body: (Tensor) -> Void) {
        let width = x.shape.channels
        kernels.withScratch(x.rowCount) { mask in
            x.withSpan { x in
                for frame in 0..<mask.elementCount {
                    let features = x.extracting((frame * width)..<((frame + 1) * width))
                    // Without a branch, a vector of features at a time.
                    var differ: UInt32 = 0
                    for feature in features.indices { differ |= features[feature] != maskValue ? 1 : 0 }
                    mask[frame] = Float(differ)
                }
            }
            body(mask)
        }
    }
}

/// The first input, with the second as its mask: frames are real where it is not 0. What Keras's `layer(x, mask=m)` does to
/// what the layer reads.
public struct MaskAttachment: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2, (1..<max(inputs[0].rank, 1)).contains(inputs[1].rank),
            inputs[0].axes.prefix(inputs[1].rank).elementsEqual(inputs[1].axes)
        else {
            throw ShapeError("takes a sequence and a mask with a number for each of its steps, found \(list(inputs))")
        }
        var plan = LayerPlan(output: inputs[0], mask: .computed, maskAxes: inputs[1].rank)
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        pass.output.copy(from: pass.input(0))
        guard let mask = pass.outputMask else { return }
        let given = pass.input(1)
        for step in 0..<mask.elementCount { mask[step] = given[step] != 0 ? 1 : 0 }
    }

    public func backward(_ pass: BackwardPass) {
        pass.inputGradient(0)?.copy(from: pass.outputGradient)
        pass.inputGradient(1)?.fill(with: 0)
    }
}
