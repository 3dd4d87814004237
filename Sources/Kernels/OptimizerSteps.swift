import CVector
public import Tensors

/// SGD as Keras writes it: velocity = momentum · velocity − rate · g; w += velocity (Nesterov: w += momentum · velocity − rate · g).
public func sgdStep(
    _ w: Tensor, gradient g: Tensor, velocity: Tensor, rate: Float, momentum: Float, isNesterov: Bool, decay: Float
) {
    precondition(w.elementCount == g.elementCount && velocity.elementCount == g.elementCount)
    unsafe cv_sgd(g.elementCount, rate, momentum, isNesterov ? 1 : 0, decay, g.base, w.base, velocity.base)
}

/// Adam as Keras writes it: w −= decay · w + rate · m / (√v + epsilon), where `rate` holds the bias correction.
public func adamStep(
    _ w: Tensor, gradient g: Tensor, firstMoment m: Tensor, secondMoment v: Tensor, rate: Float, beta1: Float,
    beta2: Float, epsilon: Float, decay: Float
) {
    precondition(
        w.elementCount == g.elementCount && m.elementCount == g.elementCount && v.elementCount == g.elementCount)
    unsafe cv_adam(g.elementCount, rate, beta1, beta2, epsilon, decay, g.base, w.base, m.base, v.base)
}

/// average = decay · average + (1 − decay) · w
public func averageStep(_ average: Tensor, _ w: Tensor, decay: Float) {
    precondition(average.elementCount == w.elementCount)
    unsafe cv_average(w.elementCount, decay, w.base, average.base)
}
