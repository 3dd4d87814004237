import Networks
import Tensors

/// One parameter of a graph, as Keras sees it.
struct WeightSlot: CustomStringConvertible {
    /// The layer of the architecture that owns it, and its position there.
    let layer: Architecture.Layer
    let layerIndex: Int
    let entry: ParameterLayout.Entry
    /// Its name in the Keras layer: `kernel`, `forward_kernel`.
    let name: String
    /// Its shape in a file.
    let shape: [Int]

    var description: String { "layer '\(layer.name)', parameter '\(name)'" }
}

extension BuiltArchitecture {
    /// The parameters of every Keras layer that has any, in the order in which Keras lists them: of the layers in a
    /// nested model first all that is trained, then all that is not.
    var weightOrder: [(owner: String, slots: [WeightSlot])] {
        let entries = Dictionary(grouping: graph.layout.entries, by: \.layer)
        var groups: [(owner: String, slots: [WeightSlot], fixed: [WeightSlot])] = []
        for (index, layer) in architecture.layers.enumerated() {
            if groups.last?.owner != layer.owner { groups.append((layer.owner, [], [])) }
            var slots: [WeightSlot] = []
            for part in layers[index].parts {
                let others = layers[index].parts.filter { $0.name != part.name }
                let otherNames = Set(others.flatMap { entries[$0.name] ?? [] }.map(\.spec.name))
                for entry in entries[part.name] ?? [] {
                    let name = entry.spec.name
                    slots.append(
                        WeightSlot(
                            layer: layer, layerIndex: index, entry: entry,
                            name: otherNames.contains(name) ? "\(part.suffix)_\(name)" : name,
                            shape: entry.spec.shape.axes))
                }
            }
            for slot in slots.inOwnOrder {
                if layer.isTrainable && slot.entry.spec.role == .trainable {
                    groups[groups.count - 1].slots.append(slot)
                } else {
                    groups[groups.count - 1].fixed.append(slot)
                }
            }
        }
        return groups.map { ($0.owner, $0.slots + $0.fixed) }.filter { !$0.1.isEmpty }
    }
}

extension [WeightSlot] {
    /// As each part of a layer has them: what is trained first, whether frozen or not.
    var inPartOrder: [WeightSlot] {
        let parts = reduce(into: [String]()) { if !$0.contains($1.entry.layer) { $0.append($1.entry.layer) } }
        return parts.flatMap { part in filter { $0.entry.layer == part }.inOwnOrder }
    }

    /// As a layer of its own has them: what is trained first.
    ///
    /// A layer from a frozen nested model is frozen no more.
    var inOwnOrder: [WeightSlot] {
        filter { $0.entry.spec.role == .trainable } + filter { $0.entry.spec.role != .trainable }
    }
}

extension Architecture {
    /// The same architecture with the reset gate of the given GRU layers before the matrix product; nil if one of them
    /// says where it is.
    func withResetBefore(in layerIndices: [Int]) -> Architecture? {
        guard !layerIndices.isEmpty else { return nil }
        var changed = self
        for index in Set(layerIndices) {
            guard let options = Self.resettingBefore(layers[index].className, layers[index].options) else { return nil }
            changed.layers[index].options = options
        }
        return changed
    }

    private static func resettingBefore(_ className: String, _ options: JSON.Object) -> JSON.Object? {
        var options = options
        if className == "GRU" || className == "GRUCell" {
            guard options["reset_after"] == nil else { return nil }
            options["reset_after"] = false
            return options
        }
        for key in ["layer", "backward_layer", "cell"] {
            guard let wrapped = options[key], !wrapped.isNull else { continue }
            guard var object = wrapped.object, let inner = wrapped["class_name"]?.string,
                let config = wrapped["config"]?.object, let changed = resettingBefore(inner, config)
            else { return nil }
            object["config"] = .object(changed)
            options[key] = .object(object)
        }
        return options["layer"] == nil && options["cell"] == nil ? nil : options
    }
}
