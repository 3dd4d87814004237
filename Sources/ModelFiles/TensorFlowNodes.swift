import Foundation

/// An operation of TensorFlow 2.0 to 2.3, whose Keras wrote `tf.add(x, 1.0)` as a TensorFlowOpLayer: a node of a graph,
/// with the numbers among its inputs.
struct TensorFlowNode {
    let operation: KerasOperation
    /// What the inputs are called by Keras 3; one name with a star stands for all that are left.
    private let names: [String]
    /// The numbers among its inputs, by position.
    private let constants: [Int: JSON]
    /// What the node says of itself.
    private let attributes: JSON.Object

    /// - Parameter config: The layer's options.
    /// - Returns: nil for an operation that is not known.
    init?(_ config: JSON.Object) {
        guard let text = config["node_def"]?.string, let definition = try? JSON(parsing: text),
            let name = definition["op"]?.string, let (operation, names) = Self.operations[name],
            let known = KerasOperation.named("ops." + operation)
        else { return nil }
        self.operation = known
        self.names = names
        attributes = definition["attr"]?.object ?? [:]
        constants = Dictionary(
            (config["constants"]?.object?.members ?? []).compactMap { member in
                Int(member.key).map { ($0, member.value) }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether such a layer may be an operation, by the name of its class here.
    static func stands(for className: String) -> Bool { operations.values.contains { "ops." + $0.0 == className } }

    /// The name of the operation in TensorFlow, for the message about an unknown one.
    static func name(_ config: JSON.Object) -> String {
        let definition = config["node_def"]?.string.flatMap { try? JSON(parsing: $0) }
        return definition?["op"]?.string ?? "?"
    }

    /// The tensors that a call reads, and the numbers among its inputs, by Keras 3's names.
    func node(_ json: JSON) throws(ConfigurationError) -> KerasOperation.Node {
        var tensors = KerasConfiguration.tensors(json)[...], found: KerasOperation.Node = ([], [:])
        let count = tensors.count + constants.count
        for position in 0..<count {
            let isRest = names.first == "xs*" && position < count - (names.count - 1)
            let name =
                names.first == "xs*"
                ? (isRest ? "xs*" : names[1])
                : names.indices.contains(position)
                    ? names[position] : ""
            if let constant = constants[position] {
                found.options[name] = constant
            } else if operation.inputs.contains(name), let tensor = tensors.popFirst() {
                found.reads.append(tensor)
            } else {
                throw ConfigurationError("is called with a tensor as input \(position), which is not supported")
            }
        }
        addAttributes(to: &found.options)
        return found
    }

    private func addAttributes(to options: inout JSON.Object) {
        func flag(_ name: String) -> Bool { attributes[name]?["b"] == true }
        func number(_ name: String) -> JSON? {
            attributes[name]?["i"].flatMap { $0.integer ?? $0.string.flatMap { Int($0) } }.map { .integer($0) }
        }
        for (name, option) in [("keep_dims", "keepdims"), ("adj_x", "transpose_a"), ("adj_y", "transpose_b")]
        where flag(name) { options[option] = true }
        if let slope = attributes["alpha"]?["f"] { options["negative_slope"] = slope }
        // Bytes are written in base64. Keras 3 takes no spaces.
        if operation.name == "einsum", let equation = attributes["equation"]?["s"]?.string {
            options["subscripts"] = Data(base64Encoded: equation).map {
                .string(String(decoding: $0, as: UTF8.self).filter { $0 != " " })
            }
        }
        if operation.name == "stack" { options["axis"] = number("axis") ?? 0 }
        if operation.name == "squeeze", let axes = attributes["squeeze_dims"]?["list"]?["i"]?.array {
            options["axis"] = .array(axes.map { axis in axis.string.flatMap { Int($0) }.map { .integer($0) } ?? axis })
        }
        guard operation.name == "get_item" else { return }
        func bits(_ name: String) -> Int { number(name)?.integer ?? 0 }
        func list(_ name: String) -> [JSON] { options[name]?.array ?? [] }
        let (begin, end, strides) = (list("begin"), list("end"), list("strides"))
        var key: [JSON] = []
        for place in begin.indices where place < 32 {
            let bit = 1 << place
            if bits("ellipsis_mask") & bit != 0 {
                key.append(["class_name": "__ellipsis__", "config": [:]])
            } else if bits("new_axis_mask") & bit != 0 {
                key.append(nil)
            } else if bits("shrink_axis_mask") & bit != 0 {
                key.append(begin[place])
            } else {
                let step = strides.indices.contains(place) && strides[place] != 1 ? strides[place] : nil
                let stop = bits("end_mask") & bit != 0 || !end.indices.contains(place) ? nil : end[place]
                let start = bits("begin_mask") & bit != 0 ? nil : begin[place]
                key.append(["class_name": "__slice__", "config": ["start": start, "stop": stop, "step": step]])
            }
        }
        for name in ["begin", "end", "strides"] { options[name] = nil }
        options["key"] = .array(key)
    }

    private static let operations: [String: (String, [String])] = {
        var table: [String: (String, [String])] = [
            "Mean": ("mean", ["x", "axis"]), "Sum": ("sum", ["x", "axis"]), "Max": ("max", ["x", "axis"]),
            "Min": ("min", ["x", "axis"]), "Reshape": ("reshape", ["x", "newshape"]),
            "Transpose": ("transpose", ["x", "axes"]), "ExpandDims": ("expand_dims", ["x", "axis"]),
            "Squeeze": ("squeeze", ["x"]), "ConcatV2": ("concatenate", ["xs*", "axis"]), "Pack": ("stack", ["xs*"]),
            "StridedSlice": ("get_item", ["x", "begin", "end", "strides"]), "Tile": ("tile", ["x", "repeats"]),
            "GatherV2": ("take", ["x", "indices", "axis"]), "Pad": ("pad", ["x", "pad_width"]),
            "PadV2": ("pad", ["x", "pad_width", "constant_values"]), "SelectV2": ("where", ["condition", "x1", "x2"]),
            "ClipByValue": ("clip", ["x", "x_min", "x_max"]), "Cast": ("copy", ["x"]), "Identity": ("copy", ["x"]),
            "StopGradient": ("stop_gradient", ["x"]), "LeakyRelu": ("leaky_relu", ["x"]),
        ]
        for (name, operation) in [
            ("Add", "add"), ("AddV2", "add"), ("BiasAdd", "add"), ("Sub", "subtract"), ("Mul", "multiply"),
            ("RealDiv", "true_divide"), ("Maximum", "maximum"), ("Minimum", "minimum"), ("Pow", "power"),
            ("BatchMatMulV2", "matmul"), ("Greater", "greater"), ("GreaterEqual", "greater_equal"), ("Less", "less"),
            ("LessEqual", "less_equal"), ("Equal", "equal"), ("NotEqual", "not_equal"), ("Einsum", "einsum"),
        ] { table[name] = (operation, ["x1", "x2"]) }
        for (name, operation) in [
            ("Neg", "negative"), ("Abs", "absolute"), ("Exp", "exp"), ("Log", "log"), ("Sqrt", "sqrt"),
            ("Square", "square"), ("Rsqrt", "rsqrt"), ("Reciprocal", "reciprocal"), ("Relu", "relu"),
            ("Relu6", "relu6"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("Softmax", "softmax"),
            ("LogSoftmax", "log_softmax"), ("Softplus", "softplus"), ("Softsign", "softsign"), ("Elu", "elu"),
            ("Selu", "selu"), ("Sign", "sign"), ("Floor", "floor"), ("Sin", "sin"), ("Cos", "cos"), ("Log1p", "log1p"),
        ] { table[name] = (operation, ["x"]) }
        return table
    }()
}
