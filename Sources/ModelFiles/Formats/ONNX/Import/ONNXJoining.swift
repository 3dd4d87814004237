// Operators that put values side by side, or zeros around them.

extension ONNXImport {
    mutating func concatenate(_ call: ONNXNodeCall) throws -> Term {
        let features = call.given.compactMap { if case .feature(let feature) = $0 { feature } else { nil } }
        guard let first = features.first else { throw ONNXRefusal("has no input") }
        let axis = try first.place(call.whole("axis"))
        guard features.allSatisfy({ $0.rank == first.rank && !$0.shape[axis].isPerExample }) else {
            throw ONNXRefusal("joins values of different axes, or along the examples")
        }
        var single: [ONNXFeature] = []
        for feature in features { single.append(try isolated(feature, axis)) }
        var parts: [ONNXFeature] = []
        for feature in try aligned(single, but: axis) {
            var feature = feature
            // All are 1 long: the axis is put in at the same place of each.
            if feature.axes[axis].isEmpty { feature = try isolated(feature, axis) }
            parts.append(feature)
        }
        let place = parts[0].axes[axis][0]
        var result = parts[0]
        if features.count < call.given.count {
            (parts, result) = (try widened(parts, place, call, axis), result)
        }
        if parts.count > 1 {
            var extents = parts[0].extents
            for other in parts.dropFirst() {
                for index in extents.indices where index != place {
                    extents[index] = max(extents[index], other.extents[index])
                }
            }
            extents[place] = parts.reduce(0) { $0 + $1.extents[place] }
            result = try layer("ops.concatenate", ["axis": .integer(place)], parts, extents: Array(extents.dropFirst()))
            result.axes = parts[0].axes
        } else {
            result = parts[0]
        }
        guard features.count < call.given.count else { return .feature(result) }
        return try binary("ops.add", [.feature(result), .constant(constants(call.given, axis, features))])
    }

    /// Room of zeros where constants stand among values.
    private mutating func widened(
        _ parts: [ONNXFeature], _ place: Int, _ call: ONNXNodeCall, _ axis: Int
    ) throws -> [ONNXFeature] {
        var result: [ONNXFeature] = [], next = 0, before = 0
        func length(_ term: Term) throws -> Int? {
            guard case .constant(let constant) = term else { return nil }
            guard constant.shape.count == parts[0].rank else { throw ONNXRefusal("joins values of different axes") }
            return constant.shape[axis]
        }
        let lengths = try call.given.map(length)
        for (index, known) in lengths.enumerated() {
            if let known {
                before += known
                continue
            }
            let isLast = next == parts.count - 1
            let after = isLast ? lengths[(index + 1)...].reduce(0) { $0 + ($1 ?? 0) } : 0
            var extents = parts[next].extents
            extents[place] += before + after
            let pads = extents.indices.map { JSON.array($0 == place ? [.integer(before), .integer(after)] : [0, 0]) }
            var wide = try layer(
                "ops.pad", ["pad_width": .array(pads), "mode": "constant", "constant_values": 0.0], parts[next],
                extents: Array(extents.dropFirst()))
            wide.axes = parts[next].axes
            result.append(wide)
            (before, next) = (0, next + 1)
        }
        return result
    }

    /// The constants among values, and zeros where the values are.
    private func constants(_ terms: [Term], _ axis: Int, _ features: [ONNXFeature]) throws -> ONNXConstant {
        var shape = features[0].shape.map { $0.isPerExample ? 1 : $0.count }
        let parts = try terms.map { term -> ONNXConstant in
            switch term {
            case .constant(let constant):
                shape[axis] = constant.shape[axis]
                guard !constant.isWhole else { throw ONNXRefusal("joins whole numbers with others") }
                return try constant.expanded(shape)
            case .feature(let feature):
                shape[axis] = feature.shape[axis].count
                let count = try ONNXConstant.checked(shape).reduce(1, *)
                return ONNXConstant(shape) { [Float](repeating: 0, count: count) }
            }
        }
        return try ONNXConstant.joined(parts, axis: axis)
    }

    mutating func pad(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        let mode = try call.text("mode", default: "constant"), pads = try call.wholes("pads", orInput: 1) ?? []
        let axes = try call.constant(3)?.wholes() ?? Array(0..<x.rank)
        var fill = try call.real("value", default: 0)
        if let value = try call.constant(2) {
            guard value.count == 1 else { throw ONNXRefusal("fills with \(value.count) numbers") }
            fill = try value.reals()[0]
        }
        guard pads.count == 2 * axes.count, pads.allSatisfy({ (0...LayerSettings.largestInteger).contains($0) }),
            ["constant", "reflect"].contains(mode), fill.isFinite
        else {
            throw ONNXRefusal("has pads \(pads) and mode '\(mode)'; constant and reflect are read, and nothing cut off")
        }
        let places = try axes.map { try x.place($0) }
        let wanted = zip(places, axes.indices).filter { pads[$1] + pads[$1 + axes.count] > 0 }
        guard !wanted.isEmpty else { return x }
        for (axis, _) in wanted { x = try isolated(x, axis) }
        var widths = x.extents.map { _ in [0, 0] }, extents = x.extents
        for (axis, index) in wanted {
            let place = x.axes[axis][0], width = [pads[index], pads[index + axes.count]]
            guard mode == "constant" || (width.max() ?? 0) < extents[place] else {
                throw ONNXRefusal("reflects more cells than there are")
            }
            widths[place] = width
            extents[place] += width[0] + width[1]
        }
        let pairs = widths.map { JSON.array($0.map { .integer($0) }) }
        var options: JSON.Object = ["pad_width": .array(pairs), "mode": .string(mode)]
        if mode == "constant" { options["constant_values"] = Self.number(fill) }
        var result = try layer("ops.pad", options, x, extents: Array(extents.dropFirst()))
        result.axes = x.axes
        return result
    }
}
