import Kernels
import Networks

// Layers that do something in training alone.

extension LayerCatalog {
    static let regularization: [LayerEntry] = [
        LayerEntry(name: "Dropout") { settings in
            let groups = noiseShape(&settings)
            return [LayerPart(Dropout(rate: rate(&settings), groups: groups))]
        },
        LayerEntry(name: "SpatialDropout1D") { [LayerPart(Dropout(rate: rate(&$0), groups: .channels))] },
        LayerEntry(name: "SpatialDropout2D") { settings in
            let groups: DropoutGroups = settings.channelsFirst() ? .shape([nil, nil, 1, 1]) : .channels
            return [LayerPart(Dropout(rate: rate(&settings), groups: groups))]
        },
        LayerEntry(name: "GaussianNoise") { [LayerPart(GaussianNoise(deviation: $0.number("stddev")))] },
        LayerEntry(name: "GaussianDropout") { [LayerPart(GaussianDropout(rate: rate(&$0)))] },
        LayerEntry(name: "AlphaDropout") { settings in
            let groups = noiseShape(&settings)
            return [LayerPart(AlphaDropout(rate: rate(&settings), groups: groups))]
        },
        LayerEntry(
            name: "ActivityRegularization", training: .identity, remark: "the identity: nothing is added to the loss"
        ) { settings in
            _ = (settings.number("l1", default: 0), settings.number("l2", default: 0))
            return [LayerPart(Identity())]
        },
        LayerEntry(name: "Identity", training: .identity, remark: "the identity", dropsMaskInKeras2: true) { _ in
            [LayerPart(Identity())]
        },
    ]

    /// Layers that change images in training alone; a file of Keras may have them, and they do nothing.
    static let augmentations: [LayerEntry] =
        [
            "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
        ].map { augmentation($0, versions: [2, 3]) }
        + [
            "RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform", "RandomErasing",
            "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
            "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "RandAugment", "MixUp",
            "CutMix", "AugMix",
        ].map { augmentation($0, versions: [3]) }

    private static func augmentation(_ name: String, versions: [Int]) -> LayerEntry {
        LayerEntry(
            name: name, versions: versions, training: .identity, hdf5: .asRead, suitsStudents: false,
            build: augmentation)
    }

    @Sendable private static func augmentation(_ settings: inout LayerSettings) -> [LayerPart] {
        if settings.isStrict { settings.fail("images are not changed in training here") }
        let foreign = ["name", "dtype", "trainable", "data_format", "seed"]
        for option in settings.options.members where !foreign.contains(option.key) {
            settings.write(option.value, to: option.key)
        }
        return [LayerPart(Identity())]
    }

    /// Which elements drop out together.
    private static func noiseShape(_ settings: inout LayerSettings) -> DropoutGroups {
        settings.know(["noise_shape"])
        guard let shape = settings.options["noise_shape"], !shape.isNull else { return .elements }
        let axes = shape.array ?? []
        guard !axes.isEmpty,
            axes.allSatisfy({ $0.isNull || (1...LayerSettings.largestInteger).contains($0.integer ?? 0) })
        else {
            settings.fail("option 'noise_shape': expected a list of whole numbers and null, found \(shape)")
            return .elements
        }
        settings.write(shape, to: "noise_shape")
        // A number of examples says that each has its own noise, as null does.
        let examples: Int? = axes[0].integer == 1 ? 1 : nil
        return .shape([examples] + axes.dropFirst().map(\.integer))
    }

    /// A probability; only the option that is called `rate` must be there.
    static func rate(_ settings: inout LayerSettings, _ name: String = "rate") -> Float {
        let rate = settings.number(name, default: name == "rate" ? nil : 0)
        guard rate >= 0, rate < 1 else {
            settings.fail("option '\(name)': expected a number from 0 up to, not including, 1, found \(rate)")
            return 0
        }
        return rate
    }
}
