// Operators that give the same numbers other axes, or repeat them.

extension ONNXImport {
    static let arrangements: [String: Operator] = [
        "Transpose": { [.feature(try transposed($1))] },
        "Reshape": { [.feature(try $0.reshape($1))] },
        "Flatten": { [.feature(try flattened($1))] },
        "Squeeze": { [.feature(try squeezed($1))] },
        "Unsqueeze": { [.feature(try unsqueezed($1))] },
        "Expand": { [try $0.expand($1)] },
    ]

    private static func transposed(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        let order = try call.wholes("perm") ?? x.axes.indices.reversed()
        guard order.sorted() == Array(x.axes.indices) else { throw ONNXRefusal("has perm \(order) for \(x.rank) axes") }
        x.axes = order.map { x.axes[$0] }
        return x
    }

    private mutating func reshape(_ call: ONNXNodeCall) throws -> ONNXFeature {
        let x = try call.feature(), shape = x.shape
        let given = try call.wholes("shape").map { $0.map { ONNXExtent($0) } } ?? call.requiredConstant(1).extents()
        let target = try given.enumerated().map { axis, extent in
            guard extent.count == 0 else { return extent }
            guard shape.indices.contains(axis) else { throw ONNXRefusal("keeps axis \(axis) of \(shape.count)") }
            return shape[axis]
        }
        return try reshaped(x, target)
    }

    private static func flattened(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        let axis = try call.whole("axis", default: 1), place = axis < 0 ? axis + x.rank : axis
        guard (0...x.rank).contains(place) else { throw ONNXRefusal("has axis \(axis) of \(x.rank)") }
        x.axes = [Array(x.axes[..<place].joined()), Array(x.axes[place...].joined())]
        return x
    }

    private static func squeezed(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        let shape = x.shape
        let axes =
            try call.wholes("axes", orInput: 1).map { try Set($0.map { try x.place($0) }) }
            ?? Set(shape.indices.filter { shape[$0] == ONNXExtent(1) })
        guard axes.allSatisfy({ shape[$0] == ONNXExtent(1) }) else {
            throw ONNXRefusal("removes an axis that is longer than 1, or that of the examples")
        }
        x.axes = x.axes.enumerated().filter { !axes.contains($0.offset) }.map(\.element)
        return x
    }

    private static func unsqueezed(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature()
        guard let axes = try call.wholes("axes", orInput: 1), axes.count + x.rank <= 16 else {
            throw ONNXRefusal("has no axes, or too many")
        }
        let rank = x.rank + axes.count
        for axis in try axes.map({ try axisPlace($0, rank) }).sorted() {
            guard axis <= x.axes.count else { throw ONNXRefusal("has the axes \(axes)") }
            x.axes.insert([], at: axis)
        }
        return x
    }

    /// A value with axes repeated: a product with ones.
    private mutating func expand(_ call: ONNXNodeCall) throws -> Term {
        let x = try call.feature(), target = try call.requiredConstant(1).extents()
        let own = Array(repeating: ONNXExtent(1), count: max(0, target.count - x.rank)) + x.shape
        let goal = Array(repeating: ONNXExtent(1), count: own.count - target.count) + target
        let ones = try zip(own, goal).map { own, goal in
            guard own != goal, goal != ONNXExtent(1), goal != ONNXExtent(-1) else { return 1 }
            if own.isPerExample, goal == ONNXExtent(examples ?? -1) { return 1 }
            guard own == ONNXExtent(1), !goal.isPerExample else {
                throw ONNXRefusal("repeats an axis that is not 1 long")
            }
            return goal.count
        }
        let shape = try ONNXConstant.checked(ones)
        guard shape.contains(where: { $0 > 1 }) else {
            var same = x
            same.axes = Array(repeating: [], count: ones.count - x.rank) + x.axes
            return .feature(same)
        }
        let constant = ONNXConstant(shape) { [Float](repeating: 1, count: shape.reduce(1, *)) }
        return try binary("ops.multiply", [.feature(x), .constant(constant)])
    }
}
