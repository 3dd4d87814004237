public import Datasets
import Tensors

/// How good predictions are, as numbers from 0 to 1 under the names that reports and programs know.
///
/// One class for each example: `accuracy`. Several labels: those of the YouTube-8M challenges, `gap_at_20`, `map`,
/// `hit_at_1` and `perr`. Equal scores rank in the order of the classes, and of the examples.
public struct Metrics: Hashable, Sendable {
    public struct Metric: Hashable, Sendable {
        public let name: String
        public let value: Double
    }

    public let values: [Metric]

    /// The one that models are compared by.
    public var main: Metric { values[0] }

    public subscript(name: String) -> Double? { values.first { $0.name == name }?.value }

    /// Compares predictions with the truth.
    public init(_ predictions: Predictions, _ labels: Labels) {
        precondition(predictions.count == labels.count && predictions.classCount == labels.classCount)
        switch labels.kind {
        case .oneClass:
            let right = predictions.firstClasses.enumerated().count { labels[$0.offset].contains(Int32($0.element)) }
            values = [Metric(name: "accuracy", value: Double(right) / Double(max(labels.count, 1)))]
        case .manyLabels: values = RankingMetrics(predictions, labels).values
        }
    }
}

/// The true labels of a split, kept as lists of classes.
public struct Labels: Sendable {
    public let kind: LabelKind
    public let classCount: Int
    private var classes: [Int32] = []
    private var ends: [Int] = []

    public init(_ kind: LabelKind, classCount: Int) {
        self.kind = kind
        self.classCount = classCount
    }

    public var count: Int { ends.count }

    /// The classes of an example, ascending.
    public subscript(example: Int) -> ArraySlice<Int32> {
        classes[(example == 0 ? 0 : ends[example - 1])..<ends[example]]
    }

    /// Adds an example.
    public mutating func append(_ labels: [Int32]) {
        classes += labels
        ends.append(classes.count)
    }

    /// Reads the labels of all examples of a split.
    public init(of split: ExampleSplit) throws {
        self.init(split.labelKind, classCount: split.classCount)
        let reader = ExampleReader(split, batchSize: 1024, order: .sequential)
        for step in 0..<reader.stepsPerEpoch { append(try reader.batch(epoch: 0, step: step)) }
    }

    private mutating func append(_ batch: ExampleBatch) {
        if kind == .oneClass {
            var labels = [Int32](repeating: 0, count: batch.count)
            var span = labels.mutableSpan
            batch.readClasses(0..<batch.count, into: &span)
            for label in labels { append([label]) }
        } else {
            var row = [Float](repeating: 0, count: classCount)
            for example in 0..<batch.count {
                var span = row.mutableSpan
                batch.readLabels(example..<(example + 1), into: &span)
                append(row.indices.filter { row[$0] > 0 }.map { Int32($0) })
            }
        }
    }
}

extension Predictions {
    /// The class of the highest score of each example; the first of equal ones.
    public var firstClasses: [Int] {
        let rows = tensor
        return (0..<count).map { row in
            let start = row * classCount
            var best = 0
            for index in 1..<max(classCount, 1) where !(rows[start + index] <= rows[start + best]) {
                if !rows[start + index].isNaN { best = index }
            }
            return best
        }
    }

    /// How often two models' first classes are the same.
    public func agreement(with other: Predictions) -> Double {
        let same = zip(firstClasses, other.firstClasses).count { $0 == $1 }
        return count == 0 ? 0 : Double(same) / Double(count)
    }
}

/// The metrics of the YouTube-8M challenges.
///
///     gap_at_20   the best 20 classes of every example in one list by score: the sum of the precisions at each true
///                 one, divided by the number of all true labels
///     map         the same for each class by itself; the mean of the classes that any example has
///     hit_at_1    how often the first class is true; an example without labels is a miss
///     perr        of an example with n labels, the true share of its first n classes; examples without labels left out
private struct RankingMetrics {
    private struct Pair {
        let score: Float
        let label: Int32
        let isTrue: Bool
    }

    private static let depth = 20

    private var pairs: [Pair] = []
    private var positives: [Int]
    private var hits = 0
    private var precision = 0.0
    private let count: Int
    /// The examples that have any label.
    private var labelled = 0

    init(_ predictions: Predictions, _ labels: Labels) {
        count = labels.count
        positives = [Int](repeating: 0, count: labels.classCount)
        pairs.reserveCapacity(count * min(Self.depth, labels.classCount))
        let rows = predictions.tensor
        for example in 0..<count {
            let row = rows.slice(at: example * labels.classCount, count: labels.classCount).values
            add(row, labels[example])
        }
        pairs.sort { $0.score > $1.score }
    }

    private mutating func add(_ scores: [Float], _ truth: ArraySlice<Int32>) {
        for label in truth { positives[Int(label)] += 1 }
        let best = highest(max(Self.depth, truth.count), of: scores)
        for label in best.prefix(Self.depth) {
            pairs.append(Pair(score: scores[label], label: Int32(label), isTrue: truth.contains(Int32(label))))
        }
        if let first = best.first, truth.contains(Int32(first)) { hits += 1 }
        if !truth.isEmpty {
            labelled += 1
            let right = best.prefix(truth.count).count { truth.contains(Int32($0)) && scores[$0] > 0 }
            precision += Double(right) / Double(truth.count)
        }
    }

    /// The classes of the highest scores, highest first.
    private func highest(_ count: Int, of scores: [Float]) -> [Int] {
        var best: [Int] = []
        for (label, score) in scores.enumerated() where !score.isNaN {
            if best.count == count {
                guard let last = best.last, score > scores[last] else { continue }
                best.removeLast()
            }
            let place = best.firstIndex { scores[$0] < score } ?? best.count
            best.insert(label, at: place)
        }
        return best
    }

    var values: [Metrics.Metric] {
        var found = 0, gap = 0.0
        var seenOf = [Int](repeating: 0, count: positives.count), foundOf = seenOf
        var sumOf = [Double](repeating: 0, count: positives.count)
        for (rank, pair) in pairs.enumerated() {
            let label = Int(pair.label)
            seenOf[label] += 1
            guard pair.isTrue else { continue }
            found += 1
            foundOf[label] += 1
            gap += Double(found) / Double(rank + 1)
            sumOf[label] += Double(foundOf[label]) / Double(seenOf[label])
        }
        let present = positives.indices.filter { positives[$0] > 0 }
        let mean = present.reduce(0) { $0 + sumOf[$1] / Double(positives[$1]) } / Double(max(present.count, 1))
        return [
            .init(name: "gap_at_20", value: gap / Double(max(positives.reduce(0, +), 1))),
            .init(name: "map", value: mean),
            .init(name: "hit_at_1", value: Double(hits) / Double(max(count, 1))),
            .init(name: "perr", value: precision / Double(max(labelled, 1))),
        ]
    }
}
