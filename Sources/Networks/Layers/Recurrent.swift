import Kernels
public import Tensors

/// What one kind of recurrent layer does in one step; `Recurrent` walks it over time.
///
/// Blocks are time-major while a layer runs: (T, B, …), so that one step of all examples is one matrix.
protocol RecurrentCell: Sendable {
    var units: Int { get }
    /// Pre-activations a unit: 1 SimpleRNN, 3 GRU, 4 LSTM.
    var gateCount: Int { get }
    var useBias: Bool { get }
    /// Numbers a unit that a step leaves for later, beside its output and its gates.
    var extraCount: Int { get }

    func parameters(features: Int) -> [ParameterSpec]
    /// The share of the bias that is added before the steps: the first `gateCount · units` numbers of it.
    /// `gates` holds x · kernel + bias on entry.
    func forward(_ step: RecurrentStep)
    /// Writes the step's gate gradient and `carry`, the gradient of the previous state.
    func backward(_ step: RecurrentStep)
    /// The gradient of the recurrent kernel, and of the bias rows the input does not see.
    func finishBackward(_ sequence: RecurrentSequence, _ pass: BackwardPass)
}

/// The memory of one step.
struct RecurrentStep {
    let kernels: KernelContext
    let recurrentKernel: Tensor
    let bias: Tensor?
    /// One number an example, 0 where the frame is padding; nil where all are real.
    let mask: Tensor?
    let gates, previous, output: Tensor
    /// This step's extra numbers, and those of the step before.
    let extra, previousExtra: Tensor
    // In `backward`:
    let outputGradient, gateGradient, extraGradient, carry, stateGradient: Tensor
}

/// All steps of a batch, time-major.
struct RecurrentSequence {
    let kernels: KernelContext
    let steps, count, units: Int
    /// (T + 1, B, u): the states, zeros first.
    let states: Tensor
    let extras, gateGradients, extraGradients: Tensor

    /// The states before each step, one row each.
    var previousStates: Matrix { Matrix(states, rows: steps * count, columns: units) }
}

/// A recurrent layer over T of (T, C): the last output (u), or all of them (T, u).
public struct Recurrent: Layer {
    let cell: any RecurrentCell
    public let returnSequences: Bool
    /// Whether time runs from the last frame to the first; the sequence is returned in the order of computation.
    public let goBackwards: Bool
    /// Whether the output of a padding frame is zero, rather than the output before it.
    public let zeroOutputForMask: Bool

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2, inputs[0][0] > 0 else {
            throw ShapeError("takes one sequence (time, features), found \(list(inputs))")
        }
        let (steps, features) = (inputs[0][0], inputs[0][1])
        let parameters = cell.parameters(features: features)
        return LayerPlan(
            output: returnSequences ? [steps, cell.units] : [cell.units],
            parameters: parameters,
            saved: [
                [steps, features], [steps, cell.gateCount * cell.units], [steps + 1, cell.units],
                [steps + 1, cell.extraCount * cell.units],
            ],
            mask: returnSequences ? .first : .none,
            multiplyAdds: steps * (features + cell.units) * cell.gateCount * cell.units)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), count = pass.count, u = cell.units, g = cell.gateCount * u
        let steps = x.shape[0], features = x.shape[1]
        let (inputs, gates, states, extras) = (pass.saved(0), pass.saved(1), pass.saved(2), pass.saved(3))
        let bias = cell.useBias ? pass.parameter(2) : nil
        toTimeMajor(x, steps: steps, into: inputs)
        let gateRows = Matrix(gates, rows: steps * count, columns: g)
        pass.kernels.multiply(
            Matrix(inputs, rows: steps * count, columns: features), pass.parameter(0).rows, into: gateRows)
        if let bias { addBias(bias.slice(at: 0, count: g), to: gateRows, then: Activation(.linear)) }
        states.slice(at: 0, count: count * u).fill(with: 0)
        extras.slice(at: 0, count: count * cell.extraCount * u).fill(with: 0)
        withMasks(pass.inputMask(), steps: steps, count: count, pass.kernels) { mask in
            for step in 0..<steps {
                let previous = block(states, step, count, u), output = block(states, step + 1, count, u)
                cell.forward(
                    RecurrentStep(
                        kernels: pass.kernels, recurrentKernel: pass.parameter(1), bias: bias, mask: mask(step),
                        gates: block(gates, step, count, g), previous: previous, output: output,
                        extra: block(extras, step + 1, count, cell.extraCount * u),
                        previousExtra: block(extras, step, count, cell.extraCount * u), outputGradient: output,
                        gateGradient: output, extraGradient: output, carry: output, stateGradient: output))
            }
        }
        writeOutput(states, steps: steps, mask: pass.inputMask(), into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        let count = pass.count, u = cell.units, g = cell.gateCount * u, e = cell.extraCount * u
        let steps = pass.input().shape[0], features = pass.input().shape[1]
        let (inputs, gates, states, extras) = (pass.saved(0), pass.saved(1), pass.saved(2), pass.saved(3))
        let dy = pass.outputGradient
        pass.kernels.withScratch(steps * count * (g + e) + 3 * count * u) { scratch in
            var next = 0
            func take(_ size: Int) -> Tensor {
                defer { next += size }
                return scratch.slice(at: next, count: size)
            }
            let gateGradients = take(steps * count * g), extraGradients = take(steps * count * e)
            let dh = take(count * u).viewed(count: count, shape: [u])
            let carry = take(count * u).viewed(count: count, shape: [u])
            let stateGradient = take(count * u).viewed(count: count, shape: [u])
            carry.fill(with: 0)
            stateGradient.fill(with: 0)
            withMasks(pass.inputMask(), steps: steps, count: count, pass.kernels) { mask in
                for step in (0..<steps).reversed() {
                    dh.copy(from: carry)
                    addOutputGradient(dy, step: step, steps: steps, mask: mask(step), to: dh)
                    cell.backward(
                        RecurrentStep(
                            kernels: pass.kernels, recurrentKernel: pass.parameter(1), bias: nil, mask: mask(step),
                            gates: block(gates, step, count, g), previous: block(states, step, count, u),
                            output: block(states, step + 1, count, u), extra: block(extras, step + 1, count, e),
                            previousExtra: block(extras, step, count, e), outputGradient: dh,
                            gateGradient: block(gateGradients, step, count, g),
                            extraGradient: block(extraGradients, step, count, e), carry: carry,
                            stateGradient: stateGradient))
                }
            }
            let rows = steps * count, gradientRows = Matrix(gateGradients, rows: rows, columns: g)
            pass.kernels.multiply(
                Matrix(inputs, rows: rows, columns: features).transposed, gradientRows,
                into: pass.parameterGradient(0).rows)
            if cell.useBias {
                sumColumns(of: gradientRows, into: pass.parameterGradient(2).slice(at: 0, count: g))
            }
            cell.finishBackward(
                RecurrentSequence(
                    kernels: pass.kernels, steps: steps, count: count, units: u, states: states, extras: extras,
                    gateGradients: gateGradients, extraGradients: extraGradients), pass)
            if let dx = pass.inputGradient() {
                // The inputs are not needed any more: their memory takes their gradient.
                pass.kernels.multiply(
                    gradientRows, pass.parameter(0).rows.transposed,
                    into: Matrix(inputs, rows: rows, columns: features))
                fromTimeMajor(inputs, steps: steps, into: dx)
            }
        }
    }

    /// The frame that is computed at `step`.
    private func frame(_ step: Int, of steps: Int) -> Int { goBackwards ? steps - 1 - step : step }

    private func block(_ tensor: Tensor, _ step: Int, _ count: Int, _ width: Int) -> Tensor {
        tensor.slice(at: step * count * width, count: count * width).viewed(count: count, shape: [width])
    }

    private func toTimeMajor(_ x: Tensor, steps: Int, into target: Tensor) {
        let width = x.shape[1]
        for step in 0..<steps {
            copyRows(
                from: Matrix(
                    x, rows: x.count, columns: width, stride: steps * width, at: frame(step, of: steps) * width),
                to: Matrix(target, rows: x.count, columns: width, at: step * x.count * width))
        }
    }

    private func fromTimeMajor(_ source: Tensor, steps: Int, into x: Tensor) {
        let width = x.shape[1]
        for step in 0..<steps {
            copyRows(
                from: Matrix(source, rows: x.count, columns: width, at: step * x.count * width),
                to: Matrix(x, rows: x.count, columns: width, stride: steps * width, at: frame(step, of: steps) * width))
        }
    }

    private func writeOutput(_ states: Tensor, steps: Int, mask: Tensor?, into y: Tensor) {
        let u = cell.units, count = y.count
        guard returnSequences else {
            y.copy(from: states.slice(at: steps * count * u, count: count * u))
            if zeroOutputForMask, let mask {
                for example in 0..<count where mask[example * steps + frame(steps - 1, of: steps)] == 0 {
                    y.slice(at: example * u, count: u).fill(with: 0)
                }
            }
            return
        }
        for step in 0..<steps {
            copyRows(
                from: Matrix(states, rows: count, columns: u, at: (step + 1) * count * u),
                to: Matrix(y, rows: count, columns: u, stride: steps * u, at: step * u))
            guard zeroOutputForMask, let mask else { continue }
            for example in 0..<count where mask[example * steps + frame(step, of: steps)] == 0 {
                y.slice(at: (example * steps + step) * u, count: u).fill(with: 0)
            }
        }
    }

    /// dh += the part of the output's gradient that belongs to `step`.
    private func addOutputGradient(_ dy: Tensor, step: Int, steps: Int, mask: Tensor?, to dh: Tensor) {
        let u = cell.units
        guard returnSequences || step == steps - 1 else { return }
        for example in 0..<dh.count where !(zeroOutputForMask && mask?[example] == 0) {
            let place = returnSequences ? (example * steps + step) * u : example * u
            addScaled(dy.slice(at: place, count: u), by: 1, to: dh.slice(at: example * u, count: u))
        }
    }

    /// Gives `body` a function from a step to its mask, one number an example.
    private func withMasks(
        _ mask: Tensor?, steps: Int, count: Int, _ kernels: KernelContext, _ body: ((Int) -> Tensor?) -> Void
    ) {
        guard let mask else { return body { _ in nil } }
        kernels.withScratch(steps * count) { columns in
            for step in 0..<steps {
                for example in 0..<count {
                    columns[step * count + example] = mask[example * steps + frame(step, of: steps)]
                }
            }
            body { columns.slice(at: $0 * count, count: count) }
        }
    }
}
