import Datasets
import Foundation
import Kernels
import Tensors

/// How much a teacher knows of held-out examples, beside one that knows nothing.
public struct TeacherSkill: Hashable, Sendable {
    public enum Standing: Hashable, Sendable {
        /// Clearly above chance, or too few examples to decide.
        case knowing
        /// Above chance, by so little that nobody would use such a model.
        case nearChance
        /// Not significantly above chance.
        case chance
    }

    /// The metric that decides, accuracy or GAP@20, and what a teacher would have that knows nothing of the examples.
    public let value: Double
    public let chance: Double
    /// How far it is from chance, 0, to perfect, 1, by the figure that speaks best of it; below 0 for worse than chance.
    public let share: Double
    public let standing: Standing
    /// The class that it predicts for every example, if it does so.
    public let onlyClass: Int?

    /// Beyond this many deviations a difference is no accident (one-sided p = 0.0013).
    static let deviations = 3.0
}

// MARK: - Measuring

extension TeacherSkill {
    /// - Parameter logits: Of each example, rows × classes.
    init(_ logits: Tensor, of examples: HeldOutExamples) {
        let first = examples.firstClasses(logits), hits = examples.hits(logits).count { $0 }
        let isConstant = examples.count >= 20 && Set(first).count == 1
        let counts = examples.labelCounts, total = Double(max(examples.count, 1))
        let hitRate = Figure(value: Double(hits) / total, chance: Double(counts.max() ?? 0) / total)
        var figures: [Figure], information = 0.0, isInformed = false
        switch examples.labelKind {
        case .multiclass:
            figures = [hitRate, Self.balancedAccuracy(first, counts, examples)]
            (information, isInformed) = Self.information(logits, counts, examples)
        case .multilabel: figures = Self.rankings(logits, counts, examples)
        }
        let deviation = (hitRate.chance * (1 - hitRate.chance) / total).squareRoot()
        let isAbove = hitRate.value > hitRate.chance + Self.deviations * deviation
        // A useful teacher must be unlikely, and there must be something to know.
        let isSure = Self.upperLimit(hits, of: examples.count) <= hitRate.chance + 0.25 * (1 - hitRate.chance)
        let isNear = isSure && !isInformed && ([hitRate] + figures).allSatisfy { $0.isNear && $0.chance < 1 }
        value = figures[0].value
        chance = figures[0].chance
        share = max(information, figures.map(\.share).max() ?? 0)
        standing = isNear ? (isAbove ? .nearChance : .chance) : .knowing
        onlyClass = isConstant ? first[0] : nil
    }

    /// A metric beside what one who knows nothing has.
    private struct Figure {
        let value: Double
        let chance: Double

        var share: Double { chance < 1 ? (value - chance) / (1 - chance) : 1 }
        /// At most a tenth of the way to perfect; with many classes, where any skill is far from that, twice chance.
        var isNear: Bool { value <= min(chance + 0.1 * (1 - chance), 2 * chance) }
    }

    /// The mean recall of the classes that there are: a teacher of rare classes has it, whose accuracy is below that of
    /// always naming the most frequent one.
    private static func balancedAccuracy(_ first: [Int], _ counts: [Int], _ examples: HeldOutExamples) -> Figure {
        var found = [Int](repeating: 0, count: counts.count)
        for (row, label) in first.enumerated() where examples.hasLabel(row, label) { found[label] += 1 }
        let present = counts.indices.filter { counts[$0] > 0 }, number = Double(max(present.count, 1))
        let recall = present.reduce(0.0) { $0 + Double(found[$1]) / Double(counts[$1]) }
        return Figure(value: recall / number, chance: 1 / number)
    }

    /// The share of the labels' entropy that the probabilities explain, and whether that is no accident:
    ///
    ///     mean of log p(y | x) − log n(y)/n, divided by the entropy
    private static func information(
        _ logits: Tensor, _ counts: [Int], _ examples: HeldOutExamples
    ) -> (share: Double, isSignificant: Bool) {
        let classes = examples.classCount, total = Double(max(examples.count, 1))
        let gains = (0..<examples.count).map { row -> Double in
            let z = logits.slice(at: row * classes, count: classes).values.map { Double($0) }
            let label = (0..<classes).first { examples.hasLabel(row, $0) } ?? 0, largest = z.max() ?? 0
            return z[label] - largest - log(z.reduce(0) { $0 + exp($1 - largest) }) - log(Double(counts[label]) / total)
        }
        let mean = gains.reduce(0, +) / total
        let variance = gains.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(total - 1, 1)
        let entropy = counts.reduce(0.0) { $0 - ($1 > 0 ? Double($1) / total * log(Double($1) / total) : 0) }
        guard entropy > 0 else { return (1, true) }
        let share = mean / entropy
        return (share, share > 0.02 && mean > deviations * (variance / total).squareRoot())
    }

    /// The metrics of multi-label data. Who knows nothing has the better of what the frequencies of the classes have, and of
    /// these predictions with the labels of other examples.
    private static func rankings(_ logits: Tensor, _ counts: [Int], _ examples: HeldOutExamples) -> [Figure] {
        let values = examples.metrics(logits), classes = examples.classCount
        let constant = Buffer(zeros: logits.elementCount).tensor.viewed(count: logits.count, shape: logits.shape)
        constant.withMutableSpan { constant in
            for place in constant.indices {
                let share = (Double(counts[place % classes]) + 0.5) / (Double(examples.count) + 1)
                constant[place] = Float(log(share / (1 - share)))
            }
        }
        let frequencies = examples.metrics(constant)
        let others = (0..<4).map { seed in
            examples.metrics(logits, labelsOf: RandomKey(seed: seed).permutation(of: examples.count))
        }
        return values.indices.map { index in
            let other = others.reduce(0.0) { $0 + $1[index].value } / Double(others.count)
            return Figure(value: values[index].value, chance: max(frequencies[index].value, other))
        }
    }

    /// The upper end of the one-sided interval of 99 % of a share (Wilson, 1927).
    private static func upperLimit(_ hits: Int, of count: Int) -> Double {
        guard count > 0 else { return 1 }
        let n = Double(count), p = Double(hits) / n, z = 2.326, spread = (p * (1 - p) / n + z * z / (4 * n * n))
        return (p + z * z / (2 * n) + z * spread.squareRoot()) / (1 + z * z / n)
    }
}
