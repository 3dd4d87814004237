import CVector
public import Tensors

// One time step of the recurrent cells for `B` examples and `u` units, without the matrix products. Tensors hold one
// example a row; `mask` has one number an example, 0 where the step is padding and the states are carried over.

/// The activations of a recurrent cell, by Keras's names.
public struct CellActivations: Hashable, Sendable {
    public let activation, recurrent: Activation
    public init(activation: Activation, recurrent: Activation) {
        (self.activation, self.recurrent) = (activation, recurrent)
    }
}

/// SimpleRNN: h = a(z).
public func simpleStep(_ a: Activation, mask: Tensor?, _ z: Tensor, previous: Tensor, into h: Tensor) {
    let u = h.shape.channels
    precondition(z.elementCount == h.elementCount && previous.elementCount == h.elementCount)
    unsafe cv_rnn_step(h.count, u, a.code, mask?.base, z.base, previous.base, h.base)
}

/// dz from dh; `carry` is what goes to the previous state past the cell, at masked steps.
public func simpleStepGradient(
    _ a: Activation, mask: Tensor?, _ h: Tensor, outputGradient dh: Tensor, into dz: Tensor, carry: Tensor
) {
    precondition(dh.elementCount == h.elementCount && dz.elementCount == h.elementCount)
    unsafe cv_rnn_step_gradient(h.count, h.shape.channels, a.code, mask?.base, h.base, dh.base, dz.base, carry.base)
}

/// LSTM: `z` (B, 4u) holds the gates i, f, c, o before activation, and after it on return.
public func lstmStep(
    _ kinds: CellActivations, mask: Tensor?, gates z: Tensor, previousH: Tensor, previousC: Tensor, into h: Tensor,
    _ c: Tensor
) {
    precondition(z.elementCount == 4 * h.elementCount && c.elementCount == h.elementCount)
    unsafe cv_lstm_step(
        h.count, h.shape.channels, kinds.activation.code, kinds.recurrent.code, mask?.base, z.base, previousH.base,
        previousC.base, h.base, c.base)
}

/// dz (B, 4u) from dh; `dc` is the gradient of c on entry and of the previous c on return.
public func lstmStepGradient(
    _ kinds: CellActivations, mask: Tensor?, gates z: Tensor, previousC: Tensor, c: Tensor, outputGradient dh: Tensor,
    cellGradient dc: Tensor, into dz: Tensor, carry: Tensor
) {
    precondition(dz.elementCount == 4 * dh.elementCount && dc.elementCount == dh.elementCount)
    unsafe cv_lstm_step_gradient(
        dh.count, dh.shape.channels, kinds.activation.code, kinds.recurrent.code, mask?.base, z.base, previousC.base,
        c.base, dh.base, dc.base, dz.base, carry.base)
}

/// GRU with `reset_after`: `x` (B, 3u) is the input's share with its bias, and z, r, h~ on return; `s` (B, 3u) is the
/// state's share with its bias.
public func gruStep(
    _ kinds: CellActivations, mask: Tensor?, gates x: Tensor, state s: Tensor, previous: Tensor, into h: Tensor
) {
    precondition(x.elementCount == 3 * h.elementCount && s.elementCount == 3 * h.elementCount)
    unsafe cv_gru_step(
        h.count, h.shape.channels, kinds.activation.code, kinds.recurrent.code, mask?.base, x.base, s.base,
        previous.base, h.base)
}

/// The gradients at the input's share (dx) and at the state's share (ds), both (B, 3u).
public func gruStepGradient(
    _ kinds: CellActivations, mask: Tensor?, gates x: Tensor, state s: Tensor, previous: Tensor,
    outputGradient dh: Tensor, into dx: Tensor, stateGradient ds: Tensor, carry: Tensor
) {
    precondition(dx.elementCount == 3 * dh.elementCount && ds.elementCount == 3 * dh.elementCount)
    unsafe cv_gru_step_gradient(
        dh.count, dh.shape.channels, kinds.activation.code, kinds.recurrent.code, mask?.base, x.base, s.base,
        previous.base, dh.base, dx.base, ds.base, carry.base)
}

/// GRU without `reset_after`, first half: z and r activated in `x`, and reset = r ∘ previous.
public func gruGates(_ kinds: CellActivations, gates x: Tensor, previous: Tensor, into reset: Tensor) {
    precondition(x.elementCount == 3 * reset.elementCount && previous.elementCount == reset.elementCount)
    unsafe cv_gru_gates(reset.count, reset.shape.channels, kinds.recurrent.code, x.base, previous.base, reset.base)
}

/// Second half: the candidate in `x` activated, and h = z ∘ previous + (1 − z) ∘ h~.
public func gruCandidate(_ kinds: CellActivations, mask: Tensor?, gates x: Tensor, previous: Tensor, into h: Tensor) {
    precondition(x.elementCount == 3 * h.elementCount && previous.elementCount == h.elementCount)
    unsafe cv_gru_candidate(
        h.count, h.shape.channels, kinds.activation.code, mask?.base, x.base, previous.base, h.base)
}

/// The z and h~ blocks of dx (B, 3u) from dh.
public func gruCandidateGradient(
    _ kinds: CellActivations, mask: Tensor?, gates x: Tensor, previous: Tensor, outputGradient dh: Tensor,
    into dx: Tensor, carry: Tensor
) {
    precondition(dx.elementCount == 3 * dh.elementCount)
    unsafe cv_gru_candidate_gradient(
        dh.count, dh.shape.channels, kinds.activation.code, kinds.recurrent.code, mask?.base, x.base, previous.base,
        dh.base, dx.base, carry.base)
}

/// The r block of dx from the gradient at r ∘ previous, whose share for `previous` is added to `carry`.
public func gruResetGradient(
    _ kinds: CellActivations, mask: Tensor?, gates x: Tensor, previous: Tensor, resetGradient: Tensor, into dx: Tensor,
    carry: Tensor
) {
    precondition(dx.elementCount == 3 * previous.elementCount)
    unsafe cv_gru_reset_gradient(
        previous.count, previous.shape.channels, kinds.recurrent.code, mask?.base, x.base, previous.base,
        resetGradient.base, dx.base, carry.base)
}
