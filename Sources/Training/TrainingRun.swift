public import Datasets
import Foundation
public import Networks
import Tensors

/// A whole training: epochs over a split, a look at validation after each, and checkpoints to go on from.
public struct TrainingRun {
    public let train: ExampleSplit
    public let validation: ExampleSplit?
    /// Where checkpoints are kept, and what this run depends on; nil keeps none.
    public var checkpoint: (path: String, fingerprint: String)?
    public var isInterrupted: () -> Bool = { false }
    /// Called after every step with the examples in it.
    public var advance: (_ examples: Int, _ loss: Double) -> Void = { _, _ in }
    /// Called after every epoch.
    public var epochEnded: (EpochReport) -> Void = { _ in }

    /// What an epoch came to.
    public struct EpochReport: Sendable {
        /// Counted from 1.
        public let epoch: Int
        public let step: Int
        /// The mean of each of the objective's terms over the epoch's examples, or what was seen of them.
        public let terms: [Double]
        public let learningRate: Double
        /// The share of validation examples whose first class is right; nil without validation.
        public let validationAccuracy: Double?
        public let seconds: Double
    }

    public init(train: ExampleSplit, validation: ExampleSplit?) {
        self.train = train
        self.validation = validation
    }

    /// Trains to the end, from the last checkpoint if there is one.
    ///
    /// - Throws: `CancellationError` when interrupted, after the state was saved; `NotFiniteError` when the loss is not a
    ///   number; what reading and writing files throws.
    public func run(_ trainer: Trainer, minimizing objective: some Objective<ExampleBatch>, workers: Workers) throws {
        if trainer.graph.isOneUnit(for: train) {
            try go(trainer, OneUnitObjective(whole: objective), workers)
        } else {
            try go(trainer, objective, workers)
        }
    }

    private func go(_ trainer: Trainer, _ objective: some Objective<ExampleBatch>, _ workers: Workers) throws {
        let reader = ExampleReader(
            train, batchSize: trainer.recipe.batchSize,
            order: .shuffled(seed: UInt64(bitPattern: Int64(trainer.recipe.seed))))
        let stepsPerEpoch = reader.stepsPerEpoch, total = stepsPerEpoch * trainer.recipe.epochs
        let file = checkpoint.map { Checkpoint(path: $0.path, fingerprint: $0.fingerprint) }
        if let file, try file.restore(trainer, totalSteps: total), trainer.step > 0 {
            let (epochs, steps) = trainer.step.quotientAndRemainder(dividingBy: stepsPerEpoch)
            advance(epochs * train.count + steps * trainer.recipe.batchSize, 0)
        }
        let labels = try validation.map { SharedLabels(try $0.allLabels()) }
        while trainer.step < total {
            let epoch = trainer.step / stepsPerEpoch, start = Date()
            var sums = [Double](repeating: 0, count: objective.terms.count), seen = 0, rate = 0.0
            for step in (trainer.step % stepsPerEpoch)..<stepsPerEpoch {
                if isInterrupted() {
                    try file?.save(trainer)
                    throw CancellationError()
                }
                let batch = try reader.batch(epoch: epoch, step: step)
                let report = trainer.train(on: batch, minimizing: objective, totalSteps: total)
                guard report.loss.isFinite else {
                    throw NotFiniteError(step: trainer.step, terms: zip(objective.terms, report.terms).map { ($0, $1) })
                }
                for (index, term) in report.terms.enumerated() { sums[index] += term * Double(batch.count) }
                seen += batch.count
                rate = report.learningRate
                advance(batch.count, report.loss)
            }
            try file?.save(trainer)
            var accuracy: Double?
            if let validation, let labels {
                let logits = try predictLogits(trainer.graph, weights: trainer.result, of: validation, workers: workers)
                let shape: Shape = [validation.classCount]
                accuracy = Training.accuracy(
                    logits.tensor(count: validation.count, shape: shape),
                    labels: labels.buffer.tensor(count: validation.count, shape: shape))
            }
            epochEnded(
                EpochReport(
                    epoch: epoch + 1, step: trainer.step, terms: sums.map { $0 / Double(max(seen, 1)) },
                    learningRate: rate, validationAccuracy: accuracy, seconds: Date().timeIntervalSince(start)))
        }
    }
}

/// A loss that is not a number any more.
public struct NotFiniteError: Error, CustomStringConvertible {
    public let step: Int
    public let terms: [(name: String, value: Double)]

    public var description: String {
        let values = terms.map { "\($0.name) \($0.value.isNaN ? .nan : $0.value)" }.joined(separator: ", ")
        return "the loss is not finite after step \(step) (\(values)). Lower --learning-rate, or look for extreme "
            + "values in the data"
    }
}

/// A buffer that outlives a loop.
private final class SharedLabels {
    let buffer: Buffer
    init(_ buffer: consuming Buffer) { self.buffer = buffer }
}
