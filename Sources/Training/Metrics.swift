public import Datasets
public import Tensors

/// How good scores from 0 to 1 are, under the names that reports and programs know; the one that decides comes first.
///
/// One class for each example: `accuracy`. Several labels: those of the YouTube-8M challenges.
///
/// - Parameters:
///   - scores: Rows × classes.
///   - labels: Rows × classes: 1 for each label of each example.
public func metrics(_ scores: Tensor, labels: Tensor, kind: LabelKind) -> [(name: String, value: Double)] {
    switch kind {
    case .oneClass: [("accuracy", accuracy(scores, labels: labels))]
    case .manyLabels: rankingMetrics(scores, labels: labels)
    }
}

/// The metrics of the YouTube-8M challenges.
///
/// Equal scores rank in the order of the classes, and of the examples.
///
///     gap_at_20   the best 20 classes of every example in one list by score: the sum of the precisions at each true
///                 one, divided by the number of all true labels
///     map         the same for each class by itself; the mean of the classes that any example has
///     hit_at_1    how often the first class is true; an example without labels is a miss
///     perr        of an example with n labels, the true share of its first n classes; examples without labels left out
public func rankingMetrics(_ scores: Tensor, labels: Tensor) -> [(name: String, value: Double)] {
    let classes = labels.shape.channels
    precondition(scores.elementCount == labels.elementCount, "\(scores.elementCount) scores of \(labels.elementCount)")
    var ranking = Ranking(classCount: classes)
    for row in 0..<labels.rowCount {
        ranking.add(
            scores.slice(at: row * classes, count: classes), truth: labels.slice(at: row * classes, count: classes))
    }
    return ranking.metrics()
}

private struct Ranking {
    private struct Pair {
        let score: Float
        let label: Int32
        let isTrue: Bool
    }

    private static let depth = 20

    private var pairs: [Pair] = []
    /// How many examples have each class.
    private var positives: [Int]
    private var count = 0
    private var labeled = 0
    private var hits = 0
    private var precision = 0.0

    init(classCount: Int) { positives = [Int](repeating: 0, count: classCount) }

    mutating func add(_ scores: Tensor, truth: Tensor) {
        let labels = (0..<truth.elementCount).filter { truth[$0] > 0 }
        for label in labels { positives[label] += 1 }
        let best = highest(max(Self.depth, labels.count), of: scores)
        for label in best.prefix(Self.depth) {
            pairs.append(Pair(score: scores[label], label: Int32(label), isTrue: truth[label] > 0))
        }
        count += 1
        if let first = best.first, truth[first] > 0 { hits += 1 }
        if !labels.isEmpty {
            labeled += 1
            let right = best.prefix(labels.count).count { truth[$0] > 0 && scores[$0] > 0 }
            precision += Double(right) / Double(labels.count)
        }
    }

    /// The classes of the highest scores, highest first.
    private func highest(_ count: Int, of scores: Tensor) -> [Int] {
        var best: [Int] = []
        for label in 0..<scores.elementCount where !scores[label].isNaN {
            if best.count == count {
                guard let last = best.last, scores[label] > scores[last] else { continue }
                best.removeLast()
            }
            best.insert(label, at: best.firstIndex { scores[$0] < scores[label] } ?? best.count)
        }
        return best
    }

    mutating func metrics() -> [(name: String, value: Double)] {
        pairs.sort { $0.score > $1.score }
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
        let sum = present.reduce(0) { $0 + sumOf[$1] / Double(positives[$1]) }
        return [
            ("gap_at_20", gap / Double(max(positives.reduce(0, +), 1))), ("map", sum / Double(max(present.count, 1))),
            ("hit_at_1", Double(hits) / Double(max(count, 1))), ("perr", precision / Double(max(labeled, 1))),
        ]
    }
}
