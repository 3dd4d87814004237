import Networks
import Tensors

extension Merge: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, rank = call.output.rank
        let masks = call.values.indices.map { leavesOutPadding && rank == 2 ? call.mask($0) : nil }
        let inputs = call.values.indices.map { position -> String in
            let axes = call.shape(position).axes, x = call.input(position)
            let y =
                axes.count < rank
                ? g.reshaped(x, Array(repeating: 1, count: rank - axes.count) + axes) : x
            guard let mask = masks[position] else { return y }
            return g("Where", g.isSet(g.unsqueezed(mask, 2)), y, g.constant(neutral))
        }
        let merged = merged(inputs, g)
        let known = masks.compactMap(\.self)
        guard !known.isEmpty, known.count == masks.count else { return call.result(merged) }
        // A step that is padding everywhere.
        let isReal = g.isSet(g.unsqueezed(g.node("Max", known, [], outputs: 1)[0], 2))
        let hidden = operation == .multiply ? g.constant(0) : call.input(0)
        return call.result(g("Where", isReal, merged, hidden))
    }

    private func merged(_ inputs: [String], _ g: ONNXGraph) -> String {
        switch operation {
        case .add: inputs.dropFirst().reduce(inputs[0]) { g("Add", $0, $1) }
        case .subtract: g("Sub", inputs[0], inputs[1])
        case .multiply: inputs.dropFirst().reduce(inputs[0]) { g("Mul", $0, $1) }
        case .average: g.node("Mean", inputs, [], outputs: 1)[0]
        case .maximum: g.node("Max", inputs, [], outputs: 1)[0]
        case .minimum: g.node("Min", inputs, [], outputs: 1)[0]
        }
    }

    /// What changes nothing where it is merged with something else.
    private var neutral: Float {
        switch operation {
        case .maximum: -Float.greatestFiniteMagnitude
        case .minimum: Float.greatestFiniteMagnitude
        default: 1
        }
    }
}

extension Concatenate: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let place = axis < 0 ? call.output.rank + 1 + axis : axis
        return call.result(call.graph.joined(call.values.indices.map { call.input($0) }, axis: place))
    }
}

extension Masking: ONNXLayer, ONNXMasking {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, rank = call.shape().rank
        let mask = g("Unsqueeze", mask(call), g.integers([rank]))
        return call.result(g("Mul", call.input(), mask))
    }

    func mask(_ call: ONNXCall) -> String {
        let g = call.graph, rank = call.shape().rank
        let isOther = g.float(g("Not", g("Equal", call.input(), g.constant(maskValue))))
        return g.reduced("ReduceMax", isOther, [rank], keep: false)
    }
}

extension MaskAttachment: ONNXLayer, ONNXMasking {
    func express(_ call: ONNXCall) -> ONNXValue { call.result(call.input()) }

    func mask(_ call: ONNXCall) -> String { call.graph.float(call.graph.isSet(call.input(1))) }
}
