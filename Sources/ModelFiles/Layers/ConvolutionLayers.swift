import Kernels
import Networks

// Layers whose kernel moves over their input.

extension LayerCatalog {
    static let convolutions: [LayerEntry] = [
        LayerEntry(name: "Conv2D") { settings in
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
        LayerEntry(name: "Conv1D") { settings in
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
        LayerEntry(name: "DepthwiseConv2D") { settings in
            let window = Window(&settings, axes: 2)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings, channelsFirst: window.channelsFirst) { depthwise(useBias, $0) }
        },
        LayerEntry(name: "SeparableConv2D") { settings in
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
        LayerEntry(name: "DepthwiseConv1D", unsaidInKeras3: noCausalPadding) { settings in
            let window = Window(&settings, axes: 1)
            let depthwise = depthwise(&settings, window, "depthwise_initializer")
            settings.require("groups", 1)
            let useBias = settings.bool("use_bias", default: true), activation = settings.activation()
            return activated(activation, settings, channelsFirst: window.channelsFirst) {
                OneRow(depthwise(useBias, $0))
            }
        },
        LayerEntry(name: "SeparableConv1D", unsaidInKeras3: noCausalPadding) { settings in
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
        LayerEntry(name: "Conv2DTranspose") { settings in
            let window = Window(&settings, axes: 2, allowsCausal: false)
            let transposed = transposed(&settings, window, axes: 2)
            return activated(settings.activation(), settings, channelsFirst: window.channelsFirst) { transposed($0) }
        },
        LayerEntry(name: "Conv1DTranspose") { settings in
            let window = Window(&settings, axes: 1, allowsCausal: false)
            let transposed = transposed(&settings, window, axes: 1)
            return activated(settings.activation(), settings, channelsFirst: window.channelsFirst) {
                OneRow(transposed($0))
            }
        },
    ]

    @Sendable private static func noCausalPadding(_ options: JSON.Object) -> [String] {
        options["padding"] == "causal"
            ? ["Keras 3 has no 'causal' padding for this class; ZeroPadding1D before it does the same"] : []
    }

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
}
