import Kernels
public import Tensors

/// y = gamma · x, with a learned factor for every channel: ConvNeXt's LayerScale (Touvron et al., 2021).
public struct LayerScale: Layer {
    public let initialValue: Float

    public init(initialValue: Float) { self.initialValue = initialValue }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: .inputs)
        guard inputs[0].rank >= 1 else { throw ShapeError("scales channels, which its input does not have") }
        plan.parameters = [ParameterSpec("gamma", [inputs[0].channels], .constant(initialValue))]
        // Keras's layer says nothing of masks, and so they end here.
        plan.mask = .none
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        scaleColumns(pass.input(), by: pass.parameter(0), adding: nil, into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient
        pass.kernels.withScratch(x.elementCount) { products in
            multiplyElements(x, dy, into: products)
            sumColumns(
                of: Matrix(products, rows: x.rowCount, columns: x.shape.channels), into: pass.parameterGradient(0))
        }
        if let dx = pass.inputGradient() { scaleColumns(dy, by: pass.parameter(0), adding: nil, into: dx) }
    }
}
