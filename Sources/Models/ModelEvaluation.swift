public import Datasets
public import Networks
import Tensors
import Training

/// Models from their files, evaluated one after another, and as an ensemble: the mean of their probabilities, as the
/// ensemble of a compression has it.
///
/// One model is in memory at a time. To be evaluated together, they predict a block of examples each, whose logits are kept
/// until the last of them has had its turn.
public struct ModelEvaluation {
    /// How good models are, in their order, and together.
    public struct Scores: Sendable {
        public let models: [NamedMetrics]
        /// Nil unless the models were evaluated together.
        public let ensemble: NamedMetrics?
        /// Where each model is right, and the ensemble behind them; empty unless requested.
        public let details: [PredictionDetails]
    }

    private let split: ExampleSplit
    private let models: [any Teacher]
    private let isTogether: Bool
    private let hasDetails: Bool
    private let blockBytes: Int

    /// Of so many examples the labels are in memory at a time.
    private static let labelsTogether = 256

    /// - Parameters:
    ///   - isTogether: Whether the models are evaluated together, too.
    ///   - hasDetails: Whether it is wanted where the models are right.
    ///   - blockBytes: The most memory for the logits of a block, unless one batch needs more.
    public init(
        _ split: ExampleSplit, _ models: [any Teacher], together isTogether: Bool, hasDetails: Bool = false,
        blockBytes: Int = 128 << 20
    ) {
        (self.split, self.models, self.isTogether, self.blockBytes) = (split, models, isTogether, blockBytes)
        self.hasDetails = hasDetails
    }

    /// The examples after which the next model has its turn: whole batches, so that each is what it is without blocks.
    private var blocks: [Range<Int>] {
        let count = split.count, batch = split.countReadTogether(multipleOf: 128)
        let batchBytes = batch * split.classCount * MemoryLayout<Float>.stride * models.count
        let size = max(blockBytes / max(batchBytes, 1), 1) * batch
        return stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }

    /// About the most memory that it takes; none of it is taken.
    public func memory(threads: Int) -> Int {
        let largest = models.map { $0.memory(of: split, threads: threads) }.max() ?? 0
        let details =
            hasDetails ? PredictionDetails.memory(classCount: split.classCount, exampleCount: split.count) : 0
        let metrics = RunningMetrics.memory(split.labelKind, exampleCount: split.count) + details
        guard isTogether else { return largest + metrics }
        let block = (blocks.first?.count ?? 0) * split.classCount * MemoryLayout<Float>.stride * models.count
        return max(largest, Evaluation.batchBytes) + (models.count + 1) * metrics + block
    }

    /// Evaluates the models.
    ///
    /// - Throws: What reading models and examples throws.
    public func run(workers: Workers, tell: (ProgressEvent) -> Void) throws -> Scores {
        if isTogether { return try together(workers, tell) }
        let scores = try models.map { try alone($0, workers, tell) }
        return Scores(models: scores.map(\.metrics), ensemble: nil, details: scores.compactMap(\.details))
    }

    /// Measures a model batch by batch.
    private func alone(
        _ model: any Teacher, _ workers: Workers, _ tell: (ProgressEvent) -> Void
    ) throws -> (metrics: NamedMetrics, details: PredictionDetails?) {
        let classes = split.classCount
        var evaluation = Evaluation(split, shares: [[1]], options: .init(detailed: hasDetails ? [0] : []))
        try predict(model, split, "", workers, tell) { batch, logits in
            for first in stride(from: 0, to: batch.count, by: Self.labelsTogether) {
                let examples = first..<min(first + Self.labelsTogether, batch.count)
                let labels = Buffer(zeros: examples.count * classes).tensor(count: examples.count, shape: [classes])
                labels.withMutableSpan { batch.readLabels(examples, into: &$0) }
                let some = logits.slice(at: first * classes, count: labels.elementCount)
                    .viewed(count: examples.count, shape: [classes])
                evaluation.add([some], labels: labels)
            }
        }
        return (evaluation.metrics()[0], evaluation.details(of: 0))
    }

    private func together(_ workers: Workers, _ tell: (ProgressEvent) -> Void) throws -> Scores {
        let count = models.count, blocks = blocks
        let shares = models.indices.map { Evaluation.only($0, of: count) } + [Evaluation.equal(0..<count, of: count)]
        var evaluation = Evaluation(
            split, shares: shares, options: .init(detailed: hasDetails ? Set(shares.indices) : []))
        for block in blocks {
            let examples = split.selecting(Array(block), name: split.name)
            let place = blocks.count == 1 ? "" : " on examples \(block.lowerBound + 1) to \(block.upperBound)"
            let predicted = try models.map { model in
                let logits = Buffer(zeros: block.count * split.classCount).tensor
                var first = 0
                try predict(model, examples, place, workers, tell) { _, rows in
                    logits.slice(at: first, count: rows.elementCount).copy(from: rows)
                    first += rows.elementCount
                }
                return KeptPredictions(logits: logits)
            }
            try evaluation.add(examples, from: predicted)
        }
        let metrics = evaluation.metrics()
        return Scores(
            models: Array(metrics[..<count]), ensemble: metrics[count],
            details: shares.indices.compactMap(evaluation.details))
    }

    private func predict(
        _ model: any Teacher, _ examples: ExampleSplit, _ place: String, _ workers: Workers,
        _ tell: (ProgressEvent) -> Void, take: (ExampleBatch, Tensor) -> Void
    ) throws {
        tell(.began("evaluating \(model.path)\(place)", total: examples.count))
        try model.open().predict(examples, changing: nil, workers: workers) { batch, logits in
            tell(.advanced(batch.count))
            take(batch, logits)
        }
        tell(.ended)
    }
}

/// What a model predicted for all examples of a split, rows × classes.
private struct KeptPredictions: LogitsSource {
    let logits: Tensor

    func readLogits(of batch: ExampleBatch, from first: Int, into rows: Tensor) {
        rows.copy(from: logits.slice(at: first * rows.elementCount / max(batch.count, 1), count: rows.elementCount))
    }
}
