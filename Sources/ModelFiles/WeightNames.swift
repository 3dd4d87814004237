import Networks

/// The names that a file has beside its weights, as a second lock: weights are dealt out in Keras's order, and where a name
/// says that they belong elsewhere, the model is refused.
///
/// What is compared is what Keras writes itself: the name of a layer beside its group. Variables keep the names of the layers
/// that made them, which may have been renamed since; they count only where they name other layers of the same model, each
/// one, or another parameter of the same layer.
struct WeightNames {
    private let architecture: Architecture
    private let outline: ModelOutline
    private let owners: [String]
    /// Whether architecture and weights come from one file, so that all names must agree; weights alone may be of a model
    /// that was built a second time, with other numbers in its layers' names.
    private var isWhole: Bool { outline.configuration != nil }

    typealias Pair = (slot: WeightSlot, stored: ModelOutline.Weight)

    init(_ built: BuiltArchitecture, _ outline: ModelOutline) {
        architecture = built.architecture
        owners = built.weightOrder.map(\.owner)
        self.outline = outline
    }

    /// Where the names disagree.
    ///
    /// - Parameter pairs: The parameters, and which of the file's weights each gets.
    func problems(_ pairs: [Pair]) -> [String] {
        // What was found by its name has it.
        guard outline.form != .named else { return [] }
        let groups = outline.form == .layers ? layerProblems(pairs) : storeProblems(pairs)
        return groups.isEmpty ? roleProblems(pairs) : groups
    }

    private func disagree(_ names: [(expected: String, found: String)]) -> Bool {
        let differ = names.contains { $0.expected != $0.found }
        return differ && (isWhole || Set(names.map(\.expected)) == Set(names.map(\.found)))
    }

    private func problem(_ layer: String, _ found: String) -> String {
        "layer '\(layer)': expected its own weights, found those of '\(found)'"
    }

    // MARK: Layers

    /// In a group for each layer, and for the layers of a nested model by the names of variables.
    private func layerProblems(_ pairs: [Pair]) -> [String] {
        let names = Array(zip(owners, outline.groups.map(\.name)))
        guard !disagree(names.map { ($0, $1) }) else {
            return names.filter { $0 != $1 }.map { problem($0, $1) }
        }
        return Dictionary(grouping: pairs, by: \.slot.layer.owner).sorted { $0.key < $1.key }.flatMap {
            nestedProblems($0.value)
        }
    }

    private func nestedProblems(_ pairs: [Pair]) -> [String] {
        var found: [(layer: Architecture.Layer, name: String)] = []
        let known = Set(pairs.map { $0.slot.layer.ownName })
        let layers = Set(pairs.map(\.slot.layerIndex))
        guard known.count == layers.count, layers.count > 1 else { return [] }
        for (slot, stored) in pairs {
            let path = stored.name.split(separator: "/").dropLast().map(String.init)
            if path.contains(slot.layer.ownName) {
                found.append((slot.layer, slot.layer.ownName))
            } else if let name = path.last(where: known.contains) {
                found.append((slot.layer, name))
            } else {
                return []
            }
        }
        guard Set(found.map(\.name)) == known else { return [] }
        return unique(found.filter { $0.layer.ownName != $0.name }.map { problem($0.layer.name, $0.name) })
    }

    /// In a store, where newer versions of Keras write a layer's name beside its weights.
    private func storeProblems(_ pairs: [Pair]) -> [String] {
        var layers: [Int: Architecture.Layer] = [:]
        for pair in pairs { layers[pair.slot.layerIndex] = pair.slot.layer }
        let named = layers.sorted { $0.key < $1.key }.compactMap { _, layer in
            outline.layerNames[layer.store].map { (layer: layer, found: $0) }
        }
        let models = Dictionary(grouping: named) { $0.layer.name.dropLast($0.layer.ownName.count) }
        return models.sorted { $0.key < $1.key }.map(\.value).filter { model in
            disagree(model.map { ($0.layer.ownName, $0.found) })
        }.flatMap { model in
            model.filter { $0.layer.ownName != $0.found }.map { problem($0.layer.name, $0.found) }
        }
    }

    /// The parameters of a nested model in the order of the file, where the names of variables say it and Keras may have
    /// written it: first what is trained, then the rest, each in the order of the layers.
    ///
    /// What is trained, each version decides in its own way: Keras 3 goes by the variables, and in a layer that was made with
    /// `trainable=False` those of layers inside it stay as they are.
    static func arranged(_ slots: [WeightSlot], by weights: [ModelOutline.Weight]) -> [WeightSlot]? {
        var rest = Dictionary(grouping: slots, by: \.layerIndex).mapValues(\.inOwnOrder)
        let layers = Dictionary(slots.map { ($0.layer.ownName, $0.layerIndex) }) { first, _ in first }
        guard weights.count == slots.count, layers.count == rest.count, rest.count > 1 else { return nil }
        var arranged: [WeightSlot] = [], isBehindTrained = false, last = 0
        for weight in weights {
            let named = Set(weight.name.split(separator: "/").dropLast().compactMap { layers[String($0)] })
            guard named.count == 1, let index = named.first, let slot = rest[index]?.first else { return nil }
            if index < last {
                guard !isBehindTrained else { return nil }
                isBehindTrained = true
            }
            guard !isBehindTrained || slot.entry.spec.role != .trainable || !slot.layer.isTrainable else { return nil }
            rest[index]?.removeFirst()
            arranged.append(slot)
            last = index
        }
        return arranged
    }

    // MARK: Parameters

    /// A variable that has the name of another parameter of its layer.
    private func roleProblems(_ pairs: [Pair]) -> [String] {
        let roles = Dictionary(grouping: pairs, by: \.slot.entry.layer).mapValues {
            Set($0.map(\.slot.entry.spec.name))
        }
        return pairs.compactMap { slot, stored in
            let path = stored.name.split(separator: ":")[0].split(separator: "/")
            let names = (1...2).map { path.suffix($0).joined(separator: "/") }
            let own = slot.entry.spec.name
            guard !names.contains(own),
                let other = names.first(where: { roles[slot.entry.layer]?.contains($0) ?? false })
            else { return nil }
            return "\(slot): expected its own numbers, found those of '\(other)' ('\(stored.name)')"
        }
    }

    private func unique(_ problems: [String]) -> [String] {
        problems.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

extension Architecture.Layer {
    /// Its name in the model that it stands in.
    fileprivate var ownName: String {
        String(name[(name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex)...])
    }
}
