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
    /// TensorFlow's name of the second input.
    let second: String
    /// Keras 3's names of the options with TensorFlow's.
    let options: [(keras: String, tensorFlow: String)]

    private init(
        _ name: String, _ module: String, _ classNames: [String], _ functions: [String], inputs: [String] = ["x"],
        second: String = "y", options: [(keras: String, tensorFlow: String)] = []
    ) {
        self.name = name
        self.module = "keras.src.ops." + module
        self.classNames = classNames
        self.functions = functions
        self.inputs = inputs
        self.second = second
        self.options = options
    }

    var className: String { "ops." + name }

    // MARK: The operations

    private static func unary(_ name: String, _ module: String, _ className: String, _ functions: String...) -> Self {
        KerasOperation(name, module, [className], functions)
    }

    private static func binary(_ name: String, _ classNames: [String], _ functions: String...) -> Self {
        KerasOperation(name, "numpy", classNames, functions, inputs: ["x1", "x2"])
    }

    private static func reduction(_ name: String, _ className: String) -> Self {
        KerasOperation(
            name, "numpy", [className], ["math.reduce_" + name],
            options: [("axis", "axis"), ("keepdims", "keepdims"), ("initial", "initial")])
    }

    static let all: [KerasOperation] = [
        binary("add", ["Add"], "math.add", "__operators__.add"),
        binary("subtract", ["Subtract"], "math.subtract", "__operators__.sub"),
        binary("multiply", ["Multiply"], "math.multiply", "__operators__.mul"),
        binary("true_divide", ["TrueDivide", "Divide"], "math.truediv", "math.divide", "__operators__.truediv"),
        binary("maximum", ["Maximum"], "math.maximum"), binary("minimum", ["Minimum"], "math.minimum"),
        binary("power", ["Power"], "math.pow"),
        unary("negative", "numpy", "Negative", "math.negative"), unary("absolute", "numpy", "Absolute", "math.abs"),
        unary("exp", "numpy", "Exp", "math.exp"), unary("log", "numpy", "Log", "math.log"),
        unary("sqrt", "numpy", "Sqrt", "math.sqrt"), unary("square", "numpy", "Square", "math.square"),
        unary("reciprocal", "numpy", "Reciprocal", "math.reciprocal"),
        unary("rsqrt", "math", "Rsqrt", "math.rsqrt"),
        KerasOperation(
            "clip", "numpy", ["Clip"], ["clip_by_value"],
            options: [("x_min", "clip_value_min"), ("x_max", "clip_value_max")]),
        reduction("mean", "Mean"), reduction("sum", "Sum"), reduction("max", "Max"), reduction("min", "Min"),
        KerasOperation("reshape", "numpy", ["Reshape"], ["reshape"], options: [("newshape", "shape")]),
        KerasOperation(
            "transpose", "numpy", ["Transpose"], ["compat.v1.transpose", "transpose"], options: [("axes", "perm")]),
        KerasOperation("expand_dims", "numpy", ["ExpandDims"], ["expand_dims"], options: [("axis", "axis")]),
        KerasOperation(
            "squeeze", "numpy", ["Squeeze"], ["compat.v1.squeeze", "squeeze"], options: [("axis", "axis")]),
        KerasOperation(
            "concatenate", "numpy", ["Concatenate"], ["concat"], inputs: ["xs*"], options: [("axis", "axis")]),
        KerasOperation(
            "matmul", "numpy", ["Matmul"], ["linalg.matmul"], inputs: ["x1", "x2"], second: "b",
            options: [("transpose_a", "transpose_a"), ("transpose_b", "transpose_b")]),
        unary("relu", "nn", "Relu", "nn.relu"), unary("relu6", "nn", "Relu6", "nn.relu6"),
        unary("sigmoid", "nn", "Sigmoid", "math.sigmoid", "nn.sigmoid"),
        unary("tanh", "numpy", "Tanh", "math.tanh", "nn.tanh"),
        unary("silu", "nn", "Silu", "nn.silu", "nn.swish"), unary("selu", "nn", "Selu", "nn.selu"),
        unary("softplus", "nn", "Softplus", "math.softplus", "nn.softplus"),
        unary("softsign", "nn", "Softsign", "nn.softsign"),
        KerasOperation("elu", "nn", ["Elu"], ["nn.elu"], options: [("alpha", "alpha")]),
        KerasOperation(
            "leaky_relu", "nn", ["LeakyRelu"], ["nn.leaky_relu"], options: [("negative_slope", "alpha")]),
        KerasOperation("gelu", "nn", ["Gelu"], ["nn.gelu"], options: [("approximate", "approximate")]),
        KerasOperation("softmax", "nn", ["Softmax"], ["nn.softmax"], options: [("axis", "axis")]),
        KerasOperation("log_softmax", "nn", ["LogSoftmax"], ["nn.log_softmax"], options: [("axis", "axis")]),
    ]

    /// Operations that give every number, wherever it is, the same treatment.
    static let elementwise: Set<String> = Set(
        all.filter { $0.options.isEmpty || ["clip", "elu", "leaky_relu", "gelu"].contains($0.name) }.map(\.className))

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
        // What it works on is told apart by position here, so by the names' order, not by the call's.
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
        let ignored: Set = ["name", "conjugate", "data_format"]
        for member in first.first?[3]?.object?.members ?? []
        where !member.value.isNull && !ignored.contains(member.key) {
            let option = options.first { $0.tensorFlow == member.key }?.keras
            guard let name = option ?? (member.key == second && inputs.count == 2 ? inputs[1] : nil) else {
                throw ConfigurationError("is called with '\(member.key)', which is not supported")
            }
            try add(member.value, name, to: &found)
        }
        return found
    }

    private func add(_ argument: JSON, _ name: String, to node: inout Node) throws(ConfigurationError) {
        let tensors = KerasConfiguration.tensors(argument)
        if tensors.isEmpty {
            // A constant array is written as an object around its numbers.
            node.options[name] = argument["config"]?["value"] ?? argument
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
        guard inputs.count == 2 else { return inputs == ["xs*"] ? [.array(tensors)] : tensors }
        var rest = tensors[...]
        return inputs.map { written[$0] ?? rest.popFirst() ?? .null }
    }

    private func optionMembers(_ written: JSON.Object) -> [JSON.Object.Member] {
        written.members.filter { !inputs.contains($0.key) }
    }

    /// A layer of a Functional as Keras 3 reads it.
    func keras3(name: String, _ written: JSON.Object, calls: [[JSON]]) -> JSON {
        let config = JSON.Object([JSON.Object.Member("name", .string(name))] + optionMembers(written))
        return [
            "module": .string(module), "class_name": .string(classNames[0]), "config": .object(config),
            "registered_name": .string(classNames[0]), "name": .string(name),
            "inbound_nodes": .array(calls.map { ["args": .array(arguments($0, written)), "kwargs": [:]] }),
        ]
    }

    /// A layer of a Functional as Keras 2 reads it.
    func keras2(name: String, _ written: JSON.Object, calls: [[JSON]]) -> JSON {
        var keywords = JSON.Object(
            optionMembers(written).map { member in
                JSON.Object.Member(options.first { $0.keras == member.key }?.tensorFlow ?? member.key, member.value)
            })
        let nodes = calls.map { tensors -> JSON in
            let arguments = arguments(tensors, written)
            if inputs.count == 2 { keywords[second] = arguments[1] }
            func input(_ argument: JSON) -> JSON {
                let place = argument.array ?? []
                return .array(
                    (place.first?.string == nil ? ["_CONSTANT_VALUE", -1, argument] : place) + [.object(keywords)])
            }
            return inputs == ["xs*"] ? .array(tensors.map(input)) : input(arguments[0])
        }
        return [
            "class_name": "TFOpLambda", "config": ["name": .string(name), "function": .string(functions[0])],
            "name": .string(name), "inbound_nodes": .array(nodes),
        ]
    }
}
