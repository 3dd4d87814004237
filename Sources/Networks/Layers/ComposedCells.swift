import Kernels
import Tensors

// The recurrences of `RecurrentCells`, put together from whole-block operations: for activations that need their input
// on the way back, have a slope, or mix the units of an example. `gates` keeps what goes into the activations; the extra
// numbers of a step are planes (B, u), one behind another.

/// h′ = f(x K + b + h U)
struct ComposedSimpleCell: RecurrentCell {
    let units: Int
    let activation: CellFunction
    let useBias: Bool
    var gateCount: Int { 1 }
    /// h′, as padding does not show it
    var extraCount: Int { 1 }

    func parameters(features: Int) -> [ParameterSpec] {
        SimpleCell(units: units, activation: Activation(.tanh), useBias: useBias).parameters(features: features)
    }

    func forward(_ step: RecurrentStep) {
        step.product.apply(to: step.previous, gates: 0..<1, into: step.gates, adding: true)
        activation.apply(to: step.gates, into: step.plane(0), step.kernels)
        step.output.copy(from: step.plane(0))
        step.keepPadding(step.output, as: step.previous)
    }

    func backward(_ step: RecurrentStep) {
        let dz = step.gateGradient
        activation.gradient(
            x: step.gates, y: step.plane(0), outputGradient: step.outputGradient, into: dz, step.kernels)
        step.clearPadding(dz)
        step.carryPadding()
        step.product.inputGradient(of: dz, gates: 0..<1, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.gateGradients, gates: 0..<1, into: pass.parameterGradient(1)
        )
    }
}

/// i, f, c, o = split(x K + h U + b);  c′ = g(f) ∘ c + g(i) ∘ f(c);  h′ = g(o) ∘ f(c′)
struct ComposedLSTMCell: RecurrentCell {
    let units: Int
    let activation, recurrentActivation: CellFunction
    let useBias: Bool
    let unitForgetBias: Bool
    var gateCount: Int { 4 }
    var stateCount: Int { 2 }
    /// c; i, f, c~ and o, activated; c′ before padding; f(c′)
    var extraCount: Int { 7 }

    private static let input = 1, forget = 2, candidate = 3, output = 4, cell = 5, squashed = 6

    private func function(_ gate: Int) -> CellFunction { gate == 2 ? activation : recurrentActivation }

    func parameters(features: Int) -> [ParameterSpec] {
        LSTMCell(
            units: units,
            kinds: CellActivations(activation: Activation(.tanh), recurrent: Activation(.sigmoid)), useBias: useBias,
            unitForgetBias: unitForgetBias
        ).parameters(features: features)
    }

    func forward(_ step: RecurrentStep) {
        step.product.apply(to: step.previous, gates: 0..<4, into: step.gates, adding: true)
        let previous = step.previousPlane(0), c = step.plane(0), cell = step.plane(Self.cell)
        step.withPlanes(1) { planes in
            for gate in 0..<4 {
                step.copyGate(gate, of: step.gates, into: planes[0])
                function(gate).apply(to: planes[0], into: step.plane(gate + 1), step.kernels)
            }
            multiplyElements(step.plane(Self.forget), previous, into: cell)
            multiplyElements(step.plane(Self.input), step.plane(Self.candidate), into: planes[0])
            add(cell, planes[0], into: cell)
        }
        activation.apply(to: cell, into: step.plane(Self.squashed), step.kernels)
        multiplyElements(step.plane(Self.output), step.plane(Self.squashed), into: step.output)
        c.copy(from: cell)
        step.keepPadding(c, as: previous)
        step.keepPadding(step.output, as: step.previous)
    }

    func backward(_ step: RecurrentStep) {
        let dh = step.outputGradient, dc = step.stateGradient
        step.withPlanes(3) { planes in
            let (total, part, x) = (planes[0], planes[1], planes[2])
            multiplyElements(dh, step.plane(Self.output), into: total)
            activation.gradient(
                x: step.plane(Self.cell), y: step.plane(Self.squashed), outputGradient: total, into: total,
                step.kernels)
            add(total, dc, into: total)
            let factors = [
                step.plane(Self.candidate), step.previousPlane(0), step.plane(Self.input), step.plane(Self.squashed),
            ]
            for gate in 0..<4 {
                multiplyElements(gate == 3 ? dh : total, factors[gate], into: part)
                step.copyGate(gate, of: step.gates, into: x)
                function(gate).gradient(x: x, y: step.plane(gate + 1), outputGradient: part, into: part, step.kernels)
                step.clearPadding(part)
                step.setGate(gate, of: step.gateGradient, to: part)
            }
            multiplyElements(total, step.plane(Self.forget), into: total)
            step.keepPadding(total, as: dc)
            dc.copy(from: total)
        }
        step.carryPadding()
        step.product.inputGradient(of: step.gateGradient, gates: 0..<4, into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        sequence.product.kernelGradient(
            sequence.previousStates, gradientRows: sequence.gateGradients, gates: 0..<4, into: pass.parameterGradient(1)
        )
    }
}

/// z, r = g(x K + b₀ + h U + b₁), first two blocks;  h′ = z ∘ h + (1 − z) ∘ h~, with
///
///     h~ = f(x K_h + b₀ + r ∘ (h U_h + b₁))   with reset_after,
///     h~ = f(x K_h + b + (r ∘ h) U_h)         without.
struct ComposedGRUCell: RecurrentCell {
    let units: Int
    let activation, recurrentActivation: CellFunction
    let useBias: Bool
    let resetAfter: Bool
    var gateCount: Int { 3 }
    /// z, r and h~, activated; r ∘ h; and h U + b₁, three planes in rows (B, 3u)
    var extraCount: Int { 7 }
    /// At r ∘ h, and at h U + b₁.
    var extraGradientCount: Int { 4 }

    private func function(_ gate: Int) -> CellFunction { gate == 2 ? activation : recurrentActivation }

    func parameters(features: Int) -> [ParameterSpec] {
        let shape: Shape = resetAfter ? [2, 3 * units] : [3 * units]
        return gruParameters(features: features, units: units)
            + (useBias ? [ParameterSpec("bias", shape, .zeros)] : [])
    }

    private func stateShare(_ tensor: Tensor, skipping planes: Int) -> Tensor {
        let size = tensor.elementCount / (planes + 3)
        return tensor.slice(at: planes * size, count: 3 * size)
    }

    func forward(_ step: RecurrentStep) {
        let h = step.previous, z = step.plane(0), r = step.plane(1), candidate = step.plane(2), reset = step.plane(3)
        let share = stateShare(step.extra, skipping: 4)
        if resetAfter {
            step.product.apply(to: h, gates: 0..<3, into: share, adding: false)
            if let bias = step.bias {
                addBias(
                    bias.slice(at: 3 * units, count: 3 * units),
                    to: Matrix(share, rows: h.count, columns: 3 * units), then: Activation(.linear))
            }
        } else {
            share.fill(with: 0)
            step.product.apply(to: h, gates: 0..<2, into: step.gates, adding: true)
        }
        step.withPlanes(2) { planes in
            let (x, s) = (planes[0], planes[1])
            for gate in 0..<2 {
                step.copyGate(gate, of: step.gates, into: x)
                step.copyGate(gate, of: share, into: s)
                add(x, s, into: x)
                step.setGate(gate, of: step.gates, to: x)
                recurrentActivation.apply(to: x, into: step.plane(gate), step.kernels)
            }
            multiplyElements(r, h, into: reset)
            if resetAfter {
                step.copyGate(2, of: share, into: s)
                multiplyElements(r, s, into: s)
            } else {
                step.product.apply(to: reset, gates: 2..<3, into: step.gates, adding: true)
                s.fill(with: 0)
            }
            step.copyGate(2, of: step.gates, into: x)
            add(x, s, into: x)
            step.setGate(2, of: step.gates, to: x)
            activation.apply(to: x, into: candidate, step.kernels)
            // h′ = h~ + z ∘ (h − h~)
            subtract(h, candidate, into: x)
            multiplyElements(z, x, into: x)
            add(candidate, x, into: step.output)
        }
        step.keepPadding(step.output, as: h)
    }

    func backward(_ step: RecurrentStep) {
        let h = step.previous, dh = step.outputGradient
        let z = step.plane(0), r = step.plane(1), candidate = step.plane(2)
        let share = stateShare(step.extra, skipping: 4), dshare = stateShare(step.extraGradient, skipping: 1)
        let dreset = step.extraGradient.slice(at: 0, count: h.elementCount).viewed(count: h.count, shape: h.shape)
        step.carryPadding()
        step.withPlanes(3) { planes in
            let (part, x, direct) = (planes[0], planes[1], planes[2])
            func finish(_ gate: Int) {
                step.copyGate(gate, of: step.gates, into: x)
                function(gate).gradient(x: x, y: step.plane(gate), outputGradient: part, into: part, step.kernels)
                step.clearPadding(part)
                step.setGate(gate, of: step.gateGradient, to: part)
                step.setGate(gate, of: dshare, to: part)
            }
            subtract(h, candidate, into: part)
            multiplyElements(dh, part, into: part)
            finish(0)
            multiplyElements(dh, z, into: direct)
            subtract(dh, direct, into: part)
            finish(2)
            // `part` is now the gradient at h~'s input.
            step.clearPadding(direct)
            add(step.carry, direct, into: step.carry)
            if resetAfter {
                multiplyElements(part, r, into: x)
                step.setGate(2, of: dshare, to: x)
                step.copyGate(2, of: share, into: x)
                multiplyElements(part, x, into: part)
            } else {
                step.product.inputGradient(of: step.gateGradient, gates: 2..<3, into: dreset, adding: false)
                multiplyElements(dreset, r, into: direct)
                add(step.carry, direct, into: step.carry)
                multiplyElements(dreset, h, into: part)
            }
            finish(1)
        }
        step.product.inputGradient(of: dshare, gates: 0..<(resetAfter ? 3 : 2), into: step.carry, adding: true)
    }

    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass) {
        let block = sequence.count * units, gradient = pass.parameterGradient(1)
        for step in 0..<sequence.steps {
            let gates = sequence.gateGradients.slice(at: 3 * step * block, count: 3 * block)
            let shares = sequence.extraGradients.slice(at: 4 * step * block + block, count: 3 * block)
            let states = sequence.states.slice(at: step * block, count: block)
            sequence.product.kernelGradient(
                states, gradientRows: shares, gates: 0..<(resetAfter ? 3 : 2), into: gradient, adding: step > 0)
            if !resetAfter {
                let resets = sequence.extras.slice(at: (7 * (step + 1) + 3) * block, count: block)
                sequence.product.kernelGradient(
                    resets, gradientRows: gates, gates: 2..<3, into: gradient, adding: step > 0)
            }
            guard useBias, resetAfter else { continue }
            sumColumns(
                of: Matrix(shares, rows: sequence.count, columns: 3 * units),
                into: pass.parameterGradient(2).slice(at: 3 * units, count: 3 * units), adding: step > 0)
        }
    }
}

extension RecurrentStep {
    /// One of the extra planes of this step, or of the step before.
    fileprivate func plane(_ index: Int) -> Tensor { plane(index, of: extra) }
    fileprivate func previousPlane(_ index: Int) -> Tensor { plane(index, of: previousExtra) }

    private func plane(_ index: Int, of tensor: Tensor) -> Tensor {
        tensor.slice(at: index * output.elementCount, count: output.elementCount)
            .viewed(count: output.count, shape: output.shape)
    }

    /// Lends blocks (B, u).
    fileprivate func withPlanes(_ count: Int, _ body: ([Tensor]) -> Void) {
        kernels.withScratch(count * output.elementCount) { scratch in
            body(
                (0..<count).map { index in
                    scratch.slice(at: index * output.elementCount, count: output.elementCount)
                        .viewed(count: output.count, shape: output.shape)
                })
        }
    }

    private func columns(_ gate: Int, of tensor: Tensor) -> Matrix {
        let units = output.shape.channels, width = tensor.elementCount / output.count
        return Matrix(tensor, rows: output.count, columns: units, stride: width, at: gate * units)
    }

    fileprivate func copyGate(_ gate: Int, of tensor: Tensor, into plane: Tensor) {
        copyRows(from: columns(gate, of: tensor), to: plane.examples)
    }

    fileprivate func setGate(_ gate: Int, of tensor: Tensor, to plane: Tensor) {
        copyRows(from: plane.examples, to: columns(gate, of: tensor))
    }

    private func eachPadding(_ body: (_ example: Int) -> Void) {
        guard let mask else { return }
        for example in 0..<output.count where mask[example] == 0 { body(example) }
    }

    /// At padding, `state` is what it was.
    fileprivate func keepPadding(_ state: Tensor, as previous: Tensor) {
        let units = output.shape.channels
        eachPadding { example in
            state.slice(at: example * units, count: units)
                .copy(from: previous.slice(at: example * units, count: units))
        }
    }

    fileprivate func clearPadding(_ gradient: Tensor) {
        let units = output.shape.channels
        eachPadding { gradient.slice(at: $0 * units, count: units).fill(with: 0) }
    }

    /// The carry begins as the output's gradient at padding, and as zero elsewhere.
    fileprivate func carryPadding() {
        carry.fill(with: 0)
        keepPadding(carry, as: outputGradient)
    }
}
