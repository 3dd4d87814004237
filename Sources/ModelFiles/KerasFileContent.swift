import HDF5
import Networks
import Tensors
import Zip

/// Everything in a Keras file but its numbers.
///
/// HDF5 has the one spelling that both Keras 2 and Keras 3 load; an archive has Keras 3's.
struct KerasFileContent: Sendable {
    private let built: BuiltArchitecture
    private let type: HDF5Type
    private let format: ExportPlan.Format
    private let notes: ExportPlan.Notes
    private let configuration: JSON
    /// The names in the file of all layers, by position.
    private let names: [String]
    /// The positions of the layers, in the order in which Keras will list them.
    private let order: [Int]
    private let slots: [Int: [WeightSlot]]

    init(_ built: BuiltArchitecture, _ type: HDF5Type, _ format: ExportPlan.Format, _ notes: ExportPlan.Notes) {
        self.built = built
        self.type = type
        self.format = format
        self.notes = notes
        let writer = ConfigurationWriter(built, format)
        configuration = writer.json
        names = writer.layerNames
        order = writer.order
        slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
    }

    /// The size of the file, by writing its HDF5 without numbers into memory.
    func predictedSize() throws -> SizeReport {
        let file = try HDF5File.inMemory()
        try write(nil, to: file.root)
        let byteCount = try file.byteCount()
        let elementSize = type.byteCount ?? 0
        let stored = slots.values.joined().map { ($0, $0.entry.spec.shape.elementCount * elementSize, type) }
        let whole = format == .hdf5 ? byteCount : archiveByteCount(weights: byteCount)
        return built.report(path: built.architecture.origin, file: whole, stored: stored)
    }

    /// Writes the HDF5 file; without weights, all but the numbers.
    func write(_ weights: Tensor?, to root: borrowing HDF5Group) throws {
        for (name, text) in notes.texts.sorted(by: { $0.key < $1.key }) { try root.attributes.write(text, to: name) }
        if let classes = notes.classNames { try root.attributes.write(classes, to: "classes") }
        guard format == .hdf5 else { return try writeStore(weights, to: root) }
        try root.attributes.write(configuration.description, to: "model_config")
        try root.attributes.write(kerasVersion, to: "keras_version")
        let group = try root.createGroup("model_weights")
        // Without it Keras 2 takes the weights for those of version 1, and turns some around.
        try group.attributes.write(kerasVersion, to: "keras_version")
        let layers = order.filter { slots[$0] != nil }
        try group.attributes.write(layers.map { names[$0] }, to: "layer_names")
        for index in layers {
            let layer = try group.createGroup(names[index]), slots = (slots[index] ?? []).inOwnOrder
            let counts = Self.counts(built.layers[index].className)
            try layer.attributes.write(slots.map(\.name) + (counts ? ["count"] : []), to: "weight_names")
            for slot in slots { try write(slot, as: slot.name, weights, to: layer) }
            if counts { try layer.createDataset("count", [Int64(0)], shape: []) }
        }
    }

    /// Whether Keras expects a number of batches behind the weights, from which it computes nothing.
    private static func counts(_ className: String) -> Bool { className == "Normalization" }

    private func write(
        _ slot: WeightSlot, as name: String, _ weights: Tensor?, to group: borrowing HDF5Group
    ) throws {
        let dataset = try group.createDataset(name, type, shape: slot.shape)
        try weights?.slice(at: slot.entry.offset, count: slot.entry.spec.shape.elementCount).withSpan {
            span throws(HDF5Error) in try dataset.write(span)
        }
    }

    /// Whose meaning the names have, where versions differ.
    private var kerasVersion: String { built.architecture.rules.description }
}

// MARK: - Archives

extension KerasFileContent {
    /// Where Keras 3 looks for the weights of each layer, by position: `layers/dense_1`.
    private var places: [Int: String] {
        var names = StoreNames(), places: [Int: String] = [:]
        for index in order { places[index] = "layers/" + names.next(built.layers[index].className) }
        return places
    }

    /// The weights as Keras 3 has them in an archive.
    private func writeStore(_ weights: Tensor?, to root: borrowing HDF5Group) throws {
        let places = places
        _ = try root.createGroup("layers")
        for index in order {
            guard let slots = slots[index], let place = places[index] else { continue }
            let layer = built.layers[index]
            for group in StoreNames.split(slots, of: layer.className, layer.written) {
                let variables = group.part.isEmpty ? "\(place)/vars" : "\(place)/\(group.part)/vars"
                for (number, slot) in group.slots.enumerated() {
                    try write(slot, as: "\(variables)/\(number)", weights, to: root)
                }
                if Self.counts(layer.className) {
                    try root.createDataset("\(variables)/\(group.slots.count)", [Int64(0)], shape: [])
                }
            }
        }
    }

    private var metadata: [UInt8] { Array(#"{"keras_version": "\#(kerasVersion)"}"#.utf8) }
    private var configurationText: [UInt8] { Array(configuration.description.utf8) }

    private func archiveByteCount(weights: Int) -> Int {
        ZipWriter.byteCount(of: [
            ("metadata.json", metadata.count), ("config.json", configurationText.count), ("model.weights.h5", weights),
        ])
    }

    /// Writes an archive around a file of weights.
    ///
    /// - Parameter name: What errors call it.
    func writeArchive(to path: String, as name: String, weights: String) throws {
        var archive = try ZipWriter(creating: path, as: name)
        try archive.add("metadata.json", metadata)
        try archive.add("config.json", configurationText)
        try archive.add("model.weights.h5", contentsOf: weights)
        try archive.finish()
    }
}

/// Puts an architecture into Keras's words.
private struct ConfigurationWriter {
    private let built: BuiltArchitecture
    let layerNames: [String]
    /// The positions of the layers as Keras orders them.
    let order: [Int]
    private let inputNames: [String]
    /// The file's name of each input and layer.
    private let nameOf: [String: String]
    private let format: ExportPlan.Format

    init(_ built: BuiltArchitecture, _ format: ExportPlan.Format) {
        self.built = built
        self.format = format
        let architecture = built.architecture
        var taken: Set<String> = []
        var nameOf: [String: String] = [:]
        func name(_ wanted: String) -> String {
            let plain = Self.plain(wanted)
            var name = plain, suffix = 1
            while !taken.insert(name).inserted {
                name = "\(plain)_\(suffix)"
                suffix += 1
            }
            nameOf[wanted] = name
            return name
        }
        inputNames = architecture.inputs.map { name($0.name) }
        layerNames = architecture.layers.map { name($0.name) }
        self.nameOf = nameOf
        order = architecture.kerasOrder
    }

    /// A name that TensorFlow takes: of letters, digits and a few signs.
    ///
    /// Keras 3 forbids slashes.
    private static func plain(_ name: String) -> String {
        let text = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) ? $0 : "_" })
        let starts = text.first.map { $0.isLetter || $0.isNumber } ?? false
        return starts ? text : "layer" + text
    }

    var json: JSON {
        let architecture = built.architecture
        let inputs = architecture.inputs.indices.map(input)
        guard !isSequential else {
            return model("Sequential", ["layers": .array(inputs + order.map(layer))])
        }
        return model(
            "Functional",
            [
                "layers": .array(inputs.map { called($0, []) } + order.map(called)),
                "input_layers": structure(
                    architecture.inputs.map { reference(Architecture.Source($0.name)) }, architecture.inputKeys),
                "output_layers": structure(architecture.outputs.map { reference($0) }, architecture.outputNames),
            ])
    }

    /// A dict where all have keys, or else a list.
    private func structure(_ references: [JSON], _ keys: [String]?) -> JSON {
        guard let keys, keys.allSatisfy({ !$0.contains("/") }), Set(keys).count == references.count else {
            return .array(references)
        }
        return .object(JSON.Object(zip(keys, references).map { JSON.Object.Member($0, $1) }))
    }

    private func model(_ className: String, _ config: JSON.Object) -> JSON {
        var named: JSON.Object = ["name": .string(Self.plain(built.architecture.name))]
        for member in config.members { named[member.key] = member.value }
        guard format == .keras else { return ["class_name": .string(className), "config": .object(named)] }
        // Functional is no public name; this is how Keras itself writes it.
        let module: JSON = className == "Functional" ? "keras.src.models.functional" : "keras"
        return [
            "module": module, "class_name": .string(className), "config": .object(named),
            "registered_name": .string(className),
        ]
    }

    /// A layer as an entry of its model; Keras 3's archives name the module of everything.
    private func entry(_ className: String, _ config: JSON.Object) -> JSON {
        let package = LayerCatalog.frames[className] == nil ? nil : "\(LayerCatalog.package)>\(className)"
        guard format == .keras else {
            return ["class_name": .string(package ?? className), "config": .object(config)]
        }
        if let package {
            return [
                "module": .string(LayerCatalog.packageModule), "class_name": .string(className),
                "config": .object(config), "registered_name": .string(package),
            ]
        }
        return [
            "module": .string(LayerCatalog.modules[className] ?? "keras.layers"), "class_name": .string(className),
            "config": .object(config),
            "registered_name": nil,
        ]
    }

    private func input(_ index: Int) -> JSON {
        let axes = built.architecture.inputs[index].axes.map { $0.map { JSON.integer($0) } ?? .null }
        return entry(
            "InputLayer",
            [
                format == .keras ? "batch_shape" : "batch_input_shape": .array([.null] + axes), "dtype": "float32",
                "name": .string(inputNames[index]),
            ])
    }

    /// Whether it says in Keras 2's words what both versions have no words in common for.
    private var speaksKeras2: Bool { built.architecture.dialect == .keras2 && format == .hdf5 }

    /// A chain can be written as one, unless a call says more than what it reads.
    private var isSequential: Bool {
        built.architecture.isChain && built.architecture.inputKeys == nil && built.architecture.outputNames == nil
            && order.allSatisfy { index in
                operation(index) == nil && built.layers[index].inputNames.isEmpty
                    && built.layers[index].arguments.members.isEmpty
            }
    }

    /// The operation that an entry is to be written as: not one for which a layer may stand.
    private func operation(_ index: Int) -> KerasOperation? { KerasOperation.named(built.writtenClass(index)) }

    private func layer(_ index: Int) -> JSON {
        var config: JSON.Object = ["name": .string(layerNames[index])]
        var className = built.layers[index].className, options = built.layers[index].written
        if let offered = built.layers[index].offered { (className, options) = offered }
        for member in options.members { config[member.key] = member.value }
        for member in carried(from: built.architecture.layers[index]).members where config[member.key] == nil {
            config[member.key] = member.value
        }
        return entry(className, config)
    }

    /// What matters only to those who go on training it: how weights began, what keeps them small, whether they change.
    private func carried(from layer: Architecture.Layer) -> JSON.Object {
        let endings = ["_initializer", "_regularizer", "_constraint"]
        // Keras 2 writes options of the plain convolution too, which Keras 3 rejects.
        let isSplit = layer.className.hasPrefix("Depthwise") || layer.className.hasPrefix("Separable")
        var carried: JSON.Object = [:]
        for option in layer.options.members where endings.contains(where: option.key.hasSuffix) {
            if isSplit && option.key.hasPrefix("kernel_") { continue }
            // What Keras does not have itself it could not load.
            let module = option.value["module"]?.string ?? "keras", name = option.value["registered_name"]?.string ?? ""
            guard !option.value.isNull, module.hasPrefix("keras"), !name.contains(">") else { continue }
            carried[option.key] = format == .hdf5 ? Self.withoutNulls(option.value) : option.value
        }
        if layer.options["trainable"] == false { carried["trainable"] = false }
        return carried
    }

    /// Keras 3 writes arguments of initializers that Keras 2 does not know; null is what they are by themselves.
    private static func withoutNulls(_ json: JSON) -> JSON {
        guard var object = json.object, let config = object["config"]?.object else { return json }
        object["config"] = .object(JSON.Object(config.members.filter { !$0.value.isNull }))
        return .object(object)
    }

    /// An entry of a Functional: with its name outside too, and who calls it.
    private func called(_ layer: JSON, _ nodes: [JSON]) -> JSON {
        var object = layer.object ?? [:]
        object["name"] = layer["config"]?["name"]
        object["inbound_nodes"] = .array(nodes)
        return .object(object)
    }

    private func called(_ index: Int) -> JSON {
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

    private func reference(_ source: Architecture.Source, arguments: [JSON] = []) -> JSON {
        .array(
            [.string(nameOf[source.layer] ?? source.layer), .integer(source.call), .integer(source.tensor)] + arguments)
    }
}
