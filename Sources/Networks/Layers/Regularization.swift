import Kernels
public import Tensors

/// Which elements share the fate that dropout gives them.
public enum DropoutGroups: Hashable, Sendable {
    /// None: each has its own.
    case elements
    /// All positions of a channel of the last axis.
    case channels
    /// Keras's `noise_shape`, the axis of examples first: along axes of 1 all elements share, nil is the axis itself.
    case shape([Int?])

    /// What is wrong with them for an input.
    fileprivate func check(_ input: Shape) throws(ShapeError) {
        guard case .shape(let axes) = self else { return }
        let fits = zip(axes.dropFirst(), input.axes).allSatisfy { (axis: Int?, size: Int) in
            axis == nil || axis == 1 || axis == size
        }
        guard axes.count == input.rank + 1, fits, axes[0] == nil || axes[0] == 1 else {
            let words = axes.map { $0.map(String.init) ?? "null" }.joined(separator: ", ")
            throw ShapeError("has the noise_shape (\(words)), which cannot be spread over examples of \(input)")
        }
    }

    /// x / (1 − rate), or 0 with probability `rate`.
    fileprivate func dropOut(_ x: Tensor, rate: Float, key: RandomKey, _ kernels: KernelContext, into y: Tensor) {
        switch self {
        case .elements: Kernels.dropOut(x, rate: rate, key: key, into: y)
        case .channels: Kernels.dropOut(x, rate: rate, key: key, group: x.shape.rowCount, into: y)
        case .shape(let axes):
            let extents = [x.count] + x.shape.axes
            let noise = zip(axes, extents).map { $0 ?? $1 }, count = noise.reduce(1, *)
            kernels.withScratch(count) { factors in
                factors.fill(with: 1)
                Kernels.dropOut(factors, rate: rate, key: key, into: factors)
                for element in 0..<x.elementCount {
                    var rest = element, place = 0, stride = 1
                    for axis in extents.indices.reversed() {
                        place += noise[axis] == 1 ? 0 : rest % extents[axis] * stride
                        stride *= noise[axis]
                        rest /= extents[axis]
                    }
                    y[element] = x[element] * factors[place]
                }
            }
        }
    }
}

/// Sets elements to zero with probability `rate` in training, and scales the rest up; nothing at inference.
public struct Dropout: Layer {
    public let rate: Float
    public let groups: DropoutGroups

    public init(rate: Float, groups: DropoutGroups = .elements) {
        self.rate = rate
        self.groups = groups
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard rate >= 0, rate < 1 else { throw ShapeError("has a rate of \(rate), expected 0 ≤ rate < 1") }
        let plan = try elementwisePlan(inputs, sharing: rate == 0 ? .always : .atInference, reads: [])
        try groups.check(inputs[0])
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        groups.dropOut(pass.input(), rate: rate, key: pass.key, pass.kernels, into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        groups.dropOut(pass.outputGradient, rate: rate, key: pass.key, pass.kernels, into: dx)
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
    public let groups: DropoutGroups

    public init(rate: Float, groups: DropoutGroups = .elements) {
        self.rate = rate
        self.groups = groups
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, sharing: .atInference)
        try groups.check(inputs[0])
        plan.saved = inputs
        return plan
    }

    private static let floor: Float = -1.7580993408473766
    private var gain: Float { 1 / ((1 - rate) * (1 + rate * Self.floor * Self.floor)).squareRoot() }

    public func forward(_ pass: ForwardPass) {
        let kept = pass.saved(0), y = pass.output
        kept.fill(with: 1 - rate)
        groups.dropOut(kept, rate: rate, key: pass.key, pass.kernels, into: kept)
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
