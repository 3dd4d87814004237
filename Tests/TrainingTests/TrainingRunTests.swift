import Datasets
import Networks
import Tensors
import TestSupport
import Testing
import Training

@Suite struct TrainingRunTests {
    /// Looking at validation after an epoch must not leave the network in inference mode.
    @Test func everyEpochUpdatesTheRunningStatistics() throws {
        try withData { file, _ in
            let workers = Workers(2)
            defer { workers.close() }
            let graph = try build(everything).graph
            let entries = graph.layout.entries.filter { $0.spec.role != .trainable }
            #expect(entries.map(\.spec.name) == ["moving_mean", "moving_variance"])
            let trainer = makeTrainer(graph, smallHyperparameters(epochs: 3), workers)
            var seen = [entries.map { bits(trainer.weights[$0]) }]
            var run = TrainingRun(train: file.train, validation: file.validation)
            run.epochEnded = { _ in seen.append(entries.map { bits(trainer.weights[$0]) }) }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            #expect(seen.count == 4)
            for (before, after) in zip(seen, seen.dropFirst()) {
                for (before, after) in zip(before, after) { #expect(zip(before, after).allSatisfy { $0 != $1 }) }
            }
        }
    }

    /// Dropout is on in every epoch: the same batch under another step's key gives another loss.
    @Test func everyEpochDropsOut() throws {
        let text = """
            input: [6]
            layers:
              - Dropout: {rate: 0.5}
              - Dense: {units: classes, activation: softmax}
            """
        try withData(DataFile([6], train: 8, test: 3, validation: 3)) { file, _ in
            let workers = Workers(1)
            defer { workers.close() }
            var hyperparameters = Hyperparameters(epochs: 4, batchSize: 8)
            hyperparameters.learningRate = 0
            let trainer = makeTrainer(try build(text).graph, hyperparameters, workers)
            var losses: [Double] = []
            var run = TrainingRun(train: file.train, validation: file.validation)
            run.advance = { losses.append($1) }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            #expect(Set(losses).count == 4)
        }
    }

    @Test func learns() throws {
        try withData(DataFile([6], train: 90, test: 3, validation: 30)) { file, _ in
            let workers = Workers(2)
            defer { workers.close() }
            let text = """
                input: [6]
                layers:
                  - Dense: {units: 8, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            let trainer = makeTrainer(try build(text).graph, smallHyperparameters(epochs: 20), workers)
            var reports: [TrainingRun.EpochReport] = []
            var run = TrainingRun(train: file.train, validation: file.validation)
            run.epochEnded = { reports.append($0) }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            #expect(reports.map(\.epoch) == Array(1...20))
            #expect(reports.map(\.step) == Array(1...20).map { $0 * 9 })
            let last = try #require(reports.last)
            #expect(last.terms[0] < 0.3 * reports[0].terms[0])
            #expect(try #require(last.validation.first?.value) >= 0.9)
        }
    }

    /// The terms of an epoch are means over its examples, though the last batch is smaller.
    @Test func reportsMeansOverExamples() throws {
        try withData { file, _ in
            let workers = Workers(2)
            defer { workers.close() }
            let trainer = makeTrainer(try build(everything).graph, smallHyperparameters(epochs: 1), workers)
            var sum = 0.0, means: [Double] = []
            var run = TrainingRun(train: file.train, validation: nil)
            run.advance = { sum += Double($0) * $1 }
            run.epochEnded = { means = $0.terms }
            try run.run(trainer, minimizing: LabelLoss(.multiclass))
            try #require(means.count == 1)
            #expect(abs(means[0] - sum / 26) <= 1e-12)
        }
    }

    /// Numbers that are not finite are refused when they are read; these are, but their tenfold is not.
    @Test func stopsWhenTheLossIsNotFinite() throws {
        var data = DataFile([6], train: 30, test: 3)
        data.change = { split, x in if split == "train" { x[20 * 6] = 1e38 } }
        try withData(data) { file, _ in
            let workers = Workers(2)
            defer { workers.close() }
            let text = """
                input: [6]
                layers:
                  - Rescaling: {scale: 10}
                  - Dense: {units: classes, activation: softmax}
                """
            let trainer = makeTrainer(try build(text).graph, smallHyperparameters(), workers)
            let run = TrainingRun(train: file.train, validation: nil)
            let error = #expect(throws: NotFiniteError.self) {
                try run.run(trainer, minimizing: LabelLoss(.multiclass))
            }
            let step = try #require(error).step
            #expect((1...3).contains(step))
            #expect(
                error?.description == "the loss is not finite after step \(step) (ground truth nan; the "
                    + "largest gradient is nan at dense/kernel). Begin anew, with --force, with a lower --learning-rate or with --global-clipnorm, or look for extreme values in the data"
            )
        }
    }

    @Test func agreesWithCountingByHand() {
        let predictions = Buffer(zeros: 12), labels = Buffer(zeros: 12)
        predictions.tensor.copy(from: [0.1, 0.7, 0.2, 0.5, 0.5, 0, 0, 0, 1, 0.2, 0.3, 0.5])
        labels.tensor.copy(from: [0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0])
        let p = predictions.tensor(count: 4, shape: [3]), y = labels.tensor(count: 4, shape: [3])
        // Right, right (the first of a tie), wrong, wrong.
        var metrics = RunningMetrics(.multiclass, classCount: 3)
        metrics.add(p, labels: y)
        #expect(metrics.values().map(\.value) == [0.5])
        #expect(agreements(p, p) == 4)
        #expect(agreements(p, y) == 2)
    }
}
