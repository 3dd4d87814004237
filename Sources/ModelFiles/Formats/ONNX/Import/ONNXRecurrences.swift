// Recurrent layers: one or two directions, time before the examples.

extension ONNXImport {
    static let recurrences: [String: Operator] = [
        "LSTM": { try $0.recurrence($1, Cell(className: "LSTM", gates: [0, 2, 3, 1])) },
        "GRU": { try $0.recurrence($1, Cell(className: "GRU", gates: [0, 1, 2])) },
        "RNN": { try $0.recurrence($1, Cell(className: "SimpleRNN", gates: [0])) },
    ]

    /// How ONNX has the numbers of a cell: the gates in Keras's order, by their places in ONNX: i, o, f, c of an LSTM.
    private struct Cell {
        let className: String
        let gates: [Int]
        /// Whether a GRU resets behind the product with its state, with a bias there.
        var resetsAfter = false

        /// Activations as ONNX names them: of a direction, the gates' before the output's.
        var usual: [String] {
            switch className {
            case "LSTM": ["Sigmoid", "Tanh", "Tanh"]
            case "GRU": ["Sigmoid", "Tanh"]
            default: ["Tanh"]
            }
        }

        /// Gates along axis 0 of (gates, units, …) in Keras's order.
        func arranged(_ constant: ONNXConstant) throws -> ONNXConstant {
            try ONNXConstant.joined(gates.map { constant.slice(0, $0, count: 1) }, axis: 0)
        }

        /// (directions, gates · units, features) to (features, gates · units) of a direction.
        func kernel(_ all: ONNXConstant, _ direction: Int, _ units: Int) throws -> ONNXConstant {
            let features = all.shape[2]
            let gates = try all.slice(0, direction, count: 1).reshaped([gates.count, units, features])
            return try arranged(gates).reshaped([self.gates.count * units, features]).transposed([1, 0])
        }

        /// (directions, 2 · gates · units): what is added to the input's product, and to the state's.
        func bias(_ all: ONNXConstant, _ direction: Int, _ units: Int) throws -> ONNXConstant {
            let both = try all.slice(0, direction, count: 1).reshaped([2, gates.count, units])
            let rows = try (0..<2).map { row in
                try arranged(both.slice(0, row, count: 1).reshaped([gates.count, units])).reshaped([gates.count * units]
                )
            }
            guard resetsAfter else {
                return try ONNXConstant.combined(rows[0], rows[1], whole: nil) { $0 + $1 }
            }
            return try ONNXConstant.joined(rows.map { try $0.reshaped([1, gates.count * units]) }, axis: 0)
        }
    }

    private mutating func recurrence(_ call: ONNXNodeCall, _ cell: Cell) throws -> [Term] {
        var cell = cell
        let word = try call.text("direction", default: "forward"), kernels = try call.requiredConstant(1)
        let backwards: [Bool]
        switch word {
        case "forward": backwards = [false]
        case "reverse": backwards = [true]
        case "bidirectional": backwards = [false, true]
        default: throw ONNXRefusal("has the direction '\(word)'")
        }
        let units = try call.whole("hidden_size")
        if cell.className == "GRU" { cell.resetsAfter = try call.whole("linear_before_reset", default: 0) == 1 }
        let activations = try check(call, cell, backwards.count)
        let given = try call.feature()
        guard given.rank == 3, given.axes[1] == [0] else {
            throw ONNXRefusal("reads a value whose axes are not time, examples and features")
        }
        let x = try ordered(given, [0, 2], isAll: true), time = x.extents[1], features = x.extents[2]
        let recurrent = try call.requiredConstant(2), bias = try call.constant(3), rows = cell.gates.count * units
        guard units > 0, units <= LayerSettings.largestInteger, kernels.shape == [backwards.count, rows, features],
            recurrent.shape == [backwards.count, rows, units],
            bias.map({ $0.shape == [backwards.count, 2 * rows] }) ?? true
        else {
            throw ONNXRefusal(
                "has weights \(kernels.shape) and \(recurrent.shape) for \(features) features and \(units) units")
        }

        let wants = (0..<3).map { place in
            call.node.outputs.indices.contains(place) && isRead(call.node.outputs[place])
        }
        var sequences: [ONNXFeature] = [], states: [[ONNXFeature]] = [[], []]
        for (direction, isBackwards) in backwards.enumerated() {
            var options: JSON.Object = [
                "units": .integer(units), "use_bias": .bool(bias != nil), "return_sequences": .bool(wants[0]),
                "go_backwards": .bool(isBackwards),
            ]
            options["activation"] = .string(activations[direction].output)
            if cell.gates.count > 1 { options["recurrent_activation"] = .string(activations[direction].gates) }
            if cell.className == "GRU" { options["reset_after"] = .bool(cell.resetsAfter) }
            if wants[1] || wants[2] { options["return_state"] = true }
            var weights = [
                ("kernel", try cell.kernel(kernels, direction, units)),
                ("recurrent_kernel", try cell.kernel(recurrent, direction, units)),
            ]
            if let bias { weights.append(("bias", try cell.bias(bias, direction, units))) }
            var result = try layer(
                cell.className, options, x, extents: wants[0] ? [time, units] : [units], weights: weights)
            for state in 0..<2 {
                let source = ONNXFeature.Source(layer: result.source.layer, result: state + 1)
                states[state].append(ONNXFeature(source: source, extents: [1, units], axes: [[0], [1]]))
            }
            // Keras gives what it computes backwards in the order in which it computes.
            if wants[0], isBackwards { result = try map("ops.flip", result, ["axis": [1]]) }
            sequences.append(result)
        }
        var terms: [Term] = []
        for place in 0..<call.node.outputs.count {
            guard place < 3, wants[place] else {
                terms.append(.constant(ONNXConstant([0], whole: [])))
                continue
            }
            terms.append(.feature(try joined(place == 0 ? sequences : states[place - 1], units)))
        }
        return terms
    }

    /// The results of the directions: (time, directions, examples, units), or (directions, examples, units) of states.
    private mutating func joined(_ parts: [ONNXFeature], _ units: Int) throws -> ONNXFeature {
        var result = parts[0]
        let front = result.extents.count == 3 ? [[1]] : []
        guard parts.count > 1 else {
            result.axes = front + [[], [0], [result.extents.count - 1]]
            return result
        }
        let last = result.extents.count - 1
        result = try layer(
            "ops.concatenate", ["axis": -1], parts, extents: result.extents.dropFirst().dropLast() + [2 * units])
        result = try split(result, last, 2)
        result.axes = front + [[last], [0], [last + 1]]
        return result
    }

    /// Activations in Keras's words.
    private static let activations = [
        "Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Softsign": "softsign", "Softplus": "softplus",
    ]

    /// Refuses what no layer of Keras does; gives the activations of each direction.
    private func check(
        _ call: ONNXNodeCall, _ cell: Cell, _ directions: Int
    ) throws -> [(gates: String, output: String)] {
        for name in ["clip", "activation_alpha", "activation_beta"] where call.node.attributes[name] != nil {
            throw ONNXRefusal("has the attribute '\(name)', which is not read")
        }
        try call.require("layout", 0)
        try call.require("input_forget", 0)
        if call.terms.count > 4, call.terms[4] != nil {
            throw ONNXRefusal("has lengths of sequences (sequence_lens), which are not read")
        }
        for position in 5..<7 where call.terms.count > position && call.terms[position] != nil {
            guard let initial = try? call.constant(position), try initial.reals().allSatisfy({ $0 == 0 }) else {
                throw ONNXRefusal("begins with states that are not 0, which is not read")
            }
        }
        if call.terms.count > 7, call.terms[7] != nil { throw ONNXRefusal("has peepholes, which are not read") }
        let usual = (0..<directions).flatMap { _ in cell.usual }
        var words = usual
        if case .texts(let given)? = call.node.attributes["activations"] { words = given }
        let known = words.compactMap { Self.activations[$0] }, width = cell.usual.count
        let parts = (0..<directions).compactMap { known.dropFirst($0 * width).prefix(width).map(\.self) }
        guard known.count == usual.count, parts.allSatisfy({ Set($0.suffix(max(width - 1, 1))).count == 1 }) else {
            throw ONNXRefusal("has the activations \(words.joined(separator: ", ")), which are not read together")
        }
        return parts.map { ($0[0], $0[width - 1]) }
    }
}
