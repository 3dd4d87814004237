import Kernels
import Networks

// Layers that make one answer of the frames of a video, which Keras does not have: `Tools/keras` is a package of them.

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
            let clusters = settings.integer("clusters"), useCenters = settings.bool("use_centers", default: true)
            var parts = assignment(to: clusters, &settings)
            parts.append(
                LayerPart(
                    "residuals", ClusterResiduals(useCenters: useCenters), inputs: [.all, .part(parts.count - 1)]))
            parts.append(scaledByCluster: "cluster")
            parts.append(next: "length", unitLength)
            return parts
        },
        LayerEntry(name: "NetFV", versions: [3], isOfPackage: true) { settings in
            let clusters = settings.integer("clusters")
            var parts = assignment(to: clusters, &settings)
            let vectors = parts.count
            parts.append(LayerPart("vectors", FisherVectors(), inputs: [.all, .part(vectors - 1)]))
            parts.append(next: "means", FeatureSlice(start: 0, count: clusters))
            parts.append(scaledByCluster: "mean")
            parts.append(next: "mean_length", unitLength)
            let means = parts.count - 1
            parts.append(
                LayerPart("variances", FeatureSlice(start: clusters, count: clusters), inputs: [.part(vectors)]))
            parts.append(next: "variance_flat", Flatten())
            parts.append(next: "variance_length", unitLength)
            parts.append(LayerPart("both", Concatenate(), inputs: [.part(means), .part(parts.count - 1)]))
            return parts
        },
        LayerEntry(name: "SoftDBoF", versions: [3], isOfPackage: true) { settings in
            var parts = assignment(to: settings.integer("clusters"), &settings)
            parts.append(next: "sum", FramePooling(.sum))
            parts.append(next: "length", unitLength)
            return parts
        },
        LayerEntry(name: "GatedDBoF", versions: [3], isOfPackage: true) { settings in
            let clusters = settings.integer("clusters"), gateUnits = settings.integer("gate_units")
            var parts = assignment(to: clusters, &settings)
            let frames = parts.count - 1, sum = frames + 1
            parts.append(next: "sum", FramePooling(.sum))
            parts.append(LayerPart("max", FramePooling(.max), inputs: [.part(frames)]))
            parts.append(next: "max_length", unitLength)
            parts.append(next: "inner", product(gateUnits))
            parts.append(next: "outer", product(clusters))
            parts.append(gate: .part(sum), batchNormalization(&settings))
            parts.append(next: "length", unitLength)
            return parts
        },
        LayerEntry(
            name: "NeXtVLAD", versions: [3], remark: "reads features that a Dense layer has expanded", isOfPackage: true
        ) { settings in
            let clusters = settings.integer("clusters"), groups = settings.integer("groups")
            var parts = [
                LayerPart(
                    "attention",
                    Dense(units: groups, activation: Activation(.sigmoid), kernelInitializer: .heNormal))
            ]
            parts.append(next: "real", PaddingToZero())
            parts.append(next: "attention_groups", ChannelGroups(groups))
            parts.append(LayerPart("assignment", product(groups * clusters)))
            parts.append(next: "normalization", batchNormalization(&settings))
            parts.append(next: "groups", ChannelGroups(groups))
            parts.append(next: "softmax", Softmax())
            parts.append(LayerPart("attended", Merge(.multiply), inputs: [.part(parts.count - 1), .part(2)]))
            parts.append(LayerPart("input_groups", ChannelGroups(groups)))
            parts.append(
                LayerPart(
                    "residuals", ClusterResiduals(), inputs: [.part(parts.count - 1), .part(parts.count - 2)]))
            parts.append(scaledByCluster: "cluster")
            return parts
        },
        LayerEntry(name: "ContextGating", versions: [3], isOfPackage: true) { settings in
            var parts = [LayerPart("product", SquareProduct())]
            parts.append(gate: .all, batchNormalization(&settings))
            return parts
        },
        LayerEntry(
            name: "MixtureOfExperts", versions: [3], remark: "`probability_gating: true` as in Miech et al. (2017)",
            isOfPackage: true
        ) { settings in
            let isGated = settings.bool("probability_gating", default: false)
            let units = settings.integer("units", power: isGated ? 2 : 1)
            let experts = settings.integer("experts", default: 2)
            let normalization = batchNormalization(&settings)
            var parts = [LayerPart("gates", Dense(units: units * (experts + 1), useBias: false))]
            parts.append(next: "gates_by_unit", Reshape(to: [units, experts + 1]))
            parts.append(next: "gates_softmax", Softmax())
            parts.append(LayerPart("experts", Dense(units: units * experts, activation: Activation(.sigmoid))))
            parts.append(LayerPart("mixture", ExpertMixture(experts: experts), inputs: [.part(2), .part(3)]))
            if isGated {
                let mixture = parts.count - 1
                parts.append(next: "product", product(units))
                parts.append(gate: .part(mixture), normalization)
            }
            guard settings.endsNetwork else { return parts }
            parts.append(next: "logits", LogOdds())
            parts.append(next: "probabilities", ElementwiseActivation(Activation(.sigmoid)))
            return parts
        },
    ]

    /// How much each frame belongs to each cluster: softmax(BN(x · kernel)), (T, F) to (T, clusters).
    private static func assignment(to clusters: Int, _ settings: inout LayerSettings) -> [LayerPart] {
        LayerPart.chain([
            LayerPart("assignment", product(clusters)),
            LayerPart("normalization", batchNormalization(&settings)), LayerPart("softmax", Softmax()),
        ])
    }

    private static func batchNormalization(_ settings: inout LayerSettings) -> BatchNormalization {
        BatchNormalization(
            momentum: settings.number("momentum", default: 0.99), epsilon: settings.number("epsilon", default: 1e-3))
    }

    /// A product that begins as in "Learnable pooling with context gating" (Miech, Laptev, Sivic, 2017).
    private static func product(_ units: Int) -> Dense {
        Dense(units: units, useBias: false, kernelInitializer: .fanInNormal())
    }

    fileprivate static let unitLength = RowScaling(.length, epsilon: 1e-12)
}

extension [LayerPart] {
    /// Adds a part that reads the last one.
    fileprivate mutating func append(next suffix: String, _ layer: any Layer) {
        append(LayerPart(suffix, layer, inputs: [.part(count - 1)]))
    }

    /// Adds parts that let a value through as the last part says: y = x · sigmoid(BN(z)).
    fileprivate mutating func append(gate value: LayerPart.Input, _ normalization: BatchNormalization) {
        append(next: "gate_normalization", normalization)
        append(next: "gate", ElementwiseActivation(Activation(.sigmoid)))
        append(LayerPart("gated", Merge(.multiply), inputs: [value, .part(count - 1)]))
    }

    /// Adds parts that give each column of (F, K) the length 1, and make one vector of all, row by row.
    fileprivate mutating func append(scaledByCluster prefix: String) {
        append(next: "\(prefix)_scaled", ColumnScaling(epsilon: LayerCatalog.unitLength.epsilon))
        append(next: "\(prefix)_flat", Flatten())
    }
}
