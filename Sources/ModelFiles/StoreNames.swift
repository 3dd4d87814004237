import Networks

/// The names of layers in Keras 3's store of weights: by class, counted within one model.
///
///     layers/dense, layers/dense_1, layers/sequential/layers/conv2d
struct StoreNames {
    private var counts: [String: Int] = [:]

    /// The name of the next layer of a class.
    ///
    /// Operations are no layers: they have no place in the store, and do not count.
    mutating func next(_ className: String) -> String {
        guard KerasOperation.named(className) == nil else { return className }
        let name = kerasName(
            ofClass: className == "Model" ? "Functional" : LayerCatalog.entries[className]?.storeName ?? className)
        defer { counts[name, default: 0] += 1 }
        return counts[name].map { "\(name)_\($0)" } ?? name
    }

    /// The groups in a layer's own that have its weights, in the order of its parameters.
    static func parts(of className: String, _ options: JSON.Object) -> [String] {
        if className == "StackedRNNCells" { return cells(options) }
        return (LayerCatalog.entries[className]?.storeGroups ?? plain)(options)
    }

    /// One of its own; an activation may be a layer, with weights of its own.
    @Sendable static func plain(_ options: JSON.Object) -> [String] {
        options["activation"]?["config"]?.object == nil ? [""] : ["", "activation"]
    }

    /// Those of the layer in an option.
    static func inner(_ option: String, _ options: JSON.Object) -> [String] {
        guard let layer = options[option], let name = layer["class_name"]?.string else { return [] }
        return parts(of: name, layer["config"]?.object ?? [:]).map { $0.isEmpty ? option : "\(option)/\($0)" }
    }

    private static func cells(_ options: JSON.Object) -> [String] {
        var names = StoreNames()
        return (options["cells"]?.array ?? []).flatMap { cell -> [String] in
            guard let name = cell["class_name"]?.string else { return [] }
            let place = "cells/" + names.next(name)
            return parts(of: name, cell["config"]?.object ?? [:]).map { $0.isEmpty ? place : "\(place)/\($0)" }
        }
    }

    @Sendable static func bothDirections(_ options: JSON.Object) -> [String] {
        let forward = inner("layer", options).map { "forward_" + $0 }
        return forward + forward.map { "backward_" + $0.dropFirst("forward_".count) }
    }

    /// A layer for each projection of attention by heads.
    static func heads(_ prefix: String, _ options: JSON.Object) -> [String] {
        let gate = options["use_gate"] == true ? ["_gate_dense"] : []
        return ["\(prefix)query_dense", "\(prefix)key_dense"] + gate
            + ["\(prefix)value_dense", "\(prefix)output_dense"]
    }

    /// The group of a SpectralNormalization's own: it lists the kernel of the layer inside once more.
    private static func normalizedPart(of className: String, _ options: JSON.Object) -> String? {
        switch className {
        case "SpectralNormalization": return ""
        case "TimeDistributed":
            guard let layer = options["layer"], let name = layer["class_name"]?.string,
                let part = normalizedPart(of: name, layer["config"]?.object ?? [:])
            else { return nil }
            return part.isEmpty ? "layer" : "layer/\(part)"
        default: return nil
        }
    }

    /// The parameters in one of a layer's groups.
    struct Group {
        let part: String
        let slots: [WeightSlot]
        /// How many of them, the first, another group has too.
        var repeatedCount = 0
    }

    /// The parameters of a layer, divided among its groups.
    ///
    /// The parts that the graph has of a layer may be others than Keras's: a separable convolution is two layers here,
    /// and has one group; an attention is one here, and has a group of a kernel and perhaps a bias for each projection.
    static func split(_ slots: [WeightSlot], of className: String, _ options: JSON.Object) -> [Group] {
        let parts = parts(of: className, options)
        guard parts.count > 1 else { return [Group(part: parts.first ?? "", slots: slots.inOwnOrder)] }
        let slots = slots.inPartOrder
        let activation = parts.first { $0 == "activation" || $0.hasSuffix("/activation") }
        let normalized = normalizedPart(of: className, options)
        let ofActivation = slots.filter { activation != nil && $0.isOfActivation }
        let vectors = slots.filter { normalized != nil && $0.entry.spec.name == "vector_u" }
        let apart = Set((ofActivation + vectors).map(\.entry.offset))
        let rest = slots.filter { !apart.contains($0.entry.offset) }
        return divide(rest, among: parts.filter { $0 != activation && $0 != normalized })
            + (activation.map { [Group(part: $0, slots: ofActivation)] } ?? [])
            + (normalized.map { [Group(part: $0, slots: rest.prefix(1) + vectors, repeatedCount: 1)] } ?? [])
    }

    private static func divide(_ slots: [WeightSlot], among parts: [String]) -> [Group] {
        let owners = slots.reduce(into: [String]()) { if $0.last != $1.entry.layer { $0.append($1.entry.layer) } }
        guard owners.count != parts.count else {
            return zip(parts, owners).map { part, owner in
                Group(part: part, slots: slots.filter { $0.entry.layer == owner })
            }
        }
        let count = (slots.count + parts.count - 1) / parts.count
        return parts.enumerated().map { Group(part: $1, slots: Array(slots.dropFirst($0 * count).prefix(count))) }
    }
}

extension WeightSlot {
    /// Whether it is a parameter of a layer that stands in the place of an activation.
    fileprivate var isOfActivation: Bool { entry.layer.hasPrefix("\(layer.name)/activation") }
}
