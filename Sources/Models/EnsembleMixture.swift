public import Datasets
import Foundation
public import Kernels
public import Tensors

/// How the predictions of several teachers become those of the ensemble.
public struct EnsembleMixture: Hashable, Sendable {
    public let combination: Combination
    public let labelKind: LabelKind
    /// Each teacher's share; they add up to 1.
    public let weights: [Double]
    /// Whether a teacher's share of an example is larger, the better it knows the example's label.
    public let isByExample: Bool

    public init(_ combination: Combination, _ labelKind: LabelKind, weights: [Double], isByExample: Bool = false) {
        (self.combination, self.labelKind, self.weights, self.isByExample) = (
            combination, labelKind, weights, isByExample
        )
    }

    /// Writes the ensemble's logits at a temperature: softmax or sigmoid of them are its softened predictions q.
    ///
    ///     mean        q = Σ wₖ softmax(zₖ / T), or Σ wₖ sigmoid(zₖ / T)
    ///     geometric   logits Σ wₖ zₖ / T
    ///
    /// By example, wₖ is a prior, and the share of an example with labels y is what Bayes' rule makes of it, as in a
    /// mixture of experts (Jacobs et al., 1991): wₖ pₖ(y | x) / Σⱼ wⱼ pⱼ(y | x), pₖ(y | x) being the teacher's
    /// probability of these labels at T = 1.
    ///
    /// - Parameters:
    ///   - logits: Each teacher's logits, examples × classes.
    ///   - labels: Examples × classes, for shares by example.
    ///   - known: How many examples have labels: the first ones. The others have the shares wₖ.
    public func mix(
        _ logits: [Tensor], labels: Tensor?, known: Int, temperature: Float, into result: Tensor,
        kernels: KernelContext
    ) {
        let active = weights.indices.filter { weights[$0] > 0 }
        if active.count == 1 { return scale(logits[active[0]], by: 1 / temperature, into: result) }
        let count = result.elementCount, rows = result.rowCount
        kernels.withScratch(2 * count + rows * weights.count) { memory in
            let part = memory.slice(at: 0, count: count).viewed(count: result.count, shape: result.shape)
            let other = memory.slice(at: count, count: count).viewed(count: result.count, shape: result.shape)
            let shares = isByExample && labels != nil ? memory.slice(at: 2 * count, count: rows * weights.count) : nil
            if let shares, let labels { fill(shares, logits, labels, known: known, part) }
            func add(_ teacher: Int, to sum: Tensor) {
                if let shares {
                    scaleRows(part, by: shares.slice(at: teacher * rows, count: rows), into: part)
                    addScaled(part, by: 1, to: sum)
                } else {
                    addScaled(part, by: Float(weights[teacher]), to: sum)
                }
            }
            result.fill(with: 0)
            if combination == .mean, labelKind == .multilabel { other.fill(with: 0) }
            for teacher in active {
                switch (combination, labelKind) {
                case (.geometric, _): scale(logits[teacher], by: 1 / temperature, into: part)
                case (.mean, .multiclass): softmax(logits[teacher], temperature: temperature, into: part)
                case (.mean, .multilabel):
                    // 1 − q by itself, which keeps its digits where q is nearly 1.
                    scale(logits[teacher], by: -1 / temperature, into: part)
                    activate(Activation(.sigmoid), part, into: part)
                    add(teacher, to: other)
                    scale(logits[teacher], by: 1 / temperature, into: part)
                    activate(Activation(.sigmoid), part, into: part)
                }
                add(teacher, to: result)
            }
            guard combination == .mean else { return }
            takeLogarithms(result)
            if labelKind == .multilabel {
                takeLogarithms(other)
                addScaled(other, by: -1, to: result)
            }
        }
    }

    /// Σ y (z − log Σ exp z) of an example's classes.
    private static func likelihood(_ logits: Tensor, _ labels: Tensor, logSum: Double) -> Double {
        logits.withSpan { z in
            labels.withSpan { y in
                var sum = 0.0
                for index in y.indices where y[index] > 0 { sum += Double(y[index]) * (Double(z[index]) - logSum) }
                return sum
            }
        }
    }

    /// Writes each teacher's shares of the examples, one teacher after another.
    private func fill(_ shares: Tensor, _ logits: [Tensor], _ labels: Tensor, known: Int, _ scratch: Tensor) {
        let rows = scratch.rowCount, classes = scratch.shape.channels
        var likelihoods = [[Double]](repeating: [Double](repeating: 0, count: rows), count: weights.count)
        for (teacher, logits) in logits.enumerated() where weights[teacher] > 0 {
            if labelKind == .multiclass { logSumExp(logits, into: scratch.slice(at: 0, count: rows)) }
            for row in 0..<known {
                func part(_ tensor: Tensor) -> Tensor { tensor.slice(at: row * classes, count: classes) }
                likelihoods[teacher][row] =
                    switch labelKind {
                    case .multiclass: Self.likelihood(part(logits), part(labels), logSum: Double(scratch[row]))
                    case .multilabel:
                        // What the gradient is added to, times 0, is nobody's.
                        -binaryCrossEntropy(
                            part(logits), targets: part(labels), temperature: 1, scale: 0, to: part(scratch))
                    }
            }
        }
        for row in 0..<rows {
            let exponents = weights.indices.map {
                weights[$0] > 0 ? log(weights[$0]) + likelihoods[$0][row] : -.infinity
            }
            let largest = exponents.max() ?? 0, powers = exponents.map { exp($0 - largest) }, sum = powers.reduce(0, +)
            for (teacher, power) in powers.enumerated() { shares[teacher * rows + row] = Float(power / sum) }
        }
    }
}

/// log p in place, of numbers from 0 to 1. What float32 rounds to 0 counts as the smallest number that it does not.
private func takeLogarithms(_ x: Tensor) {
    x.withMutableSpan { span in
        for index in span.indices { span[index] = log(max(span[index], .leastNormalMagnitude)) }
    }
}
