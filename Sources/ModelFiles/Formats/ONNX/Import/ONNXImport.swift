import Networks
import Tensors

/// Makes a model of Keras of a graph of ONNX: its layers, and where their weights come from.
///
/// What is computed of constants alone, shapes among it, is computed here. Every other node becomes layers, or only another view
/// of the same numbers; see `ONNXFeature`.
struct ONNXImport {
    /// A value of the graph.
    enum Term {
        case constant(ONNXConstant)
        case feature(ONNXFeature)

        var isConstant: Bool { if case .constant = self { true } else { false } }
    }

    /// A layer of Keras, or an operation: `ops.add`.
    struct Layer {
        let name: String
        let className: String
        var options: JSON.Object
        let inputs: [ONNXFeature]
        var weights: [(name: String, numbers: ONNXConstant)] = []
    }

    /// Adds what a node computes; gives its outputs.
    typealias Operator = @Sendable (inout ONNXImport, ONNXNodeCall) throws -> [Term]

    let model: ONNXModel
    private(set) var layers: [Layer] = []
    private(set) var inputs: [(name: String, extents: [Int])] = []
    private(set) var outputs: [ONNXFeature] = []
    /// The number of examples that the file was exported for, where it does not leave that open.
    private(set) var examples: Int?
    private var terms: [String: Term] = [:]
    private var names: Set<String> = []
    /// How many nodes read a value.
    private var readers: [String: Int] = [:]
    /// What the node that is read now is called.
    private var scope = ""

    /// The operators that are read.
    static let operators: [String: Operator] = [
        elementwise, convolutions, products, normalizations, recurrences, selections, arrangements, reductions,
    ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

    /// - Throws: `ONNXRefusal` with the node, its operator, and what of it is not read.
    init(_ model: ONNXModel) throws {
        self.model = model
        try refuseUnknownOperators()
        for tensor in model.tensors { terms[tensor.name] = .constant(try ONNXConstant(tensor)) }
        for name in model.nodes.flatMap(\.inputs) + model.outputs.map(\.name) { readers[name, default: 0] += 1 }
        for port in model.inputs where terms[port.name] == nil { try addInput(port) }
        guard !inputs.isEmpty else { throw ONNXRefusal("its graph has no input") }
        for node in model.nodes { try add(node) }
        for port in model.outputs {
            guard case .feature(let feature)? = terms[port.name] else {
                throw ONNXRefusal("its output '\(port.name)' depends on no input")
            }
            scope = port.name
            outputs.append(try plain(feature))
        }
        guard !outputs.isEmpty else { throw ONNXRefusal("its graph has no output") }
    }

    /// Everything that nothing here reads, at once.
    private func refuseUnknownOperators() throws {
        var order: [String] = [], nodes: [String: [String]] = [:]
        for (number, node) in model.nodes.enumerated() {
            let isOwn = node.domain.isEmpty || node.domain == "ai.onnx"
            let name = isOwn ? node.operation : "\(node.domain).\(node.operation)"
            guard !isOwn || Self.operators[node.operation] == nil && Self.foldings[node.operation] == nil else {
                continue
            }
            if nodes[name] == nil { order.append(name) }
            nodes[name, default: []].append(node.name.isEmpty ? "number \(number + 1)" : node.name)
        }
        guard !order.isEmpty else { return }
        let words = order.map { name in
            let found = nodes[name] ?? [], more = found.count > 1 ? " and \(found.count - 1) more" : ""
            return "\(name) (node '\(found[0])'\(more))"
        }
        throw ONNXRefusal(
            "has \(order.count == 1 ? "an operator that is" : "operators that are") not read: \(words.joined(separator: ", "))"
        )
    }

    // MARK: - Inputs and nodes

    private mutating func addInput(_ port: ONNXModel.Port) throws {
        guard let axes = port.axes, !axes.isEmpty, axes.count <= 6 else {
            throw ONNXRefusal("input '\(port.name)' has \(port.axes.map { "\($0.count) axes" } ?? "no shape")")
        }
        if let count = axes[0] { examples = examples ?? count }
        var extents: [Int] = []
        for (axis, extent) in axes.enumerated().dropFirst() {
            guard let extent, extent <= LayerSettings.largestInteger else {
                throw ONNXRefusal(
                    "input '\(port.name)' leaves axis \(axis) open, and only that of the examples may be. "
                        + "Export the model for one length")
            }
            extents.append(extent)
        }
        let order =
            channelsFirst(port, extents) ? [extents.count] + Array(1..<extents.count) : Array(1..<(extents.count + 1))
        var tensor = extents
        for (axis, place) in order.enumerated() { tensor[place - 1] = extents[axis] }
        let name = unused(port.name, "input")
        inputs.append((name, tensor))
        terms[port.name] = .feature(
            ONNXFeature(source: .init(layer: name), extents: [1] + tensor, axes: [[0]] + order.map { [$0] }))
    }

    /// Operators that have channels behind the examples.
    private static let channelReaders: Set = [
        "Conv", "MaxPool", "AveragePool", "BatchNormalization", "InstanceNormalization", "GroupNormalization",
    ]
    /// Operators that say nothing of the axes of what they read.
    private static let passed: Set = [
        "Add", "Sub", "Mul", "Div", "Cast", "Identity", "Clip", "Pad", "Slice", "Split", "Concat", "Gather", "Shape",
        "Reshape", "Flatten",
    ]

    /// Whether an input has channels behind the examples: the first operator that tells reads it so, or its sizes are those of a
    /// picture.
    private func channelsFirst(_ port: ONNXModel.Port, _ extents: [Int]) -> Bool {
        guard (2...3).contains(extents.count) else { return false }
        var open: Set = [port.name]
        for node in model.nodes where node.inputs.contains(where: open.contains) {
            if Self.channelReaders.contains(node.operation) { return true }
            guard Self.passed.contains(node.operation) else { return false }
            // Behind these the axes are others.
            if !["Shape", "Reshape", "Flatten"].contains(node.operation) { open.formUnion(node.outputs) }
        }
        return extents.count == 3 && (1...4).contains(extents[0]) && !(1...4).contains(extents[2])
    }

    private mutating func add(_ node: ONNXModel.Node) throws {
        let call = ONNXNodeCall(node, node.inputs.map { $0.isEmpty ? nil : terms[$0] }, opset: model.opset)
        scope = node.name.isEmpty ? node.outputs.first ?? node.operation : node.name
        do {
            for (name, term) in zip(node.inputs, call.terms) where !name.isEmpty && term == nil {
                throw ONNXRefusal("reads '\(name)', which nothing before it gives")
            }
            let isConstant = call.terms.allSatisfy { $0?.isConstant ?? true }
            let folding = Self.foldings[node.operation]
            let results: [Term]
            if isConstant, let folding {
                results = try folding(call).map { .constant($0) }
            } else if let shape = try shape(call) {
                results = [.constant(shape)]
            } else if !isConstant, let translate = Self.operators[node.operation] {
                results = try translate(&self, call)
            } else {
                throw ONNXRefusal(
                    isConstant ? "computes a constant, which is not read" : "depends on the examples, which is not read"
                )
            }
            for (name, term) in zip(node.outputs, results) where !name.isEmpty { terms[name] = term }
        } catch let error as ONNXRefusal {
            throw ONNXRefusal("node '\(scope)' (\(node.operation)) \(error.text)")
        }
    }

    /// What is known of a value without its numbers: its shape, and how many numbers it has.
    private func shape(_ call: ONNXNodeCall) throws -> ONNXConstant? {
        guard call.node.operation == "Shape", case .feature(let feature)? = call.terms.first else { return nil }
        return try ONNXConstant.shape(feature.shape, call)
    }

    /// Whether only one node reads an output.
    func isReadOnce(_ name: String) -> Bool { readers[name] == 1 }

    /// Whether anything reads an output.
    func isRead(_ name: String) -> Bool { readers[name] != nil }

    // MARK: - Layers

    /// Adds a layer.
    ///
    /// - Parameter extents: The shape of one example of its result.
    /// - Returns: The result, its axes those of the tensor.
    mutating func layer(
        _ className: String, _ options: JSON.Object = [:], _ inputs: ONNXFeature..., extents: [Int],
        weights: [(String, ONNXConstant)] = []
    ) throws -> ONNXFeature {
        try layer(className, options, inputs, extents: extents, weights: weights)
    }

    mutating func layer(
        _ className: String, _ options: JSON.Object, _ inputs: [ONNXFeature], extents: [Int],
        weights: [(String, ONNXConstant)] = []
    ) throws -> ONNXFeature {
        guard layers.count < Self.layerLimit else { throw ONNXRefusal("makes more than \(Self.layerLimit) layers") }
        guard Shape(extents).elementCount <= Self.countLimit else {
            throw ONNXRefusal("makes values of the shape \(Shape(extents))")
        }
        let name = unused(scope, "layer")
        layers.append(
            Layer(name: name, className: className, options: options, inputs: inputs, weights: weights.map { ($0, $1) })
        )
        return ONNXFeature(
            source: .init(layer: name), extents: [1] + extents, axes: (0...extents.count).map { [$0] })
    }

    /// Adds a layer that leaves every number in its place.
    mutating func map(_ className: String, _ input: ONNXFeature, _ options: JSON.Object = [:]) throws -> ONNXFeature {
        var result = try layer(className, options, input, extents: Array(input.extents.dropFirst()))
        result.axes = input.axes
        return result
    }

    /// Gives the layer that made a value a bias, if it has none yet and nobody else has seen what it makes.
    ///
    /// - Returns: Whether it could have one, and has it now.
    mutating func addBias(_ bias: ONNXConstant, to feature: ONNXFeature) -> Bool {
        guard let index = layers.lastIndex(where: { $0.name == feature.source.layer }),
            layers[index].options["use_bias"] == false
        else { return false }
        let views = terms.values.count {
            if case .feature(let other) = $0 { other.source == feature.source } else { false }
        }
        guard views == 1, !layers.contains(where: { $0.inputs.contains { $0.source == feature.source } }) else {
            return false
        }
        layers[index].options["use_bias"] = true
        layers[index].weights.append(("bias", bias))
        return true
    }

    /// As many layers as a model of Keras may have.
    private static let layerLimit = 10_000
    private static let countLimit = 1 << 30

    /// A name that no layer has, made of letters, digits and a few signs.
    private mutating func unused(_ wanted: String, _ fallback: String) -> String {
        let text = String(wanted.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) ? $0 : "_" })
        let plain = text.drop { "_.-".contains($0) }
        let base = plain.isEmpty ? fallback : String(plain.prefix(200))
        var name = base, number = 1
        while !names.insert(name).inserted {
            name = "\(base)_\(number)"
            number += 1
        }
        return name
    }
}

extension ONNXConstant {
    /// A shape as a constant, or the part of it that the node wants.
    static func shape(_ shape: [ONNXExtent], _ call: ONNXNodeCall) throws -> ONNXConstant {
        func place(_ name: String, _ fallback: Int) throws -> Int {
            let place = try call.whole(name, default: fallback)
            return min(max(place < 0 ? place + shape.count : place, 0), shape.count)
        }
        let start = try place("start", 0), end = try place("end", shape.count)
        let part = start < end ? Array(shape[start..<end]) : []
        return ONNXConstant([part.count], whole: part)
    }
}

/// A node with the values that it reads.
struct ONNXNodeCall {
    let node: ONNXModel.Node
    /// Nil where an input is left out.
    let terms: [ONNXImport.Term?]
    let opset: Int

    init(_ node: ONNXModel.Node, _ terms: [ONNXImport.Term?], opset: Int) {
        (self.node, self.terms, self.opset) = (node, terms, opset)
    }

    // MARK: Inputs

    private func term(_ position: Int) -> ONNXImport.Term? {
        terms.indices.contains(position) ? terms[position] : nil
    }

    /// An input that may be left out, and must be a constant.
    func constant(_ position: Int) throws(ONNXRefusal) -> ONNXConstant? {
        switch term(position) {
        case nil: return nil
        case .constant(let constant): return constant
        case .feature: throw ONNXRefusal("has an input \(position + 1) that depends on the examples")
        }
    }

    func requiredConstant(_ position: Int) throws(ONNXRefusal) -> ONNXConstant {
        guard let constant = try constant(position) else { throw ONNXRefusal("has no input \(position + 1)") }
        return constant
    }

    /// An input that depends on the examples.
    func feature(_ position: Int = 0) throws(ONNXRefusal) -> ONNXFeature {
        guard case .feature(let feature)? = term(position) else {
            throw ONNXRefusal("has \(term(position) == nil ? "no" : "a constant as") input \(position + 1)")
        }
        return feature
    }

    /// Inputs that are there.
    var given: [ONNXImport.Term] { terms.compactMap(\.self) }

    // MARK: Attributes

    private func refusal(_ name: String) -> ONNXRefusal { ONNXRefusal("has an attribute '\(name)' of another type") }

    func whole(_ name: String, default fallback: Int? = nil) throws(ONNXRefusal) -> Int {
        switch node.attributes[name] {
        case .whole(let value): return value
        case nil:
            guard let fallback else { throw ONNXRefusal("has no attribute '\(name)'") }
            return fallback
        default: throw refusal(name)
        }
    }

    func real(_ name: String, default fallback: Float) throws(ONNXRefusal) -> Float {
        switch node.attributes[name] {
        case .real(let value) where value.isFinite: return value
        case nil: return fallback
        default: throw refusal(name)
        }
    }

    func text(_ name: String, default fallback: String) throws(ONNXRefusal) -> String {
        switch node.attributes[name] {
        case .text(let value): return value
        case nil: return fallback
        default: throw refusal(name)
        }
    }

    func wholes(_ name: String) throws(ONNXRefusal) -> [Int]? {
        switch node.attributes[name] {
        case .wholes(let value): return value
        case nil: return nil
        default: throw refusal(name)
        }
    }

    /// Whole numbers that older opsets have as an attribute, newer ones as an input.
    func wholes(_ name: String, orInput position: Int) throws -> [Int]? {
        if let numbers = try wholes(name) { return numbers }
        return try constant(position)?.wholes()
    }

    /// Refuses an attribute that has another value than the one that is read.
    func require(_ name: String, _ value: Int) throws(ONNXRefusal) {
        let found = try whole(name, default: value)
        guard found == value else { throw ONNXRefusal("has \(name) \(found); only \(value) is read") }
    }
}
