/// How the input of a network reaches a layer that has weights.
public struct InputUse: Hashable, Sendable {
    /// The layer with weights.
    public let layer: String
    /// What it reads is `scale` · x + `offset`, as `Rescaling` layers before it have it.
    public let scale: Float, offset: Float
    /// The last of these; nil where there is none.
    public let rescaling: String?
}

extension LayerGraph {
    /// The layers with weights that the first input reaches with no normalization before, in or right behind them: those
    /// that learn badly from numbers that are too large or too small.
    ///
    /// Layers that only move, choose or mask numbers are passed through; at any other layer the search ends.
    public var plainInputUses: [InputUse] {
        var reached: [Value: InputUse] = [inputs[0]: InputUse(layer: "", scale: 1, offset: 0, rescaling: nil)]
        var uses: [InputUse] = []
        for node in nodes {
            guard let source = node.inputs.first(where: { reached[$0] != nil }), let use = reached[source] else {
                continue
            }
            let entry = entries[node.entry]
            if let layer = entry.layer as? Rescaling {
                reached[node.output] = InputUse(
                    layer: "", scale: use.scale * layer.scale, offset: use.offset * layer.scale + layer.offset,
                    rescaling: entry.name)
            } else if Self.keepsNumbers(entry.layer) {
                reached[node.output] = use
            } else if entry.specs?.isEmpty == false, !Self.normalizes(entry.layer), !(entry.layer is Embedding),
                !nodes.contains(where: { $0.inputs.contains(node.output) && Self.normalizes(entries[$0.entry].layer) })
            {
                uses.append(
                    InputUse(layer: entry.name, scale: use.scale, offset: use.offset, rescaling: use.rescaling))
            }
        }
        return uses
    }

    private static func normalizes(_ layer: any Layer) -> Bool {
        layer is BatchNormalization || layer is AdaptedNormalization || layer is LayerNormalization
            || layer is GroupNormalization
    }

    private static func keepsNumbers(_ layer: any Layer) -> Bool {
        layer is Reshape || layer is Flatten || layer is Permute || layer is Masking || layer is MaskAttachment
            || layer is Identity || layer is Dropout || layer is UnitAxes || layer is RepeatVector
    }
}
