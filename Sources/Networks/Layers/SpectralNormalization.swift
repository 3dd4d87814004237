public import Tensors

/// Keras's SpectralNormalization around a layer. Its training divides the kernel by the largest singular value and keeps
/// the quotient; so at inference it is the layer, with a vector beside it that only training reads.
public struct SpectralNormalization: Layer {
    package let layer: any Layer

    /// - Parameter layer: A layer whose first parameter is its kernel or its embeddings.
    public init(_ layer: any Layer) { self.layer = layer }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try layer.plan(for: inputs)
        guard let kernel = plan.parameters.first?.shape, kernel.rank > 0 else {
            throw ShapeError("normalises a kernel, which the layer inside does not have")
        }
        plan.parameters.append(
            ParameterSpec("vector_u", [1, kernel.channels], .normal(deviation: 0.02), role: .statistic(momentum: 1)))
        return plan
    }

    public func forward(_ pass: ForwardPass) { layer.forward(pass) }

    public func backward(_ pass: BackwardPass) {
        layer.backward(pass)
        let last = pass.parameterCount - 1
        pass.parameterGradient(last).copy(from: pass.parameter(last))
    }
}
