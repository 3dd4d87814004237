import Datasets
import Tensors

/// What a metric is made of, for the significance of a difference.
public enum MetricSample: Sendable {
    /// The value of each example; the metric is their mean.
    case examples([Float])
    /// The metric without each of some groups of examples.
    case groups([Double])

    /// The standard error of the metric, or of the difference to another one of the same examples: paired, so that what
    /// is hard for both does not count. Infinite for a single example.
    ///
    ///     examples    √(Σ (dᵢ − d̄)² / (n − 1) / n) of the differences dᵢ of n examples
    ///     groups      √((G − 1) / G · Σ (θ₍₎ᵍ − θ̄)²) of the differences θ without each of G groups: the jackknife
    ///                 (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11)
    func standardError(minus other: MetricSample? = nil) -> Double {
        switch (self, other) {
        case (.examples(let values), .examples(let others)?):
            return Self.deviation(zip(values, others).map { Double($0 - $1) }, of: values.count)
        case (.examples(let values), _): return Self.deviation(values.map { Double($0) }, of: values.count)
        case (.groups(let values), .groups(let others)?): return Self.jackknife(zip(values, others).map { $0 - $1 })
        case (.groups(let values), _): return Self.jackknife(values)
        }
    }

    private static func deviation(_ values: [Double], of count: Int) -> Double {
        guard count > 1 else { return .infinity }
        return (squares(values) / Double(count - 1) / Double(count)).squareRoot()
    }

    private static func jackknife(_ values: [Double]) -> Double {
        guard values.count > 1 else { return .infinity }
        let count = Double(values.count)
        return ((count - 1) / count * squares(values)).squareRoot()
    }

    /// The sum of squared differences to the mean.
    private static func squares(_ values: [Double]) -> Double {
        let mean = values.reduce(0, +) / Double(max(values.count, 1))
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }

    /// Half of the interval that has the metric with a probability of 95 %: 1.96 standard errors.
    public var margin: Double { MetricDifference.deviations * standardError() }
}

/// How much better one model is than another on the same examples, in a metric or another mean of examples.
public struct MetricDifference: Hashable, Sendable {
    /// Above 0 where the first one is better.
    public let value: Double
    /// Half of the interval that has the difference with a probability of 95 %: 1.96 standard errors.
    public let margin: Double
    /// Whether there may be no difference. For examples that are right or wrong this is McNemar's test with the correction
    /// for continuity, which is right for few examples, too: |Σ d| − 1 against 1.96 · √(Σ d²); for others there is none.
    public let isNoise: Bool

    public static let deviations = 1.96

    /// - Parameters:
    ///   - first: The metric of one model, and what it is made of.
    ///   - second: The same of the other, of the same examples.
    public init(_ first: (value: Double, sample: MetricSample), _ second: (value: Double, sample: MetricSample)) {
        value = first.value - second.value
        margin = Self.deviations * first.sample.standardError(minus: second.sample)
        switch (first.sample, second.sample) {
        case (.examples(let ours), .examples(let others)):
            let differences = zip(ours, others).map { Double($0 - $1) }
            let sum = abs(differences.reduce(0, +)), squares = differences.reduce(0) { $0 + $1 * $1 }
            let correction = differences.allSatisfy { $0 == $0.rounded() } ? 1.0 : 0
            isNoise = sum - correction <= Self.deviations * squares.squareRoot()
        default: isNoise = abs(value) <= margin
        }
    }
}

// MARK: - Collecting

/// What is kept of examples for samples: 4 bytes each, 8 and 4 for each label where there are several.
struct Sampling {
    /// 1 where the first class is true.
    var hits: [Float] = []
    /// The precisions at equal recall.
    var precisions: [Float] = []
    /// The labels of all examples.
    var labels: [GroupedLabel] = []

    private var block: (index: Int, groups: [Int]) = (-1, [])

    /// Examples are cut into so many groups of the same size, up to one, at random and always in the same way: the first
    /// so many are groups of their own.
    static let groupCount = 64

    /// - Parameter example: Its number; ascending from call to call.
    mutating func group(of example: Int) -> Int {
        let (index, place) = example.quotientAndRemainder(dividingBy: Self.groupCount)
        if block.index != index { block = (index, RandomKey(seed: 0)[index].permutation(of: Self.groupCount)) }
        return block.groups[place]
    }
}

/// A class of an example and the example's group, in 4 bytes.
struct GroupedLabel {
    let bits: UInt32

    init(bits: UInt32) { self.bits = bits }

    init(_ label: Int, group: Int) { bits = UInt32(label * Sampling.groupCount + group) }

    var label: Int { Int(bits) / Sampling.groupCount }
    var group: Int { Int(bits) % Sampling.groupCount }
}

extension RunningMetrics {
    /// What each metric is made of, in the order of `values()`; nothing unless samples were requested.
    public mutating func samples() -> [MetricSample] {
        guard let sampling else { return [] }
        guard kind == .multilabel else { return [.examples(sampling.hits)] }
        pairs.sort { $0.order < $1.order }
        // Where there are fewer examples than groups, the others are empty.
        var used = Sampling(), groups: [Int] = []
        for example in 0..<min(sampling.hits.count, Sampling.groupCount) { groups.append(used.group(of: example)) }
        let all = meanPrecisions(pairs[...], sampling.labels[...]), byClass = meansOfClasses(sampling.labels)
        return [
            .groups(groups.map { all[$0] }), .groups(groups.map { byClass[$0] }),
            .examples(sampling.hits), .examples(sampling.precisions),
        ]
    }

    /// The average precision of a ranking without each group; 0 where a group has all labels.
    private func meanPrecisions(_ ranking: ArraySlice<ScoredLabel>, _ labels: ArraySlice<GroupedLabel>) -> [Double] {
        zip(sums(ranking), rest(labels)).map { $1 > 0 ? $0 / Double($1) : 0 }
    }

    /// The mean of the classes' average precisions without each group, which may have all examples of a class.
    private func meansOfClasses(_ labels: [GroupedLabel]) -> [Double] {
        let labels = labels.sorted { $0.bits < $1.bits }
        // Stable: within a class the order is still that of the scores.
        let pairs = pairs.sorted { $0.label < $1.label }
        var sums = [Double](repeating: 0, count: Sampling.groupCount), classes = sums
        var place = 0, next = 0
        while next < labels.count {
            let label = labels[next].label
            let end = labels[next...].firstIndex { $0.label != label } ?? labels.count
            place = pairs[place...].firstIndex { $0.label >= label } ?? pairs.count
            let last = pairs[place...].firstIndex { $0.label != label } ?? pairs.count
            let rest = rest(labels[next..<end])
            for (group, value) in meanPrecisions(pairs[place..<last], labels[next..<end]).enumerated() {
                sums[group] += value
                classes[group] += rest[group] > 0 ? 1 : 0
            }
            (place, next) = (last, end)
        }
        return zip(sums, classes).map { $1 > 0 ? $0 / $1 : 0 }
    }

    /// How many labels there are without each group.
    private func rest(_ labels: ArraySlice<GroupedLabel>) -> [Int] {
        var counts = [Int](repeating: labels.count, count: Sampling.groupCount)
        for label in labels { counts[label.group] -= 1 }
        return counts
    }

    /// The sums of the precisions at each true label of a ranking without each group.
    private func sums(_ ranking: ArraySlice<ScoredLabel>) -> [Double] {
        let none = [Int](repeating: 0, count: Sampling.groupCount)
        var seen = 0, found = 0, seenOf = none, foundOf = none, sums = none.map { Double($0) }
        for pair in ranking {
            seen += 1
            seenOf[pair.group] += 1
            guard pair.isTrue else { continue }
            found += 1
            foundOf[pair.group] += 1
            for group in sums.indices where group != pair.group {
                sums[group] += Double(found - foundOf[group]) / Double(seen - seenOf[group])
            }
        }
        return sums
    }
}
