/// A model as Keras's configuration has it: layers that call each other, some of them models themselves.
struct KerasConfiguration {
    /// `[layer, node, tensor]`: the tensor-th result of the node-th call of a layer.
    struct Reference: Hashable {
        var layer: String
        var node: Int
        var tensor: Int
    }

    struct Layer {
        var name: String
        var className: String
        /// The class by which folders of weights are named: the file's own, where `className` is what stands for it here.
        var storedClass: String
        var options: JSON.Object
        var calls: [[Reference]]
        /// The names of the last that every call reads, and what else it passes by name.
        var keywords: [String] = []
        var arguments: JSON.Object = [:]
        /// The mask that each call names, if it names one.
        var masks: [Reference?] = []
        /// All masks that the calls of a layer with several inputs name, and by which names.
        var namedMasks: [(name: String, tensor: Reference)] = []
        /// All that each call uses, masks included.
        var uses: [[Reference]] = []
        /// The model inside, if the layer is one, or distributes one over time.
        var model: KerasConfiguration?
        /// What it computes, if it is a node of a graph of TensorFlow's.
        var node: TensorFlowNode?
        /// How many axes of time it distributes the model over.
        var timeAxes = 0

        init(
            name: String, className: String, storedClass: String? = nil, options: JSON.Object,
            calls: [[Reference]] = []
        ) {
            (self.name, self.className, self.storedClass) = (name, className, storedClass ?? className)
            (self.options, self.calls) = (options, calls)
        }

        var isInput: Bool { className == "InputLayer" }
        /// Whether its results have masks that nothing before it has.
        var makesMasks: Bool {
            if let model { return model.layers.contains(where: \.makesMasks) }
            let inner = options["layer"].flatMap { json in
                json["class_name"]?.string.map {
                    Layer(name: "", className: $0, options: json["config"]?.object ?? [:])
                }
            }
            return className == "Masking" || options["mask_zero"] == true || inner?.makesMasks == true
        }
        var isTrainable: Bool { options["trainable"]?.bool ?? true }
    }

    var name: String
    var layers: [Layer]
    var inputs: [Reference]
    var outputs: [Reference]
    /// The keys of a flat dict of inputs, sorted; nil if the inputs are no such dict.
    var inputKeys: [String]?
    /// The places of the outputs in a structure with dicts, such as `boxes`; nil without.
    var outputNames: [String]?
    /// The names of the layers in the order of the file.
    var listed: [String] = []
    /// Whether a layer reads the mask of a masked sequence that was joined with a plain one, as it was when Keras 3 made the
    /// model: without the masks that calls of the model bring in.
    var joinsMasks = false
}

/// What is wrong with a configuration.
struct ConfigurationError: Error {
    let problems: [String]
    init(_ problems: [String]) { self.problems = problems }
    init(_ problem: String) { problems = [problem] }
}

// MARK: - Reading

extension KerasConfiguration {
    private static let modelClasses: Set = ["Sequential", "Functional", "Model"]
    /// More would be no model that anybody trained.
    private static let layerLimit = 10_000

    /// Reads a model: the whole `model_config`, or a layer that is a model.
    init(_ json: JSON) throws(ConfigurationError) {
        guard let className = json["class_name"]?.string, let config = json["config"] else {
            throw ConfigurationError("the model configuration has no 'class_name' and 'config'")
        }
        switch className {
        case "Sequential": self = try Self.sequential(config)
        case "Functional", "Model": self = try Self.functional(config)
        default:
            throw ConfigurationError(Self.refusal(ofClass: className))
        }
    }

    /// What is wrong with a model of a class of its own, and what to do; nil for Keras's own classes.
    static func refusal(of json: JSON) -> String? {
        json["class_name"]?.string.flatMap { modelClasses.contains($0) ? nil : refusal(ofClass: $0) }
    }

    private static func refusal(ofClass className: String) -> String {
        "the model is a '\(className)', a class of its own, whose Python code is never run; only Sequential and "
            + "Functional models can be read. In Keras, make a Functional model of it and save that: "
            + "inputs = keras.Input(shape); keras.Model(inputs, model.call(inputs)).save('model.keras')"
    }

    private static func layers(_ config: JSON) throws(ConfigurationError) -> [JSON] {
        // Up to Keras 2.1 the configuration of a Sequential was the bare list.
        guard let layers = config.array ?? config["layers"]?.array else {
            throw ConfigurationError("the model configuration has no list of layers")
        }
        guard layers.count <= layerLimit else {
            throw ConfigurationError("the model has \(layers.count) layers; at most \(layerLimit) are read")
        }
        return layers
    }

    private static func sequential(_ config: JSON) throws(ConfigurationError) -> KerasConfiguration {
        var layers: [Layer] = []
        for json in try Self.layers(config) { layers.append(try layer(json)) }
        if layers.first?.isInput != true { layers.insert(implicitInput(of: layers.first), at: 0) }
        for index in layers.indices.dropFirst() {
            let previous = layers[index - 1]
            // The model inside a Sequential is called once; its nodes count from where its own references do.
            layers[index].calls = [[Reference(layer: previous.name, node: 0, tensor: 0)]]
        }
        return KerasConfiguration(
            name: config["name"]?.string ?? "sequential", layers: layers,
            inputs: [Reference(layer: layers[0].name, node: 0, tensor: 0)],
            outputs: [Reference(layer: layers[layers.count - 1].name, node: 0, tensor: 0)])
    }

    /// The input that older files give as an option of the first layer.
    private static func implicitInput(of first: Layer?) -> Layer {
        let shape =
            first?.options["batch_input_shape"] ?? first?.model?.layers.first?.options["batch_input_shape"]
            ?? first?.model?.layers.first?.options["batch_shape"]
        let options: JSON.Object = shape.map { ["batch_input_shape": $0] } ?? [:]
        return Layer(name: (first?.name ?? "") + "_input", className: "InputLayer", options: options)
    }

    private static func functional(_ config: JSON) throws(ConfigurationError) -> KerasConfiguration {
        var layers: [Layer] = [], problems: [String: [LayerProblem]] = [:]
        let jsons = try Self.layers(config)
        let inputs = Set(jsons.filter { $0["class_name"] == "InputLayer" }.compactMap { $0["name"]?.string })
        for json in jsons {
            var layer = try layer(json)
            let nodes = json["inbound_nodes"] ?? []
            do throws(ConfigurationError) {
                try layer.setCalls(nodes, inputs)
            } catch {
                problems[layer.name] = error.problems.map {
                    LayerProblem(name: layer.name, className: layer.className, text: $0)
                }
            }
            layer.uses = nodes.array?.map(allTensors) ?? []
            layers.append(layer)
        }
        var model = KerasConfiguration(
            name: config["name"]?.string ?? "model", layers: layers,
            inputs: try references(config["input_layers"], "input_layers"),
            outputs: try references(config["output_layers"], "output_layers"))
        let keys = config["input_layers"].flatMap(dict)?.sortedMembers.map(\.key)
        model.inputKeys = keys?.count == model.inputs.count ? keys : nil
        model.outputNames = config["output_layers"].flatMap(paths)
        model.listed = layers.map(\.name)
        let isKeras3 = jsons.contains { $0["inbound_nodes"]?.array?.contains(where: isKeras3Node) ?? false }
        if isKeras3 { model.countOutputsFromZero() } else { model.countNodesFromZero() }
        model.takeExplicitMasks(isKeras2: !isKeras3)
        for problem in model.foreignMasks(isKeras2: !isKeras3) { problems[problem.name, default: []].append(problem) }
        model.sortAsKeras()
        let serious = model.layers.flatMap { problems[$0.name] ?? [] }
        guard serious.isEmpty else { throw ConfigurationError(LayerProblem.grouped(serious)) }
        return model
    }

    /// Where an output of the model is one of a Functional inside, Keras 3 counts the calls of that from 1; elsewhere from 0.
    private mutating func countOutputsFromZero() {
        let functionals = Set(layers.filter { $0.className == "Functional" || $0.className == "Model" }.map(\.name))
        outputs = outputs.map { output in
            var output = output
            output.node -= functionals.contains(output.layer) && output.node > 0 ? 1 : 0
            return output
        }
    }

    /// The nodes of a nested model count from 1 in Keras 2, where node 0 is the model's own making.
    private mutating func countNodesFromZero() {
        let references = layers.flatMap { $0.uses.joined() } + outputs
        let nodes = Dictionary(grouping: references, by: \.layer).mapValues { $0.map(\.node) }
        let countFromOne = Set(
            layers.filter { layer in
                layer.model != nil && nodes[layer.name]?.min() == 1 && nodes[layer.name]?.max() == layer.calls.count
            }.map(\.name))
        guard !countFromOne.isEmpty else { return }
        func corrected(_ reference: Reference) -> Reference {
            var reference = reference
            reference.node -= countFromOne.contains(reference.layer) ? 1 : 0
            return reference
        }
        outputs = outputs.map(corrected)
        for index in layers.indices {
            layers[index].calls = layers[index].calls.map { $0.map(corrected) }
            layers[index].uses = layers[index].uses.map { $0.map(corrected) }
        }
    }

    /// Has layers read the masks that calls name, where none follows the graph.
    ///
    /// Keras 3 notes masks in the calls that it found by itself, and these follow the graph here, too, but behind a model: when
    /// Keras built the graph it did not know the masks of a model's outputs, which are there once the model computes. Keras 2
    /// notes those masks alone that somebody passed.
    private mutating func takeExplicitMasks(isKeras2: Bool) {
        guard layers.contains(where: { !$0.masks.isEmpty }) else { return }
        let byName = Dictionary(layers.map { ($0.name, $0) }) { first, _ in first }
        // The models whose outputs may have masks.
        let models = Set(layers.filter { $0.model != nil && Self.mayBeMasked($0.name, byName) }.map(\.name))
        for index in layers.indices where !layers[index].masks.isEmpty {
            let layer = layers[index], masks = layer.masks.compactMap(\.self)
            guard masks.count == layer.calls.count else { continue }
            let follows = layer.calls.contains { call in call.first.map { Self.mayBeMasked($0.layer, byName) } ?? true }
            let isGiven =
                masks.contains { !Self.follows($0, layer, byName) }
                || layer.calls.joined().contains { call in
                    Self.reaches(call.layer, byName) { models.contains($0.name) }
                }
            guard isKeras2 || !follows || isGiven else { continue }
            for (call, mask) in masks.enumerated() { layers[index].calls[call].append(mask) }
            layers[index].keywords.append(Self.maskKeyword)
        }
    }

    /// Masks that calls of models and of layers with several inputs name, and which do not follow the graph.
    private func foreignMasks(isKeras2: Bool) -> [LayerProblem] {
        let byName = Dictionary(layers.map { ($0.name, $0) }) { first, _ in first }
        return layers.flatMap { layer in
            layer.namedMasks.filter { isKeras2 || !Self.follows($0.tensor, layer, byName) }.map {
                layer.problem(of: $0.name)
            }
        }
    }

    /// Masks that calls of layers with several inputs name. Keras 3.10 and later name those alone that somebody passed.
    var passedMasks: [LayerProblem] {
        layers.flatMap { layer in
            layer.model?.passedMasks ?? layer.namedMasks.map { layer.problem(of: $0.name) }
        }
    }

    /// Operations that make masks of masks in Keras 3.
    private static let maskOperations: Set = [
        "ops.any", "ops.all", "ops.logical_or", "ops.logical_and", "ops.expand_dims", "ops.concatenate",
        "ops.broadcast_to", "ops.convert_to_tensor",
    ]

    /// Whether a mask is what Keras 3 makes of the inputs of mask-making layers that a layer reads, directly or by others.
    private static func follows(_ mask: Reference, _ reader: Layer, _ layers: [String: Layer]) -> Bool {
        var before: Set<String> = [], open = reader.calls.joined().map(\.layer), makers: [Reference: Set<Double>] = [:]
        while let name = open.popLast() {
            guard before.insert(name).inserted, let layer = layers[name] else { continue }
            if layer.className == "Masking" || layer.options["mask_zero"] == true {
                for read in layer.calls.joined() {
                    makers[read, default: []].insert(layer.options["mask_value"]?.number ?? 0)
                }
            }
            open += layer.calls.joined().map(\.layer)
        }
        var masks = [mask], seen: Set<Reference> = []
        while let mask = masks.popLast() {
            guard seen.insert(mask).inserted else { continue }
            guard let layer = layers[mask.layer] else { return false }
            switch layer.className {
            case "ops.not_equal":
                let read = layer.calls.joined().first, number = layer.options["x2"]?.number ?? 0
                guard read.map({ makers[$0, default: []].contains(number) }) == true else { return false }
            case "ops.zeros_like", "ops.ones_like": break
            case _ where maskOperations.contains(layer.className): masks += layer.calls.joined()
            default: return false
            }
        }
        return true
    }

    /// What an explicit mask is called: the last that a call reads.
    static let maskKeyword = "mask"

    /// Whether a layer that makes masks is among those that a layer reads, directly or by others.
    private static func mayBeMasked(_ name: String, _ layers: [String: Layer]) -> Bool {
        reaches(name, layers, \.makesMasks)
    }

    /// Whether a layer, or one of those that it reads, directly or by others, is what is looked for.
    private static func reaches(_ name: String, _ layers: [String: Layer], _ isFound: (Layer) -> Bool) -> Bool {
        var open = [name], seen: Set<String> = []
        while let name = open.popLast() {
            guard seen.insert(name).inserted, let layer = layers[name] else { continue }
            if isFound(layer) { return true }
            open += layer.calls.joined().map(\.layer)
        }
        return false
    }

    /// Puts the layers into Keras's order, and leaves out those that no output comes from.
    ///
    /// Keras 3 leaves the operations that made a mask in the file. Only masks read them, and masks follow the graph by
    /// themselves here; they count for the order and then go.
    private mutating func sortAsKeras() {
        let byName = Dictionary(layers.map { ($0.name, $0) }) { first, _ in first }
        func order(_ calls: (Layer) -> [[Reference]]) -> [String] {
            kerasOrder(outputs: outputs.map { LayerCall(layer: $0.layer, number: $0.node) }) { call in
                guard let layer = byName[call.layer], calls(layer).indices.contains(call.number) else { return [] }
                return calls(layer)[call.number].map { LayerCall(layer: $0.layer, number: $0.node) }
            }
        }
        guard byName.count == layers.count else { return }
        let used = Set(order(\.calls)), all = order(\.uses)
        let unused = layers.filter { $0.isInput && !used.contains($0.name) }
        joinsMasks = all.contains { !used.contains($0) && byName[$0]?.className == "ops.ones_like" }
        layers = unused + all.filter(used.contains).compactMap { byName[$0] }
    }

    /// The same model, its layers in the order of the file.
    ///
    /// That is the order of the model that was saved. It is another one than Keras gives to the model that it loads, where the
    /// file does not have all that the order comes from: Keras 2 writes `attention(q, v, k)` as `attention(q, key=k, value=v)`.
    var asListed: KerasConfiguration {
        var model = self
        for index in layers.indices { model.layers[index].model = layers[index].model?.asListed }
        guard !listed.isEmpty else { return model }
        let positions = Dictionary(listed.enumerated().map { ($1, $0) }) { first, _ in first }
        model.layers.sort { (positions[$0.name] ?? 0) < (positions[$1.name] ?? 0) }
        return model
    }

    private static func layer(_ json: JSON) throws(ConfigurationError) -> Layer {
        guard let className = json["class_name"]?.string, let config = json["config"] else {
            throw ConfigurationError("a layer has no 'class_name' and 'config'")
        }
        let options = config.object ?? [:]
        guard let name = json["name"]?.string ?? options["name"]?.string ?? (config.array == nil ? nil : "sequential"),
            !name.isEmpty
        else { throw ConfigurationError("a layer of class '\(className)' has no name") }
        guard !(name + className).unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw ConfigurationError("a layer has control characters in its name, which are not to be printed")
        }
        let alias = LayerCatalog.aliases[className]
        let named = LayerCatalog.className(alias ?? className, registeredAs: json["registered_name"]?.string)
        var layer = Layer(
            name: name, className: named,
            storedClass: alias.map { _ in String(className.split(separator: ">").last ?? "") }, options: options)
        if className == "TFOpLambda" || className == "SlicingOpLambda", let function = options["function"]?.string {
            layer.className = KerasOperation.keras2(function)?.className ?? "tf." + function
            layer.options["function"] = nil
        } else if className == "TensorFlowOpLayer" {
            layer.node = TensorFlowNode(options)
            layer.className = layer.node?.operation.className ?? "tf." + TensorFlowNode.name(options)
            for option in ["node_def", "constants"] { layer.options[option] = nil }
        } else if isOperation(json, className) {
            layer.className = KerasOperation.keras3(className)?.className ?? "ops." + kerasName(ofClass: className)
        } else if modelClasses.contains(className) {
            layer.model = try KerasConfiguration(json)
        } else if className == "TimeDistributed", let (model, timeAxes) = distributedModel(options) {
            layer.model = try KerasConfiguration(model)
            layer.timeAxes = timeAxes
        }
        return layer
    }

    /// The model inside a TimeDistributed, perhaps through others, and how many of them there are.
    private static func distributedModel(_ options: JSON.Object) -> (JSON, timeAxes: Int)? {
        var inner = options["layer"], timeAxes = 1
        while inner?["class_name"] == "TimeDistributed", timeAxes < 16 {
            inner = inner?["config"]?["layer"]
            timeAxes += 1
        }
        guard let inner, let className = inner["class_name"]?.string, modelClasses.contains(className) else {
            return nil
        }
        return (inner, timeAxes)
    }

    /// Keras 3 writes operations as it writes layers; only layers can be trained, or not.
    private static func isOperation(_ json: JSON, _ className: String) -> Bool {
        guard json["config"]?["trainable"] == nil, json["inbound_nodes"]?[0].map(isKeras3Node) ?? false else {
            return false
        }
        if let module = json["module"]?.string { return module.hasPrefix("keras.src.ops") }
        return KerasOperation.keras3(className) != nil || LayerCatalog.entries[className] == nil
    }
}

// MARK: - Who reads what

extension KerasConfiguration {
    /// The inputs or outputs of a model: one bare triple, a list of them, or an object of them.
    private static func references(_ json: JSON?, _ what: String) throws(ConfigurationError) -> [Reference] {
        let found = json.map(tensors) ?? []
        guard !found.isEmpty else { throw ConfigurationError("the model configuration has no '\(what)'") }
        return found
    }
}

extension KerasConfiguration.Layer {
    fileprivate func problem(of mask: String) -> LayerProblem {
        LayerProblem(
            name: name, className: className,
            text: "is called with a mask of its own as '\(mask)', which is not supported")
    }

    /// Reads `inbound_nodes`: who calls the layer, and how.
    ///
    /// - Parameter inputs: The names of the model's inputs.
    fileprivate mutating func setCalls(_ json: JSON, _ inputs: Set<String>) throws(ConfigurationError) {
        guard let nodes = json.array else { throw ConfigurationError("'inbound_nodes' is no list") }
        for (index, node) in nodes.enumerated() {
            let previous = (keywords, arguments)
            (keywords, arguments) = ([], [:])
            let isKeras3 = KerasConfiguration.isKeras3Node(node)
            if let tensorFlow = self.node {
                let (reads, constants) = try tensorFlow.node(node)
                calls.append(reads)
                for member in constants.members { options[member.key] = member.value }
            } else if let operation = KerasOperation.named(className) {
                let (reads, constants) =
                    try isKeras3 ? operation.keras3Node(node) : operation.keras2Node(node)
                calls.append(reads)
                for member in constants.members { options[member.key] = member.value }
            } else if let model {
                try addCall(of: model, node, inputs)
            } else if isKeras3 {
                var keywords = node["kwargs"]?.object ?? [:]
                calls.append(Self.firstArgument(node["args"], &keywords))
                try addKeywords(.object(keywords), inputs, isKeras3: true)
            } else {
                try addKeras2Call(node, inputs)
            }
            guard index == 0 || previous == (keywords, arguments) else {
                throw ConfigurationError("is called in several ways, which is not supported")
            }
        }
    }

    /// What a call of Keras 3 passes as its first argument, which may be passed by name: `layer(inputs=x)`.
    private static func firstArgument(
        _ arguments: JSON?, _ keywords: inout JSON.Object
    ) -> [KerasConfiguration.Reference] {
        let found = KerasConfiguration.tensors(arguments ?? [])
        guard found.isEmpty else { return found }
        for name in ["inputs", "sequences", "sequence", "x", "data", "images"] {
            let named = keywords[name].map(KerasConfiguration.tensors) ?? []
            if !named.isEmpty {
                keywords[name] = nil
                return named
            }
        }
        return []
    }

    /// Adds a call of a model, which may take its inputs by name.
    private mutating func addCall(
        of model: KerasConfiguration, _ node: JSON, _ inputs: Set<String>
    ) throws(ConfigurationError) {
        let isKeras3 = KerasConfiguration.isKeras3Node(node)
        var keywords = isKeras3 ? node["kwargs"]?.object ?? [:] : KerasConfiguration.keras2Keywords(node) ?? [:]
        let positional = isKeras3 ? node["args"]?[0] : node
        calls.append(model.arranged(positional ?? keywords["inputs"] ?? []))
        keywords["inputs"] = nil
        let count = calls[calls.count - 1].count
        guard count == model.inputs.count else {
            throw ConfigurationError("is called with \(count) inputs, but has \(model.inputs.count)")
        }
        try addKeywords(.object(keywords), inputs, isKeras3: isKeras3)
    }

    private mutating func addKeras2Call(_ node: JSON, _ inputs: Set<String>) throws(ConfigurationError) {
        guard let elements = node.array else { throw ConfigurationError("an inbound node is no list") }
        var call: [KerasConfiguration.Reference] = []
        // An operation that is not known is written with one list less.
        for element in elements where className.hasPrefix("tf.") == false {
            let found = KerasConfiguration.tensors(element)
            // The states of one cell of a stack are a list of their own.
            let isList = element.array?.allSatisfy { $0[0]?.string != nil } ?? false
            guard let first = found.first, element[0]?.string != nil || isList else {
                throw ConfigurationError("the inbound node \(element.quoted) names no layer, node and tensor")
            }
            call += isList ? found : [first]
        }
        calls.append(call.isEmpty ? KerasConfiguration.tensors(node) : call)
        // Every input of a call carries the same arguments.
        if !className.hasPrefix("tf.") { try addKeywords(elements.first?[3], inputs) }
    }

    /// Adds what a call passes by name: tensors to what it reads, other values to its arguments.
    ///
    /// Masks follow the graph by themselves, unless they are inputs of the model.
    private mutating func addKeywords(
        _ json: JSON?, _ inputs: Set<String>, isKeras3: Bool = false
    ) throws(ConfigurationError) {
        let names: Set = ["mask", "query_mask", "value_mask", "key_mask"]
        let states = json?["initial_state"].map(KerasConfiguration.tensors) ?? []
        // With states Keras 3 has no mask but the one that is given, and ours is the one that follows the graph.
        guard states.isEmpty || !isKeras3 || json?["mask"].map(KerasConfiguration.tensors)?.isEmpty != false else {
            throw ConfigurationError("is called with 'initial_state' and 'mask', which together are not supported")
        }
        for member in json?.object?.sortedMembers ?? [] where !member.value.isNull {
            // What a call says of training, `predict` overrules in Keras 3.
            if member.key == "training" && (isKeras3 || member.value == false) { continue }
            let tensors = KerasConfiguration.tensors(member.value)
            if member.key == "mask", tensors.count == 1, model == nil {
                masks.append(tensors[0])
                continue
            }
            if names.contains(member.key) {
                namedMasks += tensors.map { (member.key, $0) }
                continue
            }
            switch tensors.count {
            case 1... where member.key == "initial_state": calls[calls.count - 1] += tensors
            case 0: arguments[member.key] = member.value
            case 1:
                keywords.append(member.key)
                calls[calls.count - 1].append(tensors[0])
            default:
                throw ConfigurationError("is called with several tensors as '\(member.key)', which is not supported")
            }
        }
    }
}
