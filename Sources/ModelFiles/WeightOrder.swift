import HDF5
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

/// The parameters of a graph beside the weights of a file.
struct WeightMatch {
    private(set) var pairs: [(slot: WeightSlot, stored: ModelOutline.Weight, layout: CuDNNWeights?)] = []
    private(set) var problems: [String] = []
    /// Layers whose bias is flat where two rows are expected.
    private(set) var flatBiasLayers: [Int] = []

    init(_ built: BuiltArchitecture, _ outline: ModelOutline) {
        switch outline.form {
        case .layers: matchLayers(built.weightOrder, outline.groups)
        case .store: matchStore(built, outline.groups)
        }
    }

    /// By position alone, as Keras has it.
    private mutating func matchLayers(
        _ expected: [(owner: String, slots: [WeightSlot])], _ groups: [ModelOutline.Group]
    ) {
        guard expected.count == groups.count else {
            problems = [
                "expected weights of \(expected.count) layers (\(Self.list(expected.map(\.owner)))), found weights of "
                    + "\(groups.count) (\(Self.list(groups.map(\.name))))\(Self.difference(expected.map(\.owner), groups.map(\.name)))"
            ]
            return
        }
        for (group, stored) in zip(expected, groups) { match(group.owner, group.slots, stored.weights) }
    }

    /// By the class of the layer, counted within its model, as Keras 3 has it.
    private mutating func matchStore(_ built: BuiltArchitecture, _ groups: [ModelOutline.Group]) {
        let stored = Dictionary(groups.map { ($0.name, $0.weights) }) { first, _ in first }
        let slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
        var found: Set<String> = []
        for (index, layer) in built.architecture.layers.enumerated() {
            guard let slots = slots[index] else { continue }
            let parts = StoreNames.split(slots, of: layer.className, layer.options)
            let places = parts.map { Self.place($0.part, of: layer, stored) }
            found.formUnion(places)
            let weights = zip(parts, places).flatMap { part, place in
                let weights = stored[place] ?? []
                return weights.dropFirst(weights.count == part.slots.count ? part.repeatedCount : 0)
            }
            if weights.isEmpty {
                let others = groups.map(\.name).filter { !found.contains($0) }
                problems.append(
                    "layer '\(layer.name)' (\(layer.className)): expected weights in '\(places[0])/vars', found none"
                        + didYouMean(places[0], others))
            } else {
                match(layer.name, parts.flatMap { Array($0.slots.dropFirst($0.repeatedCount)) }, weights)
            }
        }
        for group in groups where !found.contains(group.name) && group.weights.contains(where: \.type.isFloat) {
            problems.append("the file has weights in '\(group.name)', and the architecture has no such layer")
        }
    }

    /// The group of a layer's part; Keras 2 has the projections of attention under their private names.
    private static func place(
        _ part: String, of layer: Architecture.Layer, _ stored: [String: [ModelOutline.Weight]]
    ) -> String {
        let part = part.split(separator: "/").dropFirst(layer.storedTimeAxes).joined(separator: "/")
        guard !part.isEmpty else { return layer.store }
        let place = "\(layer.store)/\(part)", other = "\(layer.store)/_\(part)"
        return stored[place] == nil && stored[other] != nil ? other : place
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(10).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 10 ? ", …" : "")
    }

    /// The names that only one of two lists has.
    private static func difference(_ expected: [String], _ found: [String]) -> String {
        let missing = expected.filter { !found.contains($0) }, extra = found.filter { !expected.contains($0) }
        let parts =
            (missing.isEmpty ? [] : ["\(list(missing)) missing"]) + (extra.isEmpty ? [] : ["\(list(extra)) unknown"])
        return parts.isEmpty || missing.count == expected.count ? "" : ": \(parts.joined(separator: ", "))"
    }

    private mutating func match(_ owner: String, _ slots: [WeightSlot], _ weights: [ModelOutline.Weight]) {
        guard slots.count == weights.count else {
            problems.append(
                "layer '\(owner)': expected \(slots.count) weights (\(slots.map(\.name).joined(separator: ", "))), found "
                    + "\(weights.count) (\(weights.map { "\($0.name) \($0.shape)" }.joined(separator: ", ")))")
            return
        }
        let layouts = Self.layouts(slots, weights.map(\.shape))
        for (index, (slot, stored)) in zip(slots, weights).enumerated() {
            if slot.shape != stored.shape && layouts[index] == nil {
                problems.append("\(slot): expected shape \(slot.shape), found \(stored.shape)")
                if slot.entry.spec.name == "bias", slot.shape.count == 2, stored.shape.count == 1,
                    slot.shape[1] == stored.shape[0]
                {
                    flatBiasLayers.append(slot.layerIndex)
                }
            } else if !stored.type.isFloat {
                problems.append("\(slot): expected floating-point numbers, found \(stored.type)")
            } else {
                pairs.append((slot, stored, layouts[index]))
            }
        }
    }

    /// Which weights are in the layout of CuDNN, by position.
    private static func layouts(_ slots: [WeightSlot], _ shapes: [[Int]]) -> [Int: CuDNNWeights] {
        var layouts: [Int: CuDNNWeights] = [:]
        for positions in Dictionary(grouping: slots.indices, by: { slots[$0].entry.layer }).values
        where positions.count == 3 {
            let parts = CuDNNWeights.parts(positions.map { slots[$0] }, positions.map { shapes[$0] })
            for (position, part) in zip(positions, parts ?? []) { layouts[position] = part }
        }
        return layouts
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
