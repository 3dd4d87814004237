/// Takes nested models apart: each layer gets a name of its own and reads from layers, never from models.
struct NestedModels {
    /// A model where it is used.
    private struct Scope {
        let model: KerasConfiguration
        /// The names of the models around it, each with a slash.
        let prefix: String
        /// How often it is called altogether, by all that is around it.
        let callCount: Int
        let isTrainable: Bool
        /// Whether what it is given may have a mask.
        let isMasked: Bool
        /// How many axes of time TimeDistributed has it work over.
        let timeAxes: Int
        let owner: String?
        /// The place of its layers in Keras 3's store of weights, with a slash behind.
        let store: String
        /// What it is given as its inputs, by call and position.
        let argument: (_ call: Int, _ position: Int, _ depth: Int) throws(ConfigurationError) -> Architecture.Source
        var positions: [String: Int] = [:]
        var inputs: [String: Int] = [:]
    }

    private var layers: [Architecture.Layer] = []
    private var names: Set<String> = []
    private var problems: [String] = []
    private var callCount = 0
    /// More would be no model that anybody trained.
    private static let callLimit = 100_000

    /// The model without any nesting.
    static func flatten(
        _ model: KerasConfiguration, origin: String, dialect: Architecture.Dialect
    ) throws(ConfigurationError) -> Architecture {
        var flattening = NestedModels()
        var inputs: [Architecture.Input] = []
        for reference in model.inputs {
            guard let layer = model.layers.first(where: { $0.name == reference.layer && $0.isInput }) else {
                throw ConfigurationError("input '\(reference.layer)' is no InputLayer of the model")
            }
            inputs.append(Architecture.Input(layer.name, try inputAxes(layer)))
            flattening.names.insert(layer.name)
        }
        let names = inputs.map(\.name)
        guard Set(names).count == names.count else { throw ConfigurationError("two inputs have the same name") }
        var scope = Scope(
            model: model, prefix: "", callCount: 1, isTrainable: true, isMasked: false, timeAxes: 0, owner: nil,
            store: "layers/"
        ) { _, position, _ in Architecture.Source(names[position]) }
        try index(&scope)
        try flattening.addLayers(of: scope)
        var outputs: [Architecture.Source] = []
        for reference in model.outputs { outputs.append(try resolve(reference, in: scope, call: 0, depth: 0)) }
        guard flattening.problems.isEmpty else { throw ConfigurationError(flattening.problems) }
        var architecture = Architecture(
            origin: origin, name: model.name, dialect: dialect, inputs: inputs, layers: flattening.layers,
            outputs: outputs)
        architecture.inputKeys = model.inputKeys
        architecture.outputNames = model.outputNames
        return architecture
    }

    private static func inputAxes(_ layer: KerasConfiguration.Layer) throws(ConfigurationError) -> [Int?] {
        guard let shape = (layer.options["batch_input_shape"] ?? layer.options["batch_shape"])?.array else {
            throw ConfigurationError("input '\(layer.name)' has no shape")
        }
        var axes: [Int?] = []
        for axis in shape.dropFirst() {
            guard axis.isNull || (axis.integer ?? 0) > 0 else {
                throw ConfigurationError("input '\(layer.name)' has the shape \(JSON.array(shape).quoted)")
            }
            axes.append(axis.integer)
        }
        return axes
    }

    // MARK: Names

    private static func index(_ scope: inout Scope) throws(ConfigurationError) {
        for (position, layer) in scope.model.layers.enumerated() {
            guard scope.positions.updateValue(position, forKey: layer.name) == nil else {
                throw ConfigurationError("two layers are named '\(scope.prefix)\(layer.name)'")
            }
        }
        for (position, reference) in scope.model.inputs.enumerated() { scope.inputs[reference.layer] = position }
    }

    // MARK: Layers

    private mutating func addLayers(of scope: Scope) throws(ConfigurationError) {
        guard scope.prefix.utf8.count < 4096 else { throw ConfigurationError("models are nested too deeply") }
        var stores = StoreNames()
        for layer in scope.model.layers where !layer.isInput {
            let owner = scope.owner ?? layer.name
            let store = scope.store + stores.next(layer.storedClass)
            if layer.model != nil {
                for name in layer.arguments.keys + layer.keywords {
                    problems.append(
                        "model '\(scope.prefix)\(layer.name)': is called with '\(name)', which is not supported")
                }
                let inside = try Self.inner(layer, in: scope, store: store)
                if inside.isMasked && inside.model.joinsMasks {
                    problems.append(
                        "model '\(scope.prefix)\(layer.name)': is called with a masked sequence, and joins masked and plain "
                            + "ones inside: Keras 3 takes two masks for what follows, which is not supported")
                }
                try addLayers(of: inside)
                continue
            }
            callCount += scope.callCount * layer.calls.count
            guard callCount <= Self.callLimit else {
                throw ConfigurationError("the model has too many calls of layers")
            }
            var calls: [[Architecture.Source]] = []
            do throws(ConfigurationError) {
                for call in 0..<scope.callCount {
                    for references in layer.calls {
                        var sources: [Architecture.Source] = []
                        for reference in references {
                            sources.append(try Self.resolve(reference, in: scope, call: call, depth: 0))
                        }
                        calls.append(sources)
                    }
                }
            } catch {
                problems += error.problems.map { "layer '\(scope.prefix)\(layer.name)': \($0)" }
            }
            let flat = (0..<scope.timeAxes).reduce(layer) { layer, _ in Self.distributed(layer) }
            // References are resolved by this very name, so it must not be changed.
            let name = scope.prefix + layer.name
            guard names.insert(name).inserted else { throw ConfigurationError("two layers are named '\(name)'") }
            var added = Architecture.Layer(
                name, flat.className, flat.options, calls: calls, keywords: flat.keywords, arguments: flat.arguments,
                isTrainable: scope.isTrainable && layer.isTrainable, owner: owner, store: store)
            added.storedTimeAxes = scope.timeAxes
            layers.append(added)
        }
    }

    /// A layer of a model that TimeDistributed applies to every step.
    private static func distributed(_ layer: KerasConfiguration.Layer) -> KerasConfiguration.Layer {
        let merging: Set = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
        guard !merging.contains(layer.className), !KerasOperation.elementwise.contains(layer.className) else {
            return layer
        }
        var wrapped = layer
        if layer.className == "Concatenate" {
            // One more axis in front.
            if let axis = layer.options["axis"]?.integer, axis > 0 { wrapped.options["axis"] = .integer(axis + 1) }
            return wrapped
        }
        wrapped.className = "TimeDistributed"
        wrapped.options = [
            "name": .string(layer.name),
            "layer": ["class_name": .string(layer.className), "config": .object(layer.options)],
        ]
        return wrapped
    }

    // MARK: References

    private static func inner(
        _ layer: KerasConfiguration.Layer, in scope: Scope, store: String = ""
    ) throws(ConfigurationError) -> Scope {
        guard let model = layer.model else { throw ConfigurationError("'\(layer.name)' is no model") }
        let (count, overflow) = scope.callCount.multipliedReportingOverflow(by: layer.calls.count)
        guard !overflow, count <= 10_000 else { throw ConfigurationError("model '\(layer.name)' is called too often") }
        var result = Scope(
            model: model, prefix: scope.prefix + layer.name + "/", callCount: count,
            isTrainable: scope.isTrainable && layer.isTrainable,
            isMasked: scope.isMasked || !layer.namedMasks.isEmpty, timeAxes: scope.timeAxes + layer.timeAxes,
            owner: scope.owner ?? layer.name,
            store: store + String(repeating: "/layer", count: layer.timeAxes) + "/layers/"
        ) { (call, position, depth) throws(ConfigurationError) in
            let references = layer.calls[call % layer.calls.count]
            guard references.indices.contains(position) else {
                throw ConfigurationError("model '\(layer.name)' is called with too few inputs")
            }
            return try resolve(references[position], in: scope, call: call / layer.calls.count, depth: depth + 1)
        }
        try index(&result)
        return result
    }

    /// The layer whose result a reference means, `call` being that of the model it stands in.
    private static func resolve(
        _ reference: KerasConfiguration.Reference, in scope: Scope, call: Int, depth: Int
    ) throws(ConfigurationError) -> Architecture.Source {
        guard depth < 400 else { throw ConfigurationError("models read each other in a circle") }
        if let position = scope.inputs[reference.layer] { return try scope.argument(call, position, depth) }
        guard let position = scope.positions[reference.layer] else {
            throw ConfigurationError("reads '\(reference.layer)', and there is no such layer")
        }
        let layer = scope.model.layers[position]
        let node = reference.node
        guard layer.calls.indices.contains(node) else {
            throw ConfigurationError("reads call \(reference.node) of '\(reference.layer)', and there is no such call")
        }
        let flatCall = call * layer.calls.count + node
        guard layer.model != nil else {
            return Architecture.Source(scope.prefix + layer.name, call: flatCall, tensor: reference.tensor)
        }
        let inside = try inner(layer, in: scope)
        guard inside.model.outputs.indices.contains(reference.tensor) else {
            throw ConfigurationError("reads result \(reference.tensor) of model '\(reference.layer)', which has fewer")
        }
        return try resolve(inside.model.outputs[reference.tensor], in: inside, call: flatCall, depth: depth + 1)
    }
}
