// The operations that are known, by Keras 3's names, with those of TensorFlow.

extension KerasOperation {
    static let all: [KerasOperation] = arithmetic + conditions + functions + reductions + shapes + identities

    private static func unary(_ name: String, _ module: String, _ className: String, _ functions: String...) -> Self {
        KerasOperation(name, module, [className], functions)
    }

    private static func binary(_ name: String, _ classNames: [String], _ functions: String...) -> Self {
        KerasOperation(name, "numpy", classNames, functions, inputs: ["x1", "x2"])
    }

    private static func reduction(
        _ name: String, _ classNames: [String], _ function: String? = nil, module: String = "numpy",
        others: [(keras: String, tensorFlow: String)] = []
    ) -> Self {
        KerasOperation(
            name, module, classNames, [function ?? "math.reduce_" + name],
            options: [("axis", "axis"), ("keepdims", "keepdims")] + others)
    }

    private static let arithmetic = [
        // What Keras 2's preprocess_input of most networks has, too.
        binary("add", ["Add"], "math.add", "__operators__.add", "nn.bias_add"),
        binary("subtract", ["Subtract"], "math.subtract", "__operators__.sub"),
        binary("multiply", ["Multiply"], "math.multiply", "__operators__.mul"),
        binary("true_divide", ["TrueDivide", "Divide"], "math.truediv", "math.divide", "__operators__.truediv"),
        binary("maximum", ["Maximum"], "math.maximum"), binary("minimum", ["Minimum"], "math.minimum"),
        binary("power", ["Power"], "math.pow", "__operators__.pow"),
        KerasOperation(
            "matmul", "numpy", ["Matmul"], ["linalg.matmul"], inputs: ["x1", "x2"], others: ["b"],
            options: [("transpose_a", "transpose_a"), ("transpose_b", "transpose_b")]),
        // Keras 2 loses the inputs of its own tf.einsum when it writes a file.
        KerasOperation("einsum", "numpy", ["Einsum"], [], inputs: ["x1", "x2"], options: [("subscripts", "equation")]),
    ]

    private static let conditions =
        [
            binary("equal", ["Equal"], "math.equal"), binary("not_equal", ["NotEqual"], "math.not_equal"),
            binary("greater", ["Greater"], "math.greater"),
            binary("greater_equal", ["GreaterEqual"], "math.greater_equal"),
            binary("less", ["Less"], "math.less"), binary("less_equal", ["LessEqual"], "math.less_equal"),
            binary("logical_and", ["LogicalAnd"], "math.logical_and"),
            binary("logical_or", ["LogicalOr"], "math.logical_or"),
            unary("logical_not", "numpy", "LogicalNot", "math.logical_not"),
        ] + [
            KerasOperation(
                "where", "numpy", ["Where"], ["where"], inputs: ["condition", "x1", "x2"], others: ["x", "y"])
        ]

    private static let functions = [
        unary("negative", "numpy", "Negative", "math.negative"), unary("absolute", "numpy", "Absolute", "math.abs"),
        unary("exp", "numpy", "Exp", "math.exp"), unary("log", "numpy", "Log", "math.log"),
        unary("log1p", "numpy", "Log1p", "math.log1p"),
        unary("sqrt", "numpy", "Sqrt", "math.sqrt"), unary("square", "numpy", "Square", "math.square"),
        unary("reciprocal", "numpy", "Reciprocal", "math.reciprocal"), unary("rsqrt", "math", "Rsqrt", "math.rsqrt"),
        unary("sign", "numpy", "Sign", "math.sign"), unary("floor", "numpy", "Floor", "math.floor"),
        unary("sin", "numpy", "Sin", "math.sin"), unary("cos", "numpy", "Cos", "math.cos"),
        unary("erf", "math", "Erf", "math.erf"),
        KerasOperation(
            "clip", "numpy", ["Clip"], ["clip_by_value"],
            options: [("x_min", "clip_value_min"), ("x_max", "clip_value_max")]),
        unary("relu", "nn", "Relu", "nn.relu"), unary("relu6", "nn", "Relu6", "nn.relu6"),
        unary("sigmoid", "nn", "Sigmoid", "math.sigmoid", "nn.sigmoid"),
        unary("tanh", "numpy", "Tanh", "math.tanh", "nn.tanh"),
        unary("silu", "nn", "Silu", "nn.silu", "nn.swish"), unary("selu", "nn", "Selu", "nn.selu"),
        unary("softplus", "nn", "Softplus", "math.softplus", "nn.softplus"),
        unary("softsign", "nn", "Softsign", "nn.softsign"),
        KerasOperation("hard_sigmoid", "nn", ["HardSigmoid"], []), KerasOperation("hard_silu", "nn", ["HardSilu"], []),
        KerasOperation("elu", "nn", ["Elu"], ["nn.elu"], options: [("alpha", "alpha")]),
        KerasOperation(
            "leaky_relu", "nn", ["LeakyRelu"], ["nn.leaky_relu"], options: [("negative_slope", "alpha")]),
        KerasOperation("gelu", "nn", ["Gelu"], ["nn.gelu"], options: [("approximate", "approximate")]),
        KerasOperation("softmax", "nn", ["Softmax"], ["nn.softmax"], options: [("axis", "axis")]),
        KerasOperation("log_softmax", "nn", ["LogSoftmax"], ["nn.log_softmax"], options: [("axis", "axis")]),
        KerasOperation(
            "normalize", "nn", ["Normalize"], ["math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize"],
            options: [("axis", "axis"), ("epsilon", "epsilon"), ("order", "order")],
            // TensorFlow's epsilon is the least square of the length, Keras 3's the least length.
            from: { $0["epsilon"] = .number(($0["epsilon"]?.number ?? 1e-12).squareRoot()) },
            to: { options in
                options["epsilon"] = options["epsilon"]?.number.map { .number($0 * $0) }
                options["order"] = nil
            }),
    ]

    private static let reductions = [
        reduction("mean", ["Mean"]), reduction("sum", ["Sum"], others: [("initial", "initial")]),
        reduction("max", ["Max", "Amax"], others: [("initial", "initial")]),
        reduction("min", ["Min", "Amin"], others: [("initial", "initial")]),
        reduction("any", ["Any"]), reduction("all", ["All"]),
        reduction("logsumexp", ["Logsumexp"], module: "math"),
        reduction("var", ["Var"], "math.reduce_variance"), reduction("std", ["Std"], "math.reduce_std"),
        KerasOperation(
            "norm", "linalg", ["Norm"], ["compat.v1.norm", "norm"],
            options: [("ord", "ord"), ("axis", "axis"), ("keepdims", "keepdims")],
            from: { if $0["ord"] == "euclidean" { $0["ord"] = nil } }),
    ]

    private static let shapes = [
        KerasOperation("reshape", "numpy", ["Reshape"], ["reshape"], options: [("newshape", "shape")]),
        KerasOperation(
            "transpose", "numpy", ["Transpose"], ["compat.v1.transpose", "transpose"], options: [("axes", "perm")]),
        KerasOperation("expand_dims", "numpy", ["ExpandDims"], ["expand_dims"], options: [("axis", "axis")]),
        KerasOperation(
            "squeeze", "numpy", ["Squeeze"], ["compat.v1.squeeze", "squeeze"], options: [("axis", "axis")]),
        KerasOperation(
            "concatenate", "numpy", ["Concatenate"], ["concat"], inputs: ["xs*"], options: [("axis", "axis")]),
        KerasOperation("stack", "numpy", ["Stack"], ["stack"], inputs: ["xs*"], options: [("axis", "axis")]),
        KerasOperation(
            "unstack", "core", ["Unstack"], ["unstack"], options: [("num", "num"), ("axis", "axis")]),
        KerasOperation(
            "split", "numpy", ["Split"], ["split"],
            options: [("indices_or_sections", "num_or_size_splits"), ("axis", "axis")],
            from: { $0["indices_or_sections"] = $0["indices_or_sections"].map(SliceKey.ends) },
            to: { $0["indices_or_sections"] = $0["indices_or_sections"].map(SliceKey.sizes) }),
        KerasOperation(
            "get_item", "numpy", ["GetItem"], ["__operators__.getitem"], options: [("key", "slice_spec")],
            positional: ["key"], from: { $0["key"] = $0["key"].map(SliceKey.fromKeras2) },
            to: { $0["key"] = $0["key"].map(SliceKey.toKeras2) }),
        KerasOperation(
            "take", "numpy", ["Take"], ["compat.v1.gather", "gather"],
            options: [("indices", "indices"), ("axis", "axis"), ("batch_dims", "batch_dims")],
            positional: ["indices"], from: { if $0["batch_dims"] == 0 { $0["batch_dims"] = nil } }),
        KerasOperation("flip", "numpy", ["Flip"], ["reverse"], options: [("axis", "axis")]),
        KerasOperation(
            "roll", "numpy", ["Roll"], ["roll"], options: [("shift", "shift"), ("axis", "axis")]),
        KerasOperation(
            "repeat", "numpy", ["Repeat"], ["repeat"], options: [("repeats", "repeats"), ("axis", "axis")]),
        KerasOperation("tile", "numpy", ["Tile"], ["tile"], options: [("repeats", "multiples")]),
        KerasOperation(
            "pad", "numpy", ["Pad"], ["compat.v1.pad", "pad"],
            options: [("pad_width", "paddings"), ("mode", "mode"), ("constant_values", "constant_values")],
            named: ["constant_values"], from: { $0["mode"] = $0["mode"]?.string.map { .string($0.lowercased()) } },
            to: { $0["mode"] = $0["mode"]?.string.map { .string($0.uppercased()) } }),
        KerasOperation("swapaxes", "numpy", ["Swapaxes"], [], options: [("axis1", "axis1"), ("axis2", "axis2")]),
        KerasOperation(
            "moveaxis", "numpy", ["Moveaxis"], [], options: [("source", "source"), ("destination", "destination")]),
        KerasOperation(
            "one_hot", "nn", ["OneHot"], ["one_hot"],
            options: [("num_classes", "depth"), ("axis", "axis"), ("dtype", "dtype"), ("sparse", "sparse")]),
    ]

    private static let identities = [
        KerasOperation("cast", "core", ["Cast"], ["cast"], options: [("dtype", "dtype")]),
        KerasOperation(
            "convert_to_tensor", "core", ["ConvertToTensor"], ["convert_to_tensor"],
            options: [("dtype", "dtype"), ("sparse", "sparse"), ("ragged", "ragged")]),
        unary("copy", "numpy", "Copy", "identity"),
        unary("stop_gradient", "core", "StopGradient", "stop_gradient"),
        KerasOperation("zeros_like", "numpy", ["ZerosLike"], ["zeros_like"], options: [("dtype", "dtype")]),
        KerasOperation("ones_like", "numpy", ["OnesLike"], ["ones_like"], options: [("dtype", "dtype")]),
    ]
}

/// What stands in brackets behind a tensor: `x[:, -1, ..., None, ::2]`.
struct SliceKey {
    enum Entry {
        case slice(start: Int?, stop: Int?, step: Int)
        case index(Int)
        case newAxis
        case ellipsis
    }

    let entries: [Entry]

    /// Reads the words of either version; nil for what has no fixed place, such as a list of places.
    init?(_ json: JSON) {
        var entries: [Entry] = []
        let limit = LayerSettings.largestInteger
        for part in json.array ?? [json] {
            let slice = part["class_name"] == "__slice__" ? part["config"] ?? part : part
            if part.isNull {
                entries.append(.newAxis)
            } else if part == "Ellipsis" || part["class_name"] == "__ellipsis__" {
                entries.append(.ellipsis)
            } else if let index = part.integer, abs(index) <= limit {
                entries.append(.index(index))
            } else if let object = slice.object, object.keys.contains("start") {
                let bounds = ["start", "stop", "step"].map { slice[$0] ?? .null }
                let numbers = bounds.map(\.integer)
                guard zip(bounds, numbers).allSatisfy({ $0.isNull || abs($1 ?? limit + 1) <= limit }), numbers[2] != 0
                else { return nil }
                entries.append(.slice(start: numbers[0], stop: numbers[1], step: numbers[2] ?? 1))
            } else {
                return nil
            }
        }
        self.entries = entries
    }

    /// Keras 3's words for Keras 2's.
    static func fromKeras2(_ json: JSON) -> JSON {
        if json == "Ellipsis" || json["class_name"] == "__ellipsis__" {
            return ["class_name": "__ellipsis__", "config": [:]]
        }
        if json["start"] != nil { return ["class_name": "__slice__", "config": json] }
        return json.array.map { .array($0.map(fromKeras2)) } ?? json["value"].map(fromKeras2) ?? json
    }

    /// Keras 2's words for Keras 3's.
    static func toKeras2(_ json: JSON) -> JSON {
        if json["class_name"] == "__ellipsis__" { return ["class_name": "__ellipsis__"] }
        if json["class_name"] == "__slice__" { return json["config"] ?? json }
        return json.array.map { .array($0.map(toKeras2)) } ?? json
    }

    /// Where parts end, of TensorFlow's sizes of parts; a number of equal parts stays what it is.
    static func ends(_ sizes: JSON) -> JSON {
        guard let list = sizes.array else { return sizes }
        var ends: [JSON] = [], sum = 0
        for size in list.dropLast() {
            // One of the sizes may be left open; then nothing here says where the others end.
            guard let size = size.integer, (0...LayerSettings.largestInteger).contains(size) else {
                return .string("sizes \(sizes)")
            }
            sum += size
            ends.append(.integer(sum))
        }
        return .array(ends)
    }

    /// The sizes of parts that end at given places; TensorFlow finds the last one out.
    static func sizes(_ ends: JSON) -> JSON {
        guard let list = ends.array?.compactMap(\.integer) else { return ends }
        return .array(zip([0] + list, list).map { .integer($1 - $0) } + [-1])
    }
}
