import Datasets
import Foundation
import Kernels
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// The network computes with rounded weights, and those behind them learn.
@Suite struct RoundedTrainingTests {
    /// Rounds parameters with several axes to multiples of a step.
    private static func kernels(_ layout: ParameterLayout, to step: Float) -> WeightRounding {
        WeightRounding(layout) { entry in
            guard entry.spec.shape.axes.count > 1 else { return nil }
            return { numbers in
                for index in numbers.indices {
                    numbers[index] = (numbers[index] / step).rounded(.toNearestOrEven) * step
                }
            }
        }
    }

    /// Steps that follow from the weights, so that each epoch has its own.
    private static func ninths(_ layout: ParameterLayout) -> (Tensor) -> WeightRounding {
        { weights in kernels(layout, to: (weights.values.map(abs).max() ?? 1) / 9) }
    }

    /// x = (1, 2) and W = ((0.4, −0.3), (1.2, 0.6)), which is rounded to ((0, 0), (1, 1)): z = (2, 2).
    ///
    /// Of ½ |z − (1, 0)|² the gradient at z is (1, 2), and at W x ⊗ (1, 2) = ((1, 2), (2, 4)). A step of 0.1 moves the weights that
    /// are not rounded.
    @Test func makesAStepByHand() throws {
        var graph = LayerGraph()
        let input = graph.addInput([2])
        let output = try graph.add("dense", Dense(units: 2, useBias: false), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let weights = ParameterVector(zeros: graph.layout), entry = try #require(graph.layout.entry("dense", "kernel"))
        weights[entry].copy(from: [0.4, -0.3, 1.2, 0.6])
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: 1)
        hyperparameters.optimizer = Optimizer(.sgd)
        (hyperparameters.optimizer.momentum, hyperparameters.learningRate) = (0, 0.1)
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        let layout = graph.layout, workers = Workers(1)
        defer { workers.close() }
        let trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers) { _, _ in
            Self.kernels(layout, to: 1)
        }
        try trainer.beginEpoch(0)
        #expect(trainer.measured.slice(at: entry.offset, count: 4).values == [0, 0, 1, 1])
        let report = try trainer.train(on: OneTwo(), minimizing: HalfSquare(), totalSteps: 1)
        #expect(report.loss == 2.5)
        for (found, expected) in zip(trainer.weights[entry].values, [0.3, -0.5, 1.0, 0.2] as [Float]) {
            #expect(abs(found - expected) < 1e-6)
        }
        #expect(bits(trainer.result) == bits(trainer.weights.tensor))
    }

    /// TensorFlow's gradients and Keras's Adam: `straight-through.json` is written by `Tools/reference/training_fixtures.py`.
    @Test func followsKeras() throws {
        let fixture = try JSON(reading: trainingFixture("straight-through.json"))
        let expected = try #require(fixture["weights"]?.rows), initial = try #require(fixture["initial"]?.numbers)
        let step = try Float(#require(fixture["step"]?.number))
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try writeExamples(
                #require(fixture["x"]?.rows).map { $0.map { Float($0) } }, shape: [4],
                classes: #require(fixture["labels"]?.numbers).map { Int($0) }, names: 3, to: path)
            let text = """
                input: [4]
                layers:
                  - Dense: {units: 5, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            let graph = try build(text, classes: 3).graph, layout = graph.layout
            let weights = ParameterVector(zeros: layout)
            var offset = 0
            for entry in layout.entries {
                let count = entry.spec.shape.elementCount
                weights[entry].copy(from: initial[offset..<(offset + count)].map { Float($0) })
                offset += count
            }
            var hyperparameters = Hyperparameters(epochs: expected.count, batchSize: 8)
            (hyperparameters.shardSize, hyperparameters.learningRate) = (3, 0.03)
            hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
            let workers = Workers(2)
            defer { workers.close() }
            let trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers) { _, _ in
                Self.kernels(layout, to: step)
            }
            var found: [[Float]] = []
            var run = TrainingRun(train: try ExampleFile(opening: path).train, validation: nil)
            run.epochEnded = { _ in found.append(layout.entries.flatMap { trainer.weights[$0].values }) }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            #expect(found.count == expected.count)
            for (step, (found, expected)) in zip(found, expected).enumerated() {
                for (index, (found, expected)) in zip(found, expected).enumerated() {
                    #expect(abs(Double(found) - expected) < 2e-5, "step \(step), weight \(index)")
                }
            }
        }
    }

    /// What a training leaves, and all weights that a rounding was found for.
    private struct Outcome: Equatable {
        var state: [[UInt32]] = []
        var origins: [[UInt32]] = []
        /// The epochs that it was found for.
        var epochs: [Int] = []
        var losses: [Double] = []
        var scores: [Double] = []
        /// The weights as they are measured at the end.
        var measured: [UInt32] = []
    }

    private func train(
        _ file: ExampleFile, threads: Int, text: String = everything, checkpoint: String? = nil, stop: Int? = nil,
        average: Double? = nil, rounding: ((ParameterLayout) -> (Tensor) -> WeightRounding)?
    ) throws -> (Outcome, Trainer) {
        final class Current { weak var trainer: Trainer? }
        let current = Current()
        let workers = Workers(threads, isInterrupted: { stop.map { (current.trainer?.step ?? 0) >= $0 } ?? false })
        defer { workers.close() }
        var hyperparameters = smallHyperparameters(epochs: 3)
        hyperparameters.emaMomentum = average
        let graph = try build(text).graph, layout = graph.layout
        var outcome = Outcome()
        let trainer = Trainer(
            graph, weights: ParameterVector(initializing: layout, key: RandomKey(seed: hyperparameters.seed)),
            hyperparameters: hyperparameters,
            workers: workers,
            rounding: rounding.map { rounding in
                { weights, epoch in
                    outcome.origins.append(bits(weights))
                    outcome.epochs.append(epoch)
                    return rounding(layout)(weights)
                }
            })
        current.trainer = trainer
        var run = TrainingRun(train: file.train, validation: file.validation)
        run.checkpoint = checkpoint.map { ($0, "this run") }
        run.advance = { _, loss in outcome.losses.append(loss) }
        run.epochEnded = { outcome.scores.append($0.validation[0].value) }
        try run.run(trainer, minimizing: LabelLoss(.multiclass))
        (outcome.state, outcome.measured) = (trainer.stateBits, bits(trainer.measured))
        return (outcome, trainer)
    }

    /// In several stretches, too.
    @Test(arguments: [everything, large]) func givesTheSameBitsOnAnyNumberOfThreads(text: String) throws {
        let shape: Shape = text == everything ? [6, 5, 2] : [300]
        try withData(DataFile(shape, train: 26, test: 3, validation: 9)) { file, _ in
            let (one, _) = try train(file, threads: 1, text: text, rounding: Self.ninths)
            #expect(one.origins.count == 3)
            for threads in [2, 3] {
                #expect(try train(file, threads: threads, text: text, rounding: Self.ninths).0 == one)
            }
        }
    }

    private static let large = """
        input: [300]
        layers:
          - Dense: {units: 400, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    @Test func changesNothingWhereNothingIsRounded() throws {
        try withData { file, _ in
            let (plain, _) = try train(file, threads: 2, rounding: nil)
            var (found, _) = try train(file, threads: 2) { layout in { _ in WeightRounding(layout) { _ in nil } } }
            (found.origins, found.epochs) = ([], [])
            #expect(found == plain)
        }
    }

    /// After 5 steps an epoch has begun whose rounding is that of weights which are there no more; after 3 one is to be measured.

    @Test(arguments: [1, 3, 5, 8], [nil, 0.8]) func goesOnToTheSameBits(step: Int, average: Double?) throws {
        try withData { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            let (whole, _) = try train(file, threads: 2, average: average, rounding: Self.ninths)
            #expect(throws: CancellationError.self) {
                try train(file, threads: 2, checkpoint: path, stop: step, average: average, rounding: Self.ninths)
            }
            let (resumed, _) = try train(file, threads: 3, checkpoint: path, average: average, rounding: Self.ninths)
            #expect(resumed.state == whole.state)
            #expect(resumed.origins == Array(whole.origins.dropFirst((step - 1) / 3)))
            #expect(whole.epochs == [0, 1, 2] && resumed.epochs == Array(whole.epochs.dropFirst((step - 1) / 3)))
            #expect(resumed.scores == Array(whole.scores.dropFirst((step - 1) / 3)))
            // Where nothing is left to do, the last rounding is found all the same.
            let (again, _) = try train(file, threads: 1, checkpoint: path, average: average, rounding: Self.ninths)
            #expect(again.state == whole.state)
            #expect(again.origins == [whole.origins[2]] && again.epochs == [2])
        }
    }

    /// Held-out rows measure the weights that a file would have, with the statistics that rounded weights have led to.
    @Test func measuresRoundedWeights() throws {
        try withData(DataFile([6, 5, 2], train: 26, test: 7, validation: 90)) { file, _ in
            let (outcome, trainer) = try train(file, threads: 2, rounding: Self.ninths)
            let graph = trainer.graph, workers = Workers(2)
            defer { workers.close() }
            let origin = outcome.origins[2].map { Float(bitPattern: $0) }
            let step = (origin.map(abs).max() ?? 1) / 9
            let rounded = ParameterVector(zeros: graph.layout)
            rounded.tensor.copy(from: trainer.weights.tensor)
            for entry in graph.layout.entries where entry.spec.shape.axes.count > 1 {
                let numbers = trainer.weights[entry].values
                rounded[entry].copy(from: numbers.map { ($0 / step).rounded(.toNearestOrEven) * step })
                #expect(rounded[entry].values != numbers)
            }
            #expect(outcome.measured == bits(rounded.tensor))
            let scores = try evaluate(
                graph, weights: rounded.tensor, on: try #require(file.validation), workers: workers)
            #expect(outcome.scores.last == scores[0].value)
        }
    }
}

private struct OneTwo: Batch {
    var count: Int { 1 }
    func readInputs(_ examples: Range<Int>, into input: Tensor) { input.copy(from: [1, 2]) }
}

/// ½ |z − (1, 0)|²
private struct HalfSquare: Objective {
    var terms: [String] { ["half square"] }

    func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: OneTwo, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        let difference = zip(logits.values, [1, 0] as [Float]).map { $0 - $1 }
        gradient.copy(from: difference.map { $0 * scale })
        return [Double(difference.reduce(0) { $0 + $1 * $1 }) / 2]
    }
}
