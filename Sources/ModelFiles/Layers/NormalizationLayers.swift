import Kernels
import Networks
import Tensors

// Layers that shift and scale, and layers along an axis of one's choice.

extension LayerCatalog {
    static let normalization: [LayerEntry] = [
        LayerEntry(name: "BatchNormalization", remark: "one axis; in training the last, where there is a mask") {
            settings in
            let axes = workingAxes(&settings)
            let layer = BatchNormalization(
                momentum: settings.number("momentum", default: 0.99),
                epsilon: settings.number("epsilon", default: 1e-3),
                center: settings.bool("center", default: true), scale: settings.bool("scale", default: true),
                countsPadding: settings.dialect == .keras2)
            settings.require("renorm", false)
            guard axes.count == 1 else {
                settings.fail("option 'axis': expected one axis, found \(axes)")
                return []
            }
            return along(axes, layer)
        },
        LayerEntry(name: "LayerNormalization", remark: "several axes in files alone") { settings in
            let axes = workingAxes(&settings), epsilon = settings.number("epsilon", default: 1e-3)
            let center = settings.bool("center", default: true), scale = settings.bool("scale", default: true)
            if settings.bool("rms_scaling", default: false) {
                return along(
                    axes, RowScaling(.deviation, axisCount: axes.count, epsilon: epsilon, factors: "gamma"))
            }
            return along(
                axes, LayerNormalization(axisCount: axes.count, epsilon: epsilon, center: center, scale: scale))
        },
        LayerEntry(name: "RMSNormalization", versions: [3], remark: "last axes only") { settings in
            let axes = workingAxes(&settings)
            // Keras multiplies by the scale along the last axes, whichever it divides by.
            guard axes.sorted() == Array(-axes.count..<0) else {
                settings.fail("option 'axis': only the last axes, such as -1 or [-2, -1], are supported, found \(axes)")
                return []
            }
            let epsilon = settings.number("epsilon", default: 1e-6)
            return [
                LayerPart(
                    RowScaling(.rootMeanSquare, axisCount: axes.count, epsilon: epsilon, factors: "scale"))
            ]
        },
        LayerEntry(name: "UnitNormalization", remark: "several axes in files alone") { settings in
            let axes = workingAxes(&settings)
            // Keras 2 has a floor of 1e-12 for the square of the length, Keras 3 for the length.
            let floor: Float = settings.dialect == .keras2 ? 1e-12 : 1e-24
            return along(axes, RowScaling(.length, axisCount: axes.count, epsilon: floor))
        },
        LayerEntry(name: "GroupNormalization", remark: "one axis") { settings in
            let axes = workingAxes(&settings)
            let groups = settings.integer("groups", default: 32, in: -1...LayerSettings.largestInteger)
            let layer = GroupNormalization(
                groups: groups, epsilon: settings.number("epsilon", default: 1e-3),
                center: settings.bool("center", default: true), scale: settings.bool("scale", default: true))
            guard axes.count == 1 else {
                settings.fail("option 'axis': expected one axis, found \(axes)")
                return []
            }
            return along(axes, layer)
        },
        LayerEntry(
            name: "SpectralNormalization", training: .no, hdf5: .loaded(by: [3]), suitsStudents: false,
            remark: "Keras 2 does not load its own files of it", storeGroups: { StoreNames.inner("layer", $0) + [""] }
        ) { spectralNormalization(&$0) },
        LayerEntry(name: "Rescaling", dropsMaskInKeras2: true) { settings in
            let scale = settings.numbers("scale"), offset = settings.numbers("offset", default: [0])
            // Keras 3 insists on the offset, though it has a default.
            settings.write(settings.options["offset"] ?? 0.0, to: "offset")
            return scaling(&settings, scale, offset)
        },
        LayerEntry(
            name: "Normalization", remark: "with its means and variances, or adapted to the data",
            dropsMaskInKeras2: true
        ) { normalization(&$0) },
    ]

    /// The axes to work along: one, or a list.
    static func workingAxes(_ settings: inout LayerSettings) -> [Int] {
        let axes = settings.integers("axis", default: [-1])
        guard !axes.isEmpty else {
            settings.fail("option 'axis': expected at least one axis")
            return [-1]
        }
        refuseSeveralAxes(axes, &settings)
        if axes.count == 1, axes != [-1] { settings.write(.integer(axes[0]), to: "axis") }
        return axes
    }

    /// A student must be read alike by both versions of Keras.
    private static func refuseSeveralAxes(_ axes: [Int], _ settings: inout LayerSettings) {
        guard settings.isStrict, axes.count != 1 else { return }
        settings.fail("option 'axis': expected one axis, found \(axes); Keras 3 loses others when it loads an .h5 file")
    }

    /// A layer that works along the last axes, made to work along others.
    static func along(_ axes: [Int], _ layer: any Layer) -> [LayerPart] {
        guard axes != [-1], !axes.isEmpty else { return [LayerPart(layer)] }
        var back = LayerPart("back", AxesLast(axes, isInverse: true))
        back.keepsMask = true
        return LayerPart.chain([LayerPart("last", AxesLast(axes)), LayerPart("", layer), back])
    }

    /// A layer whose kernel training divides by its largest singular value.
    private static func spectralNormalization(_ settings: inout LayerSettings) -> [LayerPart] {
        settings.know(["layer"])
        _ = settings.integer("power_iterations", default: 1)
        if settings.isStrict { settings.fail("kernels are not normalised in training here; use the layer itself") }
        guard let wrapped = WrappedLayer("layer", of: &settings) else { return [] }
        var inner = wrapped.settings(in: settings), parts = parts(wrapped.className, &inner)
        settings.absorb(inner, "\(wrapped.className) inside")
        settings.write(wrapped.json(inner.written, asClass: inner.writtenClass), to: "layer")
        guard let index = parts.firstIndex(where: { !($0.layer is AxesLast) }) else { return [] }
        parts[index].layer = SpectralNormalization(parts[index].layer)
        return parts
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

    /// (x − mean) / max(√variance, 1e-7), or that inverted, the numbers being options or, once adapted to data, weights.
    private static func normalization(_ settings: inout LayerSettings) -> [LayerPart] {
        let isInverse = settings.bool("invert", default: false)
        settings.know(["mean", "variance", "axis"])
        let isWhole = settings.options["axis"]?.isNull == true
        let axes = isWhole ? [] : settings.integers("axis", default: [-1])
        if let axis = settings.options["axis"] { settings.write(axis, to: "axis") }
        refuseSeveralAxes(axes, &settings)
        guard settings.options["mean"]?.isNull == false else { return adapted(&settings, axes, isInverse: isInverse) }
        let mean = settings.array("mean"), variance = settings.array("variance")
        guard mean.shape == variance.shape, mean.shape.count <= axes.count else {
            settings.fail(
                "has means of shape \(mean.shape) and variances of shape \(variance.shape) for the axes \(axes)")
            return []
        }
        let deviation = variance.values.map { max($0.squareRoot(), 1e-7) }
        let scale = isInverse ? deviation : deviation.map { 1 / $0 }
        let offset = isInverse ? mean.values : zip(mean.values, deviation).map { -$0 / $1 }
        guard !mean.shape.isEmpty else { return [LayerPart(Rescaling(scale: scale[0], offset: offset[0]))] }
        return along(axes, ChannelScaling(scale: scale, offset: offset, shape: Shape(mean.shape)))
    }

    /// Keras computes with copies of an adapted layer's weights, which loading an .h5 file does not renew. So along one axis
    /// it is written as a frozen batch normalization, whose 1e-14 under the root has the effect of that maximum: every
    /// version loads that, and it passes masks on. Before a student is trained, its numbers are those of the data.
    private static func adapted(_ settings: inout LayerSettings, _ axes: [Int], isInverse: Bool) -> [LayerPart] {
        guard axes.count != 1 || isInverse else {
            if axes != [-1] { settings.write(.integer(axes[0]), to: "axis") } else { settings.remove("axis") }
            settings.write(asClass: "BatchNormalization")
            let options: [(String, JSON)] = [
                ("epsilon", 1e-14), ("center", false), ("scale", false), ("trainable", false),
            ]
            for (option, value) in options { settings.write(value, to: option) }
            return along(axes, AdaptedNormalization(isBatchNormalization: true))
        }
        if settings.isStrict { settings.fail("has 'invert', but no 'mean' and 'variance'") }
        return along(axes, AdaptedNormalization(axisCount: axes.count, isInverse: isInverse))
    }
}
