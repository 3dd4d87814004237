// Products of matrices, with weights or with each other.

extension ONNXImport {
    static let products: [String: Operator] = [
        "Gemm": { [.feature(try $0.gemm($1))] },
        "MatMul": { [.feature(try $0.product($1))] },
        "Einsum": { [.feature(try $0.einsum($1))] },
    ]

    /// α · A · B + β · C, A and B perhaps transposed.
    private mutating func gemm(_ call: ONNXNodeCall) throws -> ONNXFeature {
        var x = try call.feature(), kernel = try call.requiredConstant(1)
        guard x.rank == 2, kernel.shape.count == 2 else {
            throw ONNXRefusal("multiplies values of \(x.rank) and \(kernel.shape.count) axes; expected 2 and 2")
        }
        if try call.whole("transA", default: 0) == 1 { x.axes.reverse() }
        if try call.whole("transB", default: 0) == 1 { kernel = kernel.transposed([1, 0]) }
        let alpha = try call.real("alpha", default: 1), beta = try call.real("beta", default: 1)
        if alpha != 1 { kernel = kernel.mapped { alpha * $0 } }
        guard call.terms.count > 2, let term = call.terms[2] else { return try dense(x, kernel, nil) }
        guard case .constant(let bias) = term, bias.count == bias.shape.last ?? 1,
            bias.count == 1 || bias.count == kernel.shape[1]
        else { throw ONNXRefusal("adds something else than one number for each unit") }
        let whole = try bias.reshaped([bias.count]).expanded([kernel.shape[1]])
        return try dense(x, kernel, beta == 1 ? whole : whole.mapped { beta * $0 })
    }

    /// The last axis of a value multiplied by a kernel (features, units).
    mutating func dense(_ x: ONNXFeature, _ kernel: ONNXConstant, _ bias: ONNXConstant?) throws -> ONNXFeature {
        let x = try ordered(x, [x.rank - 1])
        let features = x.extents[x.extents.count - 1], units = kernel.shape[1]
        guard kernel.shape[0] == features, units > 0 else {
            throw ONNXRefusal("has a kernel \(kernel.shape) for \(features) features")
        }
        let weights = [("kernel", kernel)] + (bias.map { [("bias", $0)] } ?? [])
        var result = try layer(
            "Dense", ["units": .integer(units), "use_bias": .bool(bias != nil)], x,
            extents: x.extents.dropFirst().dropLast() + [units], weights: weights)
        result.axes = x.axes
        return result
    }

    private mutating func product(_ call: ONNXNodeCall) throws -> ONNXFeature {
        func matrix(_ constant: ONNXConstant) throws -> ONNXConstant {
            guard constant.shape.count >= 2, constant.shape.dropLast(2).allSatisfy({ $0 == 1 }) else {
                throw ONNXRefusal("has a constant \(constant.shape) as a factor; matrices are read")
            }
            return try constant.reshaped(constant.shape.suffix(2))
        }
        switch (call.terms.first ?? nil, call.terms.last ?? nil) {
        case (.feature(let x), .constant(let kernel)):
            guard x.rank >= 2 else { throw ONNXRefusal("multiplies a value of \(x.rank) axes") }
            return try dense(x, matrix(kernel), nil)
        case (.constant(let kernel), .feature(var x)):
            // (A · x)ᵀ = xᵀ · Aᵀ
            guard x.rank >= 2 else { throw ONNXRefusal("multiplies a value of \(x.rank) axes") }
            x.axes.swapAt(x.rank - 1, x.rank - 2)
            var result = try dense(x, matrix(kernel).transposed([1, 0]), nil)
            result.axes.swapAt(x.rank - 1, x.rank - 2)
            return result
        case (.feature(let x), .feature(let y)): return try product(x, y)
        default: throw ONNXRefusal("has no two inputs")
        }
    }

    /// (…, M, K) · (…, K, N)
    private mutating func product(_ x: ONNXFeature, _ y: ONNXFeature) throws -> ONNXFeature {
        guard x.rank >= 2, x.rank == y.rank else {
            throw ONNXRefusal("multiplies values of \(x.rank) and \(y.rank) axes; as many are read")
        }
        let last = x.rank - 1
        // What is not multiplied is aligned by itself: the matrices' axes are set aside.
        var operands = [try isolated(isolated(x, last), last - 1), try isolated(isolated(y, last), last - 1)]
        let front = (0..<(last - 1)).map { axis in operands.map { $0.axes[axis].map { $0 } } }
        guard
            zip(front, 0...).allSatisfy({ pair, axis in
                let (a, b) = (operands[0], operands[1])
                return a.axes[axis].map { a.extents[$0] } == b.axes[axis].map { b.extents[$0] }
                    && a.axes[axis].map { $0 == 0 } == b.axes[axis].map { $0 == 0 } && pair.count == 2
            })
        else { throw ONNXRefusal("multiplies matrices whose other axes differ") }
        for index in operands.indices {
            let operand = operands[index], leading = operand.axes[..<(last - 1)].joined().filter { $0 != 0 }
            operands[index] = try regroup(
                operand, [[0]] + leading.map { [$0] } + [operand.axes[last - 1], operand.axes[last]])
        }
        let (a, b) = (operands[0].extents, operands[1].extents)
        guard a.last == b.dropLast().last else {
            throw ONNXRefusal("multiplies matrices of other sizes: \(a.last ?? 0), \(b)")
        }
        var result = try layer("ops.matmul", [:], operands, extents: a.dropFirst().dropLast() + [b[b.count - 1]])
        result.axes = operands[0].axes
        return result
    }

    /// Two values, the axes of each named: `bij,bjk->bik`.
    private mutating func einsum(_ call: ONNXNodeCall) throws -> ONNXFeature {
        let equation = try call.text("equation", default: "").filter { $0 != " " }
        let sides = equation.split(separator: "-", maxSplits: 1).map(String.init)
        let inputs = (sides.first ?? "").split(separator: ",").map(Array.init)
        let output = Array((sides.last ?? "").dropFirst())
        guard sides.count == 2, inputs.count == 2, !equation.contains(".") else {
            throw ONNXRefusal("has the equation '\(equation)'; those of two values, with all axes and '->', are read")
        }
        let x = try plain(call.feature(0)), y = try plain(call.feature(1))
        guard inputs[0].count == x.rank, inputs[1].count == y.rank, let first = inputs[0].first,
            inputs[1].first == first, output.first == first, Set(output).count == output.count
        else { throw ONNXRefusal("has the equation '\(equation)' for values of \(x.rank) and \(y.rank) axes") }
        var extents: [Character: Int] = [:]
        for (letters, value) in zip(inputs, [x, y]) {
            for (letter, extent) in zip(letters, value.extents) { extents[letter] = extent }
        }
        guard output.allSatisfy({ extents[$0] != nil }) else {
            throw ONNXRefusal("has the equation '\(equation)', whose result has axes of its own")
        }
        return try layer(
            "ops.einsum", ["subscripts": .string(equation)], x, y, extents: output.dropFirst().map { extents[$0] ?? 1 })
    }
}
