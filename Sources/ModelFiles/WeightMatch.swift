import HDF5
import Networks
import Tensors

/// How a file has a parameter, where that is not as the layer has it.
protocol StoredLayout {
    /// Puts what the file has into the layer's parameter.
    func convert(_ values: [Float], into tensor: Tensor)
}

/// The parameters of a graph beside the weights of a file.
struct WeightMatch {
    private(set) var pairs: [(slot: WeightSlot, stored: ModelOutline.Weight, layout: (any StoredLayout)?)] = []
    private(set) var problems: [String] = []
    /// Layers whose bias is flat where two rows are expected.
    private(set) var flatBiasLayers: [Int] = []

    init(_ built: BuiltArchitecture, _ outline: ModelOutline) {
        switch outline.form {
        case .layers: matchLayers(built.weightOrder, outline.groups)
        case .store: matchStore(built, outline.groups)
        case .named: matchNamed(built, outline.groups)
        }
        if problems.isEmpty { problems = WeightNames(built, outline).problems(pairs.map { ($0.slot, $0.stored) }) }
    }

    /// By position, as Keras has it.
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
        for (group, stored) in zip(expected, groups) {
            match(group.owner, WeightNames.arranged(group.slots, by: stored.weights) ?? group.slots, stored.weights)
        }
    }

    /// By the class of the layer, counted within its model, as Keras 3 has it.
    private mutating func matchStore(_ built: BuiltArchitecture, _ groups: [ModelOutline.Group]) {
        let stored = Dictionary(groups.map { ($0.name, $0.weights) }) { first, _ in first }
        let slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
        var found: Set<String> = [], saved: [Architecture.Layer] = []
        for (index, layer) in built.architecture.layers.enumerated() {
            guard let slots = slots[index] else { continue }
            let parts = StoreNames.split(slots, of: layer.className, layer.options)
            var places = parts.map { Self.place($0.part, of: layer, stored) }
            if places.allSatisfy({ stored[$0] == nil }), let twin = layer.twin(among: saved) {
                // Keras saves a layer once, where it meets it first, however many models share it.
                places = parts.map { Self.place($0.part, of: twin, stored) }
            } else {
                saved.append(layer)
            }
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

    /// By the names of the tensors.
    private mutating func matchNamed(_ built: BuiltArchitecture, _ groups: [ModelOutline.Group]) {
        let named = NamedWeights(groups),
            slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
        var used: Set<String> = []
        for (index, layer) in built.architecture.layers.enumerated() {
            guard let slots = slots[index] else { continue }
            let (weights, found) = named.dealt(slots)
            problems += found
            used.formUnion(weights.compactMap(\.?.name))
            if found.isEmpty { match(layer.name, slots, weights.compactMap(\.self)) }
        }
        guard problems.isEmpty else { return }
        for weight in groups.flatMap(\.weights) where weight.type.isFloat && !used.contains(weight.name) {
            problems.append("the file has the tensor '\(weight.name)', and the architecture has no such parameter")
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
            if matchShared(owner, slots, weights) { return }
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
            } else if !stored.type.isFloat && !stored.isScaled {
                problems.append("\(slot): expected floating-point numbers, found \(stored.type)")
            } else {
                pairs.append((slot, stored, layouts[index]))
            }
        }
    }

    /// Matches the weights of a nested model in which others share layers: each is there once.
    ///
    /// - Returns: false if that is not what the file has.
    private mutating func matchShared(
        _ owner: String, _ slots: [WeightSlot], _ weights: [ModelOutline.Weight]
    ) -> Bool {
        var layers: [Int: Architecture.Layer] = [:], saved: [Architecture.Layer] = [], twins: [Int: String] = [:]
        for slot in slots { layers[slot.layerIndex] = slot.layer }
        for (index, layer) in layers.sorted(by: { $0.key < $1.key }) {
            twins[index] = layer.twin(among: saved)?.name
            if twins[index] == nil { saved.append(layer) }
        }
        let own = slots.filter { twins[$0.layerIndex] == nil }
        guard own.count == weights.count else { return false }
        match(owner, own, weights)
        for slot in slots {
            guard let twin = twins[slot.layerIndex],
                let pair = pairs.first(where: { $0.slot.layer.name == twin && $0.slot.name == slot.name })
            else { continue }
            pairs.append((slot, pair.stored, pair.layout))
        }
        return true
    }

    /// Which weights are in another layout than the parameters, by position.
    private static func layouts(_ slots: [WeightSlot], _ shapes: [[Int]]) -> [Int: any StoredLayout] {
        var layouts: [Int: any StoredLayout] = [:]
        for position in slots.indices {
            layouts[position] = LocallyConnectedWeights(slots[position], stored: shapes[position])
        }
        for positions in Dictionary(grouping: slots.indices, by: { slots[$0].entry.layer }).values
        where positions.count == 3 {
            let parts = CuDNNWeights.parts(positions.map { slots[$0] }, positions.map { shapes[$0] })
            for (position, part) in zip(positions, parts ?? []) { layouts[position] = part }
        }
        return layouts
    }
}

extension Architecture.Layer {
    /// The layer among others that is the same object in Keras, used by another model: what it says of itself is the same. Of
    /// several the one with the most models around it in common; nil if these are several, too.
    fileprivate func twin(among others: [Architecture.Layer]) -> Architecture.Layer? {
        let path = name.split(separator: "/"), own = identity
        var twins: [Architecture.Layer] = [], depth = 1
        for other in others where other.name != name && other.identity == own {
            let common = zip(path.reversed(), other.name.split(separator: "/").reversed()).prefix { $0 == $1 }.count
            guard common >= depth else { continue }
            twins = common > depth ? [other] : twins + [other]
            depth = common
        }
        return twins.count == 1 ? twins[0] : nil
    }

    /// Its class and options, without the TimeDistributed of a model that it was taken from.
    private var identity: [JSON] {
        var className: JSON = .string(className), options: JSON = .object(options)
        for _ in 0..<storedTimeAxes {
            guard let inner = options["layer"], let name = inner["class_name"], let config = inner["config"] else {
                break
            }
            (className, options) = (name, config)
        }
        return [className, Self.withoutMarks(options)]
    }

    /// Without the numbers by which Keras marks what it has written before.
    private static func withoutMarks(_ json: JSON) -> JSON {
        switch json {
        case .array(let elements): .array(elements.map(withoutMarks))
        case .object(let object):
            .object(
                JSON.Object(
                    object.members.filter { $0.key != "shared_object_id" }.map {
                        JSON.Object.Member($0.key, withoutMarks($0.value))
                    }))
        default: json
        }
    }
}
