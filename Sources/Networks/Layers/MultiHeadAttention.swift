import Kernels
public import Tensors

/// Attention by several heads (Vaswani et al., 2017), each on its own projections of query, key and value.
///
///     q = query · Wq + bq (T, H, K),  k = key · Wk + bk (S, H, K),  v = value · Wv + bv (S, H, V)
///     weights = softmax(q·k / √K) (H, T, S),  y = (weights · v ∘ gate) · Wo + bo
///
/// Query (…, T, …, C), and value and key (…, S, …, C) with the same axes before and behind; T and S may be several axes
/// next to each other. With fewer heads for keys and values, neighbouring heads share theirs: Keras's
/// GroupedQueryAttention.
public struct MultiHeadAttention: Layer {
    /// Which input is what; a key that is not there is the value.
    public struct Inputs: Hashable, Sendable {
        public var query, value: Int
        public var key: Int?
        /// Not 0 where a query may look at a key: (T, S), or (H, T, S) for each head, with 1 for any axis.
        public var mask: Int?

        public init(query: Int = 0, value: Int = 1, key: Int? = nil, mask: Int? = nil) {
            (self.query, self.value, self.key, self.mask) = (query, value, key, mask)
        }
    }

    public var heads, keyDimension, valueDimension: Int
    /// How many heads keys and values have; a divisor of `heads`.
    public var keyValueHeads: Int
    public var useBias = true
    /// Whether σ(query · Wg + bg) gates what the heads found.
    public var useGate = false
    /// The axes of the result behind those of the query; nil for the query's features.
    public var outputShape: [Int]?
    /// Along which axes queries look at keys, 1 being the first after the examples; nil for all but the features.
    public var attentionAxes: [Int]?
    /// How many of the weights are dropped in training.
    public var dropout: Float = 0
    public var pattern = AttentionPattern()
    public var inputs = Inputs()
    /// Whether a query that may look at nothing finds zeros, rather than the mean of all values.
    public var zeroesHidden = false
    /// Whether masks that follow the graph hide padding, and go on with the result.
    public var readsMasks = true
    /// Which masks it reads, and whether it takes them off what it reads.
    public var maskReading = MaskReading.attached
    public var takesMasks = false
    /// Whether the result is followed by the weights (…, H, T, S).
    public var returnsScores = false
    public var kernelInitializer = Initializer.glorotUniform

    public init(heads: Int, keyDimension: Int, valueDimension: Int? = nil, keyValueHeads: Int? = nil) {
        precondition(heads % (keyValueHeads ?? heads) == 0, "\(heads) heads cannot share \(keyValueHeads ?? heads)")
        self.heads = heads
        self.keyDimension = keyDimension
        self.valueDimension = valueDimension ?? keyDimension
        self.keyValueHeads = keyValueHeads ?? heads
    }

    // MARK: Plan

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let sizes = try Sizes(self, inputs), results = try results(for: inputs)
        let query = inputs[self.inputs.query], rows = sizes.outer * sizes.inner
        let (T, S) = (sizes.queries, sizes.keys)
        var saved: [Shape] = [
            [rows * T, heads, keyDimension], [rows * S, keyValueHeads, keyDimension],
            [rows * S, keyValueHeads, valueDimension], [rows * heads, T, S], [rows * T, heads, valueDimension],
        ]
        if useGate { saved.append([rows * T, heads, valueDimension]) }
        let parameters = projections(query.channels, sizes).flatMap { projection in
            [ParameterSpec(projection.name + "/kernel", Shape(projection.input + projection.output), kernelInitializer)]
                + (useBias ? [ParameterSpec(projection.name + "/bias", Shape(projection.output), .zeros)] : [])
        }
        let kernelSizes = projections(query.channels, sizes).reduce(0) { sum, projection in
            let size = (projection.input + projection.output).reduce(1, *)
            return sum + size * rows * (["key", "value"].contains(projection.name) ? S : T)
        }
        var plan = LayerPlan(
            output: returnsScores ? [results.reduce(0) { $0 + $1.elementCount }] : results[0], parameters: parameters,
            saved: saved, mask: readsMasks && self.inputs.query == 0 ? .first : .none, maskReading: maskReading,
            multiplyAdds: kernelSizes + rows * heads * T * S * (keyDimension + valueDimension))
        plan.takesMasks = takesMasks
        return plan
    }

    /// The shapes of the results: what was found, and the weights.
    package func results(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
        let sizes = try Sizes(self, inputs), query = inputs[self.inputs.query]
        let value = inputs[self.inputs.value], axes = sizes.range
        let batch = Array(query.axes[..<axes.lowerBound]) + Array(query.axes[axes.upperBound...].dropLast())
        return [
            Shape(query.axes.dropLast() + (outputShape ?? [query.channels])),
            Shape(batch + [heads] + Array(query.axes[axes]) + Array(value.axes[axes])),
        ]
    }

    private struct Projection {
        let name: String
        let input, output: [Int]
    }

    /// In Keras's order.
    private func projections(_ features: Int, _ sizes: Sizes) -> [Projection] {
        [
            Projection(name: "query", input: [features], output: [heads, keyDimension]),
            Projection(name: "key", input: [sizes.keyFeatures], output: [keyValueHeads, keyDimension]),
        ] + (useGate ? [Projection(name: "gate", input: [features], output: [heads, valueDimension])] : []) + [
            Projection(name: "value", input: [sizes.valueFeatures], output: [keyValueHeads, valueDimension]),
            Projection(
                name: "attention_output", input: [heads, valueDimension], output: outputShape ?? [features]),
        ]
    }

    /// Positions of the projections among the parameters.
    private enum Role { case query, key, gate, value, output }

    private func kernel(_ role: Role) -> Int {
        let position =
            switch role {
            case .query: 0
            case .key: 1
            case .gate: 2
            case .value: useGate ? 3 : 2
            case .output: useGate ? 4 : 3
            }
        return position * (useBias ? 2 : 1)
    }

    /// What the axes of the inputs are.
    package struct Sizes {
        /// The axes along which queries look at keys.
        package let range: Range<Int>
        /// The products of the axes before and behind them, and of themselves.
        package let outer, inner, queries, keys: Int
        package let keyFeatures, valueFeatures: Int

        package init(_ layer: MultiHeadAttention, _ inputs: [Shape]) throws(ShapeError) {
            let roles = layer.inputs, named = [roles.query, roles.value, roles.key ?? roles.value, roles.mask ?? 0]
            guard let last = named.max(), inputs.count == last + 1 else {
                throw ShapeError("takes a query, a value and perhaps a key, found \(list(inputs))")
            }
            let query = inputs[roles.query], value = inputs[roles.value], key = inputs[roles.key ?? roles.value]
            let places = (layer.attentionAxes ?? Array(1..<max(query.rank, 1))).map {
                $0 < 0 ? query.rank + $0 : $0 - 1
            }
            guard let first = places.min(), let end = places.max(), Set(places).count == end - first + 1, first >= 0,
                end < query.rank - 1
            else {
                throw ShapeError(
                    "looks along axes \(layer.attentionAxes ?? []) of a query \(query); "
                        + "axes next to each other before the features are supported")
            }
            range = first..<(end + 1)
            func others(_ shape: Shape) -> [[Int]] {
                [Array(shape.axes[..<first]), Array(shape.axes[(end + 1)...].dropLast())]
            }
            guard value.rank == query.rank, key.axes.dropLast() == value.axes.dropLast(),
                others(query) == others(value)
            else {
                throw ShapeError("takes a query, a value and a key whose axes go together, found \(list(inputs))")
            }
            outer = query.axes[..<first].reduce(1, *)
            inner = others(query)[1].reduce(1, *)
            queries = query.axes[range].reduce(1, *)
            keys = value.axes[range].reduce(1, *)
            (keyFeatures, valueFeatures) = (key.channels, value.channels)
            guard layer.pattern.isEverything || range == 0..<1 else {
                throw ShapeError("is causal or has a window along other axes than the first, which is not supported")
            }
            if let mask = roles.mask {
                guard Self.fits(inputs[mask], [layer.heads] + query.axes[range] + value.axes[range]) else {
                    throw ShapeError("has an attention mask \(inputs[mask]) that does not fit \(list([query, value]))")
                }
            }
        }

        private static func fits(_ mask: Shape, _ full: [Int]) -> Bool {
            (full.count - 1...full.count).contains(mask.rank)
                && zip(mask.axes.reversed(), full.reversed()).allSatisfy { $0 == $1 || $0 == 1 }
        }
    }

    private func sizes(_ inputs: [Tensor]) -> Sizes {
        guard let sizes = try? Sizes(self, inputs.map(\.shape)) else {
            preconditionFailure("attention on shapes that were never planned")
        }
        return sizes
    }

    // MARK: Places

    /// The rows of one head in a projection (rows, heads, width): those of one group of `count` positions.
    private func head(
        _ tensor: Tensor, _ sizes: Sizes, _ item: Int, _ head: Int, count: Int
    ) -> Matrix {
        let heads = tensor.shape[1], width = tensor.shape[2]
        let (group, place) = (item / sizes.inner, item % sizes.inner)
        return Matrix(
            tensor.viewed(count: 1, shape: [tensor.elementCount]), rows: count, columns: width,
            stride: sizes.inner * heads * width,
            at: (group * count * sizes.inner + place) * heads * width + head * width)
    }

    private func pairs(_ tensor: Tensor, _ sizes: Sizes, _ item: Int, _ head: Int) -> Matrix {
        Matrix(
            tensor, rows: sizes.queries, columns: sizes.keys, at: (item * heads + head) * sizes.queries * sizes.keys)
    }

    private func matrix(_ kernel: Tensor, rows: Int) -> Matrix {
        Matrix(kernel, rows: rows, columns: kernel.elementCount / rows)
    }

    // MARK: Masks

    /// What hides keys from queries, beside what an input says.
    private func mask(_ queryMask: Tensor?, _ keyMasks: [Tensor?], _ sizes: Sizes) -> AttentionMask {
        let follows = sizes.range == 0..<1
        return AttentionMask(
            pattern: pattern, query: follows ? queryMask : nil, keys: follows ? keyMasks.compactMap(\.self) : [],
            queryCount: sizes.queries, keyCount: sizes.keys)
    }

    private func maskTensors(_ mask: (Int) -> Tensor?) -> (query: Tensor?, keys: [Tensor?]) {
        guard readsMasks else { return (nil, []) }
        return (mask(inputs.query), [mask(inputs.value)] + (inputs.key.map { [mask($0)] } ?? []))
    }

    /// Calls `body` for every block of scores, with the pairs that count: a block for each head if those differ.
    private func eachBlock(
        _ kernels: KernelContext, _ scores: Tensor, _ mask: AttentionMask, _ given: Tensor?, _ sizes: Sizes,
        _ body: (_ scores: Tensor, _ allowed: Tensor, _ scratch: Tensor) -> Void
    ) {
        let size = sizes.queries * sizes.keys
        guard size > 0, !(mask.isEverything && given == nil) else { return }
        let perHead = given.map { $0.shape.rank == 2 * sizes.range.count + 1 && $0.shape[0] > 1 } ?? false
        let blocks = perHead ? heads : 1, items = sizes.outer * sizes.inner
        kernels.withScratch((blocks + 2) * size) { memory in
            let allowed = memory.slice(at: 0, count: blocks * size),
                scratch = memory.slice(at: blocks * size, count: size)
            let automatic = memory.slice(at: (blocks + 1) * size, count: size)
            for example in 0..<(scores.elementCount / (items * heads * size)) {
                mask.fill(automatic, example: example)
                for block in 0..<blocks { allowed.slice(at: block * size, count: size).copy(from: automatic) }
                if let given { combine(given, example, blocks, sizes, kernels, into: allowed) }
                for place in 0..<(items * heads) {
                    body(
                        scores.slice(at: (example * items * heads + place) * size, count: size),
                        allowed.slice(at: perHead ? place % heads * size : 0, count: size), scratch)
                }
            }
        }
    }

    /// Takes out the pairs for which an example's attention mask has 0.
    private func combine(
        _ given: Tensor, _ example: Int, _ blocks: Int, _ sizes: Sizes, _ kernels: KernelContext, into allowed: Tensor
    ) {
        let count = given.shape.elementCount, part = given.slice(at: example * count, count: count)
        let n = sizes.range.count
        let axes = given.shape.rank == 2 * n ? [1] + given.shape.axes : given.shape.axes
        let isSmall = n == 1 ? [sizes.queries, sizes.keys] : Array(axes[1...])
        kernels.withScratch(allowed.elementCount) { full in
            Broadcast(axes, to: [blocks] + isSmall).expand(part, into: full)
            for index in 0..<full.elementCount where full[index] == 0 { allowed[index] = 0 }
        }
    }

    // MARK: Forward

    public func forward(_ pass: ForwardPass) {
        let sizes = sizes((0..<pass.inputCount).map { pass.input($0) }), kernels = pass.kernels
        let query = pass.input(inputs.query), value = pass.input(inputs.value)
        let q = pass.saved(0), k = pass.saved(1), v = pass.saved(2), weights = pass.saved(3), found = pass.saved(4)
        project(pass, query, .query, into: q)
        scale(q, by: 1 / Float(keyDimension).squareRoot(), into: q)
        project(pass, inputs.key.map { pass.input($0) } ?? value, .key, into: k)
        project(pass, value, .value, into: v)
        let items = query.count * sizes.outer * sizes.inner, shared = heads / keyValueHeads
        for item in 0..<items {
            for head in 0..<heads {
                kernels.multiply(
                    self.head(q, sizes, item, head, count: sizes.queries),
                    self.head(k, sizes, item, head / shared, count: sizes.keys).transposed,
                    into: pairs(weights, sizes, item, head))
            }
        }
        let masks = maskTensors { pass.inputMask($0) }, mask = mask(masks.query, masks.keys, sizes)
        let given = inputs.mask.map { pass.input($0) }
        eachBlock(kernels, weights, mask, given, sizes) { hideScores($0, $1, scratch: $2) }
        let rows = weights.viewed(count: items * heads * sizes.queries, shape: [sizes.keys])
        softmax(rows, into: rows)
        if zeroesHidden {
            eachBlock(kernels, weights, mask, given, sizes) { scores, allowed, _ in
                multiplyElements(scores, allowed, into: scores)
            }
        }
        withDropped(kernels, weights, isTraining: pass.isTraining, pass.key) { dropped in
            for item in 0..<items {
                for head in 0..<heads {
                    kernels.multiply(
                        pairs(dropped, sizes, item, head),
                        self.head(v, sizes, item, head / shared, count: sizes.keys),
                        into: self.head(found, sizes, item, head, count: sizes.queries))
                }
            }
        }
        if useGate {
            project(pass, query, .gate, into: pass.saved(5))
            activate(Activation(.sigmoid), pass.saved(5), into: pass.saved(5))
        }
        writeOutput(pass, found, weights)
    }

    private func project(_ pass: ForwardPass, _ x: Tensor, _ role: Role, into y: Tensor) {
        let kernel = pass.parameter(kernel(role)), columns = kernel.elementCount / x.shape.channels
        let target = Matrix(y, rows: x.rowCount, columns: columns)
        pass.kernels.multiply(x.rows, matrix(kernel, rows: x.shape.channels), into: target)
        if useBias { addBias(pass.parameter(self.kernel(role) + 1), to: target, then: Activation(.linear)) }
    }

    private func withDropped(
        _ kernels: KernelContext, _ weights: Tensor, isTraining: Bool, _ key: RandomKey, _ body: (Tensor) -> Void
    ) {
        guard isTraining, dropout > 0 else { return body(weights) }
        kernels.withScratch(weights.elementCount) { scratch in
            let dropped = scratch.viewed(count: weights.count, shape: weights.shape)
            dropOut(weights, rate: dropout, key: key, into: dropped)
            body(dropped)
        }
    }

    /// What the heads found with the gate applied, a row for each query.
    private func withGated(
        _ kernels: KernelContext, _ found: Tensor, _ gate: Tensor?, _ body: (Matrix) -> Void
    ) {
        let columns = heads * valueDimension, rows = found.elementCount / columns
        guard let gate else { return body(Matrix(found, rows: rows, columns: columns)) }
        kernels.withScratch(found.elementCount) { gated in
            multiplyElements(found, gate, into: gated)
            body(Matrix(gated, rows: rows, columns: columns))
        }
    }

    private func writeOutput(_ pass: ForwardPass, _ found: Tensor, _ weights: Tensor) {
        let output = pass.output, size = output.shape.elementCount
        let found = found, scores = returnsScores ? weights.elementCount / output.count : 0
        withResult(pass.kernels, output, leaving: scores) { y in
            withGated(pass.kernels, found, useGate ? pass.saved(5) : nil) { rows in
                let target = Matrix(y, rows: rows.rows, columns: y.elementCount / rows.rows)
                pass.kernels.multiply(rows, matrix(pass.parameter(kernel(.output)), rows: rows.columns), into: target)
                if useBias { addBias(pass.parameter(kernel(.output) + 1), to: target, then: Activation(.linear)) }
            }
        }
        guard returnsScores else { return }
        for example in 0..<output.count {
            output.slice(at: (example + 1) * size - scores, count: scores)
                .copy(from: weights.slice(at: example * scores, count: scores))
        }
    }

    /// Lends the part of the output in front of the weights: itself, or room that is copied there.
    private func withResult(_ kernels: KernelContext, _ output: Tensor, leaving scores: Int, _ body: (Tensor) -> Void) {
        guard scores > 0 else { return body(output) }
        let size = output.shape.elementCount - scores
        kernels.withScratch(output.count * size) { room in
            body(room)
            copyRows(
                from: Matrix(room, rows: output.count, columns: size),
                to: Matrix(output, rows: output.count, columns: size, stride: size + scores))
        }
    }

    // MARK: Backward

    public func backward(_ pass: BackwardPass) {
        let sizes = sizes((0..<pass.inputCount).map { pass.input($0) }), kernels = pass.kernels
        let query = pass.input(inputs.query), value = pass.input(inputs.value)
        let key = inputs.key.map { pass.input($0) } ?? value
        let q = pass.saved(0), k = pass.saved(1), v = pass.saved(2), weights = pass.saved(3), found = pass.saved(4)
        let count = q.elementCount + k.elementCount + v.elementCount + weights.elementCount + found.elementCount
        kernels.withScratch(count + (useGate ? found.elementCount : 0)) { scratch in
            var offset = 0
            func gradient(of tensor: Tensor) -> Tensor {
                defer { offset += tensor.elementCount }
                return scratch.slice(at: offset, count: tensor.elementCount)
                    .viewed(count: tensor.count, shape: tensor.shape)
            }
            let dq = gradient(of: q), dk = gradient(of: k), dv = gradient(of: v), dweights = gradient(of: weights)
            let dfound = gradient(of: found), dgate = useGate ? gradient(of: found) : nil
            outputGradients(pass, found, into: dfound, dgate)
            headGradients(pass, sizes, dfound, into: dweights, dv)
            weightGradients(pass, sizes, dweights)
            scoreGradients(kernels, sizes, q, k, dweights, into: dq, dk)
            scale(dq, by: 1 / Float(keyDimension).squareRoot(), into: dq)

            parameterGradients(pass, query, dq, .query)
            parameterGradients(pass, key, dk, .key)
            parameterGradients(pass, value, dv, .value)
            if let dgate { parameterGradients(pass, query, dgate, .gate) }
            if let dquery = pass.inputGradient(inputs.query) {
                inputGradient(pass, dq, .query, into: dquery)
                if let dgate { inputGradient(pass, dgate, .gate, into: dquery, adding: true) }
            }
            if let dvalue = pass.inputGradient(inputs.value) {
                inputGradient(pass, dv, .value, into: dvalue)
                if inputs.key == nil { inputGradient(pass, dk, .key, into: dvalue, adding: true) }
            }
            if let position = inputs.key, let dkey = pass.inputGradient(position) {
                inputGradient(pass, dk, .key, into: dkey)
            }
        }
        if let position = inputs.mask { pass.inputGradient(position)?.fill(with: 0) }
    }

    private func outputGradients(_ pass: BackwardPass, _ found: Tensor, into dfound: Tensor, _ dgate: Tensor?) {
        let kernel = kernel(.output), gate = useGate ? pass.saved(5) : nil
        withFirstResult(pass.kernels, pass.outputGradient, pass.saved(3)) { dy in
            withGated(pass.kernels, found, gate) { rows in
                let dy = Matrix(dy, rows: rows.rows, columns: dy.elementCount / rows.rows)
                let dkernel = matrix(pass.parameterGradient(kernel), rows: rows.columns)
                pass.kernels.multiply(rows.transposed, dy, into: dkernel)
                if useBias { sumColumns(of: dy, into: pass.parameterGradient(kernel + 1)) }
                pass.kernels.multiply(
                    dy, matrix(pass.parameter(kernel), rows: rows.columns).transposed,
                    into: Matrix(dfound, rows: rows.rows, columns: rows.columns))
            }
        }
        if let gate, let dgate {
            multiplyElements(dfound, found, into: dgate)
            activateGradient(Activation(.sigmoid), value: gate, outputGradient: dgate, into: dgate)
            multiplyElements(dfound, gate, into: dfound)
        }
    }

    /// Lends the gradient of what was found, without that of the weights.
    private func withFirstResult(
        _ kernels: KernelContext, _ dy: Tensor, _ weights: Tensor, _ body: (Tensor) -> Void
    ) {
        guard returnsScores else { return body(dy) }
        let scores = weights.elementCount / dy.count, size = dy.shape.elementCount - scores
        kernels.withScratch(dy.count * size) { room in
            copyRows(
                from: Matrix(dy, rows: dy.count, columns: size, stride: size + scores),
                to: Matrix(room, rows: dy.count, columns: size))
            body(room)
        }
    }

    /// The gradients of the weights before they were dropped, and of the values.
    private func headGradients(
        _ pass: BackwardPass, _ sizes: Sizes, _ dfound: Tensor, into dweights: Tensor, _ dv: Tensor
    ) {
        let v = pass.saved(2), weights = pass.saved(3), shared = heads / keyValueHeads
        withDropped(pass.kernels, weights, isTraining: true, pass.key) { dropped in
            for item in 0..<(pass.count * sizes.outer * sizes.inner) {
                for head in 0..<heads {
                    let d = self.head(dfound, sizes, item, head, count: sizes.queries)
                    pass.kernels.multiply(
                        d, self.head(v, sizes, item, head / shared, count: sizes.keys).transposed,
                        into: pairs(dweights, sizes, item, head))
                    pass.kernels.multiply(
                        pairs(dropped, sizes, item, head).transposed, d,
                        into: self.head(dv, sizes, item, head / shared, count: sizes.keys), adding: head % shared > 0)
                }
            }
        }
        if dropout > 0 { dropOut(dweights, rate: dropout, key: pass.key, into: dweights) }
    }

    /// Turns the gradient of the weights into that of the scores.
    private func weightGradients(_ pass: BackwardPass, _ sizes: Sizes, _ dweights: Tensor) {
        let weights = pass.saved(3)
        if returnsScores {
            let dy = pass.outputGradient, size = dy.shape.elementCount, scores = weights.elementCount / dy.count
            for example in 0..<dy.count {
                addScaled(
                    dy.slice(at: (example + 1) * size - scores, count: scores), by: 1,
                    to: dweights.slice(at: example * scores, count: scores))
            }
        }
        let count = weights.elementCount / max(sizes.keys, 1)
        let rows = dweights.viewed(count: count, shape: [sizes.keys])
        softmaxGradient(weights.viewed(count: count, shape: [sizes.keys]), outputGradient: rows, into: rows)
        let masks = maskTensors { pass.inputMask($0) }
        eachBlock(
            pass.kernels, dweights, mask(masks.query, masks.keys, sizes), inputs.mask.map { pass.input($0) }, sizes
        ) { scores, allowed, _ in multiplyElements(scores, allowed, into: scores) }
    }

    private func scoreGradients(
        _ kernels: KernelContext, _ sizes: Sizes, _ q: Tensor, _ k: Tensor, _ dscores: Tensor, into dq: Tensor,
        _ dk: Tensor
    ) {
        let shared = heads / keyValueHeads
        for item in 0..<(dscores.elementCount / max(heads * sizes.queries * sizes.keys, 1)) {
            for head in 0..<heads {
                let d = pairs(dscores, sizes, item, head)
                kernels.multiply(
                    d, self.head(k, sizes, item, head / shared, count: sizes.keys),
                    into: self.head(dq, sizes, item, head, count: sizes.queries))
                kernels.multiply(
                    d.transposed, self.head(q, sizes, item, head, count: sizes.queries),
                    into: self.head(dk, sizes, item, head / shared, count: sizes.keys), adding: head % shared > 0)
            }
        }
    }

    private func parameterGradients(_ pass: BackwardPass, _ x: Tensor, _ dy: Tensor, _ role: Role) {
        let kernel = kernel(role), rows = Matrix(dy, rows: x.rowCount, columns: dy.elementCount / max(x.rowCount, 1))
        pass.kernels.multiply(
            x.rows.transposed, rows, into: matrix(pass.parameterGradient(kernel), rows: x.shape.channels))
        if useBias { sumColumns(of: rows, into: pass.parameterGradient(kernel + 1)) }
    }

    private func inputGradient(
        _ pass: BackwardPass, _ dy: Tensor, _ role: Role, into dx: Tensor, adding: Bool = false
    ) {
        let kernel = matrix(pass.parameter(kernel(role)), rows: dx.shape.channels)
        pass.kernels.multiply(
            Matrix(dy, rows: dx.rowCount, columns: kernel.columns), kernel.transposed, into: dx.rows, adding: adding)
    }
}

/// One of the results of attention that returns its weights too.
///
/// It reads the whole, and behind it what attention read, from which it knows where its part is.
public struct AttentionResult: Layer {
    public enum Result: Int, Hashable, Sendable { case output, scores }

    public let result: Result
    private let results: @Sendable ([Shape]) throws(ShapeError) -> [Shape]

    public init(_ result: Result, of layer: MultiHeadAttention) {
        self.result = result
        results = { shapes throws(ShapeError) in try layer.results(for: shapes) }
    }

    public init(_ result: Result, of layer: SequenceAttention) {
        self.result = result
        results = { shapes throws(ShapeError) in try layer.results(for: shapes) }
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        LayerPlan(
            output: try results(Array(inputs.dropFirst()))[result.rawValue], mask: result == .output ? .first : .none)
    }

    private func place(_ whole: Tensor, _ part: Tensor) -> Matrix {
        let size = part.shape.elementCount, width = whole.shape.elementCount
        return Matrix(
            whole, rows: whole.count, columns: size, stride: width, at: result == .output ? 0 : width - size)
    }

    public func forward(_ pass: ForwardPass) {
        copyRows(from: place(pass.input(), pass.output), to: pass.output.examples)
    }

    public func backward(_ pass: BackwardPass) {
        for position in 0..<pass.inputCount { pass.inputGradient(position)?.fill(with: 0) }
        guard let dx = pass.inputGradient() else { return }
        copyRows(from: pass.outputGradient.examples, to: place(dx, pass.outputGradient))
    }
}
