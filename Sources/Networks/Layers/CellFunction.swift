public import Kernels
import Tensors

/// An activation of a recurrent cell, over all units of an example where it is a softmax.
public enum CellFunction: Hashable, Sendable {
    case elementwise(Activation)
    case softmax, logSoftmax

    public init(_ kind: Activation.Kind) { self = .elementwise(Activation(kind)) }

    /// The activation, if it can be part of a step's own loop: from the output alone, and without a slope.
    var fused: Activation? {
        guard case .elementwise(let activation) = self, !activation.needsInput, activation.slope == 1 else {
            return nil
        }
        return activation
    }

    /// y = f(x), one example a row.
    func apply(to x: Tensor, into y: Tensor, _ kernels: KernelContext) {
        switch self {
        case .elementwise(let activation): activate(activation, x, into: y)
        case .softmax: Kernels.softmax(x, into: y)
        case .logSoftmax: Networks.logSoftmax(x, into: y, kernels)
        }
    }

    /// dx from x, y = f(x) and dy; dx may be dy.
    func gradient(x: Tensor, y: Tensor, outputGradient dy: Tensor, into dx: Tensor, _ kernels: KernelContext) {
        switch self {
        case .elementwise(let activation):
            activateGradient(activation, value: activation.needsInput ? x : y, outputGradient: dy, into: dx)
        case .softmax: softmaxGradient(y, outputGradient: dy, into: dx)
        case .logSoftmax: logSoftmaxGradient(y, outputGradient: dy, into: dx, kernels)
        }
    }
}
