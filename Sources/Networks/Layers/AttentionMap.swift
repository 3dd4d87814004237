import Kernels
public import Tensors

/// Where a layer is active ("Paying more attention to attention", Zagoruyko and Komodakis, 2017, sum of squares).
///
///     x (…, C) gives Q (P), a number for each of its P positions
///     Q_p  = Σ_c x_pc²
///     dx_pc = 2 x_pc dQ_p
public struct AttentionMap: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank >= 2 else {
            throw ShapeError("takes one input of positions and channels, such as (H, W, C), found \(list(inputs))")
        }
        return LayerPlan(output: [inputs[0].rowCount], multiplyAdds: inputs[0].elementCount)
    }

    public func forward(_ pass: ForwardPass) { dotRows(pass.input(), pass.input(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        scaleRows(pass.input(), by: pass.outputGradient, into: dx)
        scale(dx, by: 2, into: dx)
    }
}
