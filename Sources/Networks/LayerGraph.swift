public import Tensors

/// A directed acyclic graph of layers whose shapes have been checked. It holds no weights and no memory.
///
/// Nodes are in an order in which they can be computed, since a node's inputs exist before it is added.
public struct LayerGraph: Sendable {
    /// Something that flows through the graph: an input, or the output of a node.
    public struct Value: Hashable, Sendable {
        public let index: Int
    }

    /// A layer with its parameters, which several nodes may share.
    public struct LayerID: Hashable, Sendable {
        public let index: Int
    }

    struct Entry: Sendable {
        let name: String
        let layer: any Layer
        var specs: [ParameterSpec]?
    }

    struct Node: Sendable {
        let entry: Int
        let inputs: [Value]
        let plan: LayerPlan
        /// How many leading axes are treated as part of the batch (Keras's TimeDistributed), and the steps they have.
        let stepAxes: Int
        let steps: Int
        let output: Value
        /// How it makes a mask, if it does.
        let maskAction: MaskAction?
        /// How many leading axes of the output that mask has a number for.
        let maskAxes: Int
        let maskPassing: MaskPassing
        /// Whose mask the layer takes for each input.
        let masks: [MaskSource?]
    }

    /// How a node makes a mask.
    enum MaskAction: Sendable {
        /// The layer does.
        case layer
        /// From those of its inputs.
        case any, all, joined
        /// From that of its input, which has more axes: real if anything is along those.
        case reduced
    }

    /// What becomes of masks, where it is not the layer that says so.
    public enum MaskPassing: Hashable, Sendable {
        /// The layer's rule, which over steps is about the axes behind them (Keras 2's TimeDistributed).
        case byLayer
        /// The first input's goes on as it is (Keras 3's TimeDistributed).
        case kept
        /// That of a value goes on, where the layer reads something made of it.
        case of(Value)
        /// Nothing goes on.
        case dropped
    }

    private(set) var entries: [Entry] = []
    private(set) var nodes: [Node] = []
    private(set) var shapes: [Shape] = []
    /// Whose mask each value carries: a value whose node computes one.
    private(set) var masks: [MaskSource?] = []
    /// Values that have lost their mask when later layers run, see `MaskReading`.
    private var lostMasks: Set<Int> = []
    public private(set) var inputs: [Value] = []
    public private(set) var outputs: [Value] = []
    /// What the objective sees: the value before the last softmax or sigmoid.
    public private(set) var logits = Value(index: 0)
    public private(set) var head = Head.none
    /// Values beside the logits that an objective looks at in training. Nodes added after `finish` are theirs alone.
    public private(set) var taps: [Value] = []
    private var finishedNodes = 0

    /// What turns logits into predictions.
    public enum Head: String, Sendable {
        /// One class of several.
        case softmax
        /// Any number of labels.
        case sigmoid
        /// The model ends in something else; its output is what it says.
        case none
    }

    /// Where a value's mask comes from.
    enum MaskSource: Hashable, Sendable {
        /// The node that computes it.
        case node(Int)
    }

    public init() {}

    /// The shape of one example of `value`.
    public func shape(of value: Value) -> Shape { shapes[value.index] }

    /// Whether some frames of `value` may be padding.
    public func isMasked(_ value: Value) -> Bool { masks[value.index] != nil }

    /// Whether some layer computes a mask.
    public var hasMasks: Bool { masks.contains { $0 != nil } }

    /// Whether the mask that one value has, or would have, goes on to another that is computed from it.
    public func passesMask(of source: Value, to value: Value) -> Bool {
        guard value != source else { return true }
        // What was there before the source does not come from it.
        guard value.index > source.index, value.index >= inputs.count else { return false }
        let node = nodes[value.index - inputs.count]
        switch (node.maskPassing, node.plan.mask) {
        case (.dropped, _), (.byLayer, .none), (.byLayer, .computed): return false
        case (.of(let origin), _): return passesMask(of: source, to: origin)
        case (.kept, _), (.byLayer, .first): return passesMask(of: source, to: node.inputs[0])
        case (.byLayer, .any), (.byLayer, .all), (.byLayer, .joined):
            return node.inputs.contains { passesMask(of: source, to: $0) }
        }
    }

    /// How many leading axes of `value` its mask has numbers for; nil if it has none.
    public func maskRank(of value: Value) -> Int? { masks[value.index].map(maskAxes) }

    public mutating func addInput(_ shape: Shape) -> Value {
        precondition(nodes.isEmpty, "inputs come before layers")
        shapes.append(shape)
        masks.append(nil)
        inputs.append(Value(index: shapes.count - 1))
        return inputs[inputs.count - 1]
    }

    /// The name, with `_` behind it as often as layers have it already: for layers that no user named.
    public func freeName(_ name: String) -> String {
        let taken = Set(entries.map(\.name))
        var free = name
        while taken.contains(free) { free += "_" }
        return free
    }

    /// Makes a layer known, without using it yet.
    public mutating func define(_ name: String, _ layer: any Layer) -> LayerID {
        precondition(!entries.contains { $0.name == name }, "there is a layer '\(name)' already")
        entries.append(Entry(name: name, layer: layer, specs: nil))
        return LayerID(index: entries.count - 1)
    }

    /// Uses a layer on values, each time with the same parameters.
    ///
    /// - Parameter stepAxes: How many leading axes the layer works on every step of by itself.
    public mutating func call(
        _ id: LayerID, _ values: [Value], stepAxes: Int = 0, masks passing: MaskPassing = .byLayer
    ) throws(ShapeError) -> Value {
        let entry = entries[id.index]
        var inputShapes = values.map { shapes[$0.index] }, leading: [Int] = []
        if stepAxes > 0 {
            leading = Array(inputShapes[0].axes.prefix(stepAxes))
            guard inputShapes.allSatisfy({ $0.rank > stepAxes && Array($0.axes.prefix(stepAxes)) == leading }) else {
                let axes = stepAxes == 1 ? "a time axis" : "\(stepAxes) time axes"
                throw ShapeError("needs one input with \(axes), found \(list(inputShapes))")
            }
            inputShapes = inputShapes.map { Shape(Array($0.axes.dropFirst(stepAxes))) }
        }
        let plan = try entry.layer.plan(for: inputShapes)
        if let specs = entry.specs {
            guard specs.map(\.shape) == plan.parameters.map(\.shape) else {
                throw ShapeError("is shared, but its uses need parameters of different shapes")
            }
        } else {
            entries[id.index].specs = plan.parameters
        }
        let output = Value(index: shapes.count)
        shapes.append(Shape(leading + plan.output.axes))
        let (source, action, maskAxes) = mask(plan, passing, stepAxes: stepAxes, of: values, node: nodes.count)
        let isLost = values.map { lostMasks.contains($0.index) }
        let taken = zip(values, isLost).map { value, isLost in
            isLost && plan.maskReading != .planned ? nil : masks[value.index]
        }
        masks.append(source)
        nodes.append(
            Node(
                entry: id.index, inputs: values, plan: plan, stepAxes: stepAxes, steps: leading.reduce(1, *),
                output: output, maskAction: action, maskAxes: maskAxes,
                maskPassing: passing, masks: taken))
        if case .any = plan.mask, isLost.contains(true) { lostMasks.insert(output.index) }
        if case .first = plan.mask, isLost.first == true { lostMasks.insert(output.index) }
        if plan.takesMasks { lostMasks.formUnion(values.map(\.index)) }
        return output
    }

    /// Defines a layer and uses it.
    @discardableResult
    public mutating func add(_ name: String, _ layer: any Layer, to values: [Value]) throws(ShapeError) -> Value {
        let id = define(name, layer)
        return try call(id, values)
    }

    /// Says what the network returns, and where its objective looks.
    public mutating func finish(outputs: [Value], logits: Value, head: Head) {
        self.outputs = outputs
        self.logits = logits
        self.head = head
        finishedNodes = nodes.count
    }

    /// Lets an objective look at a value which was added after `finish` and which no other node reads.
    public mutating func tap(_ value: Value) {
        precondition(value.index >= inputs.count + finishedNodes, "a tap is a value of its own")
        precondition(!nodes.contains { $0.inputs.contains(value) }, "a tap's value has no other reader")
        taps.append(value)
    }

    /// The graph as it was finished, with the same parameters in the same places.
    public var untapped: LayerGraph {
        guard nodes.count > finishedNodes else { return self }
        var graph = self
        graph.taps = []
        graph.nodes.removeLast(nodes.count - finishedNodes)
        graph.shapes.removeLast(nodes.count - finishedNodes)
        graph.masks.removeLast(nodes.count - finishedNodes)
        return graph
    }

    /// Removes the nodes behind one, and makes what it gets the outputs.
    mutating func cut(behind node: Int) {
        let removed = nodes.count - node - 1
        nodes.removeLast(removed)
        shapes.removeLast(removed)
        masks.removeLast(removed)
        (outputs, logits, head) = (nodes[node].inputs, nodes[node].output, .none)
        finishedNodes = nodes.count
    }

    /// Whose mask the output of a new node carries, and how the node makes it if it is the node's own.
    private func mask(
        _ plan: LayerPlan, _ passing: MaskPassing, stepAxes: Int, of values: [Value], node: Int
    ) -> (MaskSource?, MaskAction?, axes: Int) {
        let given = values.map { masks[$0.index] }, present = given.compactMap(\.self), first = given.first ?? nil
        let axes = present.first.map(maskAxes) ?? 1
        func own(_ action: MaskAction) -> (MaskSource?, MaskAction?, axes: Int) { (.node(node), action, axes) }
        switch (passing, plan.mask) {
        case (.dropped, _): return (nil, nil, 0)
        case (.kept, _): return (first, nil, 0)
        case (.of(let value), _): return (masks[value.index], nil, 0)
        case (.byLayer, .computed): return (.node(node), .layer, stepAxes + plan.maskAxes)
        case (.byLayer, .none):
            guard stepAxes > 0, first != nil else { return (nil, nil, 0) }
            return axes > stepAxes ? (.node(node), .reduced, stepAxes) : (first, nil, 0)
        case (.byLayer, .first): return (first, nil, 0)
        case (.byLayer, .any) where present.count < values.count: return (nil, nil, 0)
        case (.byLayer, .any), (.byLayer, .all):
            if Set(present).count < 2 { return (present.first, nil, 0) }
            return own(plan.mask == .any ? .any : .all)
        case (.byLayer, .joined): return present.isEmpty ? (nil, nil, 0) : own(.joined)
        }
    }

    /// How many leading axes a mask has numbers for.
    func maskAxes(_ source: MaskSource) -> Int {
        guard case .node(let node) = source else { return 1 }
        return nodes[node].maskAxes
    }

    /// The layers that normalize the first input by its mean and variance: what is in between leaves its values alone.
    ///
    /// - Returns: The names of the layers, with the names of the two parameters; nil for the name of a layer that
    ///   normalizes something else, whose mean and variance nobody knows before training.
    public var inputNormalizations: [(layer: String, mean: String, variance: String, readsInput: Bool)] {
        nodes.compactMap { node in
            guard let layer = entries[node.entry].layer as? AdaptedNormalization, !layer.isInverse,
                let specs = entries[node.entry].specs
            else { return nil }
            var value = node.inputs[0]
            while let source = nodes.first(where: { $0.output == value }), entries[source.entry].layer is Masking {
                value = source.inputs[0]
            }
            return (entries[node.entry].name, specs[0].name, specs[1].name, value == inputs[0] && layer.axisCount == 1)
        }
    }

    /// Where each parameter lives.
    public var layout: ParameterLayout { ParameterLayout(entries.map { ($0.name, $0.specs ?? []) }) }

    /// Multiplications with additions in one example's forward pass, by layer name.
    public var multiplyAdds: [String: Int] {
        nodes.reduce(into: [:]) { $0[entries[$1.entry].name, default: 0] += $1.plan.multiplyAdds * $1.steps }
    }

    /// Multiplications with additions in one example's forward pass.
    public var multiplyAddsPerExample: Int { nodes.reduce(0) { $0 + $1.plan.multiplyAdds * $1.steps } }

    /// The output shape of each layer's last use, by layer name.
    public var outputShapes: [String: Shape] {
        nodes.reduce(into: [:]) { $0[entries[$1.entry].name] = shapes[$1.output.index] }
    }
}

/// Shapes in a sentence.
func list(_ shapes: [Shape]) -> String { shapes.map(\.description).joined(separator: " and ") }
