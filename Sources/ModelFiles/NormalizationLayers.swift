import Networks

// Layers that shift and scale, and layers along an axis of one's choice.

extension LayerCatalog {
    static let normalization: [String: Recipe] = [
        "BatchNormalization": { settings in
            let axis = singleAxis(&settings)
            let layer = BatchNormalization(
                momentum: settings.number("momentum", default: 0.99),
                epsilon: settings.number("epsilon", default: 1e-3),
                center: settings.bool("center", default: true), scale: settings.bool("scale", default: true))
            settings.require("renorm", false)
            return along(axis, layer)
        },
        "LayerNormalization": { settings in
            let axis = singleAxis(&settings)
            let layer = LayerNormalization(
                epsilon: settings.number("epsilon", default: 1e-3), center: settings.bool("center", default: true),
                scale: settings.bool("scale", default: true))
            settings.require("rms_scaling", false)
            return along(axis, layer)
        },
        "Rescaling": { settings in
            let scale = settings.numbers("scale"), offset = settings.numbers("offset", default: [0])
            // Keras 3 insists on the offset, though it has a default.
            settings.write(settings.options["offset"] ?? 0.0, to: "offset")
            return scaling(&settings, scale, offset)
        },
        "Normalization": { normalization(&$0) },
    ]

    /// The axis to work along, which Keras 2 writes as a list.
    static func singleAxis(_ settings: inout LayerSettings) -> Int {
        let axes = settings.integers("axis", default: [-1])
        guard axes.count == 1 else {
            settings.fail("option 'axis': only one axis is supported, found \(axes)")
            return -1
        }
        if axes[0] != -1 { settings.write(.integer(axes[0]), to: "axis") }
        return axes[0]
    }

    /// A layer that works along the last axis, made to work along another.
    static func along(_ axis: Int, _ layer: any Layer) -> [LayerPart] {
        guard axis != -1 else { return [LayerPart(layer)] }
        return LayerPart.chain([
            LayerPart("last", AxisSwap(axis)), LayerPart("", layer), LayerPart("back", AxisSwap(axis)),
        ])
    }

    /// One number for all channels, or one for each.
    private static func scaling(_ settings: inout LayerSettings, _ scale: [Float], _ offset: [Float]) -> [LayerPart] {
        let count = max(scale.count, offset.count)
        func spread(_ numbers: [Float]) -> [Float] {
            numbers.count == 1 ? Array(repeating: numbers[0], count: count) : numbers
        }
        guard count != 1 else { return [LayerPart(Rescaling(scale: scale[0], offset: offset[0]))] }
        guard spread(scale).count == spread(offset).count else {
            settings.fail("has \(scale.count) scales, but \(offset.count) offsets")
            return []
        }
        return [LayerPart(ChannelScaling(scale: spread(scale), offset: spread(offset)))]
    }

    /// (x − mean) / max(√variance, 1e-7), the numbers being options or, once adapted to data, weights.
    ///
    /// Adapted, it is a batch normalisation whose 1e-14 under the root has the effect of that maximum, and it is
    /// written down as one.
    private static func normalization(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["mean", "variance"])
        settings.require("invert", false)
        let isGiven = settings.options["mean"]?.isNull == false
        guard isGiven else {
            let axis = singleAxis(&settings)
            settings.write(asClass: "BatchNormalization")
            for (option, value) in [("epsilon", 1e-14), ("center", false), ("scale", false)] as [(String, JSON)] {
                settings.write(value, to: option)
            }
            return along(axis, BatchNormalization(epsilon: 1e-14, center: false, scale: false))
        }
        let mean = settings.numbers("mean"), variance = settings.numbers("variance")
        let axes = settings.options["axis"]?.isNull == true ? [-1] : settings.integers("axis", default: [-1])
        if let axis = settings.options["axis"] { settings.write(axis, to: "axis") }
        guard axes == [-1], mean.count == variance.count else {
            settings.fail("only a normalisation of the last axis is supported")
            return []
        }
        let scale = variance.map { 1 / max($0.squareRoot(), 1e-7) }
        return scaling(&settings, scale, zip(mean, scale).map { -$0 * $1 })
    }
}
