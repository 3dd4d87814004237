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
        step.product.apply(to: step.previous, gates: 0..<1, into: step.gates, adding: true)
        simpleStep(activation, mask: step.mask, step.gates, previous: step.previous, into: step.output)
    }

    func backward(_ step: RecurrentStep) {
        // At a masked step the output is the previous state: the derivative there is not used.
        simpleStepGradient(
            activation, mask: step.mask, step.output, outputGradient: step.outputGradient, into: step.gateGradient,
            carry: step.carry)
        step.product.inputGradient(of: step.gateGradient, gates: 0..<1, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.gateGradients, gates: 0..<1, into: pass.parameterGradient(1)
        )
    }
}

/// i, f, c, o = split(x K + h U + b);  c′ = g(f) ∘ c + g(i) ∘ f(c);  h′ = g(o) ∘ f(c′)
struct LSTMCell: RecurrentCell {
    let units: Int
    let kinds: CellActivations
    let useBias: Bool
    let unitForgetBias: Bool
    var gateCount: Int { 4 }
    var stateCount: Int { 2 }
    /// c
    var extraCount: Int { 1 }

    func parameters(features: Int) -> [ParameterSpec] {
        [
            ParameterSpec("kernel", [features, 4 * units], .glorotUniform),
            ParameterSpec("recurrent_kernel", [units, 4 * units], .orthogonal),
        ] + (useBias ? [ParameterSpec("bias", [4 * units], unitForgetBias ? .forgetGateOnes : .zeros)] : [])
    }

    func forward(_ step: RecurrentStep) {
        step.product.apply(to: step.previous, gates: 0..<4, into: step.gates, adding: true)
        lstmStep(
            kinds, mask: step.mask, gates: step.gates, previousH: step.previous, previousC: step.previousExtra,
            into: step.output, step.extra)
    }

    func backward(_ step: RecurrentStep) {
        lstmStepGradient(
            kinds, mask: step.mask, gates: step.gates, previousC: step.previousExtra, c: step.extra,
            outputGradient: step.outputGradient, cellGradient: step.stateGradient, into: step.gateGradient,
            carry: step.carry)
        step.product.inputGradient(of: step.gateGradient, gates: 0..<4, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.gateGradients, gates: 0..<4, into: pass.parameterGradient(1)
        )
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
    var extraGradientCount: Int { 3 }

    func parameters(features: Int) -> [ParameterSpec] {
        gruParameters(features: features, units: units)
            + (useBias ? [ParameterSpec("bias", [2, 3 * units], .zeros)] : [])
    }

    func forward(_ step: RecurrentStep) {
        step.product.apply(to: step.previous, gates: 0..<3, into: step.extra, adding: false)
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
        step.product.inputGradient(of: step.extraGradient, gates: 0..<3, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.extraGradients, gates: 0..<3,
            into: pass.parameterGradient(1))
        if useBias {
            let gradients = Matrix(sequence.extraGradients, rows: sequence.steps * sequence.count, columns: 3 * units)
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
    var extraGradientCount: Int { 1 }

    func parameters(features: Int) -> [ParameterSpec] {
        gruParameters(features: features, units: units) + bias(3 * units, if: useBias)
    }

    func forward(_ step: RecurrentStep) {
        step.product.apply(to: step.previous, gates: 0..<2, into: step.gates, adding: true)
        gruGates(kinds, gates: step.gates, previous: step.previous, into: step.extra)
        step.product.apply(to: step.extra, gates: 2..<3, into: step.gates, adding: true)
        gruCandidate(kinds, mask: step.mask, gates: step.gates, previous: step.previous, into: step.output)
    }

    func backward(_ step: RecurrentStep) {
        gruCandidateGradient(
            kinds, mask: step.mask, gates: step.gates, previous: step.previous, outputGradient: step.outputGradient,
            into: step.gateGradient, carry: step.carry)
        step.product.inputGradient(of: step.gateGradient, gates: 2..<3, into: step.extraGradient, adding: false)
        gruResetGradient(
            kinds, mask: step.mask, gates: step.gates, previous: step.previous, resetGradient: step.extraGradient,
            into: step.gateGradient, carry: step.carry)
        step.product.inputGradient(of: step.gateGradient, gates: 0..<2, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        let size = sequence.steps * sequence.count * units
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.gateGradients, gates: 0..<2, into: pass.parameterGradient(1)
        )
        sequence.product.kernelGradient(
            sequence.extras.slice(at: sequence.count * units, count: size), gradientRows: sequence.gateGradients,
            gates: 2..<3, into: pass.parameterGradient(1))
    }
}

func gruParameters(features: Int, units: Int) -> [ParameterSpec] {
    [
        ParameterSpec("kernel", [features, 3 * units], .glorotUniform),
        ParameterSpec("recurrent_kernel", [units, 3 * units], .orthogonal),
    ]
}

/// Keras's SimpleRNN.
public func SimpleRNN(
    units: Int, activation: CellFunction = CellFunction(.tanh), useBias: Bool = true,
    _ options: RecurrentOptions = RecurrentOptions()
) -> Recurrent {
    guard let fused = activation.fused else {
        return Recurrent(
            cell: ComposedSimpleCell(units: units, activation: activation, useBias: useBias), options: options)
    }
    return Recurrent(cell: SimpleCell(units: units, activation: fused, useBias: useBias), options: options)
}

/// Keras's LSTM.
public func LSTM(
    units: Int, activation: CellFunction = CellFunction(.tanh),
    recurrentActivation: CellFunction = CellFunction(.sigmoid), useBias: Bool = true, unitForgetBias: Bool = true,
    _ options: RecurrentOptions = RecurrentOptions()
) -> Recurrent {
    guard let kinds = CellActivations(activation, recurrentActivation) else {
        return Recurrent(
            cell: ComposedLSTMCell(
                units: units, activation: activation, recurrentActivation: recurrentActivation, useBias: useBias,
                unitForgetBias: unitForgetBias), options: options)
    }
    return Recurrent(
        cell: LSTMCell(units: units, kinds: kinds, useBias: useBias, unitForgetBias: unitForgetBias), options: options)
}

/// Keras's GRU.
public func GRU(
    units: Int, activation: CellFunction = CellFunction(.tanh),
    recurrentActivation: CellFunction = CellFunction(.sigmoid), useBias: Bool = true, resetAfter: Bool = true,
    _ options: RecurrentOptions = RecurrentOptions()
) -> Recurrent {
    guard let kinds = CellActivations(activation, recurrentActivation) else {
        return Recurrent(
            cell: ComposedGRUCell(
                units: units, activation: activation, recurrentActivation: recurrentActivation, useBias: useBias,
                resetAfter: resetAfter), options: options)
    }
    let cell: any RecurrentCell =
        resetAfter
        ? ResetAfterGRUCell(units: units, kinds: kinds, useBias: useBias)
        : ResetBeforeGRUCell(units: units, kinds: kinds, useBias: useBias)
    return Recurrent(cell: cell, options: options)
}

extension CellActivations {
    /// Nil if one of them is not computed inside a step's loop.
    fileprivate init?(_ activation: CellFunction, _ recurrent: CellFunction) {
        guard let activation = activation.fused, let recurrent = recurrent.fused else { return nil }
        self.init(activation: activation, recurrent: recurrent)
    }
}
