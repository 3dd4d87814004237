import Kernels
import Networks
import Tensors

/// A recurrent layer step by step (Scan), with activations that the operations of ONNX do not have.
struct ONNXSteps {
    private let layer: Recurrent
    private let call: ONNXCall
    private let form: RecurrentForm
    private var g: ONNXGraph { call.graph }
    private var units: Int { layer.units }

    init(_ layer: Recurrent, _ call: ONNXCall) { (self.layer, self.call, form) = (layer, call, layer.form) }

    /// What a step reads, and what it hands on: h, LSTM's c, and whether a real frame was seen, where that matters.
    private struct Step {
        let gates: String
        let mask: String?
        let states: [String]
    }

    var result: ONNXValue {
        let options = layer.options, hasInitial = call.values.count > 1
        let mask = hasInitial && options.forgetsMaskWithStates ? nil : call.mask()
        let counts = mask != nil && hasInitial && !options.zeroOutputForMask
        let kernels = (call.parameter(0), call.parameter(1)), biases = biases()
        let product = g("MatMul", call.input(), kernels.0)
        let gates = biases.map { g("Add", product, $0.input) } ?? product
        var initial =
            hasInitial
            ? (1...layer.stateCount).map { call.input($0) }
            : (0..<layer.stateCount).map { _ in g.filled(g.constant(0), like: call.input(), [units]) }
        var widths = initial.map { _ in units }
        if counts {
            initial.append(g.filled(g.constant(0), like: call.input(), [1]))
            widths.append(1)
        }
        let inputs = [gates] + (mask.map { [g.unsqueezed($0, 2)] } ?? [])
        let stateKernels = stateKernels(kernels.1)
        let names = (initial.indices.map { "state_\($0)" } + ["gates", "mask"]).map { g.name("\(g.scope)/\($0)") }
        let step = Step(
            gates: names[initial.count], mask: mask == nil ? nil : names[initial.count + 1],
            states: Array(names.prefix(initial.count)))
        let read =
            zip(step.states, widths).map { ($0, [$1]) } + [(step.gates, [form.gateCount * units])]
            + (step.mask.map { [($0, [1])] } ?? [])
        let body = g.body(read) {
            let (states, output) = advance(step, stateKernels, biases?.state, counts: counts)
            return zip(states, widths).map { ($0, [$1]) } + [(output, [units])]
        }
        let direction = options.goBackwards ? 1 : 0
        let results = g.node(
            "Scan", initial + inputs,
            [
                body, .integer("num_scan_inputs", inputs.count),
                .integers("scan_input_axes", inputs.map { _ in 1 }), .integers("scan_output_axes", [1]),
                .integers("scan_input_directions", inputs.map { _ in direction }),
                .integers("scan_output_directions", [options.reversesOutput ? 1 : 0]),
            ], outputs: initial.count + 1)
        let sequence = results[initial.count]
        let output =
            options.returnSequences ? sequence : g.squeezed(g.last(sequence, axis: 1), 1)
        guard options.returnState else { return call.result(output) }
        let length = call.output.elementCount - layer.stateCount * units
        return call.result(g.joined([g.reshaped(output, [length])] + results.prefix(layer.stateCount), axis: 1))
    }

    // MARK: Weights

    /// What is added to the input's product, and to the state's.
    private func biases() -> (input: String, state: String?)? {
        guard form.useBias else { return nil }
        let bias = call.parameter(2)
        guard case .gru(resetAfter: true) = form.kind else { return (bias, nil) }
        func row(_ number: Int) -> String { g.squeezed(g.slice(bias, axis: 0, number, number + 1), 0) }
        return (row(0), row(1))
    }

    /// The state's kernel; for a reset before the product apart for the gates and the candidate.
    private func stateKernels(_ kernel: String) -> [String] {
        guard case .gru(resetAfter: false) = form.kind else { return [kernel] }
        return [g.slice(kernel, axis: 1, 0, 2 * units), g.slice(kernel, axis: 1, 2 * units, 3 * units)]
    }

    // MARK: Steps

    /// The states after a step, and its output.
    private func advance(
        _ step: Step, _ kernels: [String], _ bias: String?, counts: Bool
    ) -> (states: [String], output: String) {
        var states = cell(step, kernels, bias)
        guard let mask = step.mask else { return (states, g("Identity", states[0])) }
        let isReal = g.isSet(mask)
        // Padding leaves states as they are.
        states = zip(states, step.states).map { g("Where", isReal, $0, $1) }
        if layer.options.zeroOutputForMask { return (states, g("Mul", states[0], mask)) }
        guard counts, let seen = step.states.last else { return (states, g("Identity", states[0])) }
        let now = g("Max", seen, mask)
        return (states + [now], g("Mul", states[0], now))
    }

    /// The states of Keras's recurrences, see `RecurrentCells`.
    private func cell(_ step: Step, _ kernels: [String], _ bias: String?) -> [String] {
        let h = step.states[0]
        func gate(_ number: Int, of x: String) -> String { g.slice(x, axis: 1, number * units, (number + 1) * units) }
        func f(_ x: String) -> String { apply(form.activation, x) }
        func sigma(_ x: String) -> String { apply(form.recurrentActivation, x) }
        switch form.kind {
        case .simple: return [f(g("Add", step.gates, g("MatMul", h, kernels[0])))]
        case .lstm:
            let z = g("Add", step.gates, g("MatMul", h, kernels[0]))
            let kept = g("Mul", sigma(gate(1, of: z)), step.states[1])
            let c = g("Add", kept, g("Mul", sigma(gate(0, of: z)), f(gate(2, of: z))))
            return [g("Mul", sigma(gate(3, of: z)), f(c)), c]
        case .gru(let resetAfter):
            let product = g("MatMul", h, kernels[0]), share = bias.map { g("Add", product, $0) } ?? product
            func opening(_ number: Int) -> String {
                sigma(g("Add", gate(number, of: step.gates), gate(number, of: share)))
            }
            let z = opening(0), r = opening(1)
            let reset = resetAfter ? g("Mul", r, gate(2, of: share)) : g("MatMul", g("Mul", r, h), kernels[1])
            let candidate = f(g("Add", gate(2, of: step.gates), reset))
            return [g("Add", candidate, g("Mul", z, g("Sub", h, candidate)))]
        }
    }

    private func apply(_ function: CellFunction, _ x: String) -> String {
        switch function {
        case .elementwise(let activation): g.activated(activation, x)
        case .softmax: g("Softmax", x, with: .integer("axis", -1))
        case .logSoftmax: g("LogSoftmax", x, with: .integer("axis", -1))
        }
    }
}
