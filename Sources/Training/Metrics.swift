public import Datasets
public import Tensors

/// How good scores from 0 to 1 are, of examples that come batch by batch, under the names that reports and programs know;
/// the one that decides comes first.
///
/// One class for each example:
///
///     accuracy    how often the first class is true
///
/// Multi-label data, as the evaluation of the YouTube-8M challenges has them ("YouTube-8M: a large-scale video
/// classification benchmark", Abu-El-Haija et al., 2016, and its starter code):
///
///     gap_at_20   global average precision: the best 20 classes of every example in one list by score; the sum of the
///                 precisions at each true one, divided by the number of all true labels, those beyond the 20 too
///     map         the same for each class by itself, from the same 20 classes of every example: the mean of the
///                 classes that any example has, as the starter code has it since 2019; before, the others counted as 0
///     hit_at_1    how often the first class is true
///     perr        precision at equal recall rate: of an example with n labels, the true share of its first n classes,
///                 scores of 0 being never right
///
/// An example without labels is a miss, and its precision 0. Equal scores rank in the order of the examples and of their
/// classes, where the starter code shuffles them; numbers that are none have no rank.
///
/// The same examples have the same metrics, however they are cut into batches. What is kept of an example does not depend
/// on the number of classes: 160 bytes.
public struct RunningMetrics {
    /// How many classes of each example are ranked.
    private static let depth = 20

    let kind: LabelKind
    private var count = 0
    /// How many examples' first class is true.
    private var hits = 0
    /// The sum of the precisions at equal recall.
    private var precision = 0.0
    /// How many examples have each class.
    private var positives: [Int]
    var pairs: [ScoredLabel] = []
    private var top = Top()
    /// What the noise is estimated from; nil unless samples are wanted.
    var sampling: Sampling?

    /// - Parameter isSampled: Whether `samples()` is wanted.
    public init(_ kind: LabelKind, classCount: Int, isSampled: Bool = false) {
        self.kind = kind
        positives = [Int](repeating: 0, count: classCount)
        if isSampled { sampling = Sampling() }
    }

    /// The bytes that are kept of so many examples: of multi-label data, a number for each class that is ranked. An array
    /// that grows is there twice for a moment.
    public static func memory(_ kind: LabelKind, exampleCount: Int) -> Int {
        kind == .multiclass ? 0 : 2 * depth * exampleCount * MemoryLayout<ScoredLabel>.stride
    }

    /// How many examples' first class is wrong.
    public var errors: Int { count - hits }

    /// Adds examples.
    ///
    /// - Parameters:
    ///   - scores: B × C, larger for what is more likely.
    ///   - labels: B × C: 1 for each label of each example.
    public mutating func add(_ scores: Tensor, labels: Tensor) {
        let classes = positives.count
        precondition(
            scores.elementCount == labels.elementCount && labels.elementCount.isMultiple(of: max(classes, 1)),
            "\(scores.elementCount) scores of \(labels.elementCount) for \(classes) classes")
        scores.withSpan { scores in
            labels.withSpan { labels in
                for first in stride(from: 0, to: labels.count, by: max(classes, 1)) {
                    let row = first..<(first + classes)
                    add(scores.extracting(row), truth: labels.extracting(row))
                }
            }
        }
    }

    private mutating func add(_ scores: Span<Float>, truth: Span<Float>) {
        let group = sampling?.group(of: count) ?? 0
        count += 1
        var labelCount = 0
        if kind == .multilabel {
            for label in truth.indices where truth[label] > 0 {
                positives[label] += 1
                labelCount += 1
                sampling?.labels.append(GroupedLabel(label, group: group))
            }
        }
        top.rank(kind == .multiclass ? 1 : max(Self.depth, labelCount), of: scores)
        let isHit = top.classes.first.map { truth[$0] > 0 } ?? false
        if isHit { hits += 1 }
        sampling?.hits.append(isHit ? 1 : 0)
        guard kind == .multilabel else { return }
        var right = 0
        for (rank, label) in top.classes.enumerated() {
            let isTrue = truth[label] > 0
            if rank < Self.depth {
                pairs.append(ScoredLabel(top.scores[rank], label: label, group: group, isTrue: isTrue))
            }
            if rank < labelCount, isTrue, top.scores[rank] > 0 { right += 1 }
        }
        let share = Double(right) / Double(max(labelCount, 1))
        precision += share
        sampling?.precisions.append(Float(share))
    }

    /// The metrics' names, as `--json` has them.
    public static func names(_ kind: LabelKind) -> [String] {
        kind == .multiclass ? ["accuracy"] : ["gap_at_20", "map", "hit_at_1", "perr"]
    }

    /// What the metrics of the examples so far are.
    public mutating func values() -> [(name: String, value: Double)] {
        let first = Double(hits) / Double(max(count, 1))
        func named(_ values: Double...) -> [(name: String, value: Double)] {
            zip(Self.names(kind), values).map { ($0, $1) }
        }
        guard kind == .multilabel else { return named(first) }
        // The sort is stable, so that the order of those that are equal is the one in which they came.
        pairs.sort { $0.order < $1.order }
        var found = 0, gap = 0.0
        var seenOf = [Int](repeating: 0, count: positives.count), foundOf = seenOf
        var sumOf = [Double](repeating: 0, count: positives.count)
        for (rank, pair) in pairs.enumerated() {
            let label = pair.label
            seenOf[label] += 1
            guard pair.isTrue else { continue }
            found += 1
            foundOf[label] += 1
            gap += Double(found) / Double(rank + 1)
            sumOf[label] += Double(foundOf[label]) / Double(seenOf[label])
        }
        let present = positives.indices.filter { positives[$0] > 0 }
        let sum = present.reduce(0) { $0 + sumOf[$1] / Double(positives[$1]) }
        return named(
            gap / Double(max(positives.reduce(0, +), 1)), sum / Double(max(present.count, 1)), first,
            precision / Double(max(count, 1)))
    }
}

/// A class of an example, in 8 bytes: its score above, the class, the example's group and whether it is true below.
struct ScoredLabel {
    private let bits: UInt64

    init(_ score: Float, label: Int, group: Int, isTrue: Bool) {
        // −0 becomes 0; then the bits of floats, those of negative ones turned around, have the order of the floats.
        let pattern = (score + 0).bitPattern
        let ascending = pattern >> 31 == 0 ? pattern | 1 << 31 : ~pattern
        bits = UInt64(~ascending) << 32 | UInt64(GroupedLabel(label, group: group).bits << 1 | (isTrue ? 1 : 0))
    }

    /// Smaller for a higher score.
    var order: UInt32 { UInt32(bits >> 32) }
    var label: Int { grouped.label }
    var group: Int { grouped.group }
    var isTrue: Bool { bits & 1 == 1 }

    private var grouped: GroupedLabel { GroupedLabel(bits: UInt32(truncatingIfNeeded: bits) >> 1) }
}

/// The highest scores of one example and their classes, the highest first; equal ones in the order of the classes.
private struct Top {
    private(set) var scores: [Float] = []
    private(set) var classes: [Int] = []

    mutating func rank(_ count: Int, of all: Span<Float>) {
        scores.removeAll(keepingCapacity: true)
        classes.removeAll(keepingCapacity: true)
        var next = 0
        while next < all.count, scores.count < count {
            if !all[next].isNaN { insert(all[next], next) }
            next += 1
        }
        guard next < all.count, var least = scores.last else { return }
        for label in next..<all.count where all[label] > least {
            scores.removeLast()
            classes.removeLast()
            insert(all[label], label)
            least = scores[count - 1]
        }
    }

    private mutating func insert(_ score: Float, _ label: Int) {
        var place = scores.count
        while place > 0, scores[place - 1] < score { place -= 1 }
        scores.insert(score, at: place)
        classes.insert(label, at: place)
    }
}
