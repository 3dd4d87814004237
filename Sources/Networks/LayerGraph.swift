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
        /// The steps of a first axis that is treated as part of the batch (Keras's TimeDistributed); 1 for none.
        let steps: Int
        let output: Value
        /// Whose mask the layer takes for each input.
        let masks: [MaskSource?]
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

    public mutating func addInput(_ shape: Shape) -> Value {
        precondition(nodes.isEmpty, "inputs come before layers")
        shapes.append(shape)
        masks.append(nil)
        inputs.append(Value(index: shapes.count - 1))
        return inputs[inputs.count - 1]
    }

    /// Makes a layer known, without using it yet.
    public mutating func define(_ name: String, _ layer: any Layer) -> LayerID {
        precondition(!entries.contains { $0.name == name }, "there is a layer '\(name)' already")
        entries.append(Entry(name: name, layer: layer, specs: nil))
        return LayerID(index: entries.count - 1)
    }

    /// Uses a layer on values, each time with the same parameters.
    ///
    /// - Parameter overSteps: Whether the layer works on every step of the first axis by itself.
    public mutating func call(
        _ id: LayerID, _ values: [Value], overSteps: Bool = false
    ) throws(ShapeError) -> Value {
        let entry = entries[id.index]
        var steps = 1
        var inputShapes = values.map { shapes[$0.index] }
        if overSteps {
            guard inputShapes.count == 1, let first = inputShapes[0].axes.first, inputShapes[0].rank >= 2 else {
                throw ShapeError("needs one input with a time axis, found \(list(inputShapes))")
            }
            steps = first
            inputShapes = [Shape(Array(inputShapes[0].axes.dropFirst()))]
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
        shapes.append(overSteps ? Shape([steps] + plan.output.axes) : plan.output)
        let rule = overSteps ? .first : plan.mask
        masks.append(mask(rule, of: values, node: nodes.count))
        let isLost = values.map { lostMasks.contains($0.index) }
        let taken = zip(values, isLost).map { value, isLost in
            isLost && plan.maskReading != .planned ? nil : masks[value.index]
        }
        nodes.append(Node(entry: id.index, inputs: values, plan: plan, steps: steps, output: output, masks: taken))
        if case .any = rule, isLost.contains(true) { lostMasks.insert(output.index) }
        if case .first = rule, isLost.first == true { lostMasks.insert(output.index) }
        if plan.maskReading == .taking { lostMasks.formUnion(values.map(\.index)) }
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
    }

    private func mask(_ rule: MaskRule, of values: [Value], node: Int) -> MaskSource? {
        let present = values.compactMap { masks[$0.index] }
        switch rule {
        case .none: return nil
        case .first: return values.first.flatMap { masks[$0.index] }
        case .computed: return .node(node)
        case .any: return present.count < values.count ? nil : Set(present).count == 1 ? present[0] : .node(node)
        case .all: return present.isEmpty ? nil : Set(present).count == 1 ? present[0] : .node(node)
        }
    }

    /// Where each parameter lives.
    public var layout: ParameterLayout { ParameterLayout(entries.map { ($0.name, $0.specs ?? []) }) }

    /// Multiplications with additions in one example's forward pass, by layer name.
    public var multiplyAdds: [String: Int] {
        nodes.reduce(into: [:]) { $0[entries[$1.entry].name, default: 0] += $1.plan.multiplyAdds * $1.steps }
    }

    /// The output shape of each layer's last use, by layer name.
    public var outputShapes: [String: Shape] {
        nodes.reduce(into: [:]) { $0[entries[$1.entry].name] = shapes[$1.output.index] }
    }
}

/// Shapes in a sentence.
func list(_ shapes: [Shape]) -> String { shapes.map(\.description).joined(separator: " and ") }
