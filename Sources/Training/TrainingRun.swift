public import Datasets
import Foundation
import Kernels
import Networks
import Ranks
import Tensors

/// A whole training: epochs over a split, a look at validation after each, and checkpoints to go on from.
public struct TrainingRun {
    public let train: ExampleSplit
    public let validation: ExampleSplit?
    /// Where checkpoints are kept, and what this run depends on; nil keeps none.
    public var checkpoint: (path: String, fingerprint: String)?
    /// A checkpoint is written where the last one is older, and at the end of each epoch.
    public var checkpointInterval = defaultCheckpointInterval
    /// Throws when what was learned since the last checkpoint may not be kept.
    public var check: () throws -> Void = {}
    /// Learns what the user should know, such as that a checkpoint is damaged.
    public var warn: (String) -> Void = { _ in }
    /// Called where training goes on from a checkpoint, with the epochs that are complete in it.
    public var resumed: (_ epochs: Int) -> Void = { _ in }
    /// Called after every step with the examples in it.
    public var advance: (_ examples: Int, _ loss: Double) -> Void = { _, _ in }
    /// Called after every step.
    public var stepEnded: (StepReport) throws -> Void = { _ in }
    /// Called after every epoch.
    public var epochEnded: (EpochReport) throws -> Void = { _ in }

    public static let defaultCheckpointInterval = Duration.seconds(600)

    /// What a step came to.
    public struct StepReport: Sendable {
        /// The number of steps made.
        public let step: Int
        /// The share of training that was over when it began.
        public let progress: Double
        public let examples: Int
        /// The mean of each of the objective's terms.
        public let terms: [Double]
        public let learningRate: Double
        /// The norm of the gradient before clipping; nil unless clipping measures it.
        public let gradientNorm: Double?
    }

    /// What an epoch came to.
    public struct EpochReport: Sendable {
        /// Counted from 1.
        public let epoch: Int
        public let step: Int
        /// The mean of each of the objective's terms over the epoch's examples.
        public let terms: [Double]
        public let learningRate: Double
        /// How good the network is on the validation examples, the deciding figure first; empty without them.
        public let validation: [(name: String, value: Double)]
        /// Without validation.
        public let seconds: Double
        public let examplesPerSecond: Double
        /// Whether training ends here because validation has not become better for long.
        public let isLast: Bool
    }

    public init(train: ExampleSplit, validation: ExampleSplit?) {
        self.train = train
        self.validation = validation
    }

    /// Trains on the examples of `train` as they are.
    public func run(_ trainer: Trainer, minimizing objective: some Objective<TrainingBatch>) throws {
        try run(
            trainer, minimizing: objective,
            on: BatchLoader(train, hyperparameters: trainer.hyperparameters, workers: trainer.workers))
    }

    /// Trains to the end, from the last checkpoint if there is one.
    ///
    /// - Throws: `CancellationError` when the workers are to stop, after the state was saved; `NotFiniteError` when the loss is not a
    ///   number; `ExampleValueError` for an example that the network cannot compute with; what reading and writing files
    ///   throws.
    public func run<Element: Batch>(
        _ trainer: Trainer, minimizing objective: some Objective<Element>, on source: some BatchSource<Element>
    ) throws {
        if trainer.graph.isBinaryLogit(for: train) {
            try go(trainer, BinaryLogitObjective(whole: objective), source)
        } else {
            try go(trainer, objective, source)
        }
    }

    private func go<Element: Batch>(
        _ trainer: Trainer, _ objective: some Objective<Element>, _ source: some BatchSource<Element>
    ) throws {
        let stepsPerEpoch = source.stepsPerEpoch, total = stepsPerEpoch * trainer.hyperparameters.epochs
        var keeper = CheckpointKeeper(
            checkpoint.map { Checkpoint(path: $0.path, fingerprint: $0.fingerprint) }, checkpointInterval, check)
        let none = EpochSums(termCount: objective.terms.count)
        var sums = try resume(trainer, source, from: keeper.file, termCount: objective.terms.count) ?? none
        while sums.isMade(at: trainer.step, stepsPerEpoch)
            || trainer.step < total && !trainer.hasStalled(epoch: trainer.step / stepsPerEpoch)
        {
            let start = Date(), before = sums.examples, isMade = sums.isMade(at: trainer.step, stepsPerEpoch)
            let epoch = isMade ? trainer.step / stepsPerEpoch - 1 : trainer.step / stepsPerEpoch
            if trainer.step == epoch * stepsPerEpoch { try trainer.beginEpoch(epoch) }
            while trainer.step < (epoch + 1) * stepsPerEpoch {
                try keeper.keepIfNeeded(trainer, sums)
                let batch = try source.batch(epoch: epoch, step: trainer.step - epoch * stepsPerEpoch)
                let report = try train(trainer, on: batch, objective, of: total)
                sums.add(report.terms, of: batch.count)
                try stepEnded(report)
                advance(batch.count, report.terms.reduce(0, +))
            }
            // The step after the last loss may have been too long.
            guard isFinite(trainer.latest), isFinite(trainer.weights.tensor) else {
                throw notFinite(trainer, [("weights", .nan)])
            }
            try keeper.keepIfNeeded(trainer, sums)
            let seconds = Date().timeIntervalSince(start)
            let scores = try keeper.keepingIfStopped(trainer, sums) { try measure(trainer, afterEpoch: epoch + 1) }
            try check()
            // Before the checkpoint: who goes on from that would not report this epoch again.
            try epochEnded(
                EpochReport(
                    epoch: epoch + 1, step: trainer.step, terms: sums.means,
                    learningRate: trainer.learningRate(ofStep: trainer.step - 1, of: total), validation: scores,
                    seconds: seconds, examplesPerSecond: Double(sums.examples - before) / max(seconds, 1e-9),
                    isLast: trainer.step == total || trainer.hasStalled(epoch: epoch + 1)))
            sums = none
            try keeper.keep(trainer, sums)
        }
        try compareBest(trainer, isLast: { $0 * stepsPerEpoch == trainer.step })
    }

    /// Measures the best weights beside the last ones, where there are both.
    private func compareBest(_ trainer: Trainer, isLast: (_ epoch: Int) -> Bool) throws {
        guard let validation, let best = trainer.best, let score = trainer.bestScore, !isLast(score.epoch) else {
            return
        }
        func measured(_ weights: Tensor) throws -> (value: Double, sample: MetricSample)? {
            var metrics = try runningMetrics(
                trainer.graph, weights: weights, on: validation, workers: trainer.workers, isSampled: true)
            return zip(metrics.values().map(\.value), metrics.samples()).first { _ in true }.map { ($0, $1) }
        }
        guard let first = try measured(best.vector.tensor), let last = try measured(trainer.latest) else { return }
        trainer.note(advantage: MetricDifference(first, last))
    }

    /// Restores the last checkpoint, if there is one that made steps, and returns what was known of its epoch.
    private func resume(
        _ trainer: Trainer, _ source: some BatchSource, from file: Checkpoint?, termCount: Int
    ) throws -> EpochSums? {
        let total = source.stepsPerEpoch * trainer.hyperparameters.epochs
        let peers = trainer.workers.peers
        let sums = try file?.restore(trainer, totalSteps: total, termCount: termCount, warn: warn)
        // Nobody writes another one before all have read it; a file system may show them different ones.
        if let file, Set(peers.gather(Array("\(trainer.step)".utf8))).count > 1 {
            throw DifferentCheckpointsError(path: file.path)
        }
        guard let sums, trainer.step > 0 else { return nil }
        let (epochs, steps) = trainer.step.quotientAndRemainder(dividingBy: source.stepsPerEpoch)
        let isMade = sums.isMade(at: trainer.step, source.stepsPerEpoch)
        resumed(isMade ? epochs - 1 : epochs)
        advance(epochs * source.count + min(steps * trainer.hyperparameters.batchSize, source.count), 0)
        if steps > 0 {
            try trainer.continueEpoch(epochs)
        } else if isMade || trainer.step == total || trainer.hasStalled(epoch: epochs) {
            try trainer.continueEpoch(epochs - 1)
        }
        return sums
    }

    /// Makes one step of `total`.
    private func train<Element: Batch>(
        _ trainer: Trainer, on batch: Element, _ objective: some Objective<Element>, of total: Int
    ) throws -> StepReport {
        let progress = trainer.progress(of: total), report: Trainer.StepReport
        do throws(ValueFault) {
            report = try trainer.train(on: batch, minimizing: objective, totalSteps: total)
        } catch {
            throw ExampleValueError(error, in: "an example of '\(train.name)' in '\(train.path)'")
        }
        guard report.loss.isFinite else {
            throw notFinite(
                trainer, zip(objective.terms, report.terms).map { ($0, $1) }, remark: objective.remark(on: batch))
        }
        return StepReport(
            step: trainer.step, progress: progress, examples: batch.count, terms: report.terms,
            learningRate: report.learningRate, gradientNorm: report.gradientNorm)
    }

    /// How good the network is on the validation examples after an epoch, counted from 1; the trainer notes it.
    private func measure(_ trainer: Trainer, afterEpoch epoch: Int) throws -> [(name: String, value: Double)] {
        guard let validation else { return [] }
        let scores = try evaluate(
            trainer.graph, weights: trainer.measured, on: validation, workers: trainer.workers)
        if let score = scores.first?.value { trainer.note(score, epoch: epoch) }
        return scores
    }

    private func notFinite(
        _ trainer: Trainer, _ terms: [(name: String, value: Double)], remark: String? = nil
    ) -> NotFiniteError {
        let last = checkpoint.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0.path : nil }
        return NotFiniteError(
            step: trainer.step, terms: terms, largestGradient: trainer.largestGradient(), remark: remark,
            checkpoint: last)
    }
}

/// A loss that is not a number any more.
public struct NotFiniteError: Error, CustomStringConvertible {
    public let step: Int
    public let terms: [(name: String, value: Double)]
    public let largestGradient: (parameter: String, value: Float)?
    /// What the objective knows of the batch, such as a teacher whose predictions are not finite.
    public let remark: String?
    /// Where the last state that was good is kept.
    public let checkpoint: String?

    public var description: String {
        let values = terms.map { "\($0.name) \($0.value.isNaN ? .nan : $0.value)" }.joined(separator: ", ")
        let slope = largestGradient.map {
            "; the largest gradient is \($0.value.isNaN ? .nan : $0.value) at \($0.parameter)"
        }
        return "the loss is not finite after step \(step) (\(values)\(slope ?? "")). \(remark.map { "\($0). " } ?? "")"
            + "Begin anew, with --force, with a lower --learning-rate or with --global-clipnorm, or look for extreme values in the data"
            + (checkpoint.map { "; '\($0)' has the last good state" } ?? "")
    }
}
