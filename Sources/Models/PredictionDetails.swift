public import Datasets
public import Tensors

/// Where predictions are right and where they are wrong: class by class, by how sure they are, and what is taken for what.
///
/// Of one class for each example the first class counts, as in accuracy. Of multi-label data every class of every example is a
/// prediction by itself: it is predicted from a probability of 0.5 on.
public struct PredictionDetails: Sendable {
    /// What came of one class.
    public struct ClassCounts: Hashable, Sendable {
        /// How many examples have the class, for how many it is predicted, and how many of these have it.
        public internal(set) var support = 0
        public internal(set) var predicted = 0
        public internal(set) var right = 0

        public var recall: Double? { support > 0 ? Double(right) / Double(support) : nil }
        public var precision: Double? { predicted > 0 ? Double(right) / Double(predicted) : nil }
        /// The harmonic mean of both: 2 · right / (support + predicted).
        public var f1: Double? {
            support + predicted > 0 ? 2 * Double(right) / Double(support + predicted) : nil
        }
    }

    /// Predictions that are equally sure.
    public struct Bin: Hashable, Sendable {
        public internal(set) var count = 0
        /// The sum of their probabilities, and how many of them are right.
        var sum = 0.0
        var right = 0

        /// The mean probability, and the share that is right; 0 of no predictions.
        public var confidence: Double { sum / Double(max(count, 1)) }
        public var accuracy: Double { Double(right) / Double(max(count, 1)) }
    }

    /// A class, and what it was taken for.
    public struct Confusion: Hashable, Sendable {
        public let label: Int
        public let predicted: Int

        public init(label: Int, predicted: Int) { (self.label, self.predicted) = (label, predicted) }
    }

    /// Bins of equal width from 0 to 1 (Guo et al., On Calibration of Modern Neural Networks, 2017).
    public static let binCount = 15
    /// Of more different mistakes, those that come later are not counted one by one.
    private static let mostConfusions = 1 << 18

    private let labelKind: LabelKind
    /// Whether each class of an example is a prediction by itself.
    public var isMultilabel: Bool { labelKind == .multilabel }
    public private(set) var classes: [ClassCounts]
    public private(set) var bins = [Bin](repeating: Bin(), count: Self.binCount)
    /// How often each class was taken for another; empty for multi-label data.
    public private(set) var confusions: [Confusion: Int] = [:]

    /// Classes and what they were taken for with the number of examples, the most frequent first, then by class.
    public var mostFrequentConfusions: [(label: Int, predicted: Int, count: Int)] {
        confusions.map { (label: $0.key.label, predicted: $0.key.predicted, count: $0.value) }.sorted {
            ($1.count, $0.label, $0.predicted) < ($0.count, $1.label, $1.predicted)
        }
    }

    /// The bytes that it takes at most.
    public static func memory(classCount: Int, exampleCount: Int) -> Int {
        classCount * MemoryLayout<ClassCounts>.stride + min(exampleCount, mostConfusions) * 64
    }

    public init(_ labelKind: LabelKind, classCount: Int) {
        self.labelKind = labelKind
        classes = [ClassCounts](repeating: ClassCounts(), count: classCount)
    }

    /// The mean distance of confidence and accuracy, by bin, each weighted with its predictions: the expected calibration
    /// error, from 0 to 1.
    public var calibrationError: Double {
        let total = bins.reduce(0) { $0 + $1.count }
        return bins.reduce(0) { $0 + abs($1.sum - Double($1.right)) } / Double(max(total, 1))
    }

    /// Adds examples.
    ///
    /// - Parameters:
    ///   - probabilities: B × C.
    ///   - labels: B × C: 1 for each label of each example.
    public mutating func add(_ probabilities: Tensor, labels: Tensor) {
        let count = classes.count
        probabilities.withSpan { scores in
            labels.withSpan { labels in
                for first in stride(from: 0, to: labels.count, by: max(count, 1)) {
                    let row = first..<(first + count)
                    switch labelKind {
                    case .multiclass: addFirst(scores.extracting(row), labels.extracting(row))
                    case .multilabel: addAll(scores.extracting(row), labels.extracting(row))
                    }
                }
            }
        }
    }

    private mutating func addFirst(_ scores: Span<Float>, _ truth: Span<Float>) {
        let first = largest(scores), label = largest(truth)
        classes[label].support += 1
        classes[first].predicted += 1
        if first == label { classes[label].right += 1 } else { count(Confusion(label: label, predicted: first)) }
        addToBin(scores[first], isRight: first == label)
    }

    private mutating func addAll(_ scores: Span<Float>, _ truth: Span<Float>) {
        for label in scores.indices {
            let isTrue = truth[label] > 0, isPredicted = scores[label] >= 0.5
            if isTrue { classes[label].support += 1 }
            if isPredicted { classes[label].predicted += 1 }
            if isTrue, isPredicted { classes[label].right += 1 }
            addToBin(scores[label], isRight: isTrue)
        }
    }

    private mutating func addToBin(_ probability: Float, isRight: Bool) {
        // Numbers that are none, which no softmax gives, are in no bin.
        guard probability >= 0 else { return }
        let bin = min(Int(min(probability, 1) * Float(Self.binCount)), Self.binCount - 1)
        bins[bin].count += 1
        bins[bin].sum += Double(probability)
        if isRight { bins[bin].right += 1 }
    }

    private mutating func count(_ confusion: Confusion) {
        guard confusions.count < Self.mostConfusions || confusions[confusion] != nil else { return }
        confusions[confusion, default: 0] += 1
    }
}

// MARK: - Two predictions

/// An example of which two models predict different things.
public struct Disagreement: Hashable, Sendable {
    /// What one of them says first of all, and how sure it is.
    public struct Guess: Hashable, Sendable {
        public let label: Int
        public let probability: Float
    }

    /// Its place in the split.
    public let example: Int
    /// Its first labels.
    public let labels: [Int]
    /// From 0, where both predict the same, to 1.
    public let distance: Float
    public let first: Guess
    public let second: Guess
}

/// The examples on which two predictions are farthest apart.
///
///     one class        ½ Σ |p − q|, the total variation distance
///     several labels   max |p − q| of the classes
struct Disagreements {
    private let labelKind: LabelKind
    private let limit: Int
    /// The farthest apart first; of equal ones that which came first.
    private(set) var all: [Disagreement] = []
    private var count = 0

    /// Of an example with more labels the others are left out.
    private static let mostLabels = 3

    init(_ labelKind: LabelKind, limit: Int) { (self.labelKind, self.limit) = (labelKind, limit) }

    /// Adds examples: probabilities and labels, B × C.
    mutating func add(_ first: Tensor, _ second: Tensor, labels: Tensor) {
        guard limit > 0 else { return }
        let classes = labels.elementCount / max(labels.rowCount, 1)
        first.withSpan { first in
            second.withSpan { second in
                labels.withSpan { labels in
                    for start in stride(from: 0, to: labels.count, by: max(classes, 1)) {
                        let row = start..<(start + classes)
                        add(first.extracting(row), second.extracting(row), labels.extracting(row))
                    }
                }
            }
        }
    }

    private mutating func add(_ first: Span<Float>, _ second: Span<Float>, _ truth: Span<Float>) {
        defer { count += 1 }
        var sum: Float = 0, farthest = 0
        for index in first.indices {
            let distance = abs(first[index] - second[index])
            sum += distance
            if distance > abs(first[farthest] - second[farthest]) { farthest = index }
        }
        let isOne = labelKind == .multiclass
        let distance = isOne ? min(sum / 2, 1) : abs(first[farthest] - second[farthest])
        guard distance > 0, all.count < limit || distance > all[all.count - 1].distance else { return }
        let guesses = isOne ? (largest(first), largest(second)) : (farthest, farthest)
        var labels: [Int] = []
        for label in truth.indices where truth[label] > 0 && labels.count < Self.mostLabels { labels.append(label) }
        let place = all.firstIndex { $0.distance < distance } ?? all.count
        all.insert(
            Disagreement(
                example: count, labels: labels, distance: distance,
                first: .init(label: guesses.0, probability: first[guesses.0]),
                second: .init(label: guesses.1, probability: second[guesses.1])), at: place)
        if all.count > limit { all.removeLast() }
    }
}

/// The place of the largest number; of equal ones the first.
private func largest(_ numbers: Span<Float>) -> Int {
    var best = 0
    for index in numbers.indices where numbers[index] > numbers[best] { best = index }
    return best
}
