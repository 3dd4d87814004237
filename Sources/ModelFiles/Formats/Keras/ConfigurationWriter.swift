/// Puts an architecture into Keras's words.
struct ConfigurationWriter {
    let built: BuiltArchitecture
    let layerNames: [String]
    /// The positions of the layers as Keras orders them.
    let order: [Int]
    private let inputNames: [String]
    /// The file's name of each input and layer.
    let nameOf: [String: String]
    private let spelling: any KerasSpelling

    init(_ built: BuiltArchitecture, _ spelling: any KerasSpelling) {
        self.built = built
        self.spelling = spelling
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
        return spelling.model(className, named)
    }

    private func input(_ index: Int) -> JSON {
        let axes = built.architecture.inputs[index].axes.map { $0.map { JSON.integer($0) } ?? .null }
        return spelling.entry(
            "InputLayer",
            [
                spelling.batchShapeKey: .array([.null] + axes), "dtype": "float32",
                "name": .string(inputNames[index]),
            ])
    }

    /// Whether it says in Keras 2's words what both versions have no words in common for.
    var speaksKeras2: Bool { spelling.speaksKeras2(built.architecture.dialect) }

    /// A chain can be written as one, unless a call says more than what it reads.
    private var isSequential: Bool {
        built.architecture.isChain && built.architecture.inputKeys == nil && built.architecture.outputNames == nil
            && order.allSatisfy { index in
                operation(index) == nil && built.layers[index].inputNames.isEmpty
                    && built.layers[index].arguments.members.isEmpty
            }
    }

    /// The operation that an entry is to be written as: not one for which a layer may stand.
    func operation(_ index: Int) -> KerasOperation? { KerasOperation.named(built.writtenClass(index)) }

    func layer(_ index: Int) -> JSON {
        var config: JSON.Object = ["name": .string(layerNames[index])]
        var className = built.layers[index].className, options = built.layers[index].written
        if let offered = built.layers[index].offered { (className, options) = offered }
        for member in options.members { config[member.key] = member.value }
        for member in carried(from: built.architecture.layers[index]).members where config[member.key] == nil {
            config[member.key] = member.value
        }
        return spelling.entry(className, config)
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
            carried[option.key] = spelling.carried(option.value)
        }
        if layer.options["trainable"] == false { carried["trainable"] = false }
        return carried
    }
}
