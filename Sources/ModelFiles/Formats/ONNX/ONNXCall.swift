import Networks
import Tensors

/// A layer that can be said in operations of ONNX.
protocol ONNXLayer {
    /// Adds its operations to the graph.
    ///
    /// - Throws: `ONNXProblem` if some option has no counterpart.
    func express(_ call: ONNXCall) throws(ONNXProblem) -> ONNXValue

    /// Whether axes before those that it works on change nothing, so that every step need not become an example.
    var ignoresLeadingAxes: Bool { get }
}

extension ONNXLayer {
    var ignoresLeadingAxes: Bool { false }
}

/// A layer that makes the mask of its output.
protocol ONNXMasking {
    /// The mask: 1 where a step is real, 0 where it is padding, one number for every step.
    func mask(_ call: ONNXCall) -> String
}

/// What of a layer has no counterpart in ONNX.
struct ONNXProblem: Error {
    let text: String
}

/// A value of the network in the graph of ONNX, in either order of its axes or in both.
///
/// Keras has channels last, convolutions of ONNX have them right behind the examples. A value is transposed when somebody asks
/// for the other order, once.
final class ONNXValue {
    let shape: Shape
    private var last, first: String?

    init(_ name: String, _ shape: Shape) { (last, self.shape) = (name, shape) }

    init(channelsFirst name: String, _ shape: Shape) { (first, self.shape) = (name, shape) }

    /// Whether it has only been computed with channels first.
    var isChannelsFirst: Bool { last == nil }

    func channelsLast(_ g: ONNXGraph) -> String {
        if let last { return last }
        let rank = shape.rank, name = g("Transpose", first ?? "", with: .integers("perm", [0] + Array(2...rank) + [1]))
        last = name
        return name
    }

    func channelsFirst(_ g: ONNXGraph) -> String {
        if let first { return first }
        let rank = shape.rank, name = g("Transpose", last ?? "", with: .integers("perm", [0, rank] + Array(1..<rank)))
        first = name
        return name
    }
}

/// A use of a layer: what it reads, and where its operations go.
struct ONNXCall {
    let graph: ONNXGraph
    let values: [ONNXValue]
    /// The shape of its result.
    let output: Shape
    let parameters: [ParameterLayout.Entry]
    private let masks: (Int) -> String?

    init(
        _ graph: ONNXGraph, _ values: [ONNXValue], output: Shape, _ parameters: [ParameterLayout.Entry],
        masks: @escaping (Int) -> String? = { _ in nil }
    ) {
        (self.graph, self.values, self.output, self.parameters) = (graph, values, output, parameters)
        self.masks = masks
    }

    /// The same call of a layer inside.
    func reading(_ values: [ONNXValue], output: Shape) -> ONNXCall {
        ONNXCall(graph, values, output: output, parameters, masks: masks)
    }

    /// An input with its channels last.
    func input(_ position: Int = 0) -> String { values[position].channelsLast(graph) }

    func shape(_ position: Int = 0) -> Shape { values[position].shape }

    /// One number for every frame of an input, 0 for padding; nil where all are real.
    func mask(_ position: Int = 0) -> String? { masks(position) }

    /// A parameter, as Keras has it unless said otherwise.
    func parameter(_ position: Int, _ arrangement: ONNXArrangement? = nil) -> String {
        let entry = parameters[position]
        return graph.parameter(entry, arrangement ?? .plain(entry.spec.shape.axes))
    }

    /// The layer's result.
    func result(_ name: String) -> ONNXValue { ONNXValue(name, output) }

    /// The result of what treats all numbers alike, in the order in which the input is there.
    func elementwise(_ body: (String) -> String) -> ONNXValue {
        values[0].isChannelsFirst
            ? ONNXValue(channelsFirst: body(values[0].channelsFirst(graph)), output) : result(body(input()))
    }
}

// Operations that many layers need.
extension ONNXGraph {
    /// The same numbers with other axes behind the examples.
    func reshaped(_ x: String, _ axes: [Int]) -> String { self("Reshape", x, integers([-1] + axes)) }

    /// Axes of 1 put in; 0 is that of the examples.
    func unsqueezed(_ x: String, _ axes: Int...) -> String { self("Unsqueeze", x, integers(axes)) }

    func squeezed(_ x: String, _ axes: Int...) -> String { self("Squeeze", x, integers(axes)) }

    func sum(_ x: String, _ axes: [Int], keep: Bool = true) -> String {
        self("ReduceSum", x, integers(axes), with: .integer("keepdims", keep ? 1 : 0))
    }

    /// A reduction whose axes are an attribute: `ReduceMean`, `ReduceMax`, …
    func reduced(_ operation: String, _ x: String, _ axes: [Int], keep: Bool = true) -> String {
        self(operation, x, with: .integers("axes", axes), .integer("keepdims", keep ? 1 : 0))
    }

    func transposed(_ x: String, _ order: [Int]) -> String { self("Transpose", x, with: .integers("perm", order)) }

    /// Places `start ..< end` of an axis.
    func slice(_ x: String, axis: Int, _ start: Int, _ end: Int) -> String {
        self("Slice", x, integers([start]), integers([end]), integers([axis]))
    }

    /// The last place of an axis.
    func last(_ x: String, axis: Int) -> String { slice(x, axis: axis, -1, Int(Int32.max)) }

    /// An axis in the opposite order.
    func reversed(_ x: String, axis: Int) -> String {
        self("Slice", x, integers([-1]), integers([Int(Int32.min)]), integers([axis]), integers([-1]))
    }

    /// A constant, repeated for as many examples as `x` has.
    func filled(_ constant: String, like x: String, _ axes: [Int]) -> String {
        let count = slice(self("Shape", x), axis: 0, 0, 1)
        return self("Expand", constant, joined([count, integers(axes)], axis: 0))
    }

    func joined(_ parts: [String], axis: Int) -> String {
        node("Concat", parts, [.integer("axis", axis)], outputs: 1)[0]
    }

    func float(_ x: String) -> String { self("Cast", x, with: .integer("to", Kind.float32.rawValue)) }

    func whole(_ x: String) -> String { self("Cast", x, with: .integer("to", Kind.int64.rawValue)) }

    /// Whether numbers are not 0.
    func isSet(_ x: String) -> String { self("Cast", x, with: .integer("to", Kind.bool.rawValue)) }

    /// x / √max(Σ x², floor), the sum along some axes.
    func normalized(_ x: String, _ axes: [Int], floor: Float) -> String {
        let squares = reduced("ReduceSumSquare", x, axes)
        return self("Div", x, self("Sqrt", self("Max", squares, constant(floor))))
    }
}
