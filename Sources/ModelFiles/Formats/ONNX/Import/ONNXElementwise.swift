import Foundation

// Operators that treat all numbers alike, or one number of each of two values.

extension ONNXImport {
    static let elementwise: [String: Operator] = [
        "Add": { try $0.sum($1) },
        "Sub": { [try $0.binary("ops.subtract", $1.given)] },
        "Mul": { [try $0.binary("ops.multiply", $1.given)] },
        "Div": { [try $0.binary("ops.true_divide", $1.given)] },
        "Min": { [try $0.binary("ops.minimum", $1.given)] },
        "Max": { [try $0.binary("ops.maximum", $1.given)] },
        "Sum": { [try $0.binary("ops.add", $1.given)] },
        "Mean": { import_, call in
            guard case .feature(let sum) = try import_.binary("ops.add", call.given) else {
                throw ONNXRefusal("has no input")
            }
            return [.feature(try import_.map("ops.multiply", sum, ["x2": number(1 / Float(call.given.count))]))]
        },
        "Pow": { [try $0.power($1)] },
        "Relu": function("ops.relu"), "Sigmoid": function("ops.sigmoid"), "Tanh": function("ops.tanh"),
        "Exp": function("ops.exp"), "Log": function("ops.log"), "Sqrt": function("ops.sqrt"),
        "Abs": function("ops.absolute"), "Neg": function("ops.negative"), "Reciprocal": function("ops.reciprocal"),
        "Erf": function("ops.erf"), "Sin": function("ops.sin"), "Cos": function("ops.cos"),
        "Floor": function("ops.floor"), "Sign": function("ops.sign"), "Softplus": function("ops.softplus"),
        "Softsign": function("ops.softsign"), "HardSwish": function("ops.hard_silu"),
        "Equal": { [try $0.binary("ops.equal", $1.given)] }, "Less": { [try $0.binary("ops.less", $1.given)] },
        "LessOrEqual": { [try $0.binary("ops.less_equal", $1.given)] },
        "Greater": { [try $0.binary("ops.greater", $1.given)] },
        "GreaterOrEqual": { [try $0.binary("ops.greater_equal", $1.given)] },
        "And": { [try $0.binary("ops.logical_and", $1.given)] }, "Or": { [try $0.binary("ops.logical_or", $1.given)] },
        "Not": function("ops.logical_not"), "Where": { [.feature(try $0.choice($1))] },
        "Identity": { [.feature(try $1.feature())] },
        "Dropout": { [.feature(try $1.feature())] },
        "Cast": { [.feature(try $0.cast($1))] },
        "Elu": { [.feature(try $0.map("ops.elu", $1.feature(), ["alpha": number(try $1.real("alpha", default: 1))]))] },
        "Selu": { import_, call in
            // The constants of the paper, which Keras has, too, but for the last digits.
            guard abs(try call.real("alpha", default: 1.6732632) - 1.6732632) < 1e-5,
                abs(try call.real("gamma", default: 1.0507010) - 1.0507010) < 1e-5
            else { throw ONNXRefusal("has an alpha or gamma of its own, which is not read") }
            return [.feature(try import_.map("ops.selu", call.feature()))]
        },
        "LeakyRelu": {
            let slope = number(try $1.real("alpha", default: 0.01))
            return [.feature(try $0.map("ops.leaky_relu", $1.feature(), ["negative_slope": slope]))]
        },
        "PRelu": { [try $0.parametric($1)] },
        "Clip": { [.feature(try $0.clip($1))] },
        "HardSigmoid": { import_, call in
            let alpha = number(try call.real("alpha", default: 0.2)), beta = number(try call.real("beta", default: 0.5))
            let scaled = try import_.map("ops.multiply", call.feature(), ["x2": alpha])
            let shifted = try import_.map("ops.add", scaled, ["x2": beta])
            return [.feature(try import_.map("ops.clip", shifted, ["x_min": 0, "x_max": 1]))]
        },
        "Gelu": {
            let isApproximate = try $1.text("approximate", default: "none") == "tanh"
            return [.feature(try $0.map("ops.gelu", $1.feature(), ["approximate": .bool(isApproximate)]))]
        },
        "Mish": { import_, call in
            let x = try call.feature()
            let share = try import_.map("ops.tanh", import_.map("ops.softplus", x))
            return [try import_.binary("ops.multiply", [.feature(x), .feature(share)])]
        },
    ]

    private static func function(_ className: String) -> Operator {
        { [.feature(try $0.map(className, $1.feature()))] }
    }

    static func number(_ value: Float) -> JSON { .number(Double(value)) }

    // MARK: - Two values

    private mutating func sum(_ call: ONNXNodeCall) throws -> [Term] {
        for (position, term) in call.given.enumerated() {
            // What is added to a product, and to nothing else that is made of it, is its bias.
            if call.given.count == 2, case .constant(let bias) = term, case .feature(let x) = call.given[1 - position],
                bias.shape.last == bias.count, x.axes.last == [x.extents.count - 1], x.extents.last == bias.count,
                isReadOnce(call.node.inputs[1 - position]), addBias(try bias.reshaped([bias.count]), to: x)
            {
                return [.feature(x)]
            }
        }
        return [try binary("ops.add", call.given)]
    }

    /// Combines values, the first two first.
    mutating func binary(_ className: String, _ terms: [Term]) throws -> Term {
        guard var result = terms.first else { throw ONNXRefusal("has no input") }
        for term in terms.dropFirst() { result = .feature(try binary(className, result, term)) }
        return result
    }

    private mutating func binary(_ className: String, _ first: Term, _ second: Term) throws -> ONNXFeature {
        switch (first, second) {
        case (.feature(let x), .constant(let constant)): return try combine(className, x, constant, "x2")
        case (.constant(let constant), .feature(let x)): return try combine(className, x, constant, "x1")
        case (.constant, .constant): throw ONNXRefusal("has more than two inputs, and the first are constants")
        case (.feature(let x), .feature(let y)):
            let operands = try aligned([x, y])
            let extents = zip(operands[0].extents, operands[1].extents).map { max($0, $1) }
            var result = try layer(className, [:], operands, extents: Array(extents.dropFirst()))
            result.axes = operands[0].axes
            return result
        }
    }

    private mutating func combine(
        _ className: String, _ x: ONNXFeature, _ constant: ONNXConstant, _ name: String
    ) throws -> ONNXFeature {
        // A bound that is none.
        if let bound = ["ops.minimum": Float.infinity, "ops.maximum": -Float.infinity][className], constant.count == 1,
            try constant.reals() == [bound]
        {
            return x
        }
        var (x, constant, extents) = try aligned(x, constant)
        if let last = extents.last, last != x.extents[extents.count] {
            // One number for each channel, of a value with one channel.
            let axes = x.axes
            x = try layer(
                "ops.repeat", ["repeats": .integer(last), "axis": .integer(extents.count)], x,
                extents: x.extents.dropFirst().dropLast() + [last])
            x.axes = axes
        }
        let value = try Self.json(constant)
        var result = try layer(className, [name: value], x, extents: extents)
        result.axes = x.axes
        return result
    }

    /// The most numbers of a constant that stands in the model's configuration, where JSON has them: a table of positions.
    private static let writtenLimit = 1 << 20

    /// A constant in a configuration: a number, or lists of lists.
    static func json(_ constant: ONNXConstant) throws -> JSON {
        guard constant.count > 0, constant.count <= writtenLimit else {
            throw ONNXRefusal("computes with a constant of \(constant.count) numbers; at most \(writtenLimit) are read")
        }
        let numbers = try constant.reals()
        guard numbers.allSatisfy(\.isFinite) else {
            throw ONNXRefusal("computes with a constant that is infinite or NaN")
        }
        // Of many equal ones, one is enough where the value is as long by itself.
        if constant.count == 1 { return number(numbers[0]) }
        var parts = numbers.map(number)
        for extent in constant.shape.drop(while: { $0 == 1 }).dropFirst().reversed() {
            parts = stride(from: 0, to: parts.count, by: extent).map { .array(Array(parts[$0..<($0 + extent)])) }
        }
        return .array(parts)
    }

    /// One of two values, by a condition; constants among the three.
    private mutating func choice(_ call: ONNXNodeCall) throws -> ONNXFeature {
        guard call.given.count == 3 else { throw ONNXRefusal("has \(call.given.count) inputs") }
        var features = try aligned(
            call.given.compactMap { if case .feature(let feature) = $0 { feature } else { nil } })
        var options: JSON.Object = [:]
        for (name, term) in zip(["condition", "x1", "x2"], call.given) {
            guard case .constant(let constant) = term else { continue }
            let (x, beside, extents) = try aligned(features[0], constant)
            guard x.extents == features[0].extents, extents == Array(x.extents.dropFirst()) else {
                throw ONNXRefusal("chooses between values that are shorter than a constant")
            }
            options[name] = try Self.json(beside)
        }
        let axes = features[0].axes
        let extents = features[0].extents.indices.dropFirst().map { axis in features.map { $0.extents[axis] }.max() ?? 1
        }
        features[0] = try layer("ops.where", options, features, extents: extents)
        features[0].axes = axes
        return features[0]
    }

    // MARK: - One value

    private mutating func power(_ call: ONNXNodeCall) throws -> Term {
        guard case .feature(let x)? = call.terms.first ?? nil else {
            let base = try call.requiredConstant(0)
            guard base.count == 1 else { throw ONNXRefusal("has \(base.count) bases") }
            return .feature(try map("ops.power", call.feature(1), ["x1": Self.json(base)]))
        }
        let exponent = try call.requiredConstant(1)
        guard exponent.count == 1 else { throw ONNXRefusal("has \(exponent.count) exponents; one is read") }
        return .feature(try map("ops.power", x, ["x2": Self.json(exponent)]))
    }

    private mutating func cast(_ call: ONNXNodeCall) throws -> ONNXFeature {
        let x = try call.feature(), number = try call.whole("to")
        guard let kind = ONNXTensor.Kind(rawValue: number) else { throw ONNXRefusal("makes numbers of type \(number)") }
        if kind.isReal { return x }
        return try map("ops.cast", x, ["dtype": .string(kind.word)])
    }

    /// max(x, 0) + slope · min(x, 0)
    private mutating func parametric(_ call: ONNXNodeCall) throws -> Term {
        let x = try call.feature(), slope = try call.requiredConstant(1)
        let above = try map("ops.maximum", x, ["x2": 0]), below = try map("ops.minimum", x, ["x2": 0])
        return try binary(
            "ops.add", [.feature(above), binary("ops.multiply", [.feature(below), .constant(slope)])])
    }

    private mutating func clip(_ call: ONNXNodeCall) throws -> ONNXFeature {
        func bound(_ name: String, _ position: Int) throws -> Float? {
            if let given = try call.constant(position) {
                guard given.count == 1 else { throw ONNXRefusal("has \(given.count) numbers as '\(name)'") }
                return try given.reals()[0]
            }
            guard case .real(let value)? = call.node.attributes[name] else { return nil }
            return value
        }
        // The largest numbers of float32 are no bounds.
        let (low, high) = (
            try bound("min", 1).flatMap { $0 <= -.greatestFiniteMagnitude ? nil : $0 },
            try bound("max", 2).flatMap { $0 >= .greatestFiniteMagnitude ? nil : $0 }
        )
        guard low?.isNaN != true, high?.isNaN != true else { throw ONNXRefusal("has a bound that is NaN") }
        let x = try call.feature()
        switch (low, high) {
        case (0, 6): return try map("ops.relu6", x)
        case (let low?, let high?):
            return try map("ops.clip", x, ["x_min": Self.number(low), "x_max": Self.number(high)])
        case (let low?, nil): return try map("ops.maximum", x, ["x2": Self.number(low)])
        case (nil, let high?): return try map("ops.minimum", x, ["x2": Self.number(high)])
        case (nil, nil): return x
        }
    }
}
