import Datasets
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// The same seed gives the same bits, on any number of threads.
@Suite struct DeterminismTests {
    private func train(
        _ file: ExampleFile, threads: Int, seed: Int = 0, text: String = everything, average: Double? = 0.9
    ) throws -> (state: [[UInt32]], losses: [Double]) {
        let workers = Workers(threads)
        defer { workers.close() }
        var hyperparameters = smallHyperparameters(seed: seed)
        hyperparameters.globalClipnorm = 0.5
        hyperparameters.emaMomentum = average
        let trainer = makeTrainer(try build(text).graph, hyperparameters, workers)
        var losses: [Double] = []
        var run = TrainingRun(train: file.train, validation: file.validation)
        run.advance = { _, loss in losses.append(loss) }
        try run.run(trainer, minimizing: LabelLoss(.multiclass))
        return (trainer.stateBits, losses)
    }

    @Test func givesTheSameBitsOnAnyNumberOfThreads() throws {
        try withData { file, _ in
            let one = try train(file, threads: 1)
            #expect(one.losses.count == 6)
            for threads in [2, 3, 7] {
                let several = try train(file, threads: threads)
                #expect(several.state == one.state, "\(threads) threads")
                #expect(several.losses == one.losses, "\(threads) threads")
            }
        }
    }

    @Test func givesTheSameBitsAgain() throws {
        try withData { file, _ in
            let first = try train(file, threads: 2), second = try train(file, threads: 2)
            #expect(first.state == second.state)
        }
    }

    @Test func differsForAnotherSeed() throws {
        try withData { file, _ in
            let first = try train(file, threads: 2, seed: 0), second = try train(file, threads: 2, seed: 1)
            #expect(first.state != second.state)
        }
    }

    /// Large enough that gradients are added and weights moved in several stretches.
    @Test func givesTheSameBitsForLargeLayers() throws {
        let text = """
            input: [300]
            layers:
              - Dense: {units: 400, activation: relu}
              - Dense: {units: classes, activation: softmax}
            """
        try withData(DataFile([300], train: 26, test: 3, validation: 3)) { file, _ in
            let one = try train(file, threads: 1, text: text)
            #expect(try train(file, threads: 3, text: text).state == one.state)
        }
    }

    /// Large enough that one gradient serves all workers; a batch has three shards, the last one smaller.
    @Test func givesTheSameBitsForDeferredKernels() throws {
        let text = """
            input: [2048]
            layers:
              - Dense: {units: 2048, activation: relu}
              - Dense: {units: classes, activation: softmax}
            """
        #expect(
            MemoryPlan(try build(text).graph, batchSize: 4, mode: .training, defersKernels: true).deferredElementCount
                == 2048 * 2048)
        try withData(DataFile([2048], train: 26, test: 3, validation: 3)) { file, _ in
            let one = try train(file, threads: 1, text: text)
            for threads in [2, 3] { #expect(try train(file, threads: threads, text: text).state == one.state) }
        }
    }

    @Test func predictsTheSameBitsOnAnyNumberOfThreads() throws {
        try withData(DataFile([6, 5, 2], train: 301, test: 3)) { file, _ in
            let graph = try build(everything).graph
            let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 4))
            func predict(_ threads: Int) throws -> [UInt32] {
                let workers = Workers(threads)
                defer { workers.close() }
                return bits(try predictLogits(graph, weights: weights.tensor, of: file.train, workers: workers).tensor)
            }
            let one = try predict(1)
            #expect(one.count == 301 * 3)
            for threads in [2, 3, 5] { #expect(try predict(threads) == one, "\(threads) threads") }
        }
    }
}
