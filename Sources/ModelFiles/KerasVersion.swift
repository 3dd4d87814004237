import Networks

/// A version of Keras, whose rules a network follows where versions differ.
public struct KerasVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let major, minor: Int

    public init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

    /// Reads `3.15.1`, `2.2.4-tf`, `3.0.0.dev2023100103`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
        self.init(major, minor)
    }

    public static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }

    /// As files have it.
    public var description: String { "\(major).\(minor).0" }

    var dialect: Architecture.Dialect { major >= 3 ? .keras3 : .keras2 }

    /// The newest of each, whose rules are those of every version after it as far as is known.
    static func newest(_ dialect: Architecture.Dialect) -> KerasVersion {
        dialect == .keras3 ? KerasVersion(3, 15) : KerasVersion(2, 15)
    }
}

// MARK: - Masks

extension KerasVersion {
    /// The first version of each set of rules for masks.
    static func maskRules(_ dialect: Architecture.Dialect) -> [KerasVersion] {
        dialect == .keras3
            ? [KerasVersion(3, 0), KerasVersion(3, 4), KerasVersion(3, 8), KerasVersion(3, 10), KerasVersion(3, 11)]
            : [KerasVersion(2, 0), KerasVersion(2, 10)]
    }

    /// Whether what layers make of a list of inputs has a mask. Keras 3 looked for the mask of the list itself at first.
    var masksOfListsGoOn: Bool { major < 3 || self >= KerasVersion(3, 4) }
    /// Whether products, maxima and minima leave out what is padding in one of their inputs.
    var mergingLeavesOutPadding: Bool { self >= KerasVersion(3, 4) }
    /// Whether MultiHeadAttention reads the masks that follow the graph.
    var headsReadMasks: Bool { self >= KerasVersion(2, 10) }
    /// Whether MultiHeadAttention takes the masks off what it reads.
    var headsTakeMasks: Bool { self >= KerasVersion(3, 8) }
    /// Which masks layers of attention read. Keras 3 wrote those of the plan into every call at first.
    var attentionMasks: MaskReading { self >= KerasVersion(3, 10) ? .attached : .planned }
    /// Whether a masked softmax of nothing but padding is 0, rather than uniform.
    var softmaxZeroesHidden: Bool { self >= KerasVersion(3, 10) }
    /// Whether a mask that a call passes goes on with the result.
    var givenMasksGoOn: Bool { major < 3 || self >= KerasVersion(3, 11) }
}

extension BuiltArchitecture {
    /// Refuses a network of an unknown version of Keras, if versions would compute it with other masks.
    func refuseUnknownMasks() throws(ModelFileError) {
        guard architecture.version == nil, !architecture.isStrict, graph.hasMasks else { return }
        var names: Set<String> = []
        for version in KerasVersion.maskRules(architecture.dialect) {
            var other = architecture
            other.version = version
            names.formUnion(try graph.layersMasked(unlike: other.graph(inputs: graph.inputs.map(graph.shape)).graph))
        }
        let problems = layers.indices.filter { layers[$0].parts.contains { names.contains($0.name) } }.map {
            "\(architecture.layers[$0].place): versions of Keras mask what it reads by different rules, and the file does "
                + "not name its version"
        }
        guard problems.isEmpty else {
            throw ModelFileError(
                .refused, architecture.origin, problems,
                advice: "Name the version that trained it: as \"keras_version\" beside \"class_name\" in the JSON of "
                    + "model.to_json(), or save the whole model (model.save)")
        }
    }
}
