import Kernels
import Networks

// Layers that move numbers to other places.

extension LayerCatalog {
    static let shapes: [LayerEntry] = [
        LayerEntry(name: "Flatten") { settings in
            guard settings.channelsFirst() else { return [LayerPart(Flatten())] }
            return LayerPart.chain([LayerPart("channels_last", AxesLast([1])), LayerPart(Flatten())])
        },
        LayerEntry(name: "Reshape") { [LayerPart(Reshape(to: $0.integers("target_shape")))] },
        LayerEntry(name: "Permute") { [LayerPart(Permute($0.integers("dims")))] },
        LayerEntry(name: "RepeatVector") { [LayerPart(RepeatVector($0.integer("n")))] },
        LayerEntry(name: "ZeroPadding2D") { settings in
            let margins = margins(&settings, "padding", 1)
            return channelsLast([LayerPart(ZeroPadding2D(margins))], if: settings.channelsFirst())
        },
        LayerEntry(name: "Cropping2D") { settings in
            let margins = margins(&settings, "cropping", 0)
            return channelsLast([LayerPart(Cropping2D(margins))], if: settings.channelsFirst())
        },
        LayerEntry(name: "ZeroPadding1D") { settings in
            let margins = settings.margins("padding", count: 1, default: 1)[0]
            return channelsLast(
                [LayerPart(ZeroPadding1D(before: margins[0], after: margins[1]))], if: settings.channelsFirst())
        },
        LayerEntry(name: "Cropping1D") { settings in
            let margins = settings.margins("cropping", count: 1, default: 1)[0]
            return [LayerPart(Cropping1D(before: margins[0], after: margins[1]))]
        },
        LayerEntry(name: "UpSampling1D") {
            [LayerPart(OneRow(UpSampling2D(rows: 1, columns: $0.integer("size", default: 2))))]
        },
        LayerEntry(name: "UpSampling2D", unsaidInKeras3: fewerInterpolations) { settings in
            let size = settings.axes("size", count: 2, default: [2, 2])
            let interpolation = interpolation(&settings, default: .nearest)
            let layer: any Layer =
                interpolation == .nearest
                ? UpSampling2D(rows: size[0], columns: size[1])
                : Resampling2D(.scale(rows: size[0], columns: size[1], interpolation))
            return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
        },
        LayerEntry(name: "CenterCrop") { settings in
            let layer = Resampling2D(.crop(height: settings.integer("height"), width: settings.integer("width")))
            return channelsLast([LayerPart(layer)], if: settings.channelsFirst())
        },
        LayerEntry(name: "Resizing", remark: "margins are constant", unsaidInKeras3: fewerInterpolations) {
            resizing(&$0)
        },
    ]

    private static func margins(_ settings: inout LayerSettings, _ name: String, _ fallback: Int) -> Margins {
        let margins = settings.margins(name, count: 2, default: fallback)
        return Margins(top: margins[0][0], bottom: margins[0][1], left: margins[1][0], right: margins[1][1])
    }

    @Sendable private static func fewerInterpolations(_ options: JSON.Object) -> [String] {
        guard let word = options["interpolation"]?.string, ["gaussian", "mitchellcubic"].contains(word) else {
            return []
        }
        return ["Keras 3 has no interpolation '\(word)'"]
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
}
