import Datasets
import Foundation
import Kernels
import Models
import Tensors
import Training

/// Held-out examples with their labels in memory, on which teachers are measured before a student learns from them.
struct HeldOutExamples {
    let split: ExampleSplit
    /// Rows × classes: 1 for each label of each example.
    let labels: Tensor

    var count: Int { split.count }
    var labelKind: LabelKind { split.labelKind }
    var classCount: Int { split.classCount }

    /// All of a split, or a sample of so many of its examples.
    init(_ split: ExampleSplit, atMost limit: Int = .max) throws {
        self.split = split.sample(limit)
        labels = try self.split.allLabels().tensor(count: self.split.count, shape: [split.classCount])
    }

    /// The class of the largest logit of each example.
    func firstClasses(_ logits: Tensor) -> [Int] {
        let classes = classCount
        return logits.withSpan { logits in
            (0..<count).map { row in
                var best = row * classes
                for place in best..<(best + classes) where logits[place] > logits[best] { best = place }
                return best - row * classes
            }
        }
    }

    /// Whether an example has a label.
    func hasLabel(_ row: Int, _ label: Int) -> Bool { labels[row * classCount + label] > 0 }

    /// Whether the first class of each example is one of its labels.
    func hits(_ logits: Tensor) -> [Bool] {
        firstClasses(logits).enumerated().map { hasLabel($0, $1) }
    }

    /// The labels of some rows, rows × classes.
    func labels(of rows: [Int]) -> Tensor {
        let result = Buffer(zeros: rows.count * classCount).tensor.viewed(count: rows.count, shape: [classCount])
        for (place, row) in rows.enumerated() {
            result.slice(at: place * classCount, count: classCount).copy(
                from: labels.slice(at: row * classCount, count: classCount))
        }
        return result
    }

    /// How many examples have each label.
    var labelCounts: [Int] {
        labels.withSpan { labels in
            var counts = [Int](repeating: 0, count: classCount)
            for place in labels.indices where labels[place] > 0 { counts[place % classCount] += 1 }
            return counts
        }
    }

    /// The metrics of logits, the one that decides first.
    ///
    /// - Parameter others: The row of the example whose labels each is compared with; nil for its own.
    func metrics(_ logits: Tensor, labelsOf others: [Int]? = nil) -> NamedMetrics {
        let scores = Buffer(zeros: logits.elementCount).tensor.viewed(count: count, shape: [classCount])
        probabilities(logits, labelKind: labelKind, temperature: 1, into: scores)
        var metrics = RunningMetrics(labelKind, classCount: classCount)
        for row in 0..<count {
            metrics.add(
                scores.slice(at: row * classCount, count: classCount),
                labels: labels.slice(at: (others?[row] ?? row) * classCount, count: classCount))
        }
        return metrics.values()
    }
}

extension ExampleSplit {
    /// At most so many of the examples, chosen at random, always the same: rows in equal steps may be all of one class.
    func sample(_ limit: Int) -> ExampleSplit {
        count <= limit ? self : selecting(sampledRows(of: count, atMost: limit), name: name)
    }
}

/// The rows that a sample has, ascending.
func sampledRows(of count: Int, atMost limit: Int) -> [Int] {
    count <= limit ? Array(0..<count) : RandomKey(seed: 0).permutation(of: count).prefix(max(limit, 0)).sorted()
}

extension SoftTargets {
    /// The logits of some rows, rows × classes.
    func rows(_ rows: [Int]) -> Tensor {
        let result = Buffer(zeros: rows.count * classCount).tensor.viewed(count: rows.count, shape: [classCount])
        for (place, row) in rows.enumerated() {
            read(row..<(row + 1), into: result.slice(at: place * classCount, count: classCount))
        }
        return result
    }
}
