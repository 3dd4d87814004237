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
    /// Whether it works on every step of the first axis by itself.
    var overSteps = false
    /// Whether its output is a result of the Keras layer: of several, in their order; if no part is, the last one's.
    var isResult = false

    /// The only part of a layer.
    init(_ layer: any Layer) { self.init("", layer) }

    init(_ suffix: String, _ layer: any Layer, inputs: [Input] = [.all]) {
        self.suffix = suffix
        self.layer = layer
        self.inputs = inputs
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

    static let recipes: [String: Recipe] = [
        basic, convolutions, pooling, shapes, regularization, normalization, activations, sequences, merging,
        attention, operations,
    ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

    /// Builds the parts of a layer.
    ///
    /// Its problems, if any, are in `settings`; the parts are then of no use.
    static func parts(_ className: String, _ settings: inout LayerSettings) -> [LayerPart] {
        guard let recipe = recipes[className] else {
            settings.fail(refusal(of: className, settings))
            return []
        }
        let parts = recipe(&settings)
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
        if className == "Lambda" {
            return "Lambda layers hold Python code, which is never run"
        }
        if className.hasPrefix("ops.") || className.hasPrefix("tf.") {
            return "this operation is not supported\(settings.suggestion(for: className, among: recipes.keys))"
        }
        return "layers of this class are not supported\(settings.suggestion(for: className, among: recipes.keys))"
    }

    /// A layer with an activation: inside it where that is possible, behind it otherwise.
    static func activated(
        _ activation: LayerSettings.NamedActivation, _ settings: LayerSettings, _ suffix: String = "",
        _ make: (Activation) -> any Layer
    ) -> [LayerPart] {
        let plain = LayerPart(suffix, make(Activation(.linear)))
        switch activation {
        case .softmax: return LayerPart.chain([plain, LayerPart("activation", Softmax())])
        case .logSoftmax: return LayerPart.chain([plain, LayerPart("activation", LogSoftmax())])
        case .elementwise(let function):
            let isSeparate = function.needsInput || (function.kind == .sigmoid && settings.endsNetwork)
            return isSeparate
                ? LayerPart.chain([plain, LayerPart("activation", ElementwiseActivation(function))])
                : [LayerPart(suffix, make(function))]
        }
    }
}

// MARK: - Feed-forward layers

extension LayerCatalog {
    private static let basic: [String: Recipe] = [
        "Dense": { settings in
            let units = settings.integer("units"), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            settings.require("quantization_config", .null)
            return activated(activation, settings) {
                Dense(units: units, useBias: useBias, activation: $0, kernelInitializer: initializer)
            }
        },
        "Embedding": { settings in
            settings.know(["input_length"])
            let layer = Embedding(
                count: settings.integer("input_dim"), units: settings.integer("output_dim"),
                masksZero: settings.bool("mask_zero", default: false))
            return [LayerPart(layer)]
        },
    ]

    private static let convolutions: [String: Recipe] = [
        "Conv2D": { settings in
            let filters = settings.integer("filters"), window = Window(&settings, axes: 2)
            let groups = settings.integer("groups", default: 1), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            return activated(activation, settings) {
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
            return activated(activation, settings) {
                Convolution1D(
                    filters: filters, kernelSize: window.size.1, strides: window.strides.1, padding: window.padding,
                    dilation: window.dilation.1, groups: groups, useBias: useBias, activation: $0,
                    kernelInitializer: initializer)
            }
        },
        "DepthwiseConv2D": { settings in
            let depthwise = depthwise(&settings, Window(&settings, axes: 2), "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings) { depthwise(useBias, $0) }
        },
        "SeparableConv2D": { settings in
            let filters = settings.integer("filters")
            let depthwise = depthwise(&settings, Window(&settings, axes: 2), "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            let initializer = settings.kernelInitializer("pointwise_initializer")
            let pointwise = activated(activation, settings, "pointwise") {
                Convolution2D(
                    filters: filters, kernelSize: (1, 1), useBias: useBias, activation: $0,
                    kernelInitializer: initializer)
            }
            return LayerPart.chain([LayerPart("depthwise", depthwise(false, Activation(.linear)))] + pointwise)
        },
        "DepthwiseConv1D": { settings in
            let depthwise = depthwise(&settings, Window(&settings, axes: 1), "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings) { OneRow(depthwise(useBias, $0)) }
        },
        "SeparableConv1D": { settings in
            let filters = settings.integer("filters")
            let depthwise = depthwise(&settings, Window(&settings, axes: 1), "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            let initializer = settings.kernelInitializer("pointwise_initializer")
            let pointwise = activated(activation, settings, "pointwise") {
                Convolution1D(
                    filters: filters, kernelSize: 1, useBias: useBias, activation: $0, kernelInitializer: initializer)
            }
            return LayerPart.chain([LayerPart("depthwise", OneRow(depthwise(false, Activation(.linear))))] + pointwise)
        },
        "Conv2DTranspose": { settings in
            let transposed = transposed(&settings, axes: 2)
            return activated(settings.activation(), settings) { transposed($0) }
        },
        "Conv1DTranspose": { settings in
            let transposed = transposed(&settings, axes: 1)
            return activated(settings.activation(), settings) { OneRow(transposed($0)) }
        },
    ]

    private static func transposed(
        _ settings: inout LayerSettings, axes: Int
    ) -> (Activation) -> TransposedConvolution2D {
        let filters = settings.integer("filters"), window = Window(&settings, axes: axes, allowsCausal: false)
        let useBias = settings.bool("use_bias", default: true), initializer = settings.kernelInitializer()
        settings.require("output_padding", .null)
        settings.require("groups", 1)
        if window.dilation != (1, 1) { settings.fail("option 'dilation_rate': only 1 is supported") }
        return { activation in
            TransposedConvolution2D(
                filters: filters, kernelSize: window.size, strides: window.strides, padding: window.padding,
                useBias: useBias, activation: activation, kernelInitializer: initializer)
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

        init(_ settings: inout LayerSettings, axes: Int, allowsCausal: Bool = true) {
            func pair(_ list: [Int]) -> (Int, Int) { axes == 1 ? (1, list[0]) : (list[0], list[1]) }
            let ones = Array(repeating: 1, count: axes)
            size = pair(settings.axes("kernel_size", count: axes))
            strides = pair(settings.axes("strides", count: axes, default: ones))
            dilation = pair(settings.axes("dilation_rate", count: axes, default: ones))
            padding = settings.padding(allowsCausal: axes == 1 && allowsCausal)
            settings.requireChannelsLast()
        }
    }

    private static let pooling: [String: Recipe] = [
        "MaxPooling2D": { pool(.max, &$0, axes: 2) },
        "AveragePooling2D": { pool(.average, &$0, axes: 2) },
        "MaxPooling1D": { pool(.max, &$0, axes: 1) },
        "AveragePooling1D": { pool(.average, &$0, axes: 1) },
        "GlobalMaxPooling1D": { globalPool(.max, &$0) },
        "GlobalMaxPooling2D": { globalPool(.max, &$0) },
        "GlobalAveragePooling1D": { globalPool(.average, &$0) },
        "GlobalAveragePooling2D": { globalPool(.average, &$0) },
    ]

    private static func pool(_ kind: PoolingKind, _ settings: inout LayerSettings, axes: Int) -> [LayerPart] {
        let size = settings.axes("pool_size", count: axes, default: Array(repeating: 2, count: axes))
        // Keras 3 insists on the size of average pools, though it has a default.
        settings.write(
            size.allSatisfy { $0 == size[0] } ? .integer(size[0]) : .array(size.map { .integer($0) }), to: "pool_size")
        let strides = settings.axes("strides", count: axes, default: size), padding = settings.padding()
        settings.requireChannelsLast()
        return [
            LayerPart(
                axes == 1
                    ? Pooling1D(kind, poolSize: size[0], strides: strides[0], padding: padding) as any Layer
                    : Pooling2D(
                        kind, poolSize: (size[0], size[1]), strides: (strides[0], strides[1]), padding: padding))
        ]
    }

    private static func globalPool(_ kind: PoolingKind, _ settings: inout LayerSettings) -> [LayerPart] {
        settings.requireChannelsLast()
        return [LayerPart(GlobalPooling(kind, keepDimensions: settings.bool("keepdims", default: false)))]
    }
}

// MARK: - Layers that move, forget or scale

extension LayerCatalog {
    private static let shapes: [String: Recipe] = [
        "Flatten": { settings in
            settings.requireChannelsLast()
            return [LayerPart(Flatten())]
        },
        "Reshape": { [LayerPart(Reshape(to: $0.integers("target_shape")))] },
        "Permute": { [LayerPart(Permute($0.integers("dims")))] },
        "RepeatVector": { [LayerPart(RepeatVector($0.integer("n")))] },
        "ZeroPadding2D": { [LayerPart(ZeroPadding2D(margins(&$0, "padding", 1)))] },
        "Cropping2D": { [LayerPart(Cropping2D(margins(&$0, "cropping", 0)))] },
        "ZeroPadding1D": { settings in
            let margins = settings.margins("padding", count: 1, default: 1)[0]
            settings.requireChannelsLast()
            return [LayerPart(ZeroPadding1D(before: margins[0], after: margins[1]))]
        },
        "Cropping1D": { settings in
            let margins = settings.margins("cropping", count: 1, default: 1)[0]
            return [LayerPart(Cropping1D(before: margins[0], after: margins[1]))]
        },
        "UpSampling1D": { [LayerPart(OneRow(UpSampling2D(rows: 1, columns: $0.integer("size", default: 2))))] },
        "UpSampling2D": { settings in
            let size = settings.axes("size", count: 2, default: [2, 2])
            settings.require("interpolation", "nearest")
            settings.requireChannelsLast()
            return [LayerPart(UpSampling2D(rows: size[0], columns: size[1]))]
        },
    ]

    private static func margins(_ settings: inout LayerSettings, _ name: String, _ fallback: Int) -> Margins {
        let margins = settings.margins(name, count: 2, default: fallback)
        settings.requireChannelsLast()
        return Margins(top: margins[0][0], bottom: margins[0][1], left: margins[1][0], right: margins[1][1])
    }

    private static let regularization: [String: Recipe] = [
        "Dropout": { settings in
            // Only training would tell; so a file of Keras may have one, and an architecture file may not.
            if let shape = settings.options["noise_shape"], !shape.isNull { settings.write(shape, to: "noise_shape") }
            return [LayerPart(Dropout(rate: rate(&settings)))]
        },
        "SpatialDropout1D": { [LayerPart(Dropout(rate: rate(&$0), isSpatial: true))] },
        "SpatialDropout2D": { settings in
            settings.requireChannelsLast()
            return [LayerPart(Dropout(rate: rate(&settings), isSpatial: true))]
        },
        "GaussianNoise": { [LayerPart(GaussianNoise(deviation: $0.number("stddev")))] },
        "GaussianDropout": { [LayerPart(GaussianDropout(rate: rate(&$0)))] },
        "AlphaDropout": { [LayerPart(AlphaDropout(rate: rate(&$0)))] },
        "ActivityRegularization": { settings in
            _ = (settings.number("l1", default: 0), settings.number("l2", default: 0))
            return [LayerPart(Identity())]
        },
        "Identity": { _ in [LayerPart(Identity())] },
        "RandomFlip": augmentation, "RandomRotation": augmentation, "RandomZoom": augmentation,
        "RandomTranslation": augmentation, "RandomContrast": augmentation, "RandomBrightness": augmentation,
    ]

    /// Layers that change pictures in training alone; a file of Keras may have them, and they do nothing.
    private static let augmentation: Recipe = { settings in
        if settings.isStrict { settings.fail("pictures are not changed in training here") }
        let foreign = ["name", "dtype", "trainable", "data_format", "seed"]
        for option in settings.options.members where !foreign.contains(option.key) {
            settings.write(option.value, to: option.key)
        }
        return [LayerPart(Identity())]
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

    private static let activations: [String: Recipe] = [
        "Activation": { settings in
            switch settings.activation("activation", default: "linear") {
            case .softmax: [LayerPart(Softmax())]
            case .logSoftmax: [LayerPart(LogSoftmax())]
            case .elementwise(let function): [LayerPart(ElementwiseActivation(function))]
            }
        },
        "Softmax": { settings in
            let axis = singleAxis(&settings)
            return along(axis, Softmax())
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
        "LeakyReLU": { settings in
            // Keras 3 calls it negative_slope, and still reads alpha, the only name that Keras 2 knows.
            let slope = settings.number("alpha", alias: "negative_slope", default: 0.3)
            return [LayerPart(Rectify(Rectifier(negativeSlope: slope)))]
        },
        "ELU": { [LayerPart(ElementwiseActivation(Activation(.elu, slope: $0.number("alpha", default: 1))))] },
        "PReLU": { [LayerPart(PReLU(sharedAxes: $0.integers("shared_axes", default: [])))] },
    ]

    private static let merging: [String: Recipe] = [
        "Add": { merge(.add, $0) }, "Subtract": { merge(.subtract, $0) }, "Multiply": { merge(.multiply, $0) },
        "Average": { merge(.average, $0) }, "Maximum": { merge(.maximum, $0) }, "Minimum": { merge(.minimum, $0) },
        "Concatenate": { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            return [LayerPart(Concatenate(axis: axis, keras2Masks: settings.dialect == .keras2))]
        },
    ]

    private static func merge(_ operation: Merge.Operation, _ settings: LayerSettings) -> [LayerPart] {
        [LayerPart(Merge(operation, keras2Masks: settings.dialect == .keras2))]
    }
}
