import HDF5
import Networks
import Tensors

/// Everything in a Keras file but its numbers, in the one spelling that both Keras 2 and Keras 3 load.
struct KerasFileContent: Sendable {
    private let built: BuiltArchitecture
    private let type: HDF5Type
    private let notes: [(name: String, text: String)]
    private let configuration: JSON
    /// The names in the file of all layers, by position.
    private let names: [String]
    /// The positions of the layers, in the order in which Keras will list them.
    private let order: [Int]
    private let slots: [Int: [WeightSlot]]

    init(_ built: BuiltArchitecture, _ type: HDF5Type, _ notes: [(name: String, text: String)]) {
        self.built = built
        self.type = type
        self.notes = notes
        let writer = ConfigurationWriter(built)
        configuration = writer.json
        names = writer.layerNames
        order = writer.order
        slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
            .mapValues { $0.inOwnOrder }
    }

    /// The size of the file, by writing it without numbers into memory.
    func predictedSize() throws -> SizeReport {
        let file = try HDF5File.inMemory()
        try write(nil, to: file.root)
        let elementSize = type.byteCount ?? 0
        let stored = slots.values.joined().map { ($0, $0.entry.spec.shape.elementCount * elementSize, type) }
        return built.report(path: built.architecture.origin, file: try file.byteCount(), stored: stored)
    }

    /// Writes everything; without weights, all but the numbers.
    func write(_ weights: Tensor?, to root: borrowing HDF5Group) throws {
        try root.attributes.write(configuration.description, to: "model_config")
        try root.attributes.write(kerasVersion, to: "keras_version")
        for note in notes { try root.attributes.write(note.text, to: note.name) }
        let group = try root.createGroup("model_weights")
        // Without it Keras 2 takes the weights for those of version 1, and turns some around.
        try group.attributes.write(kerasVersion, to: "keras_version")
        let layers = order.filter { slots[$0] != nil }
        try group.attributes.write(layers.map { names[$0] }, to: "layer_names")
        for index in layers { try write(slots[index] ?? [], weights, to: group.createGroup(names[index])) }
    }

    private func write(_ slots: [WeightSlot], _ weights: Tensor?, to group: borrowing HDF5Group) throws {
        try group.attributes.write(slots.map(\.name), to: "weight_names")
        for slot in slots {
            let dataset = try group.createDataset(slot.name, type, shape: slot.shape)
            let count = slot.entry.spec.shape.elementCount
            try weights?.slice(at: slot.entry.offset, count: count).withSpan { span throws(HDF5Error) in
                try dataset.write(span)
            }
        }
    }

    /// Whose meaning the names have, where versions differ.
    private var kerasVersion: String { built.architecture.dialect == .keras2 ? "2.15.0" : "3.0.0" }
}

extension [WeightSlot] {
    /// As a layer of its own has them: what is trained first.
    ///
    /// A layer from a frozen nested model is frozen no more.
    fileprivate var inOwnOrder: [WeightSlot] {
        filter { $0.entry.spec.role == .trainable } + filter { $0.entry.spec.role != .trainable }
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

    init(_ built: BuiltArchitecture) {
        self.built = built
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
        order = Self.order(architecture)
    }

    private static func order(_ architecture: Architecture) -> [Int] {
        guard !architecture.isChain else { return Array(architecture.layers.indices) }
        let positions = Dictionary(
            architecture.layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = kerasOrder(outputs: architecture.outputs.map { LayerCall(layer: $0.layer, number: $0.call) }) {
            call in
            guard let position = positions[call.layer] else { return [] }
            return architecture.layers[position].calls[call.number].map { LayerCall(layer: $0.layer, number: $0.call) }
        }
        return names.compactMap { positions[$0] }
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
                "input_layers": .array(architecture.inputs.map { reference(Architecture.Source($0.name)) }),
                "output_layers": .array(architecture.outputs.map { reference($0) }),
            ])
    }

    private func model(_ className: String, _ config: JSON.Object) -> JSON {
        var named: JSON.Object = ["name": .string(Self.plain(built.architecture.name))]
        for member in config.members { named[member.key] = member.value }
        return ["class_name": .string(className), "config": .object(named)]
    }

    private func input(_ index: Int) -> JSON {
        let axes = built.architecture.inputs[index].axes.map { $0.map { JSON.integer($0) } ?? .null }
        return [
            "class_name": "InputLayer",
            "config": [
                "batch_input_shape": .array([.null] + axes), "dtype": "float32", "name": .string(inputNames[index]),
            ],
        ]
    }

    /// A chain can be written as one, unless a call says more than what it reads.
    private var isSequential: Bool {
        built.architecture.isChain
            && order.allSatisfy { index in
                operation(index) == nil && built.layers[index].inputNames.isEmpty
                    && built.layers[index].arguments.members.isEmpty
            }
    }

    /// The operation that an entry is to be written as: not one for which a layer may stand.
    private func operation(_ index: Int) -> KerasOperation? {
        let layer = built.layers[index]
        guard let operation = KerasOperation.named(layer.className) else { return nil }
        return layer.offered == nil || layer.readsMask ? operation : nil
    }

    private func layer(_ index: Int) -> JSON {
        var config: JSON.Object = ["name": .string(layerNames[index])]
        var className = built.layers[index].className, options = built.layers[index].written
        if let offered = built.layers[index].offered { (className, options) = offered }
        for member in options.members { config[member.key] = member.value }
        return ["class_name": .string(className), "config": .object(config)]
    }

    /// An entry of a Functional: with its name outside too, and who calls it.
    private func called(_ layer: JSON, _ nodes: [JSON]) -> JSON {
        var object = layer.object ?? [:]
        object["name"] = layer["config"]?["name"]
        object["inbound_nodes"] = .array(nodes)
        return .object(object)
    }

    private func called(_ index: Int) -> JSON {
        let calls = built.architecture.layers[index].calls, isKeras2 = built.architecture.dialect == .keras2
        if let operation = operation(index) {
            let (name, written) = (layerNames[index], built.layers[index].written)
            return isKeras2
                ? operation.keras2(name: name, written, calls: calls.map { $0.map { reference($0) } })
                : operation.keras3(name: name, written, calls: calls.map { $0.map(tensor) })
        }
        let arguments = built.layers[index].arguments
        guard built.layers[index].inputNames.isEmpty else { return calledByName(index) }
        // Keras 2 reads the arguments of the first input, Keras 3 those of the last.
        return called(
            layer(index), calls.map { .array($0.map { reference($0, arguments: [.object(arguments)]) }) })
    }

    /// An entry whose inputs are passed by name, for which the versions of Keras have no spelling in common.
    private func calledByName(_ index: Int) -> JSON {
        let built = built.layers[index], calls = self.built.architecture.layers[index].calls
        let isKeras2 = self.built.architecture.dialect == .keras2, first = built.inputNames.firstIndex(of: "query") ?? 0
        let nodes = calls.map { call -> JSON in
            var keywords: JSON.Object = [:]
            for (name, source) in zip(built.inputNames, call) where name != built.inputNames[first] {
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
        .array([.null] + (built.shapes[source]?.axes ?? []).map { .integer($0) })
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
