public import Kernels
public import Tensors

/// Batch normalisation of the channels, over all other axes (Ioffe and Szegedy, 2015), as Keras 3 has it.
///
///     y = (x − mean) / √(variance + epsilon) · gamma + beta
///
/// In training the statistics are those of the shard, biased variance; the moving averages follow them. Of a sequence
/// with a mask, only the frames that are real count.
public struct BatchNormalization: Layer {
    public let momentum, epsilon: Float
    public let center, scale: Bool
    /// Whether padding counts too, as in Keras 2.
    public let countsPadding: Bool

    public init(
        momentum: Float = 0.99, epsilon: Float = 1e-3, center: Bool = true, scale: Bool = true,
        countsPadding: Bool = false
    ) {
        (self.momentum, self.epsilon, self.center, self.scale) = (momentum, epsilon, center, scale)
        self.countsPadding = countsPadding
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: .inputs)
        guard inputs[0].rank >= 1 else { throw ShapeError("normalises channels, which its input does not have") }
        let channels: Shape = [inputs[0].channels]
        plan.parameters =
            (scale ? [ParameterSpec("gamma", channels, .ones)] : [])
            + (center ? [ParameterSpec("beta", channels, .zeros)] : [])
            + [
                ParameterSpec("moving_mean", channels, .zeros, role: .statistic(momentum: momentum)),
                ParameterSpec("moving_variance", channels, .ones, role: .statistic(momentum: momentum)),
            ]
        return plan
    }

    /// A number for each position of `x`, or nil where all count.
    private func weight(_ mask: Tensor?, of x: Tensor) -> Tensor? {
        countsPadding || mask?.elementCount != x.rowCount ? nil : mask
    }

    /// The moments of what the layer gets, over the positions that count; returns how many these are.
    func moments(_ pass: ForwardPass, mean: Tensor, variance: Tensor) -> Double {
        let x = pass.input(), weight = weight(pass.inputMask(), of: x)
        columnMoments(x, weight: weight, mean: mean, variance: variance)
        return weight.map { $0.values.reduce(0) { $0 + Double($1) } } ?? Double(x.rowCount)
    }

    private var statistics: Int { (scale ? 1 : 0) + (center ? 1 : 0) }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), channels = x.shape.channels
        pass.kernels.withScratch(4 * channels) { scratch in
            let mean: Tensor, variance: Tensor
            if pass.isTraining {
                mean = scratch.slice(at: 0, count: channels)
                variance = scratch.slice(at: channels, count: channels)
                columnMoments(x, weight: weight(pass.inputMask(), of: x), mean: mean, variance: variance)
            } else {
                mean = pass.parameter(statistics)
                variance = pass.parameter(statistics + 1)
            }
            let factor = scratch.slice(at: 2 * channels, count: channels)
            let offset = scratch.slice(at: 3 * channels, count: channels)
            for channel in 0..<channels {
                factor[channel] = (scale ? pass.parameter(0)[channel] : 1) / (variance[channel] + epsilon).squareRoot()
                offset[channel] =
                    (center ? pass.parameter(scale ? 1 : 0)[channel] : 0) - mean[channel] * factor[channel]
            }
            scaleColumns(x, by: factor, adding: offset, into: pass.output)
        }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, channels = x.shape.channels
        let weight = weight(pass.inputMask(), of: x)
        pass.kernels.withScratch(4 * channels) { scratch in
            let (inverse, factor) = (
                scratch.slice(at: 0, count: channels), scratch.slice(at: channels, count: channels)
            )
            let (sum, dot) = (
                scratch.slice(at: 2 * channels, count: channels), scratch.slice(at: 3 * channels, count: channels)
            )
            let mean = pass.parameterGradient(statistics), variance = pass.parameterGradient(statistics + 1)
            columnMoments(x, weight: weight, mean: mean, variance: variance)
            sumColumns(of: dy.rows, into: sum)
            dotColumnsCentered(x, mean: mean, dy, into: dot)
            for channel in 0..<channels {
                inverse[channel] = 1 / (variance[channel] + epsilon).squareRoot()
                factor[channel] = (scale ? pass.parameter(0)[channel] : 1) * inverse[channel]
            }
            if let dx = pass.inputGradient() {
                batchNormalizationGradient(
                    x, weight: weight, mean: mean, scale: factor, inverse: inverse, sum: sum, dot: dot,
                    outputGradient: dy, into: dx)
            }
            if scale { multiplyElements(dot, inverse, into: pass.parameterGradient(0)) }
            if center { pass.parameterGradient(scale ? 1 : 0).copy(from: sum) }
        }
    }
}

/// Layer normalisation over the last axes (Ba, Kiros, Hinton, 2016).
///
///     y = (x − mean) / √(variance + epsilon) · gamma + beta, with the moments of each position
public struct LayerNormalization: Layer {
    /// How many axes are normalised together.
    public let axisCount: Int
    public let epsilon: Float
    public let center, scale: Bool

    public init(axisCount: Int = 1, epsilon: Float = 1e-3, center: Bool = true, scale: Bool = true) {
        (self.axisCount, self.epsilon, self.center, self.scale) = (axisCount, epsilon, center, scale)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: .inputs)
        let shape = try lastAxes(axisCount, of: inputs[0])
        plan.parameters =
            (scale ? [ParameterSpec("gamma", shape, .ones)] : [])
            + (center ? [ParameterSpec("beta", shape, .zeros)] : [])
        let rows = inputs[0].elementCount / max(shape.elementCount, 1)
        plan.saved = [[rows], [rows]]
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        normalizeRows(
            pass.input().joining(last: axisCount), epsilon: epsilon, gamma: scale ? pass.parameter(0) : nil,
            beta: center ? pass.parameter(scale ? 1 : 0) : nil, into: pass.output, mean: pass.saved(0),
            inverse: pass.saved(1))
    }

    public func backward(_ pass: BackwardPass) {
        normalizeRowsGradient(
            pass.input().joining(last: axisCount), gamma: scale ? pass.parameter(0) : nil, mean: pass.saved(0),
            inverse: pass.saved(1), outputGradient: pass.outputGradient, into: pass.inputGradient(),
            gammaGradient: scale ? pass.parameterGradient(0) : nil,
            betaGradient: center ? pass.parameterGradient(scale ? 1 : 0) : nil)
    }
}

/// Rows over the last axes, divided by their size.
///
///     y = x / √(mean x² + epsilon) · scale      Keras's RMSNormalization (Zhang and Sennrich, 2019)
///     y = x / √(variance + epsilon) · gamma     its LayerNormalization with rms_scaling
///     y = x / √max(Σ x², epsilon)               its UnitNormalization
public struct RowScaling: Layer {
    public let length: RowLength
    /// How many axes make a row.
    public let axisCount: Int
    public let epsilon: Float
    /// The name of the factors, if it learns any.
    public let factors: String?

    public init(_ length: RowLength, axisCount: Int = 1, epsilon: Float, factors: String? = nil) {
        (self.length, self.axisCount, self.epsilon, self.factors) = (length, axisCount, epsilon, factors)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: .inputs)
        let shape = try lastAxes(axisCount, of: inputs[0])
        if let factors { plan.parameters = [ParameterSpec(factors, shape, .ones)] }
        // Keras's RMSNormalization lets masks fall.
        if length == .rootMeanSquare { plan.mask = .none }
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        scaleRowsToLength(
            length, pass.input().joining(last: axisCount), epsilon: epsilon,
            gamma: factors == nil ? nil : pass.parameter(0), into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        scaleRowsToLengthGradient(
            length, pass.input().joining(last: axisCount), epsilon: epsilon,
            gamma: factors == nil ? nil : pass.parameter(0), outputGradient: pass.outputGradient,
            into: pass.inputGradient(), gammaGradient: factors == nil ? nil : pass.parameterGradient(0))
    }
}

/// Group normalisation (Wu and He, 2018): each group of neighbouring channels of an example, over all its positions.
///
///     y = (x − mean) / √(variance + epsilon) · gamma + beta, with the moments of each example's groups
public struct GroupNormalization: Layer {
    /// The number of groups; −1 for a group of each channel.
    public let groups: Int
    public let epsilon: Float
    public let center, scale: Bool

    public init(groups: Int = 32, epsilon: Float = 1e-3, center: Bool = true, scale: Bool = true) {
        (self.groups, self.epsilon, self.center, self.scale) = (groups, epsilon, center, scale)
    }

    private func groups(of channels: Int) -> Int { groups == -1 ? channels : groups }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        let channels = try lastAxes(1, of: inputs[0]), groups = groups(of: channels[0])
        guard groups > 0, channels[0] % groups == 0 else {
            throw ShapeError("has \(groups) groups, which do not divide \(channels[0]) channels")
        }
        plan.parameters =
            (scale ? [ParameterSpec("gamma", channels, .ones)] : [])
            + (center ? [ParameterSpec("beta", channels, .zeros)] : [])
        plan.saved = [[groups], [groups]]
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input()
        normalizeGroups(
            x, groups: groups(of: x.shape.channels), epsilon: epsilon, gamma: scale ? pass.parameter(0) : nil,
            beta: center ? pass.parameter(scale ? 1 : 0) : nil, into: pass.output, mean: pass.saved(0),
            inverse: pass.saved(1))
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input()
        normalizeGroupsGradient(
            x, groups: groups(of: x.shape.channels), gamma: scale ? pass.parameter(0) : nil, mean: pass.saved(0),
            inverse: pass.saved(1), outputGradient: pass.outputGradient, into: pass.inputGradient(),
            gammaGradient: scale ? pass.parameterGradient(0) : nil,
            betaGradient: center ? pass.parameterGradient(scale ? 1 : 0) : nil)
    }
}

/// Keras's Normalization once it was adapted to data: the last axes shifted and scaled by numbers that no training
/// changes.
///
///     y = (x − mean) / max(√variance, 1e-7), and x = y · max(√variance, 1e-7) + mean the other way around
public struct AdaptedNormalization: Layer {
    /// How many axes have numbers of their own; 0 for one mean and one variance.
    public let axisCount: Int
    public let isInverse: Bool
    /// Whether its parameters have the names of a batch normalization's statistics, as which it is then written.
    public let isBatchNormalization: Bool

    public init(axisCount: Int = 1, isInverse: Bool = false, isBatchNormalization: Bool = false) {
        (self.axisCount, self.isInverse) = (axisCount, isInverse)
        self.isBatchNormalization = isBatchNormalization
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        let shape = axisCount == 0 ? Shape([]) : try lastAxes(axisCount, of: inputs[0])
        plan.parameters = [
            ParameterSpec("\(prefix)mean", shape, .zeros, role: .statistic(momentum: 1)),
            ParameterSpec("\(prefix)variance", shape, .ones, role: .statistic(momentum: 1)),
        ]
        return plan
    }

    private var prefix: String { isBatchNormalization ? "moving_" : "" }

    public func forward(_ pass: ForwardPass) {
        withFactors(pass.kernels, pass.parameter(0), pass.parameter(1), pass.input()) { factor, offset, x in
            scaleColumns(x, by: factor, adding: offset, into: pass.output)
        }
    }

    public func backward(_ pass: BackwardPass) {
        for position in 0..<2 { pass.parameterGradient(position).copy(from: pass.parameter(position)) }
        guard let dx = pass.inputGradient() else { return }
        withFactors(pass.kernels, pass.parameter(0), pass.parameter(1), pass.outputGradient) { factor, _, dy in
            scaleColumns(dy, by: factor, adding: nil, into: dx)
        }
    }

    private func withFactors(
        _ kernels: KernelContext, _ mean: Tensor, _ variance: Tensor, _ x: Tensor,
        _ body: (_ factor: Tensor, _ offset: Tensor, _ x: Tensor) -> Void
    ) {
        let width = mean.elementCount
        kernels.withScratch(2 * width) { scratch in
            let factor = scratch.slice(at: 0, count: width), offset = scratch.slice(at: width, count: width)
            for index in 0..<width {
                let deviation = max(variance[index].squareRoot(), 1e-7)
                factor[index] = isInverse ? deviation : 1 / deviation
                offset[index] = isInverse ? mean[index] : -mean[index] / deviation
            }
            body(factor, offset, x.viewed(count: x.elementCount / max(width, 1), shape: [width]))
        }
    }
}

/// The shape of the last axes, if the input has so many.
private func lastAxes(_ count: Int, of input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= count else {
        throw ShapeError("normalises the last \(count) axes, which its input \(input) does not have")
    }
    return input.last(count)
}

/// y = scale · x + offset; Keras's Rescaling.
public struct Rescaling: Layer {
    public let scale, offset: Float

    public init(scale: Float, offset: Float = 0) {
        self.scale = scale
        self.offset = offset
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { try elementwisePlan(inputs) }

    public func forward(_ pass: ForwardPass) {
        Kernels.scale(pass.input(), by: scale, adding: offset, into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        Kernels.scale(pass.outputGradient, by: scale, into: dx)
    }
}
