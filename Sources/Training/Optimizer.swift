import Foundation
import Kernels
public import Tensors

/// A rule that turns a gradient into a step in parameter space; Keras's formulas and defaults.
public struct Optimizer: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable { case adam, adamw, sgd }

    public var kind: Kind
    public var momentum: Float = 0.9
    public var isNesterov = false
    public var beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-7
    /// The share of each weight that is taken away in a step, times the learning rate (Loshchilov and Hutter, 2019).
    public var weightDecay: Float

    public init(_ kind: Kind, weightDecay: Float? = nil) {
        self.kind = kind
        self.weightDecay = weightDecay ?? (kind == .adamw ? 0.004 : 0)
    }

    /// The moving averages it keeps for every weight.
    public var momentCount: Int { kind == .sgd ? 1 : 2 }

    /// Moves `weights` along `gradient`; all tensors are the same stretch of their vectors.
    ///
    /// - Parameter step: The number of steps made before this one.
    public func apply(_ weights: Tensor, gradient: Tensor, moments: [Tensor], learningRate: Float, step: Int) {
        let decay = learningRate * weightDecay
        switch kind {
        case .sgd:
            sgdStep(
                weights, gradient: gradient, velocity: moments[0], rate: learningRate, momentum: momentum,
                isNesterov: isNesterov, decay: decay)
        case .adam, .adamw:
            let t = Double(step + 1)
            let correction = (1 - pow(Double(beta2), t)).squareRoot() / (1 - pow(Double(beta1), t))
            adamStep(
                weights, gradient: gradient, firstMoment: moments[0], secondMoment: moments[1],
                rate: Float(Double(learningRate) * correction), beta1: beta1, beta2: beta2, epsilon: epsilon,
                decay: decay)
        }
    }
}
