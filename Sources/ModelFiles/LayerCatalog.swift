import Kernels
import Networks

/// One layer of the graph that a Keras layer becomes; most become a single one.
struct LayerPart: Sendable {
    enum Input: Sendable {
        /// Everything the Keras layer reads.
        case all
        /// What the Keras layer reads at these positions, as far as it reads so much.
        case positions(Range<Int>)
        /// The result of an earlier part.
        case part(Int)
    }

    /// What is added to the Keras layer's name; empty for the layer itself.
    var suffix: String
    var layer: any Layer
    var inputs: [Input]
    /// How many leading axes it works on every step of by itself.
    var stepAxes = 0
    /// What becomes of masks.
    var masks = LayerGraph.MaskPassing.byLayer
    /// Whether its output is a result of the Keras layer: of several, in their order; if no part is, the last one's.
    var isResult = false
    /// Whether its result has the mask of what the Keras layer reads.
    var keepsMask = false

    /// The only part of a layer.
    init(_ layer: any Layer) { self.init("", layer) }

    init(_ suffix: String, _ layer: any Layer, inputs: [Input] = [.all]) {
        self.suffix = suffix
        self.layer = layer
        self.inputs = inputs
    }

    /// How many of `count` values that the Keras layer reads it uses.
    func readCount(of count: Int) -> Int {
        inputs.map { input in
            switch input {
            case .all: count
            case .positions(let range): min(range.upperBound, count)
            case .part: 0
            }
        }.max() ?? 0
    }

    /// Parts, each of which reads the one before.
    static func chain(_ parts: [LayerPart]) -> [LayerPart] {
        parts.enumerated().map { index, part in
            var part = part
            if index > 0 { part.inputs = [.part(index - 1)] }
            return part
        }
    }
}

extension [LayerPart] {
    /// The parts whose outputs are the results of the Keras layer.
    var results: [Int] {
        let named = indices.filter { self[$0].isResult }
        return named.isEmpty ? [Int](indices.suffix(1)) : named
    }
}

/// The layers of Keras that can be built.
enum LayerCatalog {
    typealias Recipe = @Sendable (inout LayerSettings) -> [LayerPart]

    /// Layers of one kind.
    struct Group: Sendable {
        let title: String
        let recipes: [String: Recipe]
        /// What is true of all of them.
        var note = ""
    }

    static let groups: [Group] = [
        Group(title: "Dense layers", recipes: basic),
        Group(title: "Convolutions", recipes: convolutions.merging(locallyConnected) { first, _ in first }),
        Group(title: "Pooling", recipes: pooling),
        Group(title: "Recurrent layers", recipes: recurrent, note: recurrentNote),
        Group(title: "Sequences", recipes: sequences),
        Group(title: "Attention and products", recipes: attention),
        Group(title: "Frames of a video", recipes: frames, note: framesNote),
        Group(
            title: "Normalization and scaling", recipes: normalization.merging(applications) { first, _ in first }),
        Group(title: "Activations", recipes: activations),
        Group(title: "Regularization", recipes: regularization),
        Group(title: "Merging", recipes: merging),
        Group(title: "Shapes and images", recipes: shapes),
        Group(title: "Categories", recipes: categories),
        Group(title: "Augmentation", recipes: augmentations, note: augmentationNote),
        Group(title: "Operations", recipes: operations, note: operationNote),
    ]

    static let recipes: [String: Recipe] = groups.reduce(into: [:]) { $0.merge($1.recipes) { first, _ in first } }

    /// Builds the parts of a layer.
    ///
    /// Its problems, if any, are in `settings`; the parts are then of no use.
    static func parts(_ className: String, _ settings: inout LayerSettings) -> [LayerPart] {
        guard let recipe = recipes[className] else {
            settings.fail(refusal(of: className, settings))
            return []
        }
        var parts = recipe(&settings)
        if settings.dialect == .keras2 && maskless2.contains(className) {
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

    /// Layers that pass masks on in Keras 3, and drop them in Keras 2.
    private static let maskless2: Set = ["Rescaling", "Normalization", "Identity"]

    private static func refusal(of className: String, _ settings: LayerSettings) -> String {
        if let refusal = refusals.first(where: { $0.isMeant(by: className) }) { return refusal.advice }
        guard className.hasPrefix("ops.") || className.hasPrefix("tf.") else {
            return "layers of this class are not supported\(settings.suggestion(for: className, among: recipes.keys))"
        }
        return "this operation is not supported\(settings.suggestion(for: className, among: recipes.keys)). Build the "
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

// MARK: - Feed-forward layers

extension LayerCatalog {
    static let basic: [String: Recipe] = [
        "Dense": { settings in
            let units = settings.integer("units"), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            settings.refuseQuantized()
            return activated(activation, settings) {
                Dense(units: units, useBias: useBias, activation: $0, kernelInitializer: initializer)
            }
        },
        "Embedding": { settings in
            settings.know(["input_length"])
            return embedding(&settings)
        },
        "ReversibleEmbedding": { settings in
            // What is only for the other way, `reverse=True`, which no call here takes.
            settings.know(["reverse_dtype", "logit_soft_cap"])
            settings.require("tie_weights", true)
            return embedding(&settings)
        },
    ]

    private static func embedding(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.refuseQuantized()
        let layer = Embedding(
            count: settings.integer("input_dim"), units: settings.integer("output_dim"),
            masksZero: settings.bool("mask_zero", default: false))
        return [LayerPart(layer)]
    }

    static let convolutions: [String: Recipe] = [
        "Conv2D": { settings in
            let filters = settings.integer("filters"), window = Window(&settings, axes: 2)
            let groups = settings.integer("groups", default: 1), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            return activated(activation, settings, channelsFirst: window.channelsFirst) {
                Convolution2D(
                    filters: filters, kernelSize: window.size, strides: window.strides, padding: window.padding,
                    dilation: window.dilation, groups: groups, useBias: useBias, activation: $0,
                    kernelInitializer: initializer)
            }
        },
        "Conv1D": { settings in
            let filters = settings.integer("filters"), window = Window(&settings, axes: 1)
            let groups = settings.integer("groups", default: 1), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            return activated(activation, settings, channelsFirst: window.channelsFirst) {
                Convolution1D(
                    filters: filters, kernelSize: window.size.1, strides: window.strides.1, padding: window.padding,
                    dilation: window.dilation.1, groups: groups, useBias: useBias, activation: $0,
                    kernelInitializer: initializer)
            }
        },
        "DepthwiseConv2D": { settings in
            let window = Window(&settings, axes: 2)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings, channelsFirst: window.channelsFirst) { depthwise(useBias, $0) }
        },
        "SeparableConv2D": { settings in
            let filters = settings.integer("filters"), window = Window(&settings, axes: 2)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            let initializer = settings.kernelInitializer("pointwise_initializer")
            let first = LayerPart("depthwise", depthwise(false, Activation(.linear)))
            return activated(
                activation, settings, "pointwise", after: [first], channelsFirst: window.channelsFirst
            ) {
                Convolution2D(
                    filters: filters, kernelSize: (1, 1), useBias: useBias, activation: $0,
                    kernelInitializer: initializer)
            }
        },
        "DepthwiseConv1D": { settings in
            let window = Window(&settings, axes: 1)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings, channelsFirst: window.channelsFirst) {
                OneRow(depthwise(useBias, $0))
            }
        },
        "SeparableConv1D": { settings in
            let filters = settings.integer("filters"), window = Window(&settings, axes: 1)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            let initializer = settings.kernelInitializer("pointwise_initializer")
            let first = LayerPart("depthwise", OneRow(depthwise(false, Activation(.linear))))
            return activated(
                activation, settings, "pointwise", after: [first], channelsFirst: window.channelsFirst
            ) {
                Convolution1D(
                    filters: filters, kernelSize: 1, useBias: useBias, activation: $0, kernelInitializer: initializer)
            }
        },
        "Conv2DTranspose": { settings in
            let window = Window(&settings, axes: 2, allowsCausal: false)
            let transposed = transposed(&settings, window, axes: 2)
            return activated(settings.activation(), settings, channelsFirst: window.channelsFirst) { transposed($0) }
        },
        "Conv1DTranspose": { settings in
            let window = Window(&settings, axes: 1, allowsCausal: false)
            let transposed = transposed(&settings, window, axes: 1)
            return activated(settings.activation(), settings, channelsFirst: window.channelsFirst) {
                OneRow(transposed($0))
            }
        },
    ]

    private static func transposed(
        _ settings: inout LayerSettings, _ window: Window, axes: Int
    ) -> (Activation) -> TransposedConvolution2D {
        let filters = settings.integer("filters")
        let useBias = settings.bool("use_bias", default: true), initializer = settings.kernelInitializer()
        var outputPadding: (Int, Int)?
        if settings.options["output_padding"]?.isNull == false {
            let cells = settings.axes("output_padding", count: axes, in: 0...LayerSettings.largestInteger)
            outputPadding = axes == 1 ? (0, cells[0]) : (cells[0], cells[1])
            if let padding = outputPadding, padding.0 >= window.strides.0, padding.1 >= window.strides.1 {
                settings.fail("option 'output_padding': expected less than the strides, found \(cells)")
            }
        }
        settings.know(["output_padding"])
        settings.require("groups", 1)
        if window.dilation != (1, 1), window.strides != (1, 1) {
            settings.fail("has 'strides' and a 'dilation_rate', and Keras takes one of them only")
        }
        return { activation in
            TransposedConvolution2D(
                filters: filters, kernelSize: window.size, strides: window.strides, padding: window.padding,
                dilation: window.dilation, outputPadding: outputPadding, useBias: useBias, activation: activation,
                kernelInitializer: initializer)
        }
    }

    private typealias MakeDepthwise = (_ useBias: Bool, _ activation: Activation) -> any Layer

    private static func depthwise(
        _ settings: inout LayerSettings, _ window: Window, _ initializerName: String
    ) -> MakeDepthwise {
        let multiplier = settings.integer("depth_multiplier", default: 1)
        let initializer = settings.kernelInitializer(initializerName)
        return { useBias, activation in
            DepthwiseConvolution2D(
                kernelSize: window.size, strides: window.strides, padding: window.padding, dilation: window.dilation,
                depthMultiplier: multiplier, useBias: useBias, activation: activation, kernelInitializer: initializer)
        }
    }

    /// How a kernel or pool moves over its input; a single axis is the second of two.
    private struct Window {
        let size, strides, dilation: (Int, Int)
        let padding: Padding
        let channelsFirst: Bool

        init(_ settings: inout LayerSettings, axes: Int, allowsCausal: Bool = true) {
            func pair(_ list: [Int]) -> (Int, Int) { axes == 1 ? (1, list[0]) : (list[0], list[1]) }
            let ones = Array(repeating: 1, count: axes)
            size = pair(settings.axes("kernel_size", count: axes))
            strides = pair(settings.axes("strides", count: axes, default: ones))
            dilation = pair(settings.axes("dilation_rate", count: axes, default: ones))
            padding = settings.padding(allowsCausal: axes == 1 && allowsCausal)
            channelsFirst = settings.channelsFirst()
        }
    }

    static let pooling: [String: Recipe] = [
        "MaxPooling2D": { pool(.max, &$0, axes: 2) },
        "AveragePooling2D": { pool(.average, &$0, axes: 2) },
        "MaxPooling1D": { pool(.max, &$0, axes: 1) },
        "AveragePooling1D": { pool(.average, &$0, axes: 1) },
        "GlobalMaxPooling1D": { globalPool(.max, &$0) },
        "GlobalMaxPooling2D": { globalPool(.max, &$0) },
        "GlobalAveragePooling1D": { globalPool(.average, &$0) },
        "GlobalAveragePooling2D": { globalPool(.average, &$0) },
        "AdaptiveMaxPooling1D": { adaptivePool(.max, &$0, axes: 1) },
        "AdaptiveMaxPooling2D": { adaptivePool(.max, &$0, axes: 2) },
        "AdaptiveAveragePooling1D": { adaptivePool(.average, &$0, axes: 1) },
        "AdaptiveAveragePooling2D": { adaptivePool(.average, &$0, axes: 2) },
    ]

    private static func pool(_ kind: PoolingKind, _ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let size = settings.axes("pool_size", count: axes, default: Array(repeating: 2, count: axes))
        // Keras 3 insists on the size of average pools, though it has a default.
        settings.write(
            size.allSatisfy { $0 == size[0] } ? .integer(size[0]) : .array(size.map { .integer($0) }), to: "pool_size")
        let strides = settings.axes("strides", count: axes, default: size), padding = settings.padding()
        let layer: any Layer =
            axes == 1
            ? Pooling1D(kind, poolSize: size[0], strides: strides[0], padding: padding)
            : Pooling2D(kind, poolSize: (size[0], size[1]), strides: (strides[0], strides[1]), padding: padding)
        return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
    }

    private static func globalPool(_ kind: PoolingKind, _ settings: inout LayerSettings) -> [LayerPart] {
        let keepsDimensions = settings.bool("keepdims", default: false)
        let parts = [LayerPart(GlobalPooling(kind, keepDimensions: keepsDimensions))]
        let areFirst = settings.channelsFirst()
        guard areFirst, !keepsDimensions else { return channelsLast(parts, if: areFirst) }
        return LayerPart.chain([LayerPart("channels_last", AxesLast([1]))] + parts)
    }

    private static func adaptivePool(_ kind: PoolingKind, _ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let size = settings.axes("output_size", count: axes)
        let (height, width) = axes == 1 ? (1, size[0]) : (size[0], size[1])
        let layer: any Layer =
            kind == .max
            ? AdaptiveMaxPooling2D(height: height, width: width)
            : Resampling2D(.adaptiveAverage(height: height, width: width))
        return channelsLast([LayerPart(axes == 1 ? OneRow(layer) : layer)], if: settings.channelsFirst())
    }
}

// MARK: - Layers that move, forget or scale

extension LayerCatalog {
    static let shapes: [String: Recipe] = [
        "Flatten": { settings in
            guard settings.channelsFirst() else { return [LayerPart(Flatten())] }
            return LayerPart.chain([LayerPart("channels_last", AxesLast([1])), LayerPart(Flatten())])
        },
        "Reshape": { [LayerPart(Reshape(to: $0.integers("target_shape")))] },
        "Permute": { [LayerPart(Permute($0.integers("dims")))] },
        "RepeatVector": { [LayerPart(RepeatVector($0.integer("n")))] },
        "ZeroPadding2D": { settings in
            let margins = margins(&settings, "padding", 1)
            return channelsLast([LayerPart(ZeroPadding2D(margins))], if: settings.channelsFirst())
        },
        "Cropping2D": { settings in
            let margins = margins(&settings, "cropping", 0)
            return channelsLast([LayerPart(Cropping2D(margins))], if: settings.channelsFirst())
        },
        "ZeroPadding1D": { settings in
            let margins = settings.margins("padding", count: 1, default: 1)[0]
            return channelsLast(
                [LayerPart(ZeroPadding1D(before: margins[0], after: margins[1]))], if: settings.channelsFirst())
        },
        "Cropping1D": { settings in
            let margins = settings.margins("cropping", count: 1, default: 1)[0]
            return [LayerPart(Cropping1D(before: margins[0], after: margins[1]))]
        },
        "UpSampling1D": { [LayerPart(OneRow(UpSampling2D(rows: 1, columns: $0.integer("size", default: 2))))] },
        "UpSampling2D": { settings in
            let size = settings.axes("size", count: 2, default: [2, 2])
            let interpolation = interpolation(&settings, default: .nearest)
            let layer: any Layer =
                interpolation == .nearest
                ? UpSampling2D(rows: size[0], columns: size[1])
                : Resampling2D(.scale(rows: size[0], columns: size[1], interpolation))
            return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
        },
        "CenterCrop": { settings in
            let layer = Resampling2D(.crop(height: settings.integer("height"), width: settings.integer("width")))
            return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
        },
        "Resizing": { resizing(&$0) },
    ]

    private static func margins(_ settings: inout LayerSettings, _ name: String, _ fallback: Int) -> Margins {
        let margins = settings.margins(name, count: 2, default: fallback)
        return Margins(top: margins[0][0], bottom: margins[0][1], left: margins[1][0], right: margins[1][1])
    }

    private static func interpolation(
        _ settings: inout LayerSettings, default fallback: Interpolation
    ) -> Interpolation {
        let word = settings.word(
            "interpolation", default: fallback.rawValue, of: Interpolation.allCases.map(\.rawValue))
        return Interpolation(rawValue: word) ?? fallback
    }

    private static func resizing(_ settings: inout LayerSettings) -> [LayerPart] {
        let height = settings.integer("height"), width = settings.integer("width")
        let interpolation = interpolation(&settings, default: .bilinear)
        let antialias = settings.bool("antialias", default: false)
        let crops = settings.bool("crop_to_aspect_ratio", default: false)
        let pads = settings.bool("pad_to_aspect_ratio", default: false)
        settings.require("fill_mode", "constant")
        let fill = settings.number("fill_value", default: 0)
        if crops && pads { settings.fail("crops and pads to the aspect ratio, and Keras does one of them only") }
        let fit: Resampling2D.Fit = crops ? .crop : pads ? .pad(fill) : .stretch
        let layer = Resampling2D(
            .resize(height: height, width: width, interpolation, antialias: antialias, fit))
        return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
    }

    static let categories: [String: Recipe] = [
        "Discretization": { settings in
            settings.know(["num_bins", "epsilon", "sparse"])
            guard settings.options["bin_boundaries"]?.isNull == false else {
                settings.fail(
                    "has no 'bin_boundaries'; make the layer with the boundaries that it was adapted to, and save again"
                )
                return []
            }
            let boundaries = settings.numbers("bin_boundaries")
            if zip(boundaries, boundaries.dropFirst()).contains(where: { $0 > $1 }) {
                settings.fail("option 'bin_boundaries': expected ascending numbers")
            }
            let bins = LayerPart("bins", Discretization(boundaries: boundaries))
            let modes = ["int"] + CategoryEncoding.Mode.allCases.map(\.rawValue)
            let word = settings.word("output_mode", default: "int", of: modes)
            guard let mode = CategoryEncoding.Mode(rawValue: word) else { return [bins] }
            return LayerPart.chain([bins, LayerPart(CategoryEncoding(count: boundaries.count + 1, mode: mode))])
        },
        "CategoryEncoding": { settings in
            settings.know(["sparse"])
            let word = settings.word(
                "output_mode", default: "multi_hot", of: CategoryEncoding.Mode.allCases.map(\.rawValue))
            let mode = CategoryEncoding.Mode(rawValue: word) ?? .multiHot
            return [LayerPart(CategoryEncoding(count: settings.integer("num_tokens"), mode: mode))]
        },
    ]

    static let regularization: [String: Recipe] = [
        "Dropout": { settings in
            let groups = noiseShape(&settings)
            return [LayerPart(Dropout(rate: rate(&settings), groups: groups))]
        },
        "SpatialDropout1D": { [LayerPart(Dropout(rate: rate(&$0), groups: .channels))] },
        "SpatialDropout2D": { settings in
            let groups: DropoutGroups = settings.channelsFirst() ? .shape([nil, nil, 1, 1]) : .channels
            return [LayerPart(Dropout(rate: rate(&settings), groups: groups))]
        },
        "GaussianNoise": { [LayerPart(GaussianNoise(deviation: $0.number("stddev")))] },
        "GaussianDropout": { [LayerPart(GaussianDropout(rate: rate(&$0)))] },
        "AlphaDropout": { settings in
            let groups = noiseShape(&settings)
            return [LayerPart(AlphaDropout(rate: rate(&settings), groups: groups))]
        },
        "ActivityRegularization": { settings in
            _ = (settings.number("l1", default: 0), settings.number("l2", default: 0))
            return [LayerPart(Identity())]
        },
        "Identity": { _ in [LayerPart(Identity())] },
    ]

    /// Layers that change images in training alone; a file of Keras may have them, and they do nothing.
    static let augmentations: [String: Recipe] = [
        "RandomFlip": augmentation, "RandomRotation": augmentation, "RandomZoom": augmentation,
        "RandomTranslation": augmentation, "RandomContrast": augmentation, "RandomBrightness": augmentation,
        "RandomColorDegeneration": augmentation, "RandomColorJitter": augmentation,
        "RandomElasticTransform": augmentation, "RandomErasing": augmentation, "RandomGaussianBlur": augmentation,
        "RandomGrayscale": augmentation, "RandomHue": augmentation, "RandomInvert": augmentation,
        "RandomPerspective": augmentation, "RandomPosterization": augmentation, "RandomSaturation": augmentation,
        "RandomSharpness": augmentation, "RandomShear": augmentation, "RandAugment": augmentation,
        "MixUp": augmentation, "CutMix": augmentation, "AugMix": augmentation,
    ]

    private static let augmentation: Recipe = { settings in
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

    static let activations: [String: Recipe] = [
        "Activation": { settings in
            switch settings.activation("activation", default: "linear") {
            case .layers(let parts): parts
            case .elementwise(let function): [LayerPart(ElementwiseActivation(function))]
            }
        },
        "Softmax": { settings in
            let axes = workingAxes(&settings)
            settings.know(["robust_masking"])
            return along(axes, Softmax(axisCount: axes.count))
        },
        "ReLU": { settings in
            settings.know(["max_value"])
            let hasMaximum = settings.options["max_value"]?.isNull == false
            return [
                LayerPart(
                    Rectify(
                        Rectifier(
                            maximum: hasMaximum ? settings.number("max_value") : .infinity,
                            negativeSlope: settings.number("negative_slope", default: 0),
                            threshold: settings.number("threshold", default: 0))))
            ]
        },
        // Keras 3 has it no more, and says the same with ReLU.
        "ThresholdedReLU": { settings in
            let threshold = settings.number("theta", default: 1)
            settings.rename("theta", to: "threshold", default: 1)
            settings.write(asClass: "ReLU")
            return [LayerPart(Rectify(Rectifier(threshold: threshold)))]
        },
        "LeakyReLU": { settings in
            // Keras 3 calls it negative_slope, and still reads alpha, the only name that Keras 2 knows.
            let slope = settings.number("alpha", alias: "negative_slope", default: 0.3)
            return [LayerPart(Rectify(Rectifier(negativeSlope: slope)))]
        },
        "ELU": { [LayerPart(ElementwiseActivation(Activation(.elu, slope: $0.number("alpha", default: 1))))] },
        "PReLU": { [LayerPart(PReLU(sharedAxes: $0.integers("shared_axes", default: [])))] },
    ]

    static let merging: [String: Recipe] = [
        "Add": { merge(.add, $0) }, "Subtract": { merge(.subtract, $0) }, "Multiply": { merge(.multiply, $0) },
        "Average": { merge(.average, $0) }, "Maximum": { merge(.maximum, $0) }, "Minimum": { merge(.minimum, $0) },
        "Concatenate": { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            return [LayerPart(Concatenate(axis: axis, mask: settings.mergedMask))]
        },
    ]

    private static func merge(_ operation: Merge.Operation, _ settings: LayerSettings) -> [LayerPart] {
        let leavesOutPadding = settings.version.mergingLeavesOutPadding
        return [LayerPart(Merge(operation, mask: settings.mergedMask, leavesOutPadding: leavesOutPadding))]
    }
}

extension LayerSettings {
    /// What mask a merging layer's result has.
    var mergedMask: MaskRule { dialect == .keras2 ? .all : version.masksOfListsGoOn ? .any : .none }
}
