import Kernels
import Networks

// Layers in which inputs meet: attention, products, and sums by an equation.

extension LayerCatalog {
    static let attention: [LayerEntry] = [
        LayerEntry(
            name: "MultiHeadAttention", hdf5: .asRead, remark: "masks follow the graph, or are `attention_mask`",
            inputNames: ["query", "value", "key"], storeGroups: { StoreNames.heads("", $0) }
        ) { settings in
            settings.know(["query_shape", "key_shape", "value_shape"])
            let keyDimension = settings.integer("key_dim")
            var layer = MultiHeadAttention(
                heads: settings.integer("num_heads"), keyDimension: keyDimension,
                valueDimension: settings.integer("value_dim", default: keyDimension))
            let shape = settings.integers("output_shape", default: [])
            if !shape.allSatisfy({ $0 > 0 }) { settings.fail("option 'output_shape': expected sizes, found \(shape)") }
            layer.outputShape = shape.isEmpty ? nil : shape
            let axes = settings.integers("attention_axes", default: [])
            layer.attentionAxes = axes.isEmpty ? nil : axes
            settings.require("softmax_robust_masking", false)
            layer.readsMasks = settings.version.headsReadMasks
            layer.maskReading = settings.version.attentionMasks
            layer.takesMasks = settings.version.headsTakeMasks
            return headed(layer, isFused: axes.isEmpty || axes == [1], &settings)
        },
        LayerEntry(
            name: "GroupedQueryAttention", versions: [3], remark: "GroupQueryAttention in Keras's own code",
            inputNames: ["query", "value", "key"], storeGroups: { StoreNames.heads("_", $0) }
        ) { grouped(&$0) },
        LayerEntry(
            name: "GroupQueryAttention", versions: [3], remark: "GroupedQueryAttention in files",
            inputNames: ["query", "value", "key"], storeName: "GroupedQueryAttention",
            storeGroups: { StoreNames.heads("_", $0) }
        ) { grouped(&$0) },
        LayerEntry(name: "Attention") { settings in
            let useScale = settings.bool("use_scale", default: false)
            let mode = settings.word("score_mode", default: "dot", of: ["dot", "concat"])
            return dense(mode == "dot" ? .dot : .concat, useScale, &settings)
        },
        LayerEntry(name: "AdditiveAttention") { settings in
            let useScale = settings.bool("use_scale", default: true)
            return dense(.additive, useScale, &settings)
        },
        LayerEntry(name: "Dot") { settings in
            let axes = settings.axes("axes", count: 2, in: -16...16)
            let normalizes = settings.bool("normalize", default: false)
            let floor: Float = settings.dialect == .keras2 ? 1e-12 : 1e-14
            return [LayerPart(Dot(axes: (axes[0], axes[1]), normalizationFloor: normalizes ? floor : nil))]
        },
        LayerEntry(name: "EinsumDense") { settings in
            let equation = settings.text("equation"), shape = settings.openShape("output_shape")
            let biasAxes = settings.text("bias_axes", default: "")
            let activation = settings.activation(), initializer = settings.kernelInitializer()
            settings.require("quantization_config", .null)
            return activated(activation, settings) {
                EinsumDense(
                    equation: equation, outputShape: shape, biasAxes: biasAxes.isEmpty ? nil : biasAxes,
                    activation: $0, kernelInitializer: initializer)
            }
        },
    ]

    private static func grouped(_ settings: inout LayerSettings) -> [LayerPart] {
        let heads = settings.integer("num_query_heads"), shared = settings.integer("num_key_value_heads")
        let dividesHeads = heads % shared == 0
        if !dividesHeads {
            settings.fail("has \(heads) heads for queries, which \(shared) for keys and values do not divide")
        }
        settings.write(asClass: "GroupQueryAttention")
        let layer = MultiHeadAttention(
            heads: heads, keyDimension: settings.integer("head_dim"), keyValueHeads: dividesHeads ? shared : heads)
        return headed(layer, isFused: true, &settings)
    }

    /// What both kinds of attention by heads have in common.
    ///
    /// - Parameter isFused: Whether Keras 3 may take its fused attention, which knows only inputs (time, features).
    private static func headed(
        _ layer: MultiHeadAttention, isFused: Bool, _ settings: inout LayerSettings
    ) -> [LayerPart] {
        settings.know(["flash_attention", "seed", "bias_initializer"])
        var layer = layer
        layer.dropout = rate(&settings, "dropout")
        layer.useBias = settings.bool("use_bias", default: true)
        layer.useGate = settings.bool("use_gate", default: false)
        layer.kernelInitializer = settings.kernelInitializer()
        let window = settings.integer("sliding_window", default: 0, in: 0...LayerSettings.largestInteger)
        layer.pattern = AttentionPattern(
            isCausal: settings.argument("use_causal_mask"), window: window == 0 ? nil : window)
        layer.returnsScores = settings.argument("return_attention_scores")
        let isFused = isFused && layer.dropout == 0 && !layer.returnsScores
        layer.zeroesHidden = settings.version.softmaxZeroesHidden && !isFused

        guard let places = settings.namedInputs(["query", "value", "key"], byKeyword: ["attention_mask"]) else {
            return []
        }
        let names = ["query", "value", "key", "attention_mask"].filter { places[$0] != nil }
        let inputs = names.compactMap { places[$0] }.map { LayerPart.Input.positions($0..<($0 + 1)) }
        layer.inputs = MultiHeadAttention.Inputs(
            key: names.firstIndex(of: "key"), mask: names.firstIndex(of: "attention_mask"))
        let whole = LayerPart("", layer, inputs: inputs)
        guard layer.returnsScores else { return [whole] }
        return [
            whole, result("output", AttentionResult(.output, of: layer), inputs),
            result("scores", AttentionResult(.scores, of: layer), inputs),
        ]
    }

    private static func result(_ suffix: String, _ layer: any Layer, _ inputs: [LayerPart.Input]) -> LayerPart {
        var part = LayerPart(suffix, layer, inputs: [.part(0)] + inputs)
        part.isResult = true
        return part
    }

    private static func dense(
        _ score: SequenceAttention.Score, _ useScale: Bool, _ settings: inout LayerSettings
    ) -> [LayerPart] {
        settings.know(["causal", "seed"])
        let dropout = rate(&settings, "dropout")
        // Before Keras 2.10 it was an option.
        if settings.options["causal"] == true { settings.pass("use_causal_mask", true) }
        let isCausal = settings.argument("use_causal_mask") || settings.options["causal"] == true
        let returnsScores = settings.argument("return_attention_scores")
        let layer = SequenceAttention(
            score, useScale: useScale, dropout: dropout, isCausal: isCausal, returnsScores: returnsScores,
            passesMask: settings.version.masksOfListsGoOn, maskReading: settings.version.attentionMasks)
        guard returnsScores else { return [LayerPart(layer)] }
        return [
            LayerPart("", layer), result("output", AttentionResult(.output, of: layer), [.all]),
            result("scores", AttentionResult(.scores, of: layer), [.all]),
        ]
    }
}
