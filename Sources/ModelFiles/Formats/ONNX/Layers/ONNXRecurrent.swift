import Kernels
import Networks
import Tensors

extension Recurrent: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        guard form.hasOperation else { return ONNXSteps(self, call).result }
        let g = call.graph, hasInitial = call.values.count > 1
        let walk = Walk(self, call, hasInitial: hasInitial)
        let inputs =
            [g.transposed(walk.x, [1, 0, 2])] + form.weights(call, features: call.shape()[1], units: units)
            + [walk.lengths] + (1..<call.values.count).map { g.unsqueezed(call.input($0), 0) }
        let results = g.node(
            form.operation, inputs, form.settings(units: units, direction: walk.direction),
            outputs: 1 + stateCount)
        let initial = hasInitial ? (1...stateCount).map { call.input($0) } : []
        let states = results.dropFirst().enumerated().map { index, state in
            // Where nothing is real, an operation of ONNX has zeros.
            let last = g.squeezed(state, 0)
            guard hasInitial, let isAny = walk.isAnyReal else { return last }
            return g("Where", isAny, last, initial[index])
        }
        let output = options.returnSequences ? walk.sequence(results[0]) : walk.last(states[0])
        guard options.returnState else { return call.result(output) }
        let length = call.output.elementCount - stateCount * units
        return call.result(g.joined([g.reshaped(output, [length])] + states, axis: 1))
    }

    /// How time goes by, with frames that are padding left out.
    ///
    /// ONNX skips what is behind the end of a sequence. So the frames that are real come first, in their order, the lengths say
    /// how many they are, and what was computed of them goes back to where they were. That is exact for any mask.
    private struct Walk {
        let g: ONNXGraph
        let options: RecurrentOptions
        let hasInitial: Bool
        /// The frames in the order in which ONNX reads them.
        let x: String
        /// The number of real frames; no name where all are.
        var lengths = ""
        var direction = "forward"
        /// In the order of computation.
        private var mask: String?

        init(_ layer: Recurrent, _ call: ONNXCall, hasInitial: Bool) {
            (g, options, self.hasInitial) = (call.graph, layer.options, hasInitial)
            guard var mask = hasInitial && options.forgetsMaskWithStates ? nil : call.mask() else {
                x = call.input()
                direction = options.goBackwards ? "reverse" : "forward"
                return
            }
            var frames = call.input()
            if options.goBackwards {
                (frames, mask) = (g.reversed(frames, axis: 1), g.reversed(mask, axis: 1))
            }
            self.mask = mask
            // How many are real from a frame on: the first real one has the largest key.
            let keys = g("Mul", mask, g("CumSum", mask, g.integer(1), with: .integer("reverse", 1)))
            let count = g.slice(g("Shape", mask), axis: 0, 1, 2)
            let order = g.node("TopK", [keys, count], [.integer("axis", 1)], outputs: 2)[1]
            x = Self.gathered(frames, order, g)
            lengths = g("Cast", g.sum(mask, [1], keep: false), with: .integer("to", ONNXGraph.Kind.int32.rawValue))
        }

        /// The frames (N, T, C) at places (N, T′).
        private static func gathered(_ frames: String, _ places: String, _ g: ONNXGraph) -> String {
            g("GatherND", frames, g.unsqueezed(places, 2), with: .integer("batch_dims", 1))
        }

        /// Whether an example has a real frame, (N, 1); nil where all frames are real.
        var isAnyReal: String? {
            mask.map { g.isSet(g.reduced("ReduceMax", $0, [1])) }
        }

        /// The outputs of all steps (T, 1, N, u), in Keras's order: (N, T, u).
        func sequence(_ outputs: String) -> String {
            var y = g.transposed(g.squeezed(outputs, 1), [1, 0, 2])
            guard let mask else {
                // Backwards, ONNX has them in the order of the frames.
                return options.goBackwards != options.reversesOutput ? g.reversed(y, axis: 1) : y
            }
            // Padding shows the output before it, and zeros before the first.
            let padded = g("Pad", y, g.integers([0, 1, 0, 0, 0, 0]))
            y = Self.gathered(padded, g.whole(g("CumSum", mask, g.integer(1))), g)
            if options.zeroOutputForMask { y = g("Mul", y, g.unsqueezed(mask, 2)) }
            return options.reversesOutput ? g.reversed(y, axis: 1) : y
        }

        /// The output of the last step, (N, u).
        func last(_ state: String) -> String {
            guard let mask else { return state }
            if options.zeroOutputForMask { return g("Mul", state, g.last(mask, axis: 1)) }
            return hasInitial ? g("Mul", state, g.reduced("ReduceMax", mask, [1])) : state
        }
    }
}

extension RecurrentForm {
    /// How many vectors of units a step computes before its activations.
    var gateCount: Int {
        switch kind {
        case .simple: 1
        case .gru: 3
        case .lstm: 4
        }
    }

    fileprivate var operation: String {
        switch kind {
        case .simple: "RNN"
        case .lstm: "LSTM"
        case .gru: "GRU"
        }
    }

    /// The kernels (1, gates · u, C) and (1, gates · u, u), and the bias (1, 2 · gates · u): of the input, then of the state.
    ///
    /// Keras's LSTM has its gates in the order i, f, c, o, and ONNX's in i, o, f, c; those of a GRU are z, r, h in both.
    fileprivate func weights(_ call: ONNXCall, features: Int, units: Int) -> [String] {
        let g = call.graph, gates = gateCount
        let places: [Int]? = if case .lstm = kind { [0, 3, 1, 2] } else { nil }
        func kernel(_ position: Int, _ rows: Int) -> String {
            call.parameter(
                position,
                ONNXArrangement(
                    axes: [rows, gates * units], order: [1, 0], places: places, shape: [1, gates * units, rows]))
        }
        let kernels = [kernel(0, features), kernel(1, units)]
        guard useBias else { return kernels + [""] }
        if case .gru(resetAfter: true) = kind {
            return kernels + [call.parameter(2, .plain([1, 6 * units]))]
        }
        let bias = call.parameter(
            2, ONNXArrangement(axes: [gates * units], order: [0], places: places, shape: [1, gates * units]))
        return kernels + [g("Pad", bias, g.integers([0, 0, 0, gates * units]))]
    }

    /// The activations in the order in which the operation of ONNX has them.
    private var functions: [CellFunction] {
        switch kind {
        case .simple: [activation]
        case .gru: [recurrentActivation, activation]
        case .lstm: [recurrentActivation, activation, activation]
        }
    }

    /// Whether there is an operation with these activations.
    fileprivate var hasOperation: Bool { functions.allSatisfy { $0.inONNX != nil } }

    fileprivate func settings(units: Int, direction: String) -> [ONNXAttribute] {
        let said = functions.compactMap(\.inONNX), alphas = said.compactMap(\.alpha), betas = said.compactMap(\.beta)
        var settings: [ONNXAttribute] = [.texts("activations", said.map(\.name))]
        if !alphas.isEmpty { settings.append(.numbers("activation_alpha", alphas)) }
        if !betas.isEmpty { settings.append(.numbers("activation_beta", betas)) }
        settings += [.text("direction", direction), .integer("hidden_size", units)]
        // The state's share of the candidate is multiplied by the reset gate.
        if case .gru(resetAfter: true) = kind { settings.append(.integer("linear_before_reset", 1)) }
        return settings
    }
}

extension CellFunction {
    /// What recurrent operations call it; nil where they have no such activation.
    fileprivate var inONNX: (name: String, alpha: Float?, beta: Float?)? {
        guard case .elementwise(let activation) = self else { return nil }
        if let slope = activation.hardSlope { return ("HardSigmoid", slope, 0.5) }
        switch activation.kind {
        case .tanh: return ("Tanh", nil, nil)
        case .sigmoid: return ("Sigmoid", nil, nil)
        case .relu: return ("Relu", nil, nil)
        case .linear: return ("Affine", 1, 0)
        case .elu: return ("Elu", activation.slope, nil)
        case .leakyReLU: return ("LeakyRelu", activation.slope, nil)
        case .softplus: return ("Softplus", nil, nil)
        case .softsign: return ("Softsign", nil, nil)
        default: return nil
        }
    }
}
