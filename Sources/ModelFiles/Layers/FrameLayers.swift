import Networks

// Layers that aggregate the frames of a video, which Keras does not have: `Tools/keras` is a package of them.

extension LayerCatalog {
    /// The name under which the package registers its classes: `compress>NetVLAD`.
    static let package = "compress"
    /// The package's module, as an archive names it.
    static let packageModule = "compress_layers"

    static func isOfPackage(_ className: String) -> Bool { entries[className]?.isOfPackage == true }

    /// The class as the catalog has it, of one as a file has it: an .h5 file says `compress>NetVLAD`, an archive
    /// `NetVLAD`, registered as that.
    ///
    /// A class of the same name by somebody else stays what it is.
    static func className(_ className: String, registeredAs registered: String?) -> String {
        let name = registered ?? className
        if name.hasPrefix("\(package)>"), isOfPackage(String(name.dropFirst(package.count + 1))) {
            return String(name.dropFirst(package.count + 1))
        }
        guard isOfPackage(className) else { return className }
        return name.contains(">") ? name : "Custom>\(name)"
    }

    /// Names that versions of TensorFlow wrote for classes.
    static let aliases = [
        "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
        "SyncBatchNormalization": "BatchNormalization", "LSTMV1": "LSTM", "LSTMV2": "LSTM", "GRUV1": "GRU",
        "GRUV2": "GRU", "Custom>CustomScaleLayer": "CustomScaleLayer",
    ]

    static let frames: [LayerEntry] = [
        LayerEntry(name: "FeatureSlice", versions: [3], remark: "neighbouring features", isOfPackage: true) {
            settings in
            let start = settings.integer("start", default: 0, in: 0...LayerSettings.largestInteger)
            return [LayerPart(FeatureSlice(start: start, count: settings.integer("size")))]
        },
        LayerEntry(
            name: "FramePooling", versions: [3], remark: "mean, max or sum of the frames that are real",
            isOfPackage: true
        ) { settings in
            let word = settings.word("pooling", default: "mean", of: FramePooling.Kind.allCases.map(\.rawValue))
            return [LayerPart(FramePooling(FramePooling.Kind(rawValue: word) ?? .mean))]
        },
        LayerEntry(
            name: "FrameSampling", versions: [3], remark: "the identity at inference: all frames", isOfPackage: true
        ) { settings in
            settings.know(["seed"])
            return [LayerPart(FrameSampling())]
        },
        LayerEntry(name: "NetVLAD", versions: [3], remark: "`use_centers: false` is NetRVLAD", isOfPackage: true) {
            settings in
            NetVLAD(
                clusters: settings.integer("clusters"), useCenters: settings.bool("use_centers", default: true),
                normalization: batchNormalization(&settings)
            ).parts
        },
        LayerEntry(name: "NetFV", versions: [3], isOfPackage: true) { settings in
            NetFV(clusters: settings.integer("clusters"), normalization: batchNormalization(&settings)).parts
        },
        LayerEntry(name: "SoftDBoF", versions: [3], isOfPackage: true) { settings in
            SoftDBoF(clusters: settings.integer("clusters"), normalization: batchNormalization(&settings)).parts
        },
        LayerEntry(name: "GatedDBoF", versions: [3], isOfPackage: true) { settings in
            GatedDBoF(
                clusters: settings.integer("clusters"), gateUnits: settings.integer("gate_units"),
                normalization: batchNormalization(&settings)
            ).parts
        },
        LayerEntry(
            name: "NeXtVLAD", versions: [3], remark: "reads features that a Dense layer has expanded", isOfPackage: true
        ) { settings in
            NeXtVLAD(
                clusters: settings.integer("clusters"), groups: settings.integer("groups"),
                normalization: batchNormalization(&settings)
            ).parts
        },
        LayerEntry(name: "ContextGating", versions: [3], isOfPackage: true) { settings in
            ContextGating(normalization: batchNormalization(&settings)).parts
        },
        LayerEntry(
            name: "MixtureOfExperts", versions: [3], remark: "`probability_gating: true` as in Miech et al. (2017)",
            isOfPackage: true
        ) { settings in
            let isGated = settings.bool("probability_gating", default: false)
            let units = settings.integer("units", power: isGated ? 2 : 1)
            let experts = settings.integer("experts", default: 2)
            let normalization = batchNormalization(&settings)
            return MixtureOfExperts(
                units: units, experts: experts, probabilityGating: isGated ? normalization : nil,
                endsInLogits: settings.endsNetwork
            ).parts
        },
    ]

    private static func batchNormalization(_ settings: inout LayerSettings) -> BatchNormalization {
        BatchNormalization(
            momentum: settings.number("momentum", default: 0.99), epsilon: settings.number("epsilon", default: 1e-3))
    }
}
