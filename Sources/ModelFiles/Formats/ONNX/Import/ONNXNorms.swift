// Normalizations, softmax, and reductions of axes.

extension ONNXImport {
    static let normalizations: [String: Operator] = [
        "BatchNormalization": { [.feature(try $0.batchNormalization($1))] },
        "InstanceNormalization": { [.feature(try $0.groupNormalization($1, groups: nil))] },
        "GroupNormalization": { [.feature(try $0.groupNormalization($1, groups: $1.whole("num_groups")))] },
        "LayerNormalization": { [.feature(try $0.layerNormalization($1))] },
        "Softmax": { [.feature(try $0.softmax($1, "softmax"))] },
        "LogSoftmax": { [.feature(try $0.softmax($1, "log_softmax"))] },
    ]

    static let reductions: [String: Operator] = [
        "ReduceMean": { [.feature(try $0.reduce($1, "ops.mean"))] },
        "ReduceSum": { [.feature(try $0.reduce($1, "ops.sum"))] },
        "ReduceMax": { [.feature(try $0.reduce($1, "ops.max"))] },
        "ReduceMin": { [.feature(try $0.reduce($1, "ops.min"))] },
        "ReduceLogSumExp": { [.feature(try $0.reduce($1, "ops.logsumexp"))] },
        "ReduceL2": { [.feature(try $0.reduce($1, "ops.norm"))] },
        "ReduceSumSquare": { import_, call in
            let squares = try import_.map("ops.square", call.feature())
            return [.feature(try import_.reduce(call, "ops.sum", of: squares))]
        },
    ]

    /// A value whose channels, behind the examples, are the last axis of its tensor.
    private mutating func channelsLast(_ x: ONNXFeature) throws -> ONNXFeature {
        guard x.rank >= 2, x.axes[0] == [0] else {
            throw ONNXRefusal("reads a value of \(x.rank) axes without channels")
        }
        return try ordered(x, [1])
    }

    private func vector(_ call: ONNXNodeCall, _ position: Int, _ count: Int) throws -> ONNXConstant {
        let constant = try call.requiredConstant(position)
        guard constant.count == count else {
            throw ONNXRefusal("has \(constant.count) numbers as input \(position + 1) for \(count) channels")
        }
        return try constant.reshaped([count])
    }

    private mutating func batchNormalization(_ call: ONNXNodeCall) throws -> ONNXFeature {
        try call.require("training_mode", 0)
        let given = try call.feature()
        guard given.rank >= 2 else { throw ONNXRefusal("reads a value of \(given.rank) axes without channels") }
        let x = try ordered(given, [1]), channels = x.extents[x.extents.count - 1]
        let names = ["gamma", "beta", "moving_mean", "moving_variance"]
        let weights = try names.enumerated().map { ($1, try vector(call, $0 + 1, channels)) }
        var result = try layer(
            "BatchNormalization", ["epsilon": Self.number(call.real("epsilon", default: 1e-5))], x,
            extents: Array(x.extents.dropFirst()), weights: weights)
        result.axes = x.axes
        return result
    }

    /// - Parameter groups: Nil for a group of each channel.
    private mutating func groupNormalization(_ call: ONNXNodeCall, groups: Int?) throws -> ONNXFeature {
        var x = try channelsLast(call.feature())
        let channels = x.extents[x.extents.count - 1], groups = groups ?? channels
        guard groups > 0, channels % groups == 0 else {
            throw ONNXRefusal("has \(groups) groups of \(channels) channels")
        }
        func factors(_ position: Int) throws -> ONNXConstant {
            let given = try call.requiredConstant(position)
            // Up to opset 20 one number for a group.
            guard given.count == groups, groups != channels else { return try vector(call, position, channels) }
            return try given.reshaped([groups, 1]).expanded([groups, channels / groups]).reshaped([channels])
        }
        if x.extents.count == 2 { x = try regroup(x, [[0], [], [1]]) }
        var result = try layer(
            "GroupNormalization",
            ["groups": .integer(groups), "epsilon": Self.number(call.real("epsilon", default: 1e-5))], x,
            extents: Array(x.extents.dropFirst()), weights: [("gamma", factors(1)), ("beta", factors(2))])
        result.axes = x.axes
        return result
    }

    private mutating func layerNormalization(_ call: ONNXNodeCall) throws -> ONNXFeature {
        guard call.node.outputs.dropFirst().allSatisfy(\.isEmpty) else {
            throw ONNXRefusal("gives means, too, which is not read")
        }
        var x = try call.feature()
        let axis = try x.place(call.whole("axis", default: -1)), rest = Array(x.shape[axis...])
        x.axes = x.axes[..<axis] + [Array(x.axes[axis...].joined())]
        x = try ordered(x, [axis])
        let count = x.extents[x.extents.count - 1], bias = try call.constant(2) != nil
        var weights = [("gamma", try vector(call, 1, count))]
        if bias { weights.append(("beta", try vector(call, 2, count))) }
        var result = try layer(
            "LayerNormalization",
            ["epsilon": Self.number(call.real("epsilon", default: 1e-5)), "center": .bool(bias)], x,
            extents: Array(x.extents.dropFirst()), weights: weights)
        result.axes = x.axes
        return rest.count == 1 ? result : try reshaped(result, result.shape.dropLast() + rest)
    }

    private mutating func softmax(_ call: ONNXNodeCall, _ activation: String) throws -> ONNXFeature {
        var x = try call.feature()
        // Up to opset 12 all axes from this one on.
        let isOld = call.opset < 13, axis = try x.place(call.whole("axis", default: isOld ? 1 : -1))
        let rest = Array(x.shape[axis...])
        if isOld { x.axes = x.axes[..<axis] + [Array(x.axes[axis...].joined())] }
        x = try ordered(x, [axis])
        let result = try map("Activation", x, ["activation": .string(activation)])
        return isOld && rest.count > 1 ? try reshaped(result, result.shape.dropLast() + rest) : result
    }

    private mutating func reduce(
        _ call: ONNXNodeCall, _ className: String, of given: ONNXFeature? = nil
    ) throws -> ONNXFeature {
        let x = try given ?? call.feature(), keeps = try call.whole("keepdims", default: 1) == 1
        guard let axes = try call.wholes("axes", orInput: 1), !axes.isEmpty else {
            if try call.whole("noop_with_empty_axes", default: 0) == 1 { return x }
            throw ONNXRefusal("is over all axes, those of the examples included")
        }
        let places = Set(try axes.map { try x.place($0) })
        let factors = places.flatMap { x.axes[$0] }.sorted()
        guard !factors.contains(0) else { throw ONNXRefusal("is over the examples, which stay by themselves") }
        func remaining(_ result: [Int: Int]) -> [[Int]] {
            x.axes.enumerated().compactMap { axis, own in
                guard places.contains(axis) else { return own.compactMap { result[$0] } }
                return keeps ? [] : nil
            }
        }
        guard !factors.isEmpty else {
            var same = x
            same.axes = remaining(Dictionary(uniqueKeysWithValues: x.extents.indices.map { ($0, $0) }))
            return same
        }
        var kept = x.extents.indices.filter { !factors.contains($0) }, options: JSON.Object = [:]
        options["axis"] = .array(factors.map { .integer($0) })
        if kept.count == 1 {
            // Something must be left for an example.
            options["keepdims"] = true
            var result = try layer(className, options, x, extents: x.extents.dropFirst().map { _ in 1 })
            result.axes = remaining([0: 0])
            return result
        }
        var result = try layer(className, options, x, extents: kept.dropFirst().map { x.extents[$0] })
        kept = Array(kept)
        result.axes = remaining(Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) }))
        return result
    }
}
