import Kernels
public import Tensors

/// Batch normalisation over all axes but one (Ioffe and Szegedy, 2015), as Keras 3 has it.
///
///     y = (x − mean) / √(variance + epsilon) · gamma + beta
///
/// In training the statistics are those of the shard, biased variance; the moving averages follow them.
public struct BatchNormalization: Layer {
    public let axis: Int
    public let momentum, epsilon: Float
    public let center, scale: Bool

    public init(
        axis: Int = -1, momentum: Float = 0.99, epsilon: Float = 1e-3, center: Bool = true, scale: Bool = true
    ) {
        (self.axis, self.momentum, self.epsilon, self.center, self.scale) = (axis, momentum, epsilon, center, scale)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        let rank = inputs[0].rank
        guard rank >= 1, axis == -1 || axis == rank else {
            throw ShapeError("normalises axis \(axis) of \(inputs[0]); only the last axis is supported")
        }
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

    private var statistics: Int { (scale ? 1 : 0) + (center ? 1 : 0) }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), channels = x.shape.channels
        pass.kernels.withScratch(4 * channels) { scratch in
            let mean: Tensor, variance: Tensor
            if pass.isTraining {
                mean = scratch.slice(at: 0, count: channels)
                variance = scratch.slice(at: channels, count: channels)
                columnMoments(x, mean: mean, variance: variance)
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
        pass.kernels.withScratch(4 * channels) { scratch in
            let (inverse, factor) = (
                scratch.slice(at: 0, count: channels), scratch.slice(at: channels, count: channels)
            )
            let (sum, dot) = (
                scratch.slice(at: 2 * channels, count: channels), scratch.slice(at: 3 * channels, count: channels)
            )
            let mean = pass.parameterGradient(statistics), variance = pass.parameterGradient(statistics + 1)
            columnMoments(x, mean: mean, variance: variance)
            sumColumns(of: dy.rows, into: sum)
            dotColumnsCentered(x, mean: mean, dy, into: dot)
            for channel in 0..<channels {
                inverse[channel] = 1 / (variance[channel] + epsilon).squareRoot()
                factor[channel] = (scale ? pass.parameter(0)[channel] : 1) * inverse[channel]
            }
            if let dx = pass.inputGradient() {
                batchNormalizationGradient(
                    x, mean: mean, scale: factor, inverse: inverse, sum: sum, dot: dot, outputGradient: dy, into: dx)
            }
            if scale { multiplyElements(dot, inverse, into: pass.parameterGradient(0)) }
            if center { pass.parameterGradient(scale ? 1 : 0).copy(from: sum) }
        }
    }
}

/// Layer normalisation over the last axis (Ba, Kiros, Hinton, 2016).
///
///     y = (x − mean) / √(variance + epsilon) · gamma + beta, with the moments of each position
public struct LayerNormalization: Layer {
    public let epsilon: Float
    public let center, scale: Bool

    public init(epsilon: Float = 1e-3, center: Bool = true, scale: Bool = true) {
        (self.epsilon, self.center, self.scale) = (epsilon, center, scale)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        let channels: Shape = [inputs[0].channels]
        plan.parameters =
            (scale ? [ParameterSpec("gamma", channels, .ones)] : [])
            + (center ? [ParameterSpec("beta", channels, .zeros)] : [])
        plan.saved = [[inputs[0].rowCount], [inputs[0].rowCount]]
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        normalizeRows(
            pass.input(), epsilon: epsilon, gamma: scale ? pass.parameter(0) : nil,
            beta: center ? pass.parameter(scale ? 1 : 0) : nil, into: pass.output, mean: pass.saved(0),
            inverse: pass.saved(1))
    }

    public func backward(_ pass: BackwardPass) {
        normalizeRowsGradient(
            pass.input(), gamma: scale ? pass.parameter(0) : nil, mean: pass.saved(0), inverse: pass.saved(1),
            outputGradient: pass.outputGradient, into: pass.inputGradient(),
            gammaGradient: scale ? pass.parameterGradient(0) : nil,
            betaGradient: center ? pass.parameterGradient(scale ? 1 : 0) : nil)
    }
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
