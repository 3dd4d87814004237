import Datasets
import Foundation
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// Training that keeps its best epoch, and ends when no better one comes.
@Suite struct BestEpochTests {
    /// What a run came to: the bits that training had learned after each epoch, and how good they were.
    private struct Course {
        var trainer: Trainer
        var latest: [[UInt32]] = []
        var scores: [Double] = []
        var wasLast: [Bool] = []

        /// The first of the best epochs, counted from 1.
        var best: Int { (scores.firstIndex(of: scores.max() ?? 0) ?? 0) + 1 }
    }

    /// Scores that rise and fall: few held-out examples, a high learning rate; 3 steps an epoch.
    private func train(
        _ file: ExampleFile, _ hyperparameters: Hyperparameters, checkpoint: String? = nil, stop: Int? = nil
    ) throws -> Course {
        let (workers, trainer) = try makeTrainer(hyperparameters, threads: 2, stop: stop)
        defer { workers.close() }
        var course = Course(trainer: trainer)
        var run = TrainingRun(train: file.train, validation: file.validation)
        run.checkpoint = checkpoint.map { ($0, "this run") }
        run.epochEnded = { report in
            course.latest.append(bits(trainer.latest))
            course.scores.append(report.validation.first?.value ?? .nan)
            course.wasLast.append(report.isLast)
        }
        try run.run(trainer, minimizing: LabelLoss(.multiclass))
        return course
    }

    private func hyperparameters(epochs: Int, average: Double? = nil, seed: Int) -> Hyperparameters {
        var hyperparameters = smallHyperparameters(epochs: epochs, seed: seed)
        hyperparameters.learningRate = 0.05
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        hyperparameters.emaMomentum = average
        return hyperparameters
    }

    private func withNoisyData(_ body: (ExampleFile, URL) throws -> Void) throws {
        var data = DataFile([6, 5, 2], train: 26, test: 7, validation: 12)
        data.noise = 2.5
        try withData(data, body)
    }

    @Test(arguments: [nil, 0.7], [0, 1, 2])
    func keepsTheFirstOfTheBestEpochs(average: Double?, seed: Int) throws {
        try withNoisyData { file, _ in
            var hyperparameters = hyperparameters(epochs: 10, average: average, seed: seed)
            let last = try train(file, hyperparameters)
            hyperparameters.keepsBest = true
            let kept = try train(file, hyperparameters)
            // Looking changes nothing.
            #expect(kept.latest == last.latest)
            #expect(bits(last.trainer.result) == last.latest[9])
            #expect(Set(kept.scores).count > 2, "\(kept.scores)")
            #expect(kept.trainer.bestScore?.epoch == kept.best)
            #expect(kept.trainer.bestScore?.value == kept.scores.max())
            #expect(bits(kept.trainer.result) == kept.latest[kept.best - 1])
            #expect(kept.latest.filter { $0 == bits(kept.trainer.result) }.count == 1)
        }
    }

    /// Of the same 60 examples b are right with the best weights alone and c with the last ones alone: McNemar's test with the
    /// correction for continuity, |b − c| − 1 > 1.96 √(b + c).
    @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7])
    func prefersTheLastEpochWithinTheNoise(seed: Int) throws {
        var data = DataFile([6, 5, 2], train: 26, test: 7, validation: 60)
        data.noise = 2.5
        try withData(data) { file, _ in
            var hyperparameters = hyperparameters(epochs: 10, seed: seed)
            (hyperparameters.keepsBest, hyperparameters.prefersLast) = (true, true)
            let trainer = try train(file, hyperparameters).trainer, workers = Workers(1)
            defer { workers.close() }
            let validation = try #require(file.validation), best = try #require(trainer.best).vector.tensor
            func hits(_ weights: Tensor) throws -> [Bool] {
                let logits = try predictLogits(trainer.graph, weights: weights, of: validation, workers: workers)
                    .tensor(count: validation.count, shape: [validation.classCount])
                let labels = Buffer(zeros: validation.count * validation.classCount).tensor
                let reader = ExampleReader(validation, batchSize: validation.count, order: .sequential)
                let batch = try reader.batch(epoch: 0, step: 0)
                labels.withMutableSpan { batch.readLabels(0..<validation.count, into: &$0) }
                return (0..<validation.count).map { row in
                    let places = (0..<validation.classCount).map { row * validation.classCount + $0 }
                    let first = places.max { logits[$0] < logits[$1] } ?? 0
                    return labels[first] == 1
                }
            }
            let pairs = zip(try hits(best), try hits(trainer.latest))
            let (b, c) = (pairs.count { $0 && !$1 }, pairs.count { !$0 && $1 })
            let isBeyond = Double(b - c - 1) > 1.96 * Double(b + c).squareRoot()
            #expect(trainer.keepsBestScore == isBeyond)
            #expect(bits(trainer.result) == bits(isBeyond ? best : trainer.latest))
        }
    }

    /// After as many epochs without a better score as it is patient, and never before.
    @Test(arguments: [1, 2, 4], [0, 1, 2])
    func endsWhenItsPatienceDoes(patience: Int, seed: Int) throws {
        try withNoisyData { file, _ in
            var hyperparameters = hyperparameters(epochs: 14, seed: seed)
            let whole = try train(file, hyperparameters)
            var expected = 14, best = 0
            for epoch in 1...14 {
                if epoch == 1 || whole.scores[epoch - 1] > whole.scores[best - 1] { best = epoch }
                if epoch - best >= patience {
                    expected = epoch
                    break
                }
            }
            hyperparameters.patience = patience
            let short = try train(file, hyperparameters)
            #expect(short.scores == Array(whole.scores[..<expected]))
            #expect(short.trainer.step == 3 * expected)
            #expect(short.wasLast == (1...expected).map { $0 == expected })
            // Without `keepsBest`, what training returns is the last epoch's.
            #expect(bits(short.trainer.result) == whole.latest[expected - 1])
            hyperparameters.keepsBest = true
            let kept = try train(file, hyperparameters)
            #expect(bits(kept.trainer.result) == whole.latest[best - 1])
        }
    }

    @Test(arguments: [nil, 0.7], [false, true])
    func resumesFromAnywhere(average: Double?, prefersLast: Bool) throws {
        try withNoisyData { file, folder in
            var hyperparameters = hyperparameters(epochs: 8, average: average, seed: 1)
            (hyperparameters.keepsBest, hyperparameters.prefersLast, hyperparameters.patience) = (true, prefersLast, 3)
            let whole = try train(file, hyperparameters)
            for stop in 1..<whole.trainer.step {
                let path = folder.appending(path: "checkpoint\(stop).h5").path
                #expect(throws: CancellationError.self) {
                    _ = try train(file, hyperparameters, checkpoint: path, stop: stop)
                }
                let resumed = try train(file, hyperparameters, checkpoint: path)
                #expect(resumed.trainer.step == whole.trainer.step)
                #expect(resumed.trainer.bestScore?.epoch == whole.trainer.bestScore?.epoch)
                #expect(bits(resumed.trainer.result) == bits(whole.trainer.result), "stopped at step \(stop)")
                // Over is over.
                #expect(
                    bits(try train(file, hyperparameters, checkpoint: path).trainer.result)
                        == bits(whole.trainer.result))
            }
        }
    }
}
