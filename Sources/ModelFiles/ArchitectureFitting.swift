public import Tensors

extension ArchitectureFile {
    /// The same network for examples with more axes than its input has: it begins with what brings them into its shape.
    ///
    /// - Vectors are made of images and sequences by `Flatten`.
    /// - Sequences (time, features) are made of images (height, width, channels): each row is a step.
    /// - Images are made of sequences: (time, features, 1).
    ///
    /// A `Normalization` at the beginning stays there, so that channels and features have their own moments.
    ///
    /// - Parameters:
    ///   - example: The shape of an example.
    ///   - hasLengths: Whether sequences end in frames of zeros. Then a `Masking` layer comes first, unless axes change.
    /// - Returns: nil for a network that cannot take such examples, or has several inputs.
    public func fitting(_ example: Shape, hasLengths: Bool) -> ArchitectureFile? {
        guard inputs.count == 1, networks.count == 1, let network = networks.first else { return nil }
        let axes = example.axes, rank = inputs[0].axes.count
        var first: [Entry] = [], behindNormalization: [Entry] = []
        switch (rank, axes.count) {
        case (2, 2) where hasLengths: first = [Self.entry("Masking")]
        case _ where rank == axes.count: break
        case (1, 2...): behindNormalization = [Self.entry("Flatten")]
        case (2, 3): behindNormalization = [Self.entry("Reshape", ["target_shape": [.integer(axes[0]), -1]])]
        case (3, 2):
            behindNormalization = [Self.entry("Reshape", ["target_shape": .array((axes + [1]).map(JSON.integer))])]
        default: return nil
        }
        var entries = network.entries
        let isNormalized = entries.first?.className == "Normalization"
        entries.insert(contentsOf: behindNormalization, at: isNormalized ? 1 : 0)
        let input = Architecture.Input(inputs[0].name, rank == axes.count ? inputs[0].axes : axes)
        return ArchitectureFile(
            self, inputs: [input],
            network: Network(inputs: network.inputs, entries: first + entries, member: network.member))
    }

    private static func entry(_ className: String, _ options: JSON.Object = [:]) -> Entry {
        Entry(line: 1, className: className, options: options, name: nil, from: nil, call: [:])
    }
}
