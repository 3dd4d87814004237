/// An operation that may stand in a model as if it were a layer: `x * 2`, `ops.mean(x, axis=1)`, `tf.reduce_mean(x, 1)`.
///
/// In an architecture its class is Keras 3's name of it, such as `ops.mean`, and its options are Keras 3's.
struct KerasOperation: Sendable {
    /// Keras 3's function.
    let name: String
    /// Where the class of Keras 3 is, and what it is called there.
    let module: String
    let classNames: [String]
    /// TensorFlow's functions, as Keras 2 writes them; the first is written.
    let functions: [String]
    /// Keras 3's names of what it works on; one name with a star for a list.
    let inputs: [String]
    /// TensorFlow's names of the inputs behind the first.
    let others: [String]
    /// Keras 3's names of the options with TensorFlow's.
    let options: [(keras: String, tensorFlow: String)]
    /// The options that Keras 3 passes in the call, by position or by name; it has the others in its configuration.
    let positional, named: Set<String>
    /// Translates options that have another form in TensorFlow: once they have Keras 3's names, and before they get
    /// TensorFlow's.
    let fromTensorFlow, toTensorFlow: Translation?

    typealias Translation = @Sendable (inout JSON.Object) -> Void

    init(
        _ name: String, _ module: String, _ classNames: [String], _ functions: [String], inputs: [String] = ["x"],
        others: [String] = ["y"], options: [(keras: String, tensorFlow: String)] = [], positional: Set<String> = [],
        named: Set<String> = [], from fromTensorFlow: Translation? = nil, to toTensorFlow: Translation? = nil
    ) {
        self.name = name
        self.module = "keras.src.ops." + module
        self.classNames = classNames
        self.functions = functions
        self.inputs = inputs
        self.others = others
        self.options = options
        (self.positional, self.named) = (positional, named)
        (self.fromTensorFlow, self.toTensorFlow) = (fromTensorFlow, toTensorFlow)
    }

    var className: String { "ops." + name }

    /// Operations that give every number, wherever it is, the same treatment.
    static let elementwise: Set<String> = Set(
        all.filter { $0.options.isEmpty || ["clip", "elu", "leaky_relu", "gelu", "cast"].contains($0.name) }
            .map(\.className))

    private static let byClass = Dictionary(
        all.flatMap { operation in operation.classNames.map { ($0, operation) } },
        uniquingKeysWith: { first, _ in first })
    private static let byFunction = Dictionary(
        all.flatMap { operation in operation.functions.map { ($0, operation) } },
        uniquingKeysWith: { first, _ in first })
    private static let byName = Dictionary(all.map { ($0.className, $0) }, uniquingKeysWith: { first, _ in first })

    static func named(_ className: String) -> KerasOperation? { byName[className] }
    static func keras3(_ className: String) -> KerasOperation? { byClass[className] }
    static func keras2(_ function: String) -> KerasOperation? { byFunction[function] }
}

// MARK: - Reading

extension KerasOperation {
    /// What a node says: the tensors it reads, and the numbers among its inputs, by Keras 3's names.
    typealias Node = (reads: [KerasConfiguration.Reference], options: JSON.Object)

    /// A node of Keras 3: positional arguments, tensors and numbers mixed, and arguments by name.
    func keras3Node(_ node: JSON) throws(ConfigurationError) -> Node {
        var found: Node = ([], [:])
        let names = inputs + options.map(\.keras)
        for (position, argument) in (node["args"]?.array ?? []).enumerated() {
            guard names.indices.contains(position) else {
                throw ConfigurationError("is called with \(position + 1) arguments, which is not supported")
            }
            try add(argument, names[position], to: &found)
        }
        // Operands are distinguished by position here, so they follow the order of the names, not that of the call.
        let keywords = (node["kwargs"]?.object?.members ?? []).sorted {
            (names.firstIndex(of: $0.key) ?? 0) < (names.firstIndex(of: $1.key) ?? 0)
        }
        for member in keywords where !member.value.isNull {
            guard names.contains(member.key) else {
                throw ConfigurationError("is called with '\(member.key)', which is not supported")
            }
            try add(member.value, member.key, to: &found)
        }
        return found
    }

    /// A node of Keras 2: one input, a constant or a list of inputs, and the rest by TensorFlow's names.
    func keras2Node(_ node: JSON) throws(ConfigurationError) -> Node {
        var found: Node = ([], [:])
        let elements = node.array ?? [], first = elements.first?.array == nil ? [node] : elements
        for element in first {
            let isConstant = element[0] == "_CONSTANT_VALUE"
            try add(
                isConstant ? element[2] ?? .null : .array(Array((element.array ?? []).prefix(3))), inputs[0], to: &found
            )
        }
        let ignored: Set = ["name", "conjugate", "validate_indices"]
        for member in first.first?[3]?.object?.members ?? []
        where !member.value.isNull && !ignored.contains(member.key)
            && (member.key, member.value) != ("data_format", "NHWC")
        {
            let option = options.first { $0.tensorFlow == member.key }?.keras
            let other = others.firstIndex(of: member.key == "bias" ? "y" : member.key)
            let input = other.flatMap { inputs.indices.contains($0 + 1) ? inputs[$0 + 1] : nil }
            guard let name = option ?? input else {
                throw ConfigurationError("is called with '\(member.key)', which is not supported")
            }
            try add(member.value, name, to: &found)
        }
        fromTensorFlow?(&found.options)
        return found
    }

    private func add(_ argument: JSON, _ name: String, to node: inout Node) throws(ConfigurationError) {
        let tensors = KerasConfiguration.tensors(argument)
        if tensors.isEmpty {
            // A constant array is written as an object around its numbers, a tuple as one around its elements.
            node.options[name] = argument["config"]?["value"] ?? argument["items"] ?? argument
        } else if inputs.contains(name) {
            node.reads += tensors
        } else {
            throw ConfigurationError("is called with a tensor as '\(name)', which is not supported")
        }
    }
}

// MARK: - Writing

extension KerasOperation {
    /// Its arguments in order, constants and `tensors` in their places.
    private func arguments(_ tensors: [JSON], _ written: JSON.Object) -> [JSON] {
        guard inputs.count > 1 else { return inputs == ["xs*"] ? [.array(tensors)] : tensors }
        var rest = tensors[...]
        return inputs.map { written[$0] ?? rest.popFirst() ?? .null }
    }

    /// The options that are written in one place or the other, those that are inputs left out.
    private func members(_ written: JSON.Object, where isWanted: (String) -> Bool) -> JSON.Object {
        JSON.Object(written.members.filter { !inputs.contains($0.key) && isWanted($0.key) })
    }

    /// A layer of a Functional as Keras 3 reads it.
    func keras3(name: String, _ written: JSON.Object, calls: [[JSON]]) -> JSON {
        let inCall = positional.union(named)
        let config = JSON.Object(
            [JSON.Object.Member("name", .string(name))] + members(written) { !inCall.contains($0) }.members)
        let last = options.map(\.keras).filter(positional.contains).compactMap { written[$0] }
        let keywords = members(written, where: named.contains)
        return [
            "module": .string(module), "class_name": .string(classNames[0]), "config": .object(config),
            "registered_name": .string(classNames[0]), "name": .string(name),
            "inbound_nodes": .array(
                calls.map {
                    ["args": .array(arguments($0, written.asTensors(inputs)) + last), "kwargs": .object(keywords)]
                }),
        ]
    }

    /// A layer of a Functional as Keras 2 reads it.
    func keras2(name: String, _ written: JSON.Object, calls: [[JSON]]) -> JSON {
        var translated = members(written) { _ in true }
        toTensorFlow?(&translated)
        var keywords = JSON.Object(
            translated.members.map { member in
                JSON.Object.Member(options.first { $0.keras == member.key }?.tensorFlow ?? member.key, member.value)
            })
        let nodes = calls.map { tensors -> JSON in
            let arguments = arguments(tensors, written)
            for (other, argument) in zip(others, arguments.dropFirst()) where inputs.count > 1 {
                keywords[other] = argument
            }
            func input(_ argument: JSON) -> JSON {
                let place = argument.array ?? []
                return .array(
                    (place.first?.string == nil ? ["_CONSTANT_VALUE", -1, argument] : place) + [.object(keywords)])
            }
            return inputs == ["xs*"] ? .array(tensors.map(input)) : input(arguments[0])
        }
        return [
            "class_name": self.name == "get_item" ? "SlicingOpLambda" : "TFOpLambda",
            "config": ["name": .string(name), "function": .string(functions.first ?? "")],
            "name": .string(name), "inbound_nodes": .array(nodes),
        ]
    }
}

extension JSON.Object {
    /// The same with lists of numbers under the given names as Keras 3 writes constants.
    fileprivate func asTensors(_ names: [String]) -> JSON.Object {
        JSON.Object(
            members.map { member in
                guard names.contains(member.key), member.value.array != nil else { return member }
                return Member(
                    member.key,
                    ["class_name": "__tensor__", "config": ["dtype": "float32", "value": member.value]])
            })
    }
}
