import Foundation

// What is computed of constants alone: shapes that were computed of shapes, mostly, and weights that were not yet turned.

extension ONNXImport {
    typealias Folding = @Sendable (ONNXNodeCall) throws -> [ONNXConstant]

    static let foldings: [String: Folding] = arithmetic.merging(moves) { first, _ in first }

    private static let arithmetic: [String: Folding] = [
        "Constant": { [try constant($0)] },
        "ConstantOfShape": { [try filled($0)] },
        "Shape": { [try .shape($0.requiredConstant(0).shape.map { ONNXExtent($0) }, $0)] },
        "Identity": { [try $0.requiredConstant(0)] },
        "Dropout": { [try $0.requiredConstant(0)] },
        "Cast": { [try cast($0)] },
        "Add": pair({ try $0 + $1 }) { $0 + $1 }, "Sub": pair({ try $0 - $1 }) { $0 - $1 },
        "Mul": pair({ try $0 * $1 }) { $0 * $1 }, "Div": pair({ try $0 / $1 }) { $0 / $1 },
        "Mod": pair({ try $0.remainder($1) }, nil),
        "Min": pair({ $0.count < $1.count ? $0 : $1 }, { min($0, $1) }),
        "Max": pair({ $0.count > $1.count ? $0 : $1 }, { max($0, $1) }),
        "Pow": pair(nil) { pow($0, $1) },
        "Equal": pair({ ONNXExtent($0 == $1 ? 1 : 0) }, nil),
        "Where": { [try chosen($0)] },
        "Sqrt": { [try $0.requiredConstant(0).mapped { $0.squareRoot() }] },
        "Exp": { [try $0.requiredConstant(0).mapped { exp($0) }] },
        "Neg": { [try negative($0.requiredConstant(0))] },
        "Reciprocal": { [try $0.requiredConstant(0).mapped { 1 / $0 }] },
        "Tanh": { [try $0.requiredConstant(0).mapped { tanh($0) }] },
        "Relu": { [try $0.requiredConstant(0).mapped { max($0, 0) }] },
        "Floor": { [try $0.requiredConstant(0).mapped { $0.rounded(.down) }] },
        "MatMul": { [try .product($0.requiredConstant(0), $0.requiredConstant(1))] },
        "ReduceProd": { call in
            let numbers = try call.requiredConstant(0).extents()
            let keeps = try call.whole("keepdims", default: 1) == 1
            guard try call.requiredConstant(0).shape.count == 1 else {
                throw ONNXRefusal("is of a constant of several axes")
            }
            return [ONNXConstant(keeps ? [1] : [], whole: [try numbers.reduce(ONNXExtent(1)) { try $0 * $1 }])]
        },
        "Range": { [try range($0)] },
        "DequantizeLinear": { [try dequantized($0)] },
    ]

    private static let moves: [String: Folding] = [
        "Reshape": { call in
            let x = try call.requiredConstant(0)
            return [
                try x.reshaped(
                    shape(
                        of: x,
                        call.wholes("shape").map { $0.map { ONNXExtent($0) } } ?? call.requiredConstant(1).extents()))
            ]
        },
        "Transpose": { call in
            let x = try call.requiredConstant(0), order = try call.wholes("perm") ?? x.shape.indices.reversed()
            guard order.sorted() == Array(x.shape.indices) else { throw ONNXRefusal("has perm \(order)") }
            return [x.transposed(order)]
        },
        "Flatten": { call in
            let x = try call.requiredConstant(0), axis = try call.whole("axis", default: 1)
            guard (0...x.shape.count).contains(axis) else { throw ONNXRefusal("has axis \(axis)") }
            return [try x.reshaped([x.shape[..<axis].reduce(1, *), x.shape[axis...].reduce(1, *)])]
        },
        "Squeeze": { call in
            let x = try call.requiredConstant(0)
            let axes = try call.wholes("axes", orInput: 1).map { try $0.map { try axisPlace($0, x.shape.count) } }
            let kept = x.shape.enumerated().filter { axis, extent in axes.map { !$0.contains(axis) } ?? (extent != 1) }
            return [try x.reshaped(kept.map(\.element))]
        },
        "Unsqueeze": { call in
            let x = try call.requiredConstant(0), axes = try call.wholes("axes", orInput: 1) ?? []
            var shape = x.shape
            guard shape.count + axes.count <= 16 else { throw ONNXRefusal("has \(axes.count) axes") }
            for axis in try axes.map({ try axisPlace($0, x.shape.count + axes.count) }).sorted() {
                guard axis <= shape.count else { throw ONNXRefusal("has the axes \(axes)") }
                shape.insert(1, at: axis)
            }
            return [try x.reshaped(shape)]
        },
        "Concat": { call in
            let parts = call.given.compactMap { if case .constant(let constant) = $0 { constant } else { nil } }
            guard let first = parts.first else { throw ONNXRefusal("has no input") }
            return [try .joined(parts, axis: axisPlace(call.whole("axis"), first.shape.count))]
        },
        "Gather": { [try gathered($0)] },
        "Pad": { [try padded($0)] },
        "Slice": { [try sliced($0)] },
        "Split": { try parts($0) },
        "Expand": { call in
            // Repeated for each example, a constant stays one.
            let target = try call.requiredConstant(1).extents().map { $0.isPerExample ? 1 : $0.count }
            return [try call.requiredConstant(0).expanded(target)]
        },
    ]

    // MARK: - Arithmetic

    private static func pair(
        _ whole: (@Sendable (ONNXExtent, ONNXExtent) throws -> ONNXExtent)?,
        _ real: (@Sendable (Float, Float) -> Float)?
    ) -> Folding {
        { [try .combined($0.requiredConstant(0), $0.requiredConstant(1), whole: whole, real: real)] }
    }

    private static func constant(_ call: ONNXNodeCall) throws -> ONNXConstant {
        switch call.node.attributes.first {
        case (_, .tensor(let tensor))?: return try ONNXConstant(tensor)
        case ("value_float", .real(let number))?: return ONNXConstant([]) { [number] }
        case ("value_int", .whole(let number))?: return ONNXConstant([], whole: [ONNXExtent(number)])
        case ("value_floats", .reals(let numbers))?: return ONNXConstant([numbers.count]) { numbers }
        case ("value_ints", .wholes(let numbers))?:
            return ONNXConstant([numbers.count], whole: numbers.map { ONNXExtent($0) })
        default: throw ONNXRefusal("has no number")
        }
    }

    private static func filled(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let shape = try ONNXConstant.checked(call.requiredConstant(0).extents().map { $0.isPerExample ? 1 : $0.count })
        let count = shape.reduce(1, *)
        guard case .tensor(let tensor)? = call.node.attributes["value"] else {
            return ONNXConstant(shape) { [Float](repeating: 0, count: count) }
        }
        let one = try ONNXConstant(tensor)
        guard one.count == 1 else { throw ONNXRefusal("fills with \(one.count) numbers") }
        return try one.reshaped([]).expanded(shape)
    }

    private static func cast(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let x = try call.requiredConstant(0), number = try call.whole("to")
        guard let kind = ONNXTensor.Kind(rawValue: number) else { throw ONNXRefusal("makes numbers of type \(number)") }
        if kind == .bool {
            return ONNXConstant(x.shape, whole: try x.extents().map { ONNXExtent($0.count == 0 ? 0 : 1) })
        }
        // What depends on the number of examples stays whole: it is one, whatever it is called.
        if kind.isReal { return x }
        guard x.count <= ONNXConstant.wholeLimit else { throw ONNXRefusal("makes \(x.count) whole numbers") }
        return ONNXConstant(x.shape, whole: try x.extents())
    }

    private static func negative(_ x: ONNXConstant) throws -> ONNXConstant {
        guard x.isWhole else { return x.mapped { -$0 } }
        return ONNXConstant(x.shape, whole: try x.extents().map { try ONNXExtent(0) - $0 })
    }

    private static func chosen(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let condition = try call.requiredConstant(0), x = try call.requiredConstant(1), y = try call.requiredConstant(2)
        let first = try x.expanded(y.shape).expanded(condition.shape), second = try y.expanded(first.shape)
        let test = try condition.expanded(first.shape).wholes()
        if first.isWhole, second.isWhole {
            let (a, b) = (try first.extents(), try second.extents())
            return ONNXConstant(first.shape, whole: test.indices.map { test[$0] != 0 ? a[$0] : b[$0] })
        }
        return ONNXConstant(first.shape) {
            let (a, b) = (try first.reals(), try second.reals())
            return test.indices.map { test[$0] != 0 ? a[$0] : b[$0] }
        }
    }

    private static func range(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let numbers = try (0..<3).flatMap { try call.requiredConstant($0).wholes() }
        guard numbers.count == 3, numbers[2] != 0, numbers.allSatisfy({ abs($0) <= ONNXConstant.wholeLimit }) else {
            throw ONNXRefusal("goes from, to and by \(numbers)")
        }
        let all = Array(stride(from: numbers[0], to: numbers[1], by: numbers[2]))
        return ONNXConstant([all.count], whole: all.map { ONNXExtent($0) })
    }

    /// (x − zero) · scale, one scale for all, or one for each place of an axis.
    private static func dequantized(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let x = try call.requiredConstant(0)
        try call.require("block_size", 0)
        func operand(_ constant: ONNXConstant) throws -> ONNXConstant {
            guard constant.shape.count == 1, constant.count > 1 else { return try constant.reshaped([]) }
            let axis = try axisPlace(call.whole("axis", default: 1), x.shape.count)
            return try constant.reshaped(x.shape.indices.map { $0 == axis ? constant.count : 1 })
        }
        let shifted = try call.constant(2).map { zero in
            try ONNXConstant.combined(x, operand(zero), whole: nil) { $0 - $1 }
        }
        return try .combined(shifted ?? x, operand(call.requiredConstant(1)), whole: nil) { $0 * $1 }
    }

    // MARK: - Moves

    /// What a shape with 0 (as it was) and −1 (what is left) means for a constant.
    private static func shape(of x: ONNXConstant, _ target: [ONNXExtent]) throws -> [Int] {
        var shape = target.enumerated().map { axis, extent in
            extent.isPerExample ? 1 : extent.count == 0 && x.shape.indices.contains(axis) ? x.shape[axis] : extent.count
        }
        if let open = shape.firstIndex(of: -1) {
            let known = shape.filter { $0 != -1 }.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
            guard known > 0, x.count % known == 0 else { throw ONNXRefusal("gives \(x.shape) the shape \(shape)") }
            shape[open] = x.count / known
        }
        return shape
    }

    private static func gathered(_ call: ONNXNodeCall) throws -> ONNXConstant {
        let x = try call.requiredConstant(0), places = try call.requiredConstant(1)
        let axis = try axisPlace(call.whole("axis", default: 0), x.shape.count), extent = x.shape[axis]
        let indices = try places.wholes().map { $0 < 0 ? $0 + extent : $0 }
        guard !indices.isEmpty, indices.count <= ONNXConstant.wholeLimit,
            indices.allSatisfy({ (0..<extent).contains($0) })
        else { throw ONNXRefusal("takes places that a constant of \(x.shape) does not have") }
        let parts = try ONNXConstant.joined(indices.map { x.slice(axis, $0, count: 1) }, axis: axis)
        return try parts.reshaped(x.shape[..<axis] + places.shape + x.shape[(axis + 1)...])
    }

    private static func padded(_ call: ONNXNodeCall) throws -> ONNXConstant {
        var x = try call.requiredConstant(0)
        let pads = try call.wholes("pads", orInput: 1) ?? [], rank = x.shape.count
        let fill = try call.constant(2)?.reals() ?? [call.real("value", default: 0)]
        guard pads.count == 2 * rank, pads.allSatisfy({ $0 >= 0 }), fill.count == 1, try call.constant(3) == nil,
            try call.text("mode", default: "constant") == "constant", !x.isWhole
        else { throw ONNXRefusal("has pads \(pads) for a constant \(x.shape)") }
        for axis in 0..<rank {
            func margin(_ count: Int) throws -> ONNXConstant {
                var shape = x.shape
                shape[axis] = count
                let total = try ONNXConstant.checked(shape).reduce(1, *)
                return ONNXConstant(shape) { [Float](repeating: fill[0], count: total) }
            }
            if pads[axis] + pads[axis + rank] > 0 {
                x = try .joined([margin(pads[axis]), x, margin(pads[axis + rank])], axis: axis)
            }
        }
        return x
    }

    private static func sliced(_ call: ONNXNodeCall) throws -> ONNXConstant {
        var x = try call.requiredConstant(0)
        let starts = try call.wholes("starts", orInput: 1) ?? [], ends = try call.wholes("ends", orInput: 2) ?? []
        let axes = try call.wholes("axes", orInput: 3) ?? Array(starts.indices)
        let steps = try call.constant(4)?.wholes() ?? starts.map { _ in 1 }
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
            throw ONNXRefusal("has \(starts.count) starts, \(ends.count) ends and \(axes.count) axes")
        }
        for index in starts.indices {
            let axis = try axisPlace(axes[index], x.shape.count)
            let range = try SliceRange(starts[index], ends[index], steps[index], of: x.shape[axis])
            x = x.slice(axis, range.start, count: range.count, step: range.step)
        }
        return x
    }

    private static func parts(_ call: ONNXNodeCall) throws -> [ONNXConstant] {
        let x = try call.requiredConstant(0), axis = try axisPlace(call.whole("axis", default: 0), x.shape.count)
        let count = call.node.outputs.count, width = (x.shape[axis] + count - 1) / max(count, 1)
        let sizes =
            try call.wholes("split", orInput: 1) ?? (0..<count).map { max(0, min(width, x.shape[axis] - $0 * width)) }
        guard sizes.count == count, sizes.allSatisfy({ $0 >= 0 && $0 <= x.shape[axis] }),
            sizes.reduce(0, +) == x.shape[axis]
        else { throw ONNXRefusal("splits an axis of \(x.shape[axis]) into \(sizes)") }
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return x.slice(axis, start, count: size)
        }
    }
}

/// Arithmetic of lengths, of which one may be so many for each example.
extension ONNXExtent {
    private static let refusal = ONNXRefusal("computes with the number of examples, which is open")
    private static let overflow = ONNXRefusal("computes with whole numbers that are too large")

    private static func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
        guard !result.overflow else { throw overflow }
        return result.partialValue
    }

    fileprivate static func + (x: ONNXExtent, y: ONNXExtent) throws -> ONNXExtent {
        if x.count == 0 { return y }
        if y.count == 0 { return x }
        guard x.isPerExample == y.isPerExample else { throw refusal }
        return ONNXExtent(try checked(x.count.addingReportingOverflow(y.count)), perExample: x.isPerExample)
    }

    fileprivate static func - (x: ONNXExtent, y: ONNXExtent) throws -> ONNXExtent {
        try x + ONNXExtent(checked((0).subtractingReportingOverflow(y.count)), perExample: y.isPerExample)
    }

    fileprivate static func * (x: ONNXExtent, y: ONNXExtent) throws -> ONNXExtent {
        guard !(x.isPerExample && y.isPerExample) else { throw refusal }
        return ONNXExtent(
            try checked(x.count.multipliedReportingOverflow(by: y.count)), perExample: x.isPerExample || y.isPerExample)
    }

    fileprivate static func / (x: ONNXExtent, y: ONNXExtent) throws -> ONNXExtent {
        guard y.count != 0, x.isPerExample || !y.isPerExample, !x.isPerExample || x.count % y.count == 0 else {
            throw refusal
        }
        return ONNXExtent(
            try checked(x.count.dividedReportingOverflow(by: y.count)), perExample: x.isPerExample && !y.isPerExample)
    }

    fileprivate func remainder(_ other: ONNXExtent) throws -> ONNXExtent {
        guard !isPerExample, !other.isPerExample, other.count > 0 else { throw Self.refusal }
        let rest = count % other.count
        return ONNXExtent(rest < 0 ? rest + other.count : rest)
    }
}
