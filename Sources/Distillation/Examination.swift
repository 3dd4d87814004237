import Datasets
import Kernels
import Models
import Networks
import Tensors
import Training

/// What models say of a split's examples, each by itself and together, measured batch by batch: only the answers to one
/// batch are in memory at a time.
struct Examination {
    /// A model whose answers are looked at.
    enum Model {
        /// One that has been asked before; the rows are those of the split.
        case asked(SoftTargets)
        case network(TrainedNetwork)
    }

    let split: ExampleSplit
    let models: [Model]
    let combination: Combination
    let workers: Workers

    private var labelKind: LabelKind { split.labelKind }

    /// How good an answer of several models is.
    struct Marks {
        /// Empty where there are no examples.
        var metrics: CompressionReport.Metrics = []
        /// What each metric is made of.
        var samples: [MetricSample] = []
        /// How many examples' first class is wrong.
        var errors = 0
        /// The mean cross-entropy, if it was asked for.
        var loss = 0.0
        /// How often the first class is that of the first mixture, if it was asked for.
        var agreement = 0.0

        /// How much better this answer is than another of the same examples, metric by metric.
        func minus(_ other: Marks) -> [MetricDifference] {
            metrics.indices.map { index in
                MetricDifference(
                    (metrics[index].value, samples[index]), (other.metrics[index].value, other.samples[index]))
            }
        }
    }

    /// Asks all models about the examples, and measures mixtures of their answers.
    ///
    /// - Parameters:
    ///   - mixtures: For each of them the models' shares, which add up to 1.
    ///   - hasLoss: Whether their cross-entropy is wanted.
    ///   - compared: The mixture whose agreement with the first one is wanted.
    func marks(_ mixtures: [[Double]], hasLoss: Bool = false, compared: Int? = nil) throws -> [Marks] {
        let split = split, labelKind = labelKind, classes = split.classCount, shape: Shape = [classes]
        guard split.count > 0 else { return mixtures.map { _ in Marks() } }
        let networks = models.map { model -> LogitsPredictor? in
            guard case .network(let network) = model else { return nil }
            return LogitsPredictor(network.graph, weights: network.weights, for: split, workers: workers)
        }
        let reader = ExampleReader(split, batchSize: batchSize, order: .sequential)
        let size = min(reader.batchSize, split.count) * classes, kernels = KernelContext()
        let answers = models.map { _ in Buffer(zeros: size).tensor }
        let memory = (
            labels: Buffer(zeros: size).tensor, first: Buffer(zeros: size).tensor, other: Buffer(zeros: size).tensor
        )
        var running = mixtures.map { _ in RunningMetrics(split.labelKind, classCount: classes, isSampled: true) }
        var losses = mixtures.map { _ in 0.0 }, agreed = mixtures.map { _ in 0 }, start = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step), count = batch.count
            func part(_ tensor: Tensor) -> Tensor {
                tensor.slice(at: 0, count: count * classes).viewed(count: count, shape: shape)
            }
            let labels = part(memory.labels), first = part(memory.first), logits = answers.map(part)
            labels.withMutableSpan { batch.readLabels(0..<count, into: &$0) }
            for (index, model) in models.enumerated() {
                if case .asked(let targets) = model { targets.read(start..<(start + count), into: logits[index]) }
                try networks[index]?.predict(batch, into: logits[index])
            }
            for (index, weights) in mixtures.enumerated() {
                let scores = index == 0 ? first : part(memory.other)
                Mixture(combination, labelKind, weights: weights).mix(
                    logits, labels: nil, known: 0, temperature: 1, into: scores, kernels: kernels)
                probabilities(scores, labelKind: labelKind, temperature: 1, into: scores)
                running[index].add(scores, labels: labels)
                if hasLoss {
                    losses[index] += crossEntropy(scores, labels: labels, labelKind: labelKind) * Double(count)
                }
                if index == compared { agreed[index] += agreements(scores, first) }
            }
            start += count
        }
        let total = Double(split.count)
        return mixtures.indices.map { index in
            Marks(
                metrics: running[index].values(), samples: running[index].samples(), errors: running[index].errors,
                loss: losses[index] / total, agreement: Double(agreed[index]) / total)
        }
    }

    /// About the most memory that the answers to a batch take.
    static let byteCount = 64 << 20

    private var batchSize: Int {
        let bytes = (models.count + 3) * split.classCount * MemoryLayout<Float>.stride
        return min(split.countReadTogether(multipleOf: 128), max(128, Self.byteCount / max(bytes, 1) / 128 * 128))
    }
}

extension Examination {
    /// The shares of one model by itself.
    static func only(_ index: Int, of count: Int) -> [Double] { (0..<count).map { $0 == index ? 1 : 0 } }

    /// Equal shares of some models.
    static func equal(_ some: Range<Int>, of count: Int) -> [Double] {
        (0..<count).map { some.contains($0) ? 1 / Double(some.count) : 0 }
    }
}
