import Networks
import Tensors

// Who calls a layer, with what: the nodes of a functional model.

extension ConfigurationWriter {
    /// An entry of a Functional: with its name outside too, and who calls it.
    func called(_ layer: JSON, _ nodes: [JSON]) -> JSON {
        var object = layer.object ?? [:]
        object["name"] = layer["config"]?["name"]
        object["inbound_nodes"] = .array(nodes)
        return .object(object)
    }

    func called(_ index: Int) -> JSON {
        let calls = built.architecture.layers[index].calls, isKeras2 = speaksKeras2
        if let operation = operation(index) {
            let (name, written) = (layerNames[index], built.layers[index].written)
            return isKeras2
                ? operation.keras2(name: name, written, calls: calls.map { $0.map { reference($0) } })
                : operation.keras3(name: name, written, calls: calls.map { $0.map(tensor) })
        }
        let arguments = built.layers[index].arguments
        guard built.layers[index].inputNames.isEmpty else { return calledByName(index) }
        let nodes = calls.map { sources -> JSON in
            takesStates(index, sources)
                ? callWithStates(sources)
                // Keras 2 reads the arguments of the first input, Keras 3 those of the last.
                : .array(sources.map { reference($0, arguments: [.object(arguments)]) })
        }
        return called(layer(index), nodes)
    }

    private func takesStates(_ index: Int, _ sources: [Architecture.Source]) -> Bool {
        LayerCatalog.takesStates(built.architecture.layers[index].className) && sources.count > 1 && !speaksKeras2
    }

    /// A call of a recurrent layer that begins with given states.
    ///
    /// Here no spelling serves both versions: Keras 2 has the states in the list of inputs, which Keras 3 does not take.
    private func callWithStates(_ sources: [Architecture.Source]) -> JSON {
        [
            "args": [tensor(sources[0])], "kwargs": ["initial_state": .array(sources.dropFirst().map(tensor))],
        ]
    }

    /// An entry whose inputs are passed by name, for which the versions of Keras have no spelling in common.
    private func calledByName(_ index: Int) -> JSON {
        let built = built.layers[index], calls = self.built.architecture.layers[index].calls
        let isKeras2 = speaksKeras2, first = built.inputNames.firstIndex(of: "query") ?? 0
        let nodes = calls.map { call -> JSON in
            var keywords: JSON.Object = [:]
            // Keras 3 sorts them, Keras 2 leaves them as they are.
            for (name, source) in zip(built.inputNames, call).sorted(by: { $0.0 < $1.0 })
            where name != built.inputNames[first] {
                keywords[name] = isKeras2 ? reference(source) : tensor(source)
            }
            for member in built.arguments.members { keywords[member.key] = member.value }
            return isKeras2
                ? .array([reference(call[first], arguments: [.object(keywords)])])
                : ["args": [tensor(call[first])], "kwargs": .object(keywords)]
        }
        var entry = called(layer(index), nodes).object ?? [:]
        if isKeras2 {
            entry["config"] = .object(withShapes(entry["config"]?.object ?? [:], built.inputNames, calls))
        } else {
            entry["module"] = "keras.layers"
            entry["registered_name"] = .null
        }
        return .object(entry)
    }

    /// Keras 2 wants to know the shapes of what attention reads.
    private func withShapes(
        _ config: JSON.Object, _ names: [String], _ calls: [[Architecture.Source]]
    ) -> JSON.Object {
        var config = config
        for name in ["query", "value", "key"] {
            guard let position = names.firstIndex(of: name) ?? names.firstIndex(of: "value"), let call = calls.first
            else {
                continue
            }
            config[name + "_shape"] = shape(call[position])
        }
        return config
    }

    private func shape(_ source: Architecture.Source) -> JSON {
        .array([.null] + (built.values[source].map { built.graph.shape(of: $0).axes } ?? []).map { .integer($0) })
    }

    /// A tensor among the arguments of a call, as Keras 3 has it.
    private func tensor(_ source: Architecture.Source) -> JSON {
        [
            "class_name": "__keras_tensor__",
            "config": ["shape": shape(source), "dtype": "float32", "keras_history": reference(source)],
        ]
    }

    func reference(_ source: Architecture.Source, arguments: [JSON] = []) -> JSON {
        .array(
            [.string(nameOf[source.layer] ?? source.layer), .integer(source.call), .integer(source.tensor)] + arguments)
    }
}
