extension LayerGraph {
    /// The layers that compute with other masks than they do in another graph.
    ///
    /// The graphs have the same layers, called with the same values, and perhaps other rules for masks. A mask that no
    /// layer computes with makes no difference.
    public func layersMasked(unlike other: LayerGraph) -> [String] {
        var names = MaskNames()
        let theirs = Dictionary(
            other.masksInUse(&names).map { ($0.output, $0.masks) }, uniquingKeysWith: { first, _ in first })
        var found: [String] = []
        for use in masksInUse(&names) where theirs[use.output] != use.masks && found.last != use.layer {
            found.append(use.layer)
        }
        return found
    }

    /// What each node computes with, if it is a layer to which masks matter when it predicts.
    private func masksInUse(_ names: inout MaskNames) -> [(layer: String, output: Int, masks: [Int?])] {
        var values = Array(repeating: 0, count: shapes.count), made: [Int: Int] = [:]
        func name(_ source: MaskSource?) -> Int? {
            guard case .node(let node) = source else { return nil }
            return made[node]
        }
        for (position, input) in inputs.enumerated() { values[input.index] = names.name(.input(position), of: []) }
        var uses: [(layer: String, output: Int, masks: [Int?])] = []
        for (index, node) in nodes.enumerated() {
            let entry = entries[node.entry], read = node.inputs.map { values[$0.index] }
            let output = names.name(.value(entry.name), of: read)
            values[node.output.index] = output
            // A layer takes the mask of the one axis behind its steps.
            let taken = node.masks.map { source in
                source.flatMap { maskAxes($0) == node.stepAxes + 1 ? name($0) : nil }
            }
            if let action = node.maskAction, masks[node.output.index] == .node(index) {
                made[index] =
                    action == .layer
                    ? names.name(.mask(.layer), of: [output] + taken)
                    : names.name(.mask(action), of: node.inputs.map { name(masks[$0.index]) })
            }
            if let masks = Self.masks(taken, usedBy: entry.layer) { uses.append((entry.name, output, masks)) }
        }
        return uses
    }

    /// What a layer makes of the masks it takes; nil if they do not matter to it.
    private static func masks(_ taken: [Int?], usedBy layer: any Layer) -> [Int?]? {
        switch layer {
        case let layer as Recurrent:
            return layer.options.forgetsMaskWithStates && taken.count > 1 ? [nil] : [taken[0]]
        case let layer as GlobalPooling: return layer.kind == .average ? taken : nil
        case let layer as Merge: return layer.leavesOutPadding ? taken : taken.map { _ in nil }
        case is SequenceAttention, is FramePooling, is ClusterResiduals, is FisherVectors, is PaddingToZero:
            return taken
        case let layer as MultiHeadAttention:
            // What a query without anything to look at gives, is another matter of masks.
            let taken = layer.readsMasks ? taken : taken.map { _ in nil }
            let hides = layer.inputs.mask != nil || taken.contains { $0 != nil }
            return taken + [hides && layer.zeroesHidden ? -1 : nil]
        default: return nil
        }
    }
}

/// Numbers for values and masks, the same for those that are made alike.
private struct MaskNames {
    enum Origin: Hashable {
        case input(Int)
        case value(String)
        case mask(LayerGraph.MaskAction)
    }

    private struct Key: Hashable {
        let origin: Origin
        let sources: [Int?]
    }

    private var known: [Key: Int] = [:]

    mutating func name(_ origin: Origin, of sources: [Int?]) -> Int {
        let key = Key(origin: origin, sources: sources)
        if let name = known[key] { return name }
        known[key] = known.count
        return known.count - 1
    }
}
