import Networks
import Protobuf
import Tensors

/// The network of an architecture as a graph of ONNX.
final class ONNXTranslation {
    let graph: ONNXGraph
    /// The names of the inputs and the outputs, with their shapes.
    private(set) var inputs: [(name: String, axes: [ONNXGraph.Axis])] = []
    private(set) var outputs: [(name: String, axes: [ONNXGraph.Axis])] = []
    /// What the graph has after each step, and the name of the step's layer.
    private var marks: [(layer: String, nodes: Int, constants: Int)] = []

    private let network: LayerGraph
    private let steps: [GraphStep]
    private var values: [LayerGraph.Value: ONNXValue] = [:]
    private var masks: [Int: String] = [:]

    /// - Throws: `ModelFileError` with all layers that ONNX has no operations for.
    init(_ built: BuiltArchitecture, _ encodings: WeightEncodings) throws(ModelFileError) {
        graph = ONNXGraph(encodings)
        graph.hasOpenLengths = built.architecture.inputShapes == nil
        network = built.graph
        steps = network.steps
        for (input, value) in zip(built.architecture.inputs, network.inputs) {
            let name = graph.name(input.name), shape = network.shape(of: value)
            inputs.append((name, shape.axes.map { .extent($0) }))
            values[value] = ONNXValue(name, shape)
        }
        for (position, output) in built.architecture.outputs.enumerated() {
            let name = built.architecture.outputNames?[position] ?? output.layer
            let axes = network.shape(of: network.outputs[position]).axes
            outputs.append((graph.name(name), axes.map { .extent($0) }))
        }
        try refuse(problems(), of: built)
        for (output, value) in zip(outputs, network.outputs) {
            guard let value = values[value] else { continue }
            graph.scope = output.name
            graph.node("Identity", [value.channelsLast(graph)], outputs: [output.name])
        }
    }

    /// Translates every step that the outputs depend on; says what stands in the way, by the names of the graph's layers.
    private func problems() -> [(layer: String, text: String)] {
        var found: [(String, String)] = []
        for index in needed {
            let step = steps[index]
            graph.scope = step.name
            do throws(ONNXProblem) {
                values[step.output] = try translate(index)
            } catch {
                found.append((step.name, error.text))
                // What follows is looked at, too.
                values[step.output] = ONNXValue("", network.shape(of: step.output))
            }
            marks.append((step.name, graph.nodes.bytes.count, graph.constants.bytes.count))
        }
        return found
    }

    /// The steps that the outputs depend on, by their values or by masks.
    private var needed: [Int] {
        let maker = Dictionary(
            steps.enumerated().map { ($1.output, $0) }, uniquingKeysWith: { first, _ in first })
        var found: Set<Int> = [], open = network.outputs.compactMap { maker[$0] }
        while let index = open.popLast() {
            guard found.insert(index).inserted else { continue }
            let step = steps[index]
            open += step.inputs.compactMap { maker[$0] } + step.masks.compactMap(\.self)
            if step.mask != nil { open += step.inputMasks.compactMap(\.self) }
        }
        return found.sorted()
    }

    private func refuse(_ problems: [(layer: String, text: String)], of built: BuiltArchitecture) throws(ModelFileError)
    {
        guard !problems.isEmpty else { return }
        var lines: [String] = []
        for (layer, built) in zip(built.architecture.layers, built.layers) {
            for problem in problems where built.parts.contains(where: { $0.name == problem.layer }) {
                let line = "\(layer.place): \(problem.text)"
                if !lines.contains(line) { lines.append(line) }
            }
        }
        throw ModelFileError(
            .refused, built.architecture.origin, lines, advice: "Write .h5 or .keras, or choose another layer")
    }

    // MARK: - Steps

    private func translate(_ index: Int) throws(ONNXProblem) -> ONNXValue {
        let step = steps[index], shape = network.shape(of: step.output)
        if step.isUnchanged, let input = values[step.inputs[0]] {
            guard input.shape != shape else { return input }
            return ONNXValue(restored(input.channelsLast(graph), step), shape)
        }
        guard let layer = step.layer as? any ONNXLayer else {
            throw ONNXProblem(text: "has no counterpart in ONNX")
        }
        let ignoresSteps = layer.ignoresLeadingAxes
        let result = try layer.express(call(index, perStep: !ignoresSteps))
        guard step.stepAxes > 0, !ignoresSteps else { return result }
        return ONNXValue(restored(result.channelsLast(graph), step), shape)
    }

    /// The result of a layer, every step of which was an example, with its steps as axes again.
    private func restored(_ name: String, _ step: GraphStep) -> String {
        let axes = network.shape(of: step.output).axes
        guard graph.hasOpenLengths, step.stepAxes > 0, let input = values[step.inputs[0]] else {
            return graph.reshaped(name, axes)
        }
        let leading = graph.slice(graph("Shape", input.channelsLast(graph)), axis: 0, 0, 1 + step.stepAxes)
        let rest = graph.integers(Array(axes.dropFirst(step.stepAxes)))
        return graph("Reshape", name, graph.joined([leading, rest], axis: 0))
    }

    /// The call of a step's layer, in which every step of a time-distributed one is an example.
    private func call(_ index: Int, perStep: Bool = true) -> ONNXCall {
        let step = steps[index], dropped = perStep ? step.stepAxes : 0
        let inputs = step.inputs.map { value -> ONNXValue in
            guard let input = values[value] else { return ONNXValue("", network.shape(of: value)) }
            guard dropped > 0 else { return input }
            let axes = Array(input.shape.axes.dropFirst(dropped))
            return ONNXValue(graph.reshaped(input.channelsLast(graph), axes), Shape(axes))
        }
        let output = Shape(Array(network.shape(of: step.output).axes.dropFirst(dropped)))
        return ONNXCall(graph, inputs, output: output, step.parameters) { [self] position in
            guard let maker = step.masks[position] else { return nil }
            let mask = mask(maker)
            guard step.stepAxes > 0 else { return mask }
            guard graph.hasOpenLengths else { return graph.reshaped(mask, [inputs[position].shape[0]]) }
            let length = graph.slice(graph("Shape", mask), axis: 0, -1, Int(Int32.max))
            return graph("Reshape", mask, graph.joined([graph.integers([-1]), length], axis: 0))
        }
    }

    // MARK: - Masks

    /// The mask that a step makes of its output, one number for each place along its leading axes.
    private func mask(_ index: Int) -> String {
        if let known = masks[index] { return known }
        let step = steps[index], axes = Array(network.shape(of: step.output).axes.prefix(step.maskAxes))
        let given = step.inputMasks.map { $0.map(mask) }, present = given.compactMap(\.self)
        let name: String
        switch step.mask {
        case .byLayer:
            let mask = (step.layer as? any ONNXMasking)?.mask(call(index)) ?? ""
            name = step.stepAxes > 0 ? graph.reshaped(mask, axes) : mask
        case .any: name = graph.node("Max", present, [], outputs: 1)[0]
        case .all: name = graph.node("Min", present, [], outputs: 1)[0]
        case .joined:
            let parts = zip(step.inputs, given).map { value, mask in
                mask ?? ones(like: value, Array(network.shape(of: value).axes.prefix(step.maskAxes)))
            }
            name = graph.joined(parts, axis: 1)
        case .reduced:
            let rank = step.inputMasks[0].map { steps[$0].maskAxes } ?? step.maskAxes + 1
            name = graph.reduced("ReduceMax", present[0], Array((step.maskAxes + 1)...rank), keep: false)
        case nil: name = ""
        }
        masks[index] = name
        return name
    }

    /// Ones for every example.
    private func ones(like value: LayerGraph.Value, _ axes: [Int]) -> String {
        graph.filled(graph.constant(1), like: values[value]?.channelsLast(graph) ?? "", axes)
    }
}

// MARK: - Open lengths

extension ONNXTranslation {
    /// The translation of a network, in which lengths that the architecture leaves open stay so.
    ///
    /// They can where operations and constants are the same for every length.
    /// - Throws: `ModelFileError` with what ONNX has no operations for, or with the layer that computes with a fixed length.
    static func checked(
        _ built: BuiltArchitecture, _ encodings: WeightEncodings
    ) throws(ModelFileError) -> ONNXTranslation {
        let translation = try ONNXTranslation(built, encodings), architecture = built.architecture
        guard architecture.inputShapes == nil else { return translation }
        for more in [1, 3] {
            let shapes = zip(architecture.inputs, built.graph.inputs).map { input, value in
                Shape(zip(input.axes, built.graph.shape(of: value).axes).map { $0 ?? $1 + more })
            }
            let other = try ONNXTranslation(architecture.graph(inputs: shapes), encodings)
            if let layer = translation.layer(unlike: other) {
                let place = zip(architecture.layers, built.layers).first { $1.parts.contains { $0.name == layer } }?.0
                    .place
                throw ModelFileError(
                    .refused, architecture.origin,
                    ["\(place ?? layer): computes with a fixed length in ONNX, and the input leaves it open"],
                    advice: "Give the input a length, such as Input((300, 5)) in Keras, or write .h5 or .keras")
            }
            translation.open(other, of: architecture)
        }
        return translation
    }

    /// The first layer whose operations or constants are others; nil where all are the same.
    private func layer(unlike other: ONNXTranslation) -> String? {
        let nodes = (graph.nodes.bytes, other.graph.nodes.bytes)
        let constants = (graph.constants.bytes, other.graph.constants.bytes)
        guard nodes.0 != nodes.1 || constants.0 != constants.1 else { return nil }
        return zip(marks, other.marks).first { own, other in
            own.nodes != other.nodes || own.constants != other.constants
                || nodes.0[..<own.nodes] != nodes.1[..<own.nodes]
                || constants.0[..<own.constants] != constants.1[..<own.constants]
        }?.0.layer ?? marks.last?.layer
    }

    /// Names the axes that have other extents in another translation.
    private func open(_ other: ONNXTranslation, of architecture: Architecture) {
        var names: [Int: String] = [:]
        for (position, input) in architecture.inputs.enumerated() {
            for (axis, extent) in input.axes.enumerated() where extent == nil {
                let word = input.axes.count == 2 ? "time" : "axis_\(axis + 1)"
                let name = architecture.inputs.count == 1 ? word : "\(inputs[position].name)_\(word)"
                if case .extent(let extent) = inputs[position].axes[axis] { names[extent] = name }
                inputs[position].axes[axis] = .named(name)
            }
        }
        for position in outputs.indices {
            for (axis, pair) in zip(outputs[position].axes, other.outputs[position].axes).enumerated() {
                guard case (.extent(let own), .extent(let theirs)) = pair, own != theirs else { continue }
                outputs[position].axes[axis] = .named(names[own] ?? "\(outputs[position].name)_axis_\(axis + 1)")
            }
        }
    }
}
