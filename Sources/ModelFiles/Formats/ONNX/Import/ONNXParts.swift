// Operators that take some of the numbers along an axis.

extension ONNXImport {
    static let selections: [String: Operator] = [
        "Slice": { [.feature(try $0.slice($1))] },
        "Split": { try $0.split($1) },
        "Gather": { [.feature(try $0.gather($1))] },
        "Concat": { [try $0.concatenate($1)] },
        "Pad": { [.feature(try $0.pad($1))] },
    ]

    /// Places `start`, `start + step`, … of an axis, as many as `count`.
    private mutating func part(
        _ x: ONNXFeature, _ axis: Int, _ start: Int, count: Int, step: Int = 1
    ) throws -> ONNXFeature {
        let x = try isolated(x, axis), place = x.axes[axis][0]
        guard count > 0 else { throw ONNXRefusal("takes nothing of an axis") }
        let end = start + step * count
        func slice(_ start: Int?, _ stop: Int?, _ step: Int?) -> JSON {
            let words = [start, stop, step].map { $0.map { JSON.integer($0) } ?? .null }
            return ["class_name": "__slice__", "config": ["start": words[0], "stop": words[1], "step": words[2]]]
        }
        let key = (0..<place).map { _ in slice(nil, nil, nil) } + [slice(start, end < 0 ? nil : end, step)]
        var extents = x.extents
        extents[place] = count
        var result = try layer("ops.get_item", ["key": .array(key)], x, extents: Array(extents.dropFirst()))
        result.axes = x.axes
        return result
    }

    private mutating func slice(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        func list(_ name: String, _ position: Int) throws -> [ONNXExtent]? {
            try call.wholes(name)?.map { ONNXExtent($0) } ?? call.constant(position)?.extents()
        }
        let starts = try list("starts", 1) ?? [], ends = try list("ends", 2) ?? []
        let axes = try list("axes", 3)?.map(\.count) ?? Array(starts.indices)
        let steps = try list("steps", 4)?.map(\.count) ?? starts.map { _ in 1 }
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
            throw ONNXRefusal("has \(starts.count) starts, \(ends.count) ends and \(axes.count) axes")
        }
        for index in starts.indices {
            let axis = try x.place(axes[index]), extent = x.shape[axis]
            if extent.isPerExample {
                guard starts[index] == ONNXExtent(0), steps[index] == 1,
                    ends[index] == extent || ends[index].count >= Int(Int32.max)
                else { throw ONNXRefusal("takes some of the examples, which stay together") }
                continue
            }
            guard !starts[index].isPerExample, !ends[index].isPerExample else {
                throw ONNXRefusal("takes as many as there are examples")
            }
            let range = try SliceRange(starts[index].count, ends[index].count, steps[index], of: extent.count)
            if range.start != 0 || range.count != extent.count || range.step != 1 {
                x = try part(x, axis, range.start, count: range.count, step: range.step)
            }
        }
        return x
    }

    private mutating func split(_ call: ONNXNodeCall) throws -> [Term] {
        let x = try call.feature(), axis = try x.place(call.whole("axis", default: 0)), extent = x.shape[axis].count
        let parts = call.node.outputs.count, width = (extent + parts - 1) / max(parts, 1)
        let sizes =
            try call.wholes("split", orInput: 1)
            ?? (0..<parts).map { max(0, min(width, extent - $0 * width)) }
        guard sizes.count == parts, sizes.allSatisfy({ $0 >= 0 && $0 <= extent }), sizes.reduce(0, +) == extent else {
            throw ONNXRefusal("splits an axis of \(extent) into \(sizes)")
        }
        var start = 0, terms: [Term] = []
        for (size, name) in zip(sizes, call.node.outputs) {
            // A part that nobody reads is none.
            terms.append(
                isRead(name) ? .feature(try part(x, axis, start, count: size)) : .constant(ONNXConstant([0], whole: []))
            )
            start += size
        }
        return terms
    }

    private mutating func gather(_ call: ONNXNodeCall) throws -> ONNXFeature {
        if case .constant(let table)? = call.terms.first ?? nil { return try rows(of: table, call) }
        var x = try call.feature()
        let axis = try x.place(call.whole("axis", default: 0)), places = try call.requiredConstant(1)
        x = try isolated(x, axis)
        let place = x.axes[axis][0], extent = x.extents[place]
        let indices = try places.wholes().map { $0 < 0 ? $0 + extent : $0 }
        guard !indices.isEmpty, indices.allSatisfy({ (0..<extent).contains($0) }) else {
            throw ONNXRefusal("takes places of an axis of \(extent) that it does not have")
        }
        if places.shape.isEmpty || places.count == 1 {
            var result = try part(x, axis, indices[0], count: 1)
            result.axes.replaceSubrange(axis...axis, with: places.shape.map { _ in [] })
            return result
        }
        var extents = x.extents
        extents[place] = indices.count
        var result = try layer(
            "ops.take", ["indices": .array(indices.map { .integer($0) }), "axis": .integer(place)], x,
            extents: Array(extents.dropFirst()))
        result.axes = x.axes
        guard places.shape.count > 1 else { return result }
        let shape = result.shape
        return try reshaped(result, shape[..<axis] + places.shape.map { ONNXExtent($0) } + shape[(axis + 1)...])
    }

    /// Rows of a table by their numbers: an embedding.
    private mutating func rows(of table: ONNXConstant, _ call: ONNXNodeCall) throws -> ONNXFeature {
        let x = try call.feature(1)
        guard table.shape.count == 2, try axisPlace(call.whole("axis", default: 0), 2) == 0, !table.isWhole else {
            throw ONNXRefusal("takes places of a constant \(table.shape); rows of a table are read")
        }
        var result = try layer(
            "Embedding", ["input_dim": .integer(table.shape[0]), "output_dim": .integer(table.shape[1])], x,
            extents: x.extents.dropFirst() + [table.shape[1]], weights: [("embeddings", table)])
        result.axes = x.axes + [[x.extents.count]]
        return result
    }
}

/// What a slice of an axis takes, as NumPy and ONNX mean it.
struct SliceRange {
    let start, count, step: Int

    init(_ start: Int, _ end: Int, _ step: Int, of extent: Int) throws(ONNXRefusal) {
        guard step != 0, abs(step.clamped) == abs(step) else { throw ONNXRefusal("has a step of \(step)") }
        func place(_ place: Int, _ lowest: Int, _ highest: Int) -> Int {
            min(max(place < 0 ? place.clamped + extent : place, lowest), highest)
        }
        let isForwards = step > 0
        let first = isForwards ? place(start, 0, extent) : place(start, -1, extent - 1)
        let last = isForwards ? place(end, 0, extent) : place(end, -1, extent - 1)
        let distance = isForwards ? last - first : first - last
        (self.start, self.step) = (first, step)
        count = max(0, (distance + abs(step) - 1) / abs(step))
    }
}

extension Int {
    /// Within ±2³², so that sums with it do not overflow.
    fileprivate var clamped: Int { Swift.min(Swift.max(self, -1 << 32), 1 << 32) }
}
