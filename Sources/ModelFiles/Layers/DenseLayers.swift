import Kernels
import Networks

// Layers that multiply by a kernel or look up its rows.

extension LayerCatalog {
    static let basic: [LayerEntry] = [
        LayerEntry(name: "Dense", remark: "not quantized") { settings in
            let units = settings.integer("units"), useBias = settings.bool("use_bias", default: true)
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            settings.refuseQuantized()
            return activated(activation, settings) {
                Dense(units: units, useBias: useBias, activation: $0, kernelInitializer: initializer)
            }
        },
        LayerEntry(name: "Embedding", remark: "not quantized; its inputs are numbers of words") { settings in
            settings.know(["input_length"])
            return embedding(&settings)
        },
        LayerEntry(name: "ReversibleEmbedding", versions: [3], remark: "from numbers to rows alone") { settings in
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
}
