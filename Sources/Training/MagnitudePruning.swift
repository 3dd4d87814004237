import Foundation
public import Networks
public import Tensors

/// Which weights of a network magnitude pruning sets to 0: the smallest of each parameter, and of more parameters by their
/// layer-adaptive score (Lee et al., 2021, "Layer-adaptive sparsity for the magnitude-based pruning"),
///
///     score(w) = w² / Σ v²   over the weights v of the same parameter with |v| ≥ |w|,
///
/// the share of what is left of a parameter that is lost with the weight. No parameter loses its largest weight.
public struct MagnitudePruning: Sendable {
    /// What weights are 0 below, by the parameter's place.
    private let thresholds: [Int: Float]
    private let layout: ParameterLayout

    /// Finds them on a sample of each parameter's numbers where there are many.
    ///
    /// - Parameters:
    ///   - weights: Finite, a run of floats with the layout.
    ///   - share: How many of the weights are to be 0, from 0 to 1.
    ///   - isPruned: Which parameters lose weights.
    public init(
        _ layout: ParameterLayout, _ weights: Tensor, share: Double, where isPruned: (ParameterLayout.Entry) -> Bool
    ) {
        self.layout = layout
        let entries = layout.entries.filter { $0.spec.role == .trainable && isPruned($0) }
        let ranked = entries.map { entry in
            Ranking(weights.slice(at: entry.offset, count: entry.spec.shape.elementCount))
        }
        let all = ranked.reduce(0) { $0 + $1.count }, wanted = (1 - share) * all
        // Scores are from 0 to 1. After 64 halvings of their exponent nothing is between.
        var (low, high) = (-200.0, 0.0)
        if share > 0 {
            for _ in 0..<64 {
                let middle = (low + high) / 2, score = exp2(middle)
                if ranked.reduce(0, { $0 + $1.kept(above: score) }) > wanted { low = middle } else { high = middle }
            }
        }
        let score = share > 0 ? exp2(high) : 0
        thresholds = Dictionary(
            uniqueKeysWithValues: zip(entries, ranked).map { ($0.offset, $1.smallest(above: score)) })
    }

    /// Sets the weights of a parameter to 0 that are below its threshold; nil for one that loses none.
    public func rounding(_ entry: ParameterLayout.Entry) -> WeightRounding.Rounding? {
        guard let threshold = thresholds[entry.offset], threshold > 0 else { return nil }
        return { numbers in
            for index in numbers.indices where abs(numbers[index]) < threshold { numbers[index] = 0 }
        }
    }

    /// The weights that are left, the others 0.
    public func prune(_ weights: Tensor) -> Tensor {
        let pruned = Buffer(zeros: weights.elementCount).tensor
        pruned.copy(from: weights)
        for entry in layout.entries {
            guard let round = rounding(entry) else { continue }
            pruned.slice(at: entry.offset, count: entry.spec.shape.elementCount).withMutableSpan { round(&$0) }
        }
        return pruned
    }

    /// The magnitudes of a parameter or of a sample of it, from the largest to the smallest, with their scores, which fall, too.
    private struct Ranking {
        private let magnitudes: [Float]
        private let scores: [Float]
        /// How many numbers each of these stands for.
        private let weight: Double

        init(_ numbers: Tensor) {
            let sample = numbers.sample
            weight = Double(numbers.elementCount) / Double(max(sample.elementCount, 1))
            let magnitudes = sample.values.map(abs).sorted(by: >)
            var sum = 0.0
            scores = magnitudes.map { magnitude in
                let square = Double(magnitude) * Double(magnitude)
                sum += square
                return sum > 0 ? Float(square / sum) : 0
            }
            self.magnitudes = magnitudes
        }

        var count: Double { weight * Double(magnitudes.count) }

        func kept(above score: Double) -> Double { weight * Double(place(of: score)) }

        /// The smallest magnitude that is kept; at least the largest is.
        func smallest(above score: Double) -> Float {
            guard !magnitudes.isEmpty else { return 0 }
            return magnitudes[max(place(of: score), 1) - 1]
        }

        /// How many have a higher score.
        private func place(of score: Double) -> Int {
            var (low, high) = (0, scores.count)
            while low < high {
                let middle = (low + high) / 2
                if Double(scores[middle]) > score { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }
}
