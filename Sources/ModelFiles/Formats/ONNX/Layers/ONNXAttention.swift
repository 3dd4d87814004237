import Networks
import Tensors

extension ONNXGraph {
    /// Scores as they are where a pair counts, and so low that nothing remains of them elsewhere.
    fileprivate func hidden(_ scores: String, unless allowed: String?) -> String {
        guard let allowed else { return scores }
        return self("Where", isSet(allowed), scores, constant(-3e38))
    }

    /// The product of masks of which some may be missing.
    fileprivate func all(_ masks: [String?]) -> String? {
        let masks = masks.compactMap(\.self)
        return masks.first.map { first in masks.dropFirst().reduce(first) { self("Mul", $0, $1) } }
    }
}

extension AttentionPattern {
    /// 1 where query t sees key s, (T, S); nil where all see all.
    fileprivate func mask(_ g: ONNXGraph, _ queries: Int, _ keys: Int) -> String? {
        guard !isEverything else { return nil }
        let numbers = (0..<queries).flatMap { query -> [Float] in
            let seen = self.keys(of: query, count: keys)
            return (0..<keys).map { seen.contains($0) ? 1 : 0 }
        }
        return g.constant(numbers, [queries, keys])
    }
}

extension SequenceAttention: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, value = call.input(1)
        let queries = call.shape(0)[0], keys = call.shape(1)[0]
        let seen = g.all([
            AttentionPattern(isCausal: isCausal).mask(g, queries, keys), call.mask(1).map { g.unsqueezed($0, 1) },
        ])
        let weights = g("Softmax", g.hidden(scores(call), unless: seen), with: .integer("axis", -1))
        var means = g("MatMul", weights, value)
        if let mask = call.mask(0) { means = g("Mul", means, g.unsqueezed(mask, 2)) }
        guard returnsScores else { return call.result(means) }
        let flat = [
            g.reshaped(means, [queries * call.shape(1).channels]), g.reshaped(weights, [queries * keys]),
        ]
        return call.result(g.joined(flat, axis: 1))
    }

    private func scores(_ call: ONNXCall) -> String {
        let g = call.graph, query = call.input(0), key = call.input(call.values.count - 1)
        if score == .dot {
            let product = g("MatMul", query, g.transposed(key, [0, 2, 1]))
            return useScale ? g("Mul", product, call.parameter(0)) : product
        }
        var sum = g("Add", g.unsqueezed(query, 2), g.unsqueezed(key, 1))
        if score == .concat, useScale { sum = g("Mul", sum, call.parameter(0)) }
        let squashed = g("Tanh", sum)
        let weighted = score == .additive && useScale ? g("Mul", squashed, call.parameter(0)) : squashed
        let total = g.sum(weighted, [3], keep: false)
        return score == .concat ? g("Mul", total, call.parameter(useScale ? 1 : 0)) : total
    }
}

extension MultiHeadAttention: ONNXLayer {
    func express(_ call: ONNXCall) throws(ONNXProblem) -> ONNXValue {
        let shapes = call.values.map(\.shape)
        guard let sizes = try? Sizes(self, shapes) else { throw ONNXProblem(text: "has no counterpart in ONNX") }
        let parts = ONNXAttention(layer: self, call: call, sizes: sizes)
        let found = parts.found()
        guard returnsScores else { return call.result(found.output) }
        let g = call.graph, results = (try? results(for: shapes)) ?? []
        let flat = zip([found.output, found.weights], results).map { g.reshaped($0, [$1.elementCount]) }
        return call.result(g.joined(flat, axis: 1))
    }
}

/// Multi-head attention in operations of ONNX: groups of positions R, heads H, queries T and keys S.
private struct ONNXAttention {
    let layer: MultiHeadAttention
    let call: ONNXCall
    let sizes: MultiHeadAttention.Sizes
    var g: ONNXGraph { call.graph }
    private var rows: Int { sizes.outer * sizes.inner }
    private var query: Shape { call.shape(layer.inputs.query) }

    func found() -> (output: String, weights: String) {
        let inputs = layer.inputs
        let q = heads(grouped(inputs.query), 0, layer.heads, layer.keyDimension)
        let k = heads(
            grouped(inputs.key ?? inputs.value), 1, layer.keyValueHeads, layer.keyDimension)
        let v = heads(
            grouped(inputs.value), layer.useGate ? 3 : 2, layer.keyValueHeads, layer.valueDimension)
        let scaled = g("Mul", q, g.constant(1 / Float(layer.keyDimension).squareRoot()))
        let scores = g("MatMul", scaled, g.transposed(shared(k, layer.keyDimension), [0, 1, 2, 4, 3]))
        let seen = allowed()
        var weights = g("Softmax", g.hidden(scores, unless: seen), with: .integer("axis", -1))
        if layer.zeroesHidden, let seen { weights = g("Mul", weights, seen) }
        let width = layer.heads * layer.valueDimension
        let means = g.transposed(g("MatMul", weights, shared(v, layer.valueDimension)), [0, 1, 3, 2, 4])
        var found = g("Reshape", means, g.integers([0, 0, 0, width]))
        if layer.useGate {
            found = g("Mul", found, g("Sigmoid", projected(grouped(inputs.query), 2, [query.channels, width])))
        }
        let output = layer.outputShape ?? [query.channels]
        let result = projected(found, layer.useGate ? 4 : 3, [width, output.reduce(1, *)])
        return (ungrouped(result, output), weights)
    }

    /// An input as (R, positions, features), the axes that are looked along right before the features.
    private func grouped(_ position: Int) -> String {
        let shape = call.shape(position), range = sizes.range, rank = shape.rank
        let behind = Array((range.upperBound + 1)..<rank)
        var x = call.input(position)
        if shape.rank == 2 { return g.unsqueezed(x, 1) }
        if !behind.isEmpty {
            x = g.transposed(
                x, [0] + (0..<range.lowerBound).map { $0 + 1 } + behind + range.map { $0 + 1 } + [rank])
        }
        return g.reshaped(x, [rows, shape.axes[range].reduce(1, *), shape.channels])
    }

    /// (R, T, features) to the query's axes, with those of the result behind.
    private func ungrouped(_ x: String, _ features: [Int]) -> String {
        let axes = query.axes, range = sizes.range
        if axes.count == 2, features.count == 1 { return g.squeezed(x, 1) }
        let front = Array(axes[..<range.lowerBound]), behind = Array(axes[range.upperBound...].dropLast())
        let y = g.reshaped(x, front + behind + axes[range] + features)
        guard !behind.isEmpty else { return y }
        let first = front.count + 1, middle = first + behind.count, end = middle + range.count
        return g.transposed(
            y, Array(0..<first) + Array(middle..<end) + Array(first..<middle) + Array(end..<(end + features.count)))
    }

    /// x · kernel + bias, with the kernel as a matrix.
    private func projected(_ x: String, _ projection: Int, _ kernel: [Int]) -> String {
        let position = projection * (layer.useBias ? 2 : 1)
        let product = g("MatMul", x, call.parameter(position, .plain(kernel)))
        return layer.useBias ? g("Add", product, call.parameter(position + 1, .plain([kernel[1]]))) : product
    }

    /// (R, T, features) projected and by heads: (R, H, T, width).
    private func heads(_ x: String, _ projection: Int, _ heads: Int, _ width: Int) -> String {
        let kernel = call.parameters[projection * (layer.useBias ? 2 : 1)].spec.shape
        let y = projected(x, projection, [kernel[0], heads * width])
        return g.transposed(g("Reshape", y, g.integers([0, 0, 0, heads, width])), [0, 1, 3, 2, 4])
    }

    /// The heads of keys or values, each as often as queries share it.
    private func shared(_ x: String, _ width: Int) -> String {
        let times = layer.heads / layer.keyValueHeads
        guard times > 1 else { return x }
        let each = g("Expand", g.unsqueezed(x, 3), g.integers([1, 1, 1, times, 1, 1]))
        return g("Reshape", each, g.integers([0, 0, layer.heads, -1, width]))
    }

    // MARK: Masks

    /// 1 where a query may look at a key, with axes for (R, H, T, S); nil where all may.
    private func allowed() -> String? {
        let follows = layer.readsMasks && sizes.range == 0..<1, inputs = layer.inputs
        let keys = [inputs.value] + (inputs.key.map { [$0] } ?? [])
        let masks = follows ? keys.map { key in call.mask(key).map { g.unsqueezed($0, 1, 2, 3) } } : []
        let queries = follows ? call.mask(inputs.query).map { g.unsqueezed($0, 1, 2, 4) } : nil
        return g.all(masks + [queries, layer.pattern.mask(g, sizes.queries, sizes.keys), given()])
    }

    /// What an input says: (T, S), or (H, T, S) for each head, with 1 for any axis.
    private func given() -> String? {
        guard let position = layer.inputs.mask else { return nil }
        let shape = call.shape(position), count = sizes.range.count
        let heads = shape.rank == 2 * count ? 1 : shape[0]
        let pairs = Array(shape.axes.suffix(2 * count))
        var mask = g.float(g.isSet(call.input(position)))
        mask = g.reshaped(mask, [1, heads] + pairs)
        guard count > 1 else { return mask }
        let full = Array(query.axes[sizes.range]) + Array(call.shape(layer.inputs.value).axes[sizes.range])
        return g.reshaped(
            g("Expand", mask, g.integers([1, 1, 1] + full)), [1, heads, sizes.queries, sizes.keys])
    }
}

extension AttentionResult: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, whole = call.shape().elementCount, size = call.output.elementCount
        let start = result == .output ? 0 : whole - size
        return call.result(g.reshaped(g.slice(call.input(), axis: 1, start, start + size), call.output.axes))
    }
}
