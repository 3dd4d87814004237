public import Tensors

/// Features that let one another through: "Learnable pooling with context gating for video classification" (Miech, Laptev,
/// Sivic, 2017).
///
///     y = x · sigmoid(BN(x · kernel)), the kernel being square
public struct ContextGating: CompositeLayer {
    public let normalization: BatchNormalization

    public init(normalization: BatchNormalization = BatchNormalization()) { self.normalization = normalization }

    public var parts: [LayerPart] {
        var parts = [LayerPart("product", SquareProduct())]
        parts.append(gate: .all, normalization)
        return parts
    }
}

/// A product with a square matrix: as many units as features, a number known from the input alone.
///
///     y = x · kernel
public struct SquareProduct: Layer {
    public init() {}

    private func dense(_ input: Shape) -> Dense {
        Dense(units: input.channels, useBias: false, kernelInitializer: .fanInNormal())
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try dense(inputs.first ?? []).plan(for: inputs)
    }

    public func forward(_ pass: ForwardPass) { dense(pass.input().shape).forward(pass) }
    public func backward(_ pass: BackwardPass) { dense(pass.input().shape).backward(pass) }
}
