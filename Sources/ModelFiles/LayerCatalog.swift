import Kernels
import Networks

/// The layers of Keras that can be built.
enum LayerCatalog {
    /// Layers of one kind.
    struct Group: Sendable {
        let title: String
        let entries: [LayerEntry]
        /// What is true of all of them.
        var note = ""
    }

    static let groups: [Group] = [
        Group(title: "Dense layers", entries: basic),
        Group(title: "Convolutions", entries: convolutions + locallyConnected),
        Group(title: "Pooling", entries: pooling),
        Group(title: "Recurrent layers", entries: recurrent, note: recurrentNote),
        Group(title: "Sequences", entries: sequences),
        Group(title: "Attention and products", entries: attention),
        Group(title: "Frames of a video", entries: frames, note: framesNote),
        Group(
            title: "Normalization and scaling", entries: normalization + applications),
        Group(title: "Activations", entries: activations),
        Group(title: "Regularization", entries: regularization),
        Group(title: "Merging", entries: merging),
        Group(title: "Shapes and images", entries: shapes),
        Group(title: "Categories", entries: categories),
        Group(title: "Augmentation", entries: augmentations, note: augmentationNote),
        Group(title: "Operations", entries: operations, note: operationNote),
    ]

    /// What is known of each class, by its name.
    static let entries = Dictionary(uniqueKeysWithValues: groups.flatMap(\.entries).map { ($0.name, $0) })

    /// Builds the parts of a layer.
    ///
    /// Its problems, if any, are in `settings`; the parts are then of no use.
    static func parts(_ className: String, _ settings: inout LayerSettings) -> [LayerPart] {
        guard let entry = entries[className] else {
            settings.fail(refusal(of: className, settings))
            return []
        }
        var parts = entry.build(&settings)
        if settings.dialect == .keras2 && entry.dropsMaskInKeras2 {
            for index in parts.indices { parts[index].masks = .dropped }
        }
        if KerasOperation.named(className) != nil && !settings.isStrict {
            // Operations have no options that only one version knows; one that is not read would change the result.
            for option in settings.unknown
            where settings.options[option]?.isNull == false && !["dtype", "trainable"].contains(option) {
                settings.fail("option '\(option)' is not supported")
            }
        }
        return parts
    }

    private static func refusal(of className: String, _ settings: LayerSettings) -> String {
        if let refusal = refusals.first(where: { $0.isMeant(by: className) }) { return refusal.advice }
        guard className.hasPrefix("ops.") || className.hasPrefix("tf.") else {
            return "layers of this class are not supported\(settings.suggestion(for: className, among: entries.keys))"
        }
        return "this operation is not supported\(settings.suggestion(for: className, among: entries.keys)). Build the "
            + "model with one of those that 'compress layers' lists, or do it to the data and save the model without it"
    }

    /// Layers over channels-last data, made to work on data whose channels come first.
    static func channelsLast(_ parts: [LayerPart], if areFirst: Bool) -> [LayerPart] {
        guard areFirst else { return parts }
        return LayerPart.chain(
            [LayerPart("channels_last", AxesLast([1]))] + parts
                + [LayerPart("channels_first", AxesLast([1], isInverse: true))])
    }

    /// A layer with an activation: inside it where that is possible, behind it otherwise.
    ///
    /// - Parameters:
    ///   - first: What comes before the layer.
    ///   - channelsFirst: Whether the data have their channels first; an activation over an axis then still takes the
    ///     last one, as in Keras.
    static func activated(
        _ activation: LayerSettings.NamedActivation, _ settings: LayerSettings, _ suffix: String = "",
        after first: [LayerPart] = [], channelsFirst: Bool = false, _ make: (Activation) -> any Layer
    ) -> [LayerPart] {
        var fused = Activation(.linear), separate: [LayerPart] = []
        switch activation {
        case .layers(let parts): separate = parts
        case .elementwise(let function):
            if function.needsInput || (function.kind == .sigmoid && settings.endsNetwork) {
                separate = [LayerPart(ElementwiseActivation(function))]
            } else {
                fused = function
            }
        }
        for index in separate.indices {
            let name = separate[index].suffix
            separate[index].suffix = name.isEmpty ? "activation" : "activation_\(name)"
        }
        return LayerPart.chain(channelsLast(first + [LayerPart(suffix, make(fused))], if: channelsFirst) + separate)
    }
}
