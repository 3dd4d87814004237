public import Kernels
import Tensors

// The recurrences are Keras's; ∘ is elementwise, f the activation and g the recurrent activation.

/// h′ = f(x K + b + h U)
struct SimpleCell: RecurrentCell {
    let units: Int
    let activation: Activation
    let useBias: Bool
    var gateCount: Int { 1 }
    var extraCount: Int { 0 }

    func parameters(features: Int) -> [ParameterSpec] {
        [
            ParameterSpec("kernel", [features, units], .glorotUniform),
            ParameterSpec("recurrent_kernel", [units, units], .orthogonal),
        ] + bias(units, if: useBias)
    }

    func forward(_ step: RecurrentStep) {
        step.kernels.multiply(step.previous.rows, step.recurrentKernel.rows, into: step.gates.rows, adding: true)
        simpleStep(activation, mask: step.mask, step.gates, previous: step.previous, into: step.output)
    }

    func backward(_ step: RecurrentStep) {
        // At a masked step the output is the previous state: the derivative there is not used.
        simpleStepGradient(
            activation, mask: step.mask, step.output, outputGradient: step.outputGradient, into: step.gateGradient,
            carry: step.carry)
        step.kernels.multiply(
            step.gateGradient.rows, step.recurrentKernel.rows.transposed, into: step.carry.rows, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.kernels.multiply(
            sequence.previousStates.transposed,
            Matrix(sequence.gateGradients, rows: sequence.steps * sequence.count, columns: units),
            into: pass.parameterGradient(1).rows)
    }
}

/// i, f, c, o = split(x K + h U + b);  c′ = g(f) ∘ c + g(i) ∘ f(c);  h′ = g(o) ∘ f(c′)
struct LSTMCell: RecurrentCell {
    let units: Int
    let kinds: CellActivations
    let useBias: Bool
    let unitForgetBias: Bool
    var gateCount: Int { 4 }
    /// c
    var extraCount: Int { 1 }

    func parameters(features: Int) -> [ParameterSpec] {
        [
            ParameterSpec("kernel", [features, 4 * units], .glorotUniform),
            ParameterSpec("recurrent_kernel", [units, 4 * units], .orthogonal),
        ] + (useBias ? [ParameterSpec("bias", [4 * units], unitForgetBias ? .forgetGateOnes : .zeros)] : [])
    }

    func forward(_ step: RecurrentStep) {
        step.kernels.multiply(step.previous.rows, step.recurrentKernel.rows, into: step.gates.rows, adding: true)
        lstmStep(
            kinds, mask: step.mask, gates: step.gates, previousH: step.previous, previousC: step.previousExtra,
            into: step.output, step.extra)
    }

    func backward(_ step: RecurrentStep) {
        lstmStepGradient(
            kinds, mask: step.mask, gates: step.gates, previousC: step.previousExtra, c: step.extra,
            outputGradient: step.outputGradient, cellGradient: step.stateGradient, into: step.gateGradient,
            carry: step.carry)
        step.kernels.multiply(
            step.gateGradient.rows, step.recurrentKernel.rows.transposed, into: step.carry.rows, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.kernels.multiply(
            sequence.previousStates.transposed,
            Matrix(sequence.gateGradients, rows: sequence.steps * sequence.count, columns: 4 * units),
            into: pass.parameterGradient(1).rows)
    }
}

/// z, r = g(x K + b₀ + h U + b₁), first two blocks;  h~ = f(x K_h + b₀ + r ∘ (h U_h + b₁));  h′ = z ∘ h + (1 − z) ∘ h~
struct ResetAfterGRUCell: RecurrentCell {
    let units: Int
    let kinds: CellActivations
    let useBias: Bool
    var gateCount: Int { 3 }
    /// h U + b₁
    var extraCount: Int { 3 }

    func parameters(features: Int) -> [ParameterSpec] {
        gruParameters(features: features, units: units)
            + (useBias ? [ParameterSpec("bias", [2, 3 * units], .zeros)] : [])
    }

    func forward(_ step: RecurrentStep) {
        step.kernels.multiply(step.previous.rows, step.recurrentKernel.rows, into: step.extra.rows)
        if let bias = step.bias {
            addBias(bias.slice(at: 3 * units, count: 3 * units), to: step.extra.rows, then: Activation(.linear))
        }
        gruStep(
            kinds, mask: step.mask, gates: step.gates, state: step.extra, previous: step.previous, into: step.output)
    }

    func backward(_ step: RecurrentStep) {
        gruStepGradient(
            kinds, mask: step.mask, gates: step.gates, state: step.extra, previous: step.previous,
            outputGradient: step.outputGradient, into: step.gateGradient, stateGradient: step.extraGradient,
            carry: step.carry)
        step.kernels.multiply(
            step.extraGradient.rows, step.recurrentKernel.rows.transposed, into: step.carry.rows, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        let gradients = Matrix(sequence.extraGradients, rows: sequence.steps * sequence.count, columns: 3 * units)
        sequence.kernels.multiply(
            sequence.previousStates.transposed, gradients, into: pass.parameterGradient(1).rows)
        if useBias {
            sumColumns(of: gradients, into: pass.parameterGradient(2).slice(at: 3 * units, count: 3 * units))
        }
    }
}

/// z, r = g(x K + b + h U), first two blocks;  h~ = f(x K_h + b + (r ∘ h) U_h);  h′ = z ∘ h + (1 − z) ∘ h~
struct ResetBeforeGRUCell: RecurrentCell {
    let units: Int
    let kinds: CellActivations
    let useBias: Bool
    var gateCount: Int { 3 }
    /// r ∘ h
    var extraCount: Int { 1 }

    func parameters(features: Int) -> [ParameterSpec] {
        gruParameters(features: features, units: units) + bias(3 * units, if: useBias)
    }

    private func gates(_ tensor: Tensor) -> Matrix {
        Matrix(tensor, rows: tensor.elementCount / (3 * units), columns: 2 * units, stride: 3 * units)
    }
    private func candidate(_ tensor: Tensor) -> Matrix {
        Matrix(tensor, rows: tensor.elementCount / (3 * units), columns: units, stride: 3 * units, at: 2 * units)
    }

    func forward(_ step: RecurrentStep) {
        step.kernels.multiply(step.previous.rows, gates(step.recurrentKernel), into: gates(step.gates), adding: true)
        gruGates(kinds, gates: step.gates, previous: step.previous, into: step.extra)
        step.kernels.multiply(
            step.extra.rows, candidate(step.recurrentKernel), into: candidate(step.gates), adding: true)
        gruCandidate(kinds, mask: step.mask, gates: step.gates, previous: step.previous, into: step.output)
    }

    func backward(_ step: RecurrentStep) {
        gruCandidateGradient(
            kinds, mask: step.mask, gates: step.gates, previous: step.previous, outputGradient: step.outputGradient,
            into: step.gateGradient, carry: step.carry)
        step.kernels.multiply(
            candidate(step.gateGradient), candidate(step.recurrentKernel).transposed, into: step.extraGradient.rows)
        gruResetGradient(
            kinds, mask: step.mask, gates: step.gates, previous: step.previous, resetGradient: step.extraGradient,
            into: step.gateGradient, carry: step.carry)
        step.kernels.multiply(
            gates(step.gateGradient), gates(step.recurrentKernel).transposed, into: step.carry.rows, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        let gradient = pass.parameterGradient(1)
        sequence.kernels.multiply(
            sequence.previousStates.transposed, gates(sequence.gateGradients), into: gates(gradient))
        let resets = Matrix(
            sequence.extras, rows: sequence.steps * sequence.count, columns: units, at: sequence.count * units)
        sequence.kernels.multiply(resets.transposed, candidate(sequence.gateGradients), into: candidate(gradient))
    }
}

private func gruParameters(features: Int, units: Int) -> [ParameterSpec] {
    [
        ParameterSpec("kernel", [features, 3 * units], .glorotUniform),
        ParameterSpec("recurrent_kernel", [units, 3 * units], .orthogonal),
    ]
}

/// Keras's SimpleRNN.
public func SimpleRNN(
    units: Int, activation: Activation = Activation(.tanh), useBias: Bool = true, returnSequences: Bool = false,
    goBackwards: Bool = false, zeroOutputForMask: Bool = false
) -> Recurrent {
    Recurrent(
        cell: SimpleCell(units: units, activation: activation, useBias: useBias), returnSequences: returnSequences,
        goBackwards: goBackwards, zeroOutputForMask: zeroOutputForMask)
}

/// Keras's LSTM.
public func LSTM(
    units: Int, activation: Activation = Activation(.tanh), recurrentActivation: Activation = Activation(.sigmoid),
    useBias: Bool = true, unitForgetBias: Bool = true, returnSequences: Bool = false, goBackwards: Bool = false,
    zeroOutputForMask: Bool = false
) -> Recurrent {
    Recurrent(
        cell: LSTMCell(
            units: units, kinds: CellActivations(activation: activation, recurrent: recurrentActivation),
            useBias: useBias, unitForgetBias: unitForgetBias), returnSequences: returnSequences,
        goBackwards: goBackwards, zeroOutputForMask: zeroOutputForMask)
}

/// Keras's GRU.
public func GRU(
    units: Int, activation: Activation = Activation(.tanh), recurrentActivation: Activation = Activation(.sigmoid),
    useBias: Bool = true, resetAfter: Bool = true, returnSequences: Bool = false, goBackwards: Bool = false,
    zeroOutputForMask: Bool = false
) -> Recurrent {
    let kinds = CellActivations(activation: activation, recurrent: recurrentActivation)
    let cell: any RecurrentCell =
        resetAfter
        ? ResetAfterGRUCell(units: units, kinds: kinds, useBias: useBias)
        : ResetBeforeGRUCell(units: units, kinds: kinds, useBias: useBias)
    return Recurrent(
        cell: cell, returnSequences: returnSequences, goBackwards: goBackwards, zeroOutputForMask: zeroOutputForMask)
}
