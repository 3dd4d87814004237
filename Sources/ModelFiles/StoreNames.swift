import Networks

/// The names of layers in Keras 3's store of weights: by class, counted within one model.
///
///     layers/dense, layers/dense_1, layers/sequential/layers/conv2d
struct StoreNames {
    private var counts: [String: Int] = [:]

    /// What Keras's Python calls classes that have another public name.
    private static let pythonNames = ["Model": "Functional", "GroupQueryAttention": "GroupedQueryAttention"]

    /// The name of the next layer of a class.
    mutating func next(_ className: String) -> String {
        let name = kerasName(ofClass: Self.pythonNames[className] ?? className)
        defer { counts[name, default: 0] += 1 }
        return counts[name].map { "\(name)_\($0)" } ?? name
    }

    /// The groups in a layer's own that have its weights, in the order of its parameters.
    static func parts(of className: String, _ options: JSON.Object) -> [String] {
        func inner(_ option: String) -> [String] {
            guard let layer = options[option], let name = layer["class_name"]?.string else { return [] }
            return parts(of: name, layer["config"]?.object ?? [:]).map { $0.isEmpty ? option : "\(option)/\($0)" }
        }
        switch className {
        case "SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU": return ["cell"]
        case "RNN": return inner("cell")
        case "StackedRNNCells":
            var names = StoreNames()
            return (options["cells"]?.array ?? []).flatMap { cell -> [String] in
                guard let name = cell["class_name"]?.string else { return [] }
                let place = "cells/" + names.next(name)
                return parts(of: name, cell["config"]?.object ?? [:]).map { $0.isEmpty ? place : "\(place)/\($0)" }
            }
        case "Bidirectional":
            let forward = inner("layer").map { "forward_" + $0 }
            return forward + forward.map { "backward_" + $0.dropFirst("forward_".count) }
        case "TimeDistributed": return inner("layer")
        case "SpectralNormalization": return inner("layer") + [""]
        case "MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention":
            // What Python has no public name for, the gate among it, keeps its underscore.
            let underscore = className == "MultiHeadAttention" ? "" : "_"
            let gate = options["use_gate"] == true ? ["_gate_dense"] : []
            return ["query_dense", "key_dense"].map { underscore + $0 } + gate
                + ["value_dense", "output_dense"].map { underscore + $0 }
        default:
            // An activation may be a layer, with weights of its own.
            return options["activation"]?["config"]?.object == nil ? [""] : ["", "activation"]
        }
    }

    /// The parameters of a layer, divided among those groups.
    ///
    /// The parts that the graph has of a layer may be others than Keras's: a separable convolution is two layers here,
    /// and has one group; an attention is one here, and has a group of a kernel and perhaps a bias for each projection.
    static func split(
        _ slots: [WeightSlot], of className: String, _ options: JSON.Object
    ) -> [(part: String, slots: [WeightSlot])] {
        let parts = parts(of: className, options), slots = slots.inPartOrder
        guard parts.count > 1 else { return [(parts.first ?? "", slots)] }
        if className == "SpectralNormalization" {
            // Beside its vector, Keras keeps the kernel of the layer inside once more.
            return [(parts[0], Array(slots.dropLast())), ("", Array(slots.prefix(1) + slots.suffix(1)))]
        }
        guard parts.count != 2 || !parts[1].hasSuffix("activation") else {
            let isOfActivation = { (slot: WeightSlot) in slot.entry.layer.hasPrefix("\(slot.layer.name)/activation") }
            return [(parts[0], slots.filter { !isOfActivation($0) }), (parts[1], slots.filter(isOfActivation))]
        }
        let owners = slots.reduce(into: [String]()) { if $0.last != $1.entry.layer { $0.append($1.entry.layer) } }
        guard owners.count != parts.count else {
            return zip(parts, owners).map { part, owner in (part, slots.filter { $0.entry.layer == owner }) }
        }
        let count = (slots.count + parts.count - 1) / parts.count
        return parts.enumerated().map { ($1, Array(slots.dropFirst($0 * count).prefix(count))) }
    }
}
