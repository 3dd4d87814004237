// Several networks side by side, whose predictions' weighted mean is the output. In Keras's layers that is an Average, or
// an Add of what Rescalings have made of each.

extension Architecture {
    /// A network beside others.
    public struct Member: Hashable, Sendable {
        public let name: String
        /// Its part of the whole: the shares of all members add up to 1.
        public let share: Double
        /// Its layers among the architecture's. Their names begin with the member's and a slash.
        public let layers: Range<Int>
        /// What it predicts.
        public let output: Source
    }

    /// A member by itself, whose layers keep their names.
    public func alone(_ member: Member) -> Architecture {
        var one = self
        one.name = member.name
        one.layers = Array(layers[member.layers])
        one.outputs = [member.output]
        one.members = []
        return one
    }

    /// What the only output is a weighted mean of, and the weights, which add up to 1; nil where it is none.
    var weightedMean: [(source: Source, share: Double)]? {
        guard outputs.count == 1, outputs[0].tensor == 0, let end = layer(outputs[0].layer), end.calls.count == 1
        else { return nil }
        let sources = end.calls[0]
        switch end.className {
        case "Average": return sources.map { ($0, 1 / Double(sources.count)) }
        case "Add":
            let parts = sources.compactMap(scaled)
            guard parts.count == sources.count, abs(parts.reduce(0) { $0 + $1.share } - 1) < 1e-5 else { return nil }
            return parts
        default: return nil
        }
    }

    /// The layers whose predictions the output is made of: that of the only output, or those that it is a mean of.
    public var ends: [Source] { weightedMean?.map(\.source) ?? (outputs.count == 1 ? outputs : []) }

    /// What a Rescaling by one number, and without an offset, reads, and that number.
    private func scaled(_ source: Source) -> (source: Source, share: Double)? {
        guard let layer = layer(source.layer), layer.className == "Rescaling", layer.calls.count == 1,
            layer.calls[0].count == 1, let share = layer.options["scale"]?.number, Float(share) > 0, share <= 1,
            (layer.options["offset"] ?? 0).number == 0
        else { return nil }
        return (layer.calls[0][0], share)
    }

    private func layer(_ name: String) -> Layer? { layers.first { $0.name == name } }
}
