import Kernels
public import Tensors

/// Keras's Attention and AdditiveAttention: every query gets a mean of the values, weighted by how its key scores.
///
///     scores = score(query, key) (T, S),  weights = softmax(scores),  y = weights · value
///
/// Query (T, C), value (S, D) and, if given, key (S, C); otherwise the values are the keys.
public struct SequenceAttention: Layer {
    public enum Score: Hashable, Sendable {
        /// scale · (q · k)
        case dot
        /// weight · Σ tanh(scale · (q + k))
        case concat
        /// Σ scale · tanh(q + k), with a scale for every channel
        case additive
    }

    public let score: Score
    public let useScale: Bool
    /// How many of the weights are dropped in training.
    public let dropout: Float
    public let isCausal: Bool
    /// Whether the result is followed by the weights (T, S).
    public let returnsScores: Bool
    /// Whether the result has the query's mask.
    public let passesMask: Bool
    public let maskReading: MaskReading

    public init(
        _ score: Score, useScale: Bool, dropout: Float = 0, isCausal: Bool = false, returnsScores: Bool = false,
        passesMask: Bool = true, maskReading: MaskReading = .attached
    ) {
        self.score = score
        self.useScale = useScale
        self.dropout = dropout
        self.isCausal = isCausal
        self.returnsScores = returnsScores
        self.passesMask = passesMask
        self.maskReading = maskReading
    }

    /// The shapes of the results: the means, and the weights.
    func results(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
        guard !inputs.allSatisfy({ $0.rank == 1 }) else {
            throw ShapeError(
                "reads vectors, of which Keras 2 lets the examples of a batch attend to each other; examples are "
                    + "computed one by one here. Give it sequences (time, features), such as Reshape((1, n)) makes")
        }
        guard (2...3).contains(inputs.count), inputs.allSatisfy({ $0.rank == 2 }) else {
            throw ShapeError("takes a query, a value and perhaps a key (time, features) each, found \(list(inputs))")
        }
        let key = inputs[inputs.count - 1]
        guard inputs[0].channels == key.channels, inputs[1][0] == key[0] else {
            throw ShapeError("needs queries as wide as the keys, and as many keys as values, found \(list(inputs))")
        }
        return [[inputs[0][0], inputs[1].channels], [inputs[0][0], key[0]]]
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let results = try results(for: inputs), (T, S) = (results[1][0], results[1][1])
        var parameters: [ParameterSpec] = []
        if useScale {
            parameters.append(
                score == .additive
                    ? ParameterSpec("scale", [inputs[0].channels], .glorotUniform) : ParameterSpec("scale", [], .ones))
        }
        if score == .concat { parameters.append(ParameterSpec("concat_score_weight", [], .ones)) }
        return LayerPlan(
            output: returnsScores ? [results.reduce(0) { $0 + $1.elementCount }] : results[0],
            parameters: parameters, saved: [results[1]], mask: passesMask ? .first : .none, maskReading: maskReading,
            multiplyAdds: T * S * (inputs[0].channels + inputs[1].channels))
    }

    /// The matrices of one example.
    private struct Parts {
        let query, key, value: Matrix
        let weights: Matrix
    }

    private func mask(_ queryMask: Tensor?, _ valueMask: Tensor?, _ shape: Shape) -> AttentionMask {
        // The query's mask does not hide scores: it zeroes the result.
        AttentionMask(
            pattern: AttentionPattern(isCausal: isCausal), query: nil, keys: [valueMask].compactMap(\.self),
            queryCount: shape[0], keyCount: shape[1])
    }

    public func forward(_ pass: ForwardPass) {
        let query = pass.input(0), value = pass.input(1), key = pass.input(pass.inputCount - 1)
        let weights = pass.saved(0), (T, S, D) = (weights.shape[0], weights.shape[1], value.shape.channels)
        let mask = mask(pass.inputMask(0), pass.inputMask(1), weights.shape),
            results = results(of: pass.output, T, S, D)
        pass.kernels.withScratch(2 * T * S) { scratch in
            let allowed = scratch.slice(at: 0, count: T * S), hiding = scratch.slice(at: T * S, count: T * S)
            for example in 0..<query.count {
                let scores = weights.slice(at: example * T * S, count: T * S).viewed(count: 1, shape: [T, S])
                writeScores(
                    pass.kernels, item(query, example), item(key, example), pass.parameter, into: scores)
                if !mask.isEverything {
                    mask.fill(allowed, example: example)
                    hideScores(scores, allowed, scratch: hiding)
                }
                softmax(scores, into: scores)
            }
        }
        withDropped(pass.kernels, weights, pass.isTraining, pass.key) { dropped in
            for example in 0..<query.count {
                pass.kernels.multiply(
                    item(dropped, example).rows, item(value, example).rows, into: results.means(example))
            }
        }
        if let queryMask = pass.inputMask(0) {
            for row in 0..<(query.count * T) where queryMask[row] == 0 {
                results.row(row).fill(with: 0)
            }
        }
        if returnsScores {
            for example in 0..<query.count { results.weights(example).copy(from: item(weights, example)) }
        }
    }

    private func item(_ tensor: Tensor, _ example: Int) -> Tensor {
        let size = tensor.shape.elementCount
        return tensor.slice(at: example * size, count: size).viewed(count: 1, shape: tensor.shape)
    }

    /// Where the results are in the output, or their gradients in its gradient.
    private struct Results {
        let tensor: Tensor
        let T: Int, S: Int, D: Int

        private var stride: Int { tensor.shape.elementCount }
        func means(_ example: Int) -> Matrix { Matrix(tensor, rows: T, columns: D, at: example * stride) }
        func row(_ row: Int) -> Tensor { tensor.slice(at: row / T * stride + row % T * D, count: D) }
        func weights(_ example: Int) -> Tensor { tensor.slice(at: example * stride + T * D, count: T * S) }
    }

    private func results(of tensor: Tensor, _ T: Int, _ S: Int, _ D: Int) -> Results {
        Results(tensor: tensor, T: T, S: S, D: D)
    }

    private func withDropped(
        _ kernels: KernelContext, _ weights: Tensor, _ isTraining: Bool, _ key: RandomKey, _ body: (Tensor) -> Void
    ) {
        guard isTraining, dropout > 0 else { return body(weights) }
        kernels.withScratch(weights.elementCount) { scratch in
            let dropped = scratch.viewed(count: weights.count, shape: weights.shape)
            dropOut(weights, rate: dropout, key: key, into: dropped)
            body(dropped)
        }
    }

    // MARK: Scores

    private func writeScores(
        _ kernels: KernelContext, _ query: Tensor, _ key: Tensor, _ parameter: (Int) -> Tensor, into scores: Tensor
    ) {
        let (S, C) = (key.shape[0], key.shape[1])
        if score == .dot {
            kernels.multiply(query.rows, key.rows.transposed, into: scores.rows)
            if useScale { scale(scores, by: parameter(0)[0], into: scores) }
            return
        }
        kernels.withScratch(S * C + C) { scratch in
            let block = scratch.slice(at: 0, count: S * C).viewed(count: 1, shape: [S, C])
            let channels = scratch.slice(at: S * C, count: C)
            fillChannelWeights(channels, parameter)
            for t in 0..<query.shape[0] {
                writeTanh(query.slice(at: t * C, count: C), key, parameter, into: block)
                kernels.multiply(
                    Matrix(channels, rows: 1, columns: C), block.rows.transposed,
                    into: Matrix(scores, rows: 1, columns: S, at: t * S))
            }
        }
    }

    /// What each channel's tanh counts in the score.
    private func fillChannelWeights(_ channels: Tensor, _ parameter: (Int) -> Tensor) {
        switch score {
        case .additive where useScale: channels.copy(from: parameter(0))
        case .concat: channels.fill(with: parameter(useScale ? 1 : 0)[0])
        default: channels.fill(with: 1)
        }
    }

    /// tanh(scale · (q + k)) for one query and all keys.
    private func writeTanh(_ query: Tensor, _ key: Tensor, _ parameter: (Int) -> Tensor, into block: Tensor) {
        scaleColumns(key, by: nil, adding: query, into: block)
        if score == .concat && useScale { scale(block, by: parameter(0)[0], into: block) }
        activate(Activation(.tanh), block, into: block)
    }

    // MARK: Gradients

    public func backward(_ pass: BackwardPass) {
        let query = pass.input(0), value = pass.input(1), key = pass.input(pass.inputCount - 1)
        let weights = pass.saved(0), (T, S, D) = (weights.shape[0], weights.shape[1], value.shape.channels)
        let mask = mask(pass.inputMask(0), pass.inputMask(1), weights.shape)
        let gradients = results(of: pass.outputGradient, T, S, D)
        if let queryMask = pass.inputMask(0) {
            for row in 0..<(query.count * T) where queryMask[row] == 0 { gradients.row(row).fill(with: 0) }
        }
        pass.kernels.withScratch(weights.elementCount + T * S + 2 * key.elementCount + query.elementCount) { scratch in
            var offset = 0
            func take(_ count: Int) -> Tensor {
                defer { offset += count }
                return scratch.slice(at: offset, count: count)
            }
            let dweights = take(weights.elementCount).viewed(count: weights.count, shape: weights.shape)
            let allowed = take(T * S)
            let dkey = take(key.elementCount).viewed(count: key.count, shape: key.shape)
            let dquery = take(query.elementCount).viewed(count: query.count, shape: query.shape)

            withDropped(pass.kernels, weights, true, pass.key) { dropped in
                for example in 0..<query.count {
                    let dmeans = gradients.means(example)
                    pass.kernels.multiply(
                        dmeans, item(value, example).rows.transposed, into: item(dweights, example).rows)
                    if let dvalue = pass.inputGradient(1) {
                        pass.kernels.multiply(
                            item(dropped, example).rows.transposed, dmeans, into: item(dvalue, example).rows)
                    }
                }
            }
            if dropout > 0 { dropOut(dweights, rate: dropout, key: pass.key, into: dweights) }
            if returnsScores {
                for example in 0..<query.count {
                    addScaled(gradients.weights(example), by: 1, to: item(dweights, example))
                }
            }
            softmaxGradient(weights, outputGradient: dweights, into: dweights)
            if !mask.isEverything {
                for example in 0..<query.count {
                    mask.fill(allowed, example: example)
                    multiplyElements(item(dweights, example), allowed, into: item(dweights, example))
                }
            }
            for position in 0..<(useScale ? 1 : 0) + (score == .concat ? 1 : 0) {
                pass.parameterGradient(position).fill(with: 0)
            }
            for example in 0..<query.count {
                scoreGradients(
                    pass, item(query, example), item(key, example), item(dweights, example),
                    into: item(dquery, example), item(dkey, example))
            }
            pass.inputGradient(0)?.copy(from: dquery)
            if pass.inputCount == 3 {
                pass.inputGradient(2)?.copy(from: dkey)
            } else if let dvalue = pass.inputGradient(1) {
                add(dvalue, dkey, into: dvalue)
            }
        }
    }

    /// The gradients of one example's query and key, overwritten, and those of the parameters, added to.
    private func scoreGradients(
        _ pass: BackwardPass, _ query: Tensor, _ key: Tensor, _ dscores: Tensor, into dquery: Tensor, _ dkey: Tensor
    ) {
        let (T, S, C) = (query.shape[0], key.shape[0], key.shape[1]), kernels = pass.kernels
        if score == .dot {
            let factor = useScale ? pass.parameter(0)[0] : 1
            kernels.multiply(dscores.rows, key.rows, into: dquery.rows)
            // Σ ds (q·k) = Σ q · (ds k)
            if useScale { pass.parameterGradient(0)[0] += inner(query, dquery) }
            kernels.multiply(dscores.rows.transposed, query.rows, into: dkey.rows)
            if factor != 1 {
                scale(dquery, by: factor, into: dquery)
                scale(dkey, by: factor, into: dkey)
            }
            return
        }
        dkey.fill(with: 0)
        kernels.withScratch(2 * S * C + 2 * C) { scratch in
            let block = scratch.slice(at: 0, count: S * C).viewed(count: 1, shape: [S, C])
            let dblock = scratch.slice(at: S * C, count: S * C).viewed(count: 1, shape: [S, C])
            let channels = scratch.slice(at: 2 * S * C, count: C)
            let dchannels = scratch.slice(at: 2 * S * C + C, count: C)
            fillChannelWeights(channels, pass.parameter)
            for t in 0..<T {
                let q = query.slice(at: t * C, count: C), dq = dquery.slice(at: t * C, count: C)
                let ds = Matrix(dscores, rows: 1, columns: S, at: t * S)
                writeTanh(q, key, pass.parameter, into: block)
                kernels.multiply(ds, block.rows, into: Matrix(dchannels, rows: 1, columns: C))
                switch score {
                case .additive where useScale: addScaled(dchannels, by: 1, to: pass.parameterGradient(0))
                case .concat: pass.parameterGradient(useScale ? 1 : 0)[0] += total(dchannels)
                default: break
                }
                kernels.multiply(ds.transposed, Matrix(channels, rows: 1, columns: C), into: dblock.rows)
                activateGradient(Activation(.tanh), value: block, outputGradient: dblock, into: dblock)
                if score == .concat && useScale {
                    scaleColumns(key, by: nil, adding: q, into: block)
                    pass.parameterGradient(0)[0] += inner(dblock, block)
                    scale(dblock, by: pass.parameter(0)[0], into: dblock)
                }
                sumColumns(of: dblock.rows, into: dq)
                add(dkey, dblock, into: dkey)
            }
        }
    }

    private func inner(_ a: Tensor, _ b: Tensor) -> Float {
        a.withSpan { a in b.withSpan { b in a.indices.reduce(Float(0)) { $0 + a[$1] * b[$1] } } }
    }

    private func total(_ a: Tensor) -> Float { a.withSpan { a in a.indices.reduce(Float(0)) { $0 + a[$1] } } }
}
