// Convolutions and pools: what moves over one or two axes behind those of examples and channels.

extension ONNXImport {
    static let convolutions: [String: Operator] = [
        "Conv": { [.feature(try $0.convolution($1))] },
        "MaxPool": { [.feature(try $0.pool($1, "MaxPooling"))] },
        "AveragePool": { [.feature(try $0.pool($1, "AveragePooling"))] },
        "GlobalAveragePool": { [.feature(try $0.globalPool($1, "GlobalAveragePooling"))] },
        "GlobalMaxPool": { [.feature(try $0.globalPool($1, "GlobalMaxPooling"))] },
    ]

    /// How a kernel or pool moves, axis by axis.
    private struct Window {
        let size, strides, dilation: [Int]
        /// Cells before and after each axis.
        var before, after: [Int]
        let outputs: [Int]

        var axisCount: Int { size.count }
        var isUnpadded: Bool { (before + after).allSatisfy { $0 == 0 } }

        /// - Parameter extents: Those of the axes it moves over.
        init(_ call: ONNXNodeCall, size: [Int], over extents: [Int]) throws {
            let count = extents.count, limit = 1...LayerSettings.largestInteger
            func list(_ name: String) throws -> [Int] {
                let list = try call.wholes(name) ?? Array(repeating: 1, count: count)
                guard list.count == count, list.allSatisfy(limit.contains) else {
                    throw ONNXRefusal("has \(name) \(list) for \(count) axes")
                }
                return list
            }
            guard (1...2).contains(count), size.count == count, size.allSatisfy(limit.contains) else {
                throw ONNXRefusal("moves over \(count) axes with a window of \(size); one and two axes are read")
            }
            self.size = size
            (strides, dilation) = (try list("strides"), try list("dilations"))
            let wide = zip(size, dilation).map { ($0 - 1) * $1 + 1 }
            let word = try call.text("auto_pad", default: "NOTSET")
            var pads = try call.wholes("pads") ?? Array(repeating: 0, count: 2 * count)
            switch word {
            case "NOTSET", "": break
            case "VALID": pads = Array(repeating: 0, count: 2 * count)
            case "SAME_UPPER", "SAME_LOWER":
                let all = Self.samePadding(extents, wide, strides)
                let small = all.map { $0 / 2 }, large = zip(all, small).map { $0 - $1 }
                pads = word == "SAME_UPPER" ? small + large : large + small
            default: throw ONNXRefusal("has auto_pad '\(word)'")
            }
            guard pads.count == 2 * count, pads.allSatisfy({ (0...LayerSettings.largestInteger).contains($0) }) else {
                throw ONNXRefusal("has pads \(pads) for \(count) axes")
            }
            (before, after) = (Array(pads[..<count]), Array(pads[count...]))
            let roundsUp = try call.whole("ceil_mode", default: 0) == 1
            var outputs: [Int] = []
            for axis in 0..<count {
                let room = extents[axis] + before[axis] + after[axis] - wide[axis]
                guard room >= 0 else {
                    throw ONNXRefusal("has a window of \(wide[axis]) over an axis of \(extents[axis])")
                }
                var output = room / strides[axis] + 1
                if roundsUp, room % strides[axis] > 0, output * strides[axis] < extents[axis] + before[axis] {
                    // The last window is one that begins inside, and ends in more padding.
                    after[axis] += strides[axis] - room % strides[axis]
                    output += 1
                }
                outputs.append(output)
            }
            self.outputs = outputs
        }

        /// The cells that Keras's padding 'same' adds to each axis.
        private static func samePadding(_ extents: [Int], _ wide: [Int], _ strides: [Int]) -> [Int] {
            extents.indices.map { axis in
                let outputs = (extents[axis] + strides[axis] - 1) / strides[axis]
                return max((outputs - 1) * strides[axis] + wide[axis] - extents[axis], 0)
            }
        }

        /// Whether it pads as Keras's 'same' does.
        func isSame(over extents: [Int]) -> Bool {
            let wide = zip(size, dilation).map { ($0 - 1) * $1 + 1 }
            let all = Self.samePadding(extents, wide, strides), small = all.map { $0 / 2 }
            return before == small && after == zip(all, small).map { $0 - $1 }
        }
    }

    private static func list(_ numbers: [Int]) -> JSON { .array(numbers.map { .integer($0) }) }

    /// A value with its channels last, in a tensor of just its axes.
    private mutating func channelsLast(_ x: ONNXFeature) throws -> ONNXFeature {
        guard x.rank >= 3, x.rank <= 4, x.axes[0] == [0] else {
            throw ONNXRefusal("reads a value of \(x.rank) axes; expected examples, channels, and one or two others")
        }
        return try ordered(x, Array(2..<x.rank) + [1], isAll: true)
    }

    /// Axes of a tensor with channels last, as ONNX has them.
    private static func channelsFirst(_ rank: Int) -> [[Int]] { [[0], [rank - 1]] + (1..<(rank - 1)).map { [$0] } }

    /// Puts cells around the axes before that of the channels.
    private mutating func padded(_ x: ONNXFeature, _ window: Window, with fill: Float) throws -> ONNXFeature {
        let extents = window.outputs.indices.map { x.extents[$0 + 1] + window.before[$0] + window.after[$0] }
        let pairs = zip(window.before, window.after).map { Self.list([$0, $1]) }
        let shape = extents + [x.extents[x.extents.count - 1]]
        if fill == 0 {
            let padding = pairs.count == 1 ? pairs[0] : .array(pairs)
            return try layer("ZeroPadding\(pairs.count)D", ["padding": padding], x, extents: shape)
        }
        return try layer(
            "ops.pad",
            [
                "pad_width": .array([[0, 0]] + pairs + [[0, 0]]), "mode": "constant",
                "constant_values": Self.number(fill),
            ], x, extents: shape)
    }

    // MARK: - Convolutions

    private mutating func convolution(_ call: ONNXNodeCall) throws -> ONNXFeature {
        let kernel = try call.requiredConstant(1), groups = try call.whole("group", default: 1)
        var x = try channelsLast(call.feature())
        let spatial = Array(x.extents.dropFirst().dropLast()), channels = x.extents[x.extents.count - 1]
        guard kernel.shape.count == x.rank, groups > 0, kernel.shape[1] * groups == channels,
            kernel.shape[0] % groups == 0, kernel.count > 0
        else { throw ONNXRefusal("has a kernel \(kernel.shape) in \(groups) groups for \(channels) channels") }
        let window = try Window(call, size: Array(kernel.shape[2...]), over: spatial)
        let isSame = !window.isUnpadded && window.isSame(over: spatial)
        if !window.isUnpadded && !isSame { x = try padded(x, window, with: 0) }
        let filters = kernel.shape[0], count = window.axisCount
        var options: JSON.Object = [
            "kernel_size": Self.list(window.size), "strides": Self.list(window.strides),
            "dilation_rate": Self.list(window.dilation), "padding": isSame ? "same" : "valid",
        ]
        // (filters, channels of a group, …) to (…, channels of a group, filters)
        let order = Array(2..<(count + 2))
        var weights: [(String, ONNXConstant)], className = "Conv\(count)D"
        if groups > 1, groups == channels, Set(window.strides).count == 1 {
            let multiplier = filters / channels
            className = "DepthwiseConv\(count)D"
            options["depth_multiplier"] = .integer(multiplier)
            weights = [
                (
                    "depthwise_kernel",
                    try kernel.transposed(order + [0, 1]).reshaped(window.size + [channels, multiplier])
                )
            ]
        } else {
            options["filters"] = .integer(filters)
            options["groups"] = .integer(groups)
            weights = [("kernel", kernel.transposed(order + [1, 0]))]
        }
        let bias = try call.constant(2)
        options["use_bias"] = .bool(bias != nil)
        if let bias { weights.append(("bias", bias)) }
        var result = try layer(className, options, x, extents: window.outputs + [filters], weights: weights)
        result.axes = Self.channelsFirst(count + 2)
        return result
    }

    // MARK: - Pools

    private mutating func pool(_ call: ONNXNodeCall, _ className: String) throws -> ONNXFeature {
        guard call.node.outputs.count == 1 else { throw ONNXRefusal("gives places, too, which is not read") }
        var x = try channelsLast(call.feature())
        let spatial = Array(x.extents.dropFirst().dropLast()), channels = x.extents[x.extents.count - 1]
        let window = try Window(call, size: call.wholes("kernel_shape") ?? [], over: spatial)
        guard window.dilation.allSatisfy({ $0 == 1 }) else { throw ONNXRefusal("has dilations \(window.dilation)") }
        let isSame = window.isUnpadded || window.isSame(over: spatial), isMean = className == "AveragePooling"
        let countsPadding = try call.whole("count_include_pad", default: 0) == 1
        // Keras leaves padding out of a mean.
        let needsPadding = !window.isUnpadded && (!isSame || (isMean && countsPadding))
        if needsPadding { x = try padded(x, window, with: isMean ? 0 : -.greatestFiniteMagnitude) }
        var result = try layer(
            "\(className)\(window.axisCount)D",
            [
                "pool_size": Self.list(window.size), "strides": Self.list(window.strides),
                "padding": window.isUnpadded || needsPadding ? "valid" : "same",
            ], x, extents: window.outputs + [channels])
        if needsPadding, isMean {
            let shares = Self.shares(window, spatial, countsPadding ? try call.wholes("pads") : nil)
            if shares.contains(where: { $0 != 1 }) {
                let factor = ONNXConstant(window.outputs + [1]) { shares }
                result = try layer(
                    "ops.multiply", ["x2": Self.json(factor)], result, extents: Array(result.extents.dropFirst()))
            }
        }
        result.axes = Self.channelsFirst(window.axisCount + 2)
        return result
    }

    /// How much larger a mean over fewer cells is than one over the whole window: of cells inside, and of padding if it counts;
    /// what only rounding up has added never does.
    private static func shares(_ window: Window, _ extents: [Int], _ pads: [Int]?) -> [Float] {
        let axes = window.outputs.indices.map { axis -> [Float] in
            let low = pads.map { _ in 0 } ?? window.before[axis]
            let high =
                pads.map { window.before[axis] + extents[axis] + $0[axis + window.axisCount] }
                ?? window.before[axis] + extents[axis]
            return (0..<window.outputs[axis]).map { place in
                let start = place * window.strides[axis], end = start + window.size[axis]
                return Float(window.size[axis]) / Float(max(min(end, high) - max(start, low), 1))
            }
        }
        return axes.reduce([1]) { rows, columns in rows.flatMap { row in columns.map { row * $0 } } }
    }

    private mutating func globalPool(_ call: ONNXNodeCall, _ className: String) throws -> ONNXFeature {
        let x = try channelsLast(call.feature()), channels = x.extents[x.extents.count - 1]
        var result = try layer("\(className)\(x.rank - 2)D", [:], x, extents: [channels])
        result.axes = [[0], [1]] + Array(repeating: [], count: x.rank - 2)
        return result
    }
}
