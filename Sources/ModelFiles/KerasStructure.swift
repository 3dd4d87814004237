// Keras nests tensors in lists, tuples and dicts: in the arguments of calls, in the inputs and outputs of models. Wherever
// it derives an order from them, it flattens them with the keys of dicts sorted, whatever order they were written in:
// `tree.flatten` of Keras 3, `nest.flatten` of Keras 2. The order of layers, and with it that of their weights, comes from
// there, too. One dict alone keeps its order: the arguments that a call of Keras 2 passes by name.

extension KerasConfiguration {
    /// `["dense", 0, 0]`, with or without keyword arguments behind.
    static func reference(_ json: JSON) -> Reference? {
        guard let list = json.array, (3...4).contains(list.count), let layer = list[0].string,
            layer != constantName, let node = list[1].integer, let tensor = list[2].integer
        else { return nil }
        return Reference(layer: layer, node: node, tensor: tensor)
    }

    /// What Keras 2 has instead of a layer's name where a constant is the first argument.
    static let constantName = "_CONSTANT_VALUE"

    /// Every tensor of a structure, flattened: Keras 2's triples and Keras 3's tensor objects.
    static func tensors(_ json: JSON) -> [Reference] {
        if let tensor = tensor(json) { return [tensor] }
        switch json {
        case .array(let elements): return elements.flatMap(tensors)
        case .object(let object): return object.sortedMembers.flatMap { tensors($0.value) }
        default: return []
        }
    }

    private static func tensor(_ json: JSON) -> Reference? {
        if let reference = reference(json) { return reference }
        guard json["class_name"]?.string == "__keras_tensor__" else { return nil }
        return json["config"]?["keras_history"].flatMap(reference)
    }

    /// The members of a dict of structures; nil for a tensor, a list or a tuple.
    static func dict(_ json: JSON) -> JSON.Object? {
        tensor(json) == nil && tuple(json) == nil ? json.object : nil
    }

    private static func tuple(_ json: JSON) -> [JSON]? {
        json["class_name"]?.string == "__tuple__" ? json["items"]?.array : nil
    }

    /// The place of each tensor in a structure, flattened: `boxes`, or `heads/0` for a list in a dict; nil for a structure
    /// without dicts, whose tensors have no names.
    static func paths(_ json: JSON) -> [String]? {
        guard containsDict(json) else { return nil }
        return paths(json, []).map { $0.joined(separator: "/") }
    }

    private static func paths(_ json: JSON, _ path: [String]) -> [[String]] {
        if tensor(json) != nil { return [path] }
        if let dict = dict(json) { return dict.sortedMembers.flatMap { paths($0.value, path + [$0.key]) } }
        return (tuple(json) ?? json.array ?? []).enumerated().flatMap { paths($1, path + [String($0)]) }
    }

    private static func containsDict(_ json: JSON) -> Bool {
        tensor(json) == nil && (dict(json) != nil || (tuple(json) ?? json.array ?? []).contains(where: containsDict))
    }
}

// MARK: - Nodes

extension KerasConfiguration {
    /// Whether a node is one of Keras 3, an object of `args` and `kwargs`; Keras 2 has the structure of the first argument,
    /// which may be a dict as well.
    static func isKeras3Node(_ node: JSON) -> Bool {
        guard let arguments = node["args"]?.array, node["kwargs"]?.object != nil else { return false }
        return reference(.array(arguments)) == nil
    }

    /// Every tensor that a node uses, in Keras's order: positional arguments before those by name.
    static func allTensors(_ node: JSON) -> [Reference] {
        guard !isKeras3Node(node) else { return tensors(node["args"] ?? []) + tensors(node["kwargs"] ?? [:]) }
        return tensors(node) + (keras2Keywords(node)?.members.flatMap { tensors($0.value) } ?? [])
    }

    /// What a call of Keras 2 passes by name: it stands behind every tensor of the first argument.
    static func keras2Keywords(_ node: JSON) -> JSON.Object? {
        if let list = node.array {
            if list.first?.string != nil { return list.count == 4 ? list[3].object : nil }
            return first(in: list)
        }
        return first(in: node.object?.members.map(\.value) ?? [])

        // A loop, since the first element of a lazy sequence is computed more than once: 2ⁿ times at depth n.
        func first(in nodes: [JSON]) -> JSON.Object? {
            for node in nodes {
                if let keywords = keras2Keywords(node) { return keywords }
            }
            return nil
        }
    }

    /// What a call gives to a model, in the order of the model's inputs.
    ///
    /// A dict is taken by name, if it has one for each input: the keys of the model's own dict of inputs, or else the names of
    /// its inputs. Any other structure is taken by position.
    ///
    /// - Parameter argument: The first argument of the call.
    func arranged(_ argument: JSON) -> [Reference] {
        let names = inputKeys ?? inputs.map(\.layer)
        guard let dict = Self.dict(argument), names.allSatisfy({ dict[$0] != nil }) else {
            return Self.tensors(argument)
        }
        return names.flatMap { Self.tensors(dict[$0] ?? .null) }
    }
}

extension JSON.Object {
    /// The members as Python sorts their keys, by code points; of equal keys the last one counts.
    var sortedMembers: [Member] {
        let values = Dictionary(members.map { ($0.key, $0) }) { _, last in last }
        return values.values.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
    }
}
