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

    /// A value with its channels last, and what is done to it: to every frame of a video, if the examples share their axis with
    /// frames.
    private struct WindowInput {
        var feature: ONNXFeature
        /// How many frames, if the tensor has an axis of such behind the examples.
        let frames: [Int]
        /// The first axis of the value, as axes of the tensor.
        let first: [Int]

        /// The axes behind examples and frames, channels last.
        var extents: [Int] { Array(feature.extents.dropFirst(1 + frames.count)) }
        var spatial: [Int] { Array(extents.dropLast()) }
        var channels: Int { feature.extents[feature.extents.count - 1] }

        /// The axes as ONNX has them.
        var channelsFirst: [[Int]] {
            [first, [feature.extents.count - 1]] + spatial.indices.map { [1 + frames.count + $0] }
        }
    }

    private mutating func input(_ call: ONNXNodeCall) throws -> WindowInput {
        var x = try call.feature()
        guard x.rank >= 3, x.rank <= 4, let examples = x.axes[0].firstIndex(of: 0) else {
            throw ONNXRefusal("reads a value of \(x.rank) axes; expected examples, channels, and one or two others")
        }
        for axis in 1..<x.rank { x = try isolated(x, axis) }
        let factors = x.axes[0].filter { $0 != 0 }
        guard factors.isEmpty || examples == 0 || examples == factors.count else {
            throw ONNXRefusal("reads examples in the midst of an axis")
        }
        let last = (Array(2..<x.rank) + [1]).map { x.axes[$0] }
        let frames = factors.isEmpty ? [] : [factors.reduce(1) { $0 * x.extents[$1] }]
        x = try regroup(x, [[0]] + (factors.isEmpty ? [] : [factors]) + last)
        return WindowInput(feature: x, frames: frames, first: factors.isEmpty ? [0] : examples == 0 ? [0, 1] : [1, 0])
    }

    /// Adds a layer over an input, or over every frame.
    private mutating func over(
        _ input: WindowInput, _ className: String, _ options: JSON.Object, extents: [Int],
        weights: [(String, ONNXConstant)] = []
    ) throws -> WindowInput {
        var input = input, options = options, name = className
        if !input.frames.isEmpty {
            options["name"] = "frame"
            options = ["layer": ["class_name": .string(className), "config": .object(options)]]
            name = "TimeDistributed"
        }
        input.feature = try layer(name, options, input.feature, extents: input.frames + extents, weights: weights)
        return input
    }

    /// Puts cells around the axes before that of the channels.
    private mutating func padded(_ x: WindowInput, _ window: Window, with fill: Float) throws -> WindowInput {
        let extents = x.spatial.indices.map { x.spatial[$0] + window.before[$0] + window.after[$0] }
        let pairs = zip(window.before, window.after).map { Self.list([$0, $1]) }
        let shape = extents + [x.channels]
        if fill == 0 {
            let padding = pairs.count == 1 ? pairs[0] : .array(pairs)
            return try over(x, "ZeroPadding\(pairs.count)D", ["padding": padding], extents: shape)
        }
        let none: [JSON] = Array(repeating: [0, 0], count: 1 + x.frames.count)
        var result = x
        result.feature = try layer(
            "ops.pad",
            [
                "pad_width": .array(none + pairs + [[0, 0]]), "mode": "constant",
                "constant_values": Self.number(fill),
            ], x.feature, extents: x.frames + shape)
        return result
    }

    // MARK: - Convolutions

    private mutating func convolution(_ call: ONNXNodeCall) throws -> ONNXFeature {
        let kernel = try call.requiredConstant(1), groups = try call.whole("group", default: 1)
        var x = try input(call)
        let channels = x.channels, count = x.spatial.count
        guard kernel.shape.count == count + 2, groups > 0, kernel.shape[1] * groups == channels,
            kernel.shape[0] % groups == 0, kernel.count > 0
        else { throw ONNXRefusal("has a kernel \(kernel.shape) in \(groups) groups for \(channels) channels") }
        let window = try Window(call, size: Array(kernel.shape[2...]), over: x.spatial)
        let isSame = !window.isUnpadded && window.isSame(over: x.spatial)
        if !window.isUnpadded && !isSame { x = try padded(x, window, with: 0) }
        let filters = kernel.shape[0]
        var options: JSON.Object = [
            "kernel_size": Self.list(window.size), "strides": Self.list(window.strides),
            "dilation_rate": Self.list(window.dilation), "padding": isSame ? "same" : "valid",
        ]
        // (filters, channels of a group, …) to (…, channels of a group, filters)
        let order = Array(2..<(count + 2))
        var weights: [(String, ONNXConstant)], className = "Conv\(count)D"
        if groups > 1, groups == channels, Set(window.strides).count == 1 {
            let multiplier = filters / channels, shape = window.size + [channels, multiplier]
            className = "DepthwiseConv\(count)D"
            options["depth_multiplier"] = .integer(multiplier)
            weights = [("depthwise_kernel", try kernel.transposed(order + [0, 1]).reshaped(shape))]
        } else {
            options["filters"] = .integer(filters)
            options["groups"] = .integer(groups)
            weights = [("kernel", kernel.transposed(order + [1, 0]))]
        }
        let bias = try call.constant(2)
        options["use_bias"] = .bool(bias != nil)
        if let bias { weights.append(("bias", bias)) }
        x = try over(x, className, options, extents: window.outputs + [filters], weights: weights)
        x.feature.axes = x.channelsFirst
        return x.feature
    }

    // MARK: - Pools

    private mutating func pool(_ call: ONNXNodeCall, _ className: String) throws -> ONNXFeature {
        guard call.node.outputs.count == 1 else { throw ONNXRefusal("gives places, too, which is not read") }
        var x = try input(call)
        let spatial = x.spatial, window = try Window(call, size: call.wholes("kernel_shape") ?? [], over: spatial)
        guard window.dilation.allSatisfy({ $0 == 1 }) else { throw ONNXRefusal("has dilations \(window.dilation)") }
        let isSame = window.isUnpadded || window.isSame(over: spatial), isMean = className == "AveragePooling"
        let countsPadding = try call.whole("count_include_pad", default: 0) == 1
        // Keras leaves padding out of a mean.
        let needsPadding = !window.isUnpadded && (!isSame || (isMean && countsPadding))
        if needsPadding { x = try padded(x, window, with: isMean ? 0 : -.greatestFiniteMagnitude) }
        let extents = window.outputs + [x.channels]
        x = try over(
            x, "\(className)\(window.axisCount)D",
            [
                "pool_size": Self.list(window.size), "strides": Self.list(window.strides),
                "padding": window.isUnpadded || needsPadding ? "valid" : "same",
            ], extents: extents)
        if needsPadding, isMean {
            let shares = Self.shares(window, spatial, countsPadding ? try call.wholes("pads") : nil)
            if shares.contains(where: { $0 != 1 }) {
                let factor = ONNXConstant(window.outputs + [1]) { shares }
                x.feature = try layer(
                    "ops.multiply", ["x2": Self.json(factor)], x.feature, extents: x.frames + extents)
            }
        }
        x.feature.axes = x.channelsFirst
        return x.feature
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
        let input = try input(call), count = input.spatial.count
        let result = try over(input, "\(className)\(count)D", [:], extents: [input.channels])
        var feature = result.feature
        feature.axes = [input.first, [feature.extents.count - 1]] + Array(repeating: [], count: count)
        return feature
    }
}
