public import Tensors

/// A network described in words: its layers by Keras's names, and which layer reads what.
///
/// Nested models are taken apart: a layer inside model `outer` is called `outer/inner` here.
public struct Architecture: Hashable, Sendable {
    /// Where a tensor comes from: an input, or a result of one call of a layer.
    public struct Source: Hashable, Sendable {
        public var layer: String
        /// Which call: layers that are used several times keep the same weights.
        public var call: Int
        /// Which of the results, of a layer that has several: a recurrent layer's states come behind its output.
        public var tensor: Int

        public init(_ layer: String, call: Int = 0, tensor: Int = 0) {
            self.layer = layer
            self.call = call
            self.tensor = tensor
        }
    }

    public struct Input: Hashable, Sendable {
        public var name: String
        /// The shape of one example; nil for an axis whose length the model leaves open.
        public var axes: [Int?]

        public init(_ name: String, _ axes: [Int?]) {
            self.name = name
            self.axes = axes
        }
    }

    public struct Layer: Hashable, Sendable {
        public var name: String
        /// Keras's class, such as `Dense`.
        public var className: String
        /// Keras's options.
        public var options: JSON.Object
        /// What each call of the layer reads.
        public var calls: [[Source]]
        /// Keras's names of the tensors that every call passes by name: the last that it reads.
        public var keywords: [String]
        /// What else every call passes by name, such as `use_causal_mask`.
        public var arguments: JSON.Object
        /// Whether Keras trains it; matters for the order of weights inside nested models.
        public var isTrainable: Bool
        /// The layer of the Keras model whose weights it belongs to: itself, or the nested model it was taken from.
        public var owner: String
        /// Its place in Keras 3's store of weights: `layers/dense_1`.
        public var store: String
        /// How many layers TimeDistributed around it are in that place already: those around the model it was taken from.
        var storedTimeAxes = 0
        /// The line of the architecture file that describes it.
        public var line: Int?
        /// That file, where it is not the architecture's own but a member's.
        var file: String?

        public init(
            _ name: String, _ className: String, _ options: JSON.Object, calls: [[Source]], keywords: [String] = [],
            arguments: JSON.Object = [:], isTrainable: Bool = true, owner: String? = nil, store: String = "",
            line: Int? = nil
        ) {
            self.name = name
            self.className = className
            self.options = options
            self.calls = calls
            self.keywords = keywords
            self.arguments = arguments
            self.isTrainable = isTrainable
            self.owner = owner ?? name
            self.store = store
            self.line = line
        }
    }

    /// Whose meaning of names counts, where the versions of Keras differ: `hard_sigmoid` and merged masks.
    public enum Dialect: Hashable, Sendable { case keras2, keras3 }

    /// Where it came from: a path.
    public var origin: String
    public var name: String
    public var dialect: Dialect
    /// The version of Keras whose rules it follows; nil if nothing names it.
    public var version: KerasVersion?
    public var inputs: [Input]
    public var layers: [Layer]
    public var outputs: [Source]
    /// The keys of the inputs, in their order, of a model that takes a dict of them; nil for any other.
    public var inputKeys: [String]?
    /// The names of the outputs, in their order, of a model whose outputs are a dict or have dicts among them: `boxes`, or
    /// `heads/0` for a list in a dict; nil for any other.
    public var outputNames: [String]?
    /// Whether an option that no layer knows is an error: it is in architecture files, where people make typing errors,
    /// and not in Keras's files, where each version leaves its own.
    public var isStrict: Bool
    /// The networks side by side that an architecture file names, if it does.
    public var members: [Member] = []

    public init(
        origin: String, name: String, dialect: Dialect = .keras3, inputs: [Input], layers: [Layer], outputs: [Source],
        isStrict: Bool = false
    ) {
        self.origin = origin
        self.name = name
        self.dialect = dialect
        self.inputs = inputs
        self.layers = layers
        self.outputs = outputs
        self.isStrict = isStrict
    }

    /// The version whose rules count: the newest, unless one is named.
    var rules: KerasVersion { version ?? .newest(dialect) }

    /// Has the network follow the rules of the newest version, as one that is trained from now on.
    public mutating func renew() { version = .newest(dialect) }

    /// The shapes of the inputs, if none leaves an axis open.
    public var inputShapes: [Shape]? {
        let shapes = inputs.map { $0.axes.compactMap(\.self) }
        return zip(shapes, inputs).allSatisfy { $0.count == $1.axes.count } ? shapes.map { Shape($0) } : nil
    }

    /// Whether every layer is called once, on the layer before it.
    public var isChain: Bool {
        guard inputs.count == 1, outputs.count == 1 else { return false }
        var previous = Source(inputs[0].name)
        for layer in layers {
            guard layer.calls == [[previous]] else { return false }
            previous = Source(layer.name)
        }
        return outputs == [previous]
    }
}

extension Architecture.Layer {
    /// Whether the last that every call reads is a mask for the first.
    var hasExplicitMask: Bool { keywords.last == KerasConfiguration.maskKeyword }

    /// As errors begin: with the line, if there is one.
    var place: String {
        (file.map { "'\($0)', " } ?? "") + (line.map { "line \($0), " } ?? "") + "layer '\(name)' (\(className))"
    }
}
