import Networks

/// The names of layers in Keras 3's store of weights: by class, counted within one model.
///
///     layers/dense, layers/dense_1, layers/sequential/layers/conv2d
struct StoreNames {
    private var counts: [String: Int] = [:]

    /// The name of the next layer of a class.
    mutating func next(_ className: String) -> String {
        let name = kerasName(ofClass: className == "Model" ? "Functional" : className)
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
            return ["query_dense", "key_dense", "value_dense", "output_dense"]
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
        guard parts != ["", "activation"] else {
            let isOfActivation = { (slot: WeightSlot) in slot.entry.layer.hasPrefix("\(slot.layer.name)/activation") }
            return [("", slots.filter { !isOfActivation($0) }), ("activation", slots.filter(isOfActivation))]
        }
        let owners = slots.reduce(into: [String]()) { if $0.last != $1.entry.layer { $0.append($1.entry.layer) } }
        guard owners.count != parts.count else {
            return zip(parts, owners).map { part, owner in (part, slots.filter { $0.entry.layer == owner }) }
        }
        let count = (slots.count + parts.count - 1) / parts.count
        return parts.enumerated().map { ($1, Array(slots.dropFirst($0 * count).prefix(count))) }
    }
}
