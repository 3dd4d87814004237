public import Datasets
import Kernels
public import Tensors
public import Training

/// How good models are, each by itself and together, from their logits for the examples of a split.
///
/// The logits come batch by batch, and nothing is kept that grows with examples × classes. What is measured is the mixture of
/// the models with some shares: one model by itself has all of them.
public struct Evaluation {
    /// How good the predictions of a mixture are.
    public struct Scores: Sendable {
        /// Empty where there are no examples.
        public var metrics: NamedMetrics = []
        /// What each metric is made of, if requested.
        public var samples: [MetricSample] = []
        /// How many examples' first class is wrong.
        public var errors = 0
        /// The mean cross-entropy, if requested.
        public var loss = 0.0
        /// How often the first class is that of the first mixture, if requested.
        public var agreement = 0.0
        /// Where the predictions are right, if requested.
        public var details: PredictionDetails?
        /// The examples on which they are farthest from the first mixture's, the farthest first, if requested.
        public var disagreements: [Disagreement] = []

        public init() {}

        /// How much better these predictions are than others of the same examples, metric by metric.
        public func minus(_ other: Scores) -> [MetricDifference] {
            metrics.indices.map { index in
                MetricDifference(
                    (metrics[index].value, samples[index]), (other.metrics[index].value, other.samples[index]))
            }
        }
    }

    /// What is wanted beside the metrics.
    public struct Options: Sendable {
        /// What each metric is made of.
        public var hasSamples = false
        /// The cross-entropy of each mixture.
        public var hasLoss = false
        /// The mixture whose agreement with the first one is wanted.
        public var compared: Int?
        /// The mixtures of which it is wanted where they are right.
        public var detailed: Set<Int> = []
        /// On how many examples the compared mixture's disagreement is wanted.
        public var disagreementCount = 0

        public init(
            hasSamples: Bool = false, hasLoss: Bool = false, compared: Int? = nil, detailed: Set<Int> = [],
            disagreementCount: Int = 0
        ) {
            (self.hasSamples, self.hasLoss, self.compared) = (hasSamples, hasLoss, compared)
            (self.detailed, self.disagreementCount) = (detailed, disagreementCount)
        }
    }

    private let mixtures: [EnsembleMixture]
    private let options: Options
    private let kernels = KernelContext()
    private var running: [RunningMetrics]
    private var losses: [Double]
    private var agreed = 0
    private var details: [Int: PredictionDetails]
    private var disagreements: Disagreements
    private var count = 0

    /// - Parameters:
    ///   - split: Examples like those that are to come.
    ///   - shares: Of each mixture the models' shares, which add up to 1.
    public init(
        _ split: ExampleSplit, shares: [[Double]], combination: Combination = .mean, options: Options = Options()
    ) {
        self.options = options
        mixtures = shares.map { EnsembleMixture(combination, split.labelKind, weights: $0) }
        running = shares.map { _ in
            RunningMetrics(split.labelKind, classCount: split.classCount, isSampled: options.hasSamples)
        }
        losses = shares.map { _ in 0 }
        details = Dictionary(
            uniqueKeysWithValues: options.detailed.map {
                ($0, PredictionDetails(split.labelKind, classCount: split.classCount))
            })
        disagreements = Disagreements(split.labelKind, limit: options.disagreementCount)
    }

    /// Adds examples.
    ///
    /// - Parameters:
    ///   - logits: Each model's, B × C.
    ///   - labels: B × C: 1 for each label of each example.
    public mutating func add(_ logits: [Tensor], labels: Tensor) {
        var sums = (
            running: running, losses: losses, agreed: agreed, details: details, disagreements: disagreements
        )
        kernels.withScratch(2 * labels.elementCount) { memory in
            func part(_ number: Int) -> Tensor {
                memory.slice(at: number * labels.elementCount, count: labels.elementCount)
                    .viewed(count: labels.count, shape: labels.shape)
            }
            let first = part(0)
            for (index, mixture) in mixtures.enumerated() {
                let scores = index == 0 ? first : part(1)
                mixture.mix(
                    logits, labels: nil, known: 0, temperature: 1, into: scores, kernels: kernels)
                probabilities(scores, labelKind: mixture.labelKind, temperature: 1, into: scores)
                sums.running[index].add(scores, labels: labels)
                if options.hasLoss {
                    let loss = crossEntropy(scores, labels: labels, labelKind: mixture.labelKind)
                    sums.losses[index] += loss * Double(labels.rowCount)
                }
                sums.details[index]?.add(scores, labels: labels)
                if index == options.compared {
                    sums.agreed += agreements(scores, first)
                    sums.disagreements.add(first, scores, labels: labels)
                }
            }
        }
        (running, losses, agreed, details, disagreements) = sums
        count += labels.rowCount
    }

    /// The metrics of each mixture; 0 of no examples.
    public mutating func metrics() -> [NamedMetrics] { running.indices.map { running[$0].values() } }

    /// Where a mixture is right on the examples until now, if requested.
    public func details(of mixture: Int) -> PredictionDetails? { details[mixture] }

    /// How good each mixture is on the examples until now.
    public mutating func scores() -> [Scores] {
        guard count > 0 else { return mixtures.map { _ in Scores() } }
        let total = Double(count)
        return mixtures.indices.map { index in
            var scores = Scores()
            scores.metrics = running[index].values()
            if options.hasSamples { scores.samples = running[index].samples() }
            scores.errors = running[index].errors
            scores.loss = losses[index] / total
            scores.details = details[index]
            if index == options.compared {
                scores.agreement = Double(agreed) / total
                scores.disagreements = disagreements.all
            }
            return scores
        }
    }
}

// MARK: - Splits

/// Whoever has logits for the examples of a split, such as what a model predicted before.
public protocol LogitsSource {
    /// Writes the logits of a batch, B × the split's classes.
    ///
    /// - Parameter first: The place in the split of the batch's first example.
    func readLogits(of batch: ExampleBatch, from first: Int, into logits: Tensor)
}

extension Evaluation {
    /// About the most memory that the logits of a batch take.
    public static let batchBytes = 64 << 20

    /// Adds all examples of a split.
    ///
    /// - Parameters:
    ///   - sources: The first models.
    ///   - networks: Those behind them, of whose examples each process of a job computes a share: all call it together.
    /// - Throws: What reading the examples throws; `ExampleValueError` for an example that a network cannot compute with.
    public mutating func add(
        _ split: ExampleSplit, from sources: [any LogitsSource], _ networks: [LogitsPredictor] = []
    ) throws {
        guard split.count > 0 else { return }
        let classes = split.classCount
        let bytes = (sources.count + networks.count + 3) * classes * MemoryLayout<Float>.stride
        let most = max(128, Self.batchBytes / max(bytes, 1) / 128 * 128)
        let size = min(split.countReadTogether(multipleOf: 128), most)
        let count = min(size, split.count) * classes
        let memory = (logits: sources.map { _ in Buffer(zeros: count).tensor }, labels: Buffer(zeros: count).tensor)
        var first = 0
        func add(_ batch: ExampleBatch, _ predicted: [Tensor]) {
            func part(_ tensor: Tensor) -> Tensor {
                tensor.slice(at: 0, count: batch.count * classes).viewed(count: batch.count, shape: [classes])
            }
            let labels = part(memory.labels), logits = memory.logits.map(part)
            labels.withMutableSpan { batch.readLabels(0..<batch.count, into: &$0) }
            for (source, logits) in zip(sources, logits) { source.readLogits(of: batch, from: first, into: logits) }
            self.add(logits + predicted, labels: labels)
            first += batch.count
        }
        if networks.isEmpty {
            // Of the examples only the labels are needed.
            let reader = ExampleReader(split.reading([]), batchSize: size, order: .sequential)
            for step in 0..<reader.stepsPerEpoch { add(try reader.batch(epoch: 0, step: step), []) }
        } else {
            let batches = PredictedBatches(split, networks, batchSize: size)
            while let (batch, predicted) = try batches.next() { add(batch, predicted) }
        }
    }

    /// The shares of one model by itself.
    public static func only(_ index: Int, of count: Int) -> [Double] { (0..<count).map { $0 == index ? 1 : 0 } }

    /// Equal shares of some models.
    public static func equal(_ some: Range<Int>, of count: Int) -> [Double] {
        (0..<count).map { some.contains($0) ? 1 / Double(some.count) : 0 }
    }
}
