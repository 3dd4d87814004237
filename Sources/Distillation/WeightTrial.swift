import Datasets
import Foundation
import Kernels
import Models
import Tensors
import Training

/// Whether learned shares of teachers are better than equal ones, on held-out rows from which they were not learned.
///
/// The rows are cut into two halves at random, always the same ones; shares that are learned on one half are tried on the
/// other. They are better if their cross-entropy is lower beyond the noise, which is what a student learns from, and the
/// deciding metric not worse beyond the noise: a teacher that is outvoted harms the probabilities before it harms accuracy.
struct WeightTrial {
    /// By how much learned shares lower the cross-entropy, and raise the deciding metric; nil where no rows are held out.
    let found: (loss: MetricDifference, metric: MetricDifference)?
    let count: Int

    /// What is gained has to be worth it, too: teachers that have learned the held-out rows by heart differ there by little,
    /// and what they differ by means nothing elsewhere.
    var prefersLearned: Bool {
        guard let (loss, metric) = found else { return false }
        return loss.isClearlyAbove && loss.value - loss.margin > Self.leastGain && !metric.isClearlyBelow
    }

    /// In nats an example.
    private static let leastGain = 0.01

    /// How many numbers of each teacher are looked at, at most.
    private static let mostNumbers = 4 << 20

    /// - Parameter targets: Each teacher's predictions for the held-out rows.
    init(_ targets: [SoftTargets], of validation: ExampleSplit, combination: Combination) throws {
        let limit = max(Self.mostNumbers / validation.classCount, 2)
        let rows = sampledRows(of: validation.count, atMost: limit)
        count = rows.count
        guard count > 1 else {
            found = nil
            return
        }
        let examples = try HeldOutExamples(validation, atMost: limit), order = RandomKey(seed: 1).permutation(of: count)
        let halves = [Array(order[..<(count / 2)]), Array(order[(count / 2)...])].map { half in
            let places = half.sorted()
            return Half(
                logits: targets.map { $0.rows(places.map { rows[$0] }) }, labels: examples.labels(of: places),
                combination: combination, labelKind: validation.labelKind)
        }
        let equal = Evaluation.equal(0..<targets.count, of: targets.count)
        var learned = Tally(validation), uniform = learned
        for (half, other) in [(halves[0], halves[1]), (halves[1], halves[0])] {
            learned.add(half, with: other.learnedShares())
            uniform.add(half, with: equal)
        }
        found = (
            MetricDifference(learned.likelihood, uniform.likelihood), MetricDifference(learned.metric, uniform.metric)
        )
    }

    /// What was found, in a sentence: which shares are taken, and why.
    var sentence: String {
        guard let (loss, metric) = found else {
            return "teacher weights: equal (auto: no rows are held out to learn others from)"
        }
        let gain = "\(fixed(abs(loss.value), digits: 4)) ± \(fixed(loss.margin, digits: 4))"
        let rows = "on \(grouped(count)) held-out rows"
        if prefersLearned { return "teacher weights: learned (auto: they lower the cross-entropy by \(gain) \(rows))" }
        let reason =
            metric.isClearlyBelow
            ? "worsen the first metric by \(fixed(-100 * metric.value, digits: 1)) ± \(fixed(100 * metric.margin, digits: 1)) points "
                + rows
            : "\(loss.value < 0 ? "raise" : "lower") the cross-entropy by \(gain) \(rows), "
                + (loss.isClearlyAbove ? "too little to matter" : "within noise")
        return "teacher weights: equal (auto: learned ones \(reason))"
    }
}

/// Some rows with the teachers' predictions.
private struct Half {
    let logits: [Tensor]
    let labels: Tensor
    let combination: Combination
    let labelKind: LabelKind

    func learnedShares() -> [Double] {
        learnWeights(logits, labels: labels, combination: combination, labelKind: labelKind)
    }

}

/// How good a mixture is, row by row.
private struct Tally {
    private var metrics: RunningMetrics
    private var likelihoods: [Float] = []

    init(_ split: ExampleSplit) {
        metrics = RunningMetrics(split.labelKind, classCount: split.classCount, isSampled: true)
    }

    mutating func add(_ half: Half, with shares: [Double]) {
        let labels = half.labels, classes = labels.shape.channels
        let scores = Buffer(zeros: labels.elementCount).tensor.viewed(count: labels.count, shape: labels.shape)
        EnsembleMixture(half.combination, half.labelKind, weights: shares).mix(
            half.logits, labels: nil, known: 0, temperature: 1, into: scores, kernels: KernelContext())
        probabilities(scores, labelKind: half.labelKind, temperature: 1, into: scores)
        metrics.add(scores, labels: labels)
        for row in 0..<labels.rowCount {
            func part(_ tensor: Tensor) -> Tensor {
                tensor.slice(at: row * classes, count: classes).viewed(count: 1, shape: [classes])
            }
            likelihoods.append(-Float(crossEntropy(part(scores), labels: part(labels), labelKind: half.labelKind)))
        }
    }

    /// The mean log-likelihood of the labels.
    var likelihood: (value: Double, sample: MetricSample) {
        (likelihoods.reduce(0) { $0 + Double($1) } / Double(max(likelihoods.count, 1)), .examples(likelihoods))
    }

    /// The deciding metric.
    var metric: (value: Double, sample: MetricSample) {
        var metrics = metrics
        return (metrics.values()[0].value, metrics.samples()[0])
    }
}

extension MetricDifference {
    var isClearlyAbove: Bool { value > 0 && !isNoise }
    var isClearlyBelow: Bool { value < 0 && !isNoise }

    /// Hundredths of the metric, with the interval: `0.9 ± 0.3 points`.
    var points: String { "\(fixed(100 * value, digits: 1)) ± \(fixed(100 * margin, digits: 1)) points" }
}
