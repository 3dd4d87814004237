import Kernels
public import Tensors

/// Sets elements to zero with probability `rate` in training, and scales the rest up; nothing at inference.
public struct Dropout: Layer {
    public let rate: Float
    /// Whether whole feature maps are dropped: one decision for all positions of a channel.
    public let isSpatial: Bool

    public init(rate: Float, isSpatial: Bool = false) {
        self.rate = rate
        self.isSpatial = isSpatial
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard rate >= 0, rate < 1 else { throw ShapeError("has a rate of \(rate), expected 0 ≤ rate < 1") }
        return try elementwisePlan(inputs, sharing: rate == 0 ? .always : .atInference)
    }

    public func forward(_ pass: ForwardPass) {
        dropOut(
            pass.input(), rate: rate, key: pass.key, group: isSpatial ? pass.input().shape.rowCount : 1,
            into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        dropOut(
            pass.outputGradient, rate: rate, key: pass.key, group: isSpatial ? pass.input().shape.rowCount : 1,
            into: dx)
    }
}

/// Adds normal noise in training; nothing at inference.
public struct GaussianNoise: Layer {
    public let deviation: Float

    public init(deviation: Float) { self.deviation = deviation }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, sharing: .atInference)
    }

    public func forward(_ pass: ForwardPass) {
        Initializer.normal(deviation: deviation).fill(pass.output, shape: pass.output.shape, key: pass.key)
        add(pass.input(), pass.output, into: pass.output)
    }

    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.copy(from: pass.outputGradient) }
}

/// Multiplies by normal noise of mean 1 and deviation √(rate / (1 − rate)) in training; nothing at inference.
public struct GaussianDropout: Layer {
    public let rate: Float

    public init(rate: Float) { self.rate = rate }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, sharing: .atInference)
        plan.saved = inputs
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let factor = pass.saved(0)
        Initializer.normal(deviation: (rate / (1 - rate)).squareRoot()).fill(factor, shape: factor.shape, key: pass.key)
        scale(factor, by: 1, adding: 1, into: factor)
        multiplyElements(pass.input(), factor, into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        multiplyElements(pass.outputGradient, pass.saved(0), into: dx)
    }
}

/// Dropout that keeps the mean and variance of SELU's outputs (Klambauer et al., 2017); nothing at inference.
///
///     y = a (x · kept + α′ · (1 − kept)) + b,  α′ = −1.7580993…,  a = ((1 − r)(1 + r α′²))^−½,  b = −a α′ r
public struct AlphaDropout: Layer {
    public let rate: Float

    public init(rate: Float) { self.rate = rate }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, sharing: .atInference)
        plan.saved = inputs
        return plan
    }

    private static let floor: Float = -1.7580993408473766
    private var gain: Float { 1 / ((1 - rate) * (1 + rate * Self.floor * Self.floor)).squareRoot() }

    public func forward(_ pass: ForwardPass) {
        let kept = pass.saved(0), y = pass.output
        kept.fill(with: 1 - rate)
        dropOut(kept, rate: rate, key: pass.key, into: kept)
        multiplyElements(pass.input(), kept, into: y)
        addScaled(kept, by: -Self.floor, to: y)
        scale(y, by: gain, adding: gain * Self.floor - gain * Self.floor * rate, into: y)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        multiplyElements(pass.outputGradient, pass.saved(0), into: dx)
        scale(dx, by: gain, into: dx)
    }
}
