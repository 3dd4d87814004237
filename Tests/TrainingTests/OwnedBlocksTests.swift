import Datasets
import Foundation
import HDF5
import Networks
import Ranks
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Training

/// A process that counts the numbers of gradients and weights that it sends.
private struct CountingPeers: Peers {
    let peers: any Peers
    let counter = Counter()

    final class Counter: Sendable { let bytes = Mutex(0) }

    var rank: Int { peers.rank }
    var count: Int { peers.count }
    var means: String { peers.means }

    func exchange<Number: BitwiseCopyable>(
        _ out: Span<Number>, to: Int, _ into: inout MutableSpan<Number>, from: Int
    ) {
        if Number.self == Float.self { counter.bytes.withLock { $0 += out.count * MemoryLayout<Number>.stride } }
        peers.exchange(out, to: to, &into, from: from)
    }

    func abort(_ code: Int32) {}
    func end() {}
}

/// Networks large enough that each process moves its block of the weights alone.
@Suite struct OwnedBlocksTests {
    /// 2.1 million weights, none deferred, and statistics: 33 stretches, of which the second of two processes has a piece more.
    private static let large = """
        input: [1000]
        layers:
          - Dense: {units: 2100, use_bias: false}
          - BatchNormalization: {momentum: 0.9}
          - ReLU: {}
          - Dense: {units: classes, activation: softmax}
        """
    /// 4.2 million weights in one kernel.
    private static let deferred = """
        input: [2048]
        layers:
          - Dense: {units: 2048, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    private func hyperparameters(lanes: Int, exchange: GradientExchange = .float32) -> Hyperparameters {
        var hyperparameters = smallHyperparameters()
        hyperparameters.batchSize = 17
        (hyperparameters.lanes, hyperparameters.exchange, hyperparameters.keepsBest) = (lanes, exchange, true)
        hyperparameters.optimizer = Optimizer(.adamw)
        (hyperparameters.globalClipnorm, hyperparameters.emaMomentum) = (0.05, 0.9)
        return hyperparameters
    }

    /// - Returns: Weights, average, the best weights; and norms and losses of all steps.
    private func train(
        _ file: ExampleFile, _ text: String, lanes: Int, exchange: GradientExchange = .float32, threads: Int = 1,
        peers: any Peers = Alone(),
        checkpoint: String? = nil, stop: Int? = nil
    ) throws -> [[UInt32]] {
        final class Current { weak var trainer: Trainer? }
        let current = Current()
        let workers = Workers(
            threads, peers: peers, isInterrupted: { stop.map { (current.trainer?.step ?? 0) >= $0 } ?? false })
        defer { workers.close() }
        let trainer = makeTrainer(try build(text).graph, hyperparameters(lanes: lanes, exchange: exchange), workers)
        current.trainer = trainer
        var run = TrainingRun(train: file.train, validation: file.validation), figures: [UInt32] = []
        run.checkpoint = checkpoint.map { ($0, "this run") }
        run.stepEnded = { report in
            for figure in report.terms + [report.gradientNorm ?? 0] {
                figures += [UInt32(truncatingIfNeeded: figure.bitPattern), UInt32(figure.bitPattern >> 32)]
            }
        }
        try run.run(trainer, minimizing: LabelLoss(.multiclass))
        let vectors = [trainer.weights.tensor, trainer.latest, trainer.best?.vector.tensor].compactMap(\.self)
        return vectors.map(bits) + (checkpoint == nil ? [figures] : [])
    }

    /// The last batch has one shard, of one example.
    private func withExamples(_ text: String, _ body: (ExampleFile, URL) throws -> Void) throws {
        let width = text == Self.large ? 1000 : 2048
        try withData(DataFile([width], train: 18, test: 3, validation: 5), body)
    }

    @Test(arguments: [1, 4]) func givesTheSameBitsOnAnyNumberOfProcesses(lanes: Int) throws {
        try withExamples(Self.large) { file, _ in
            let alone = try train(file, Self.large, lanes: lanes, threads: 2)
            for count in [2, 3] {
                let all = try ThreadPeers.together(count) { peers in
                    #expect(Blocks(try build(Self.large).graph.layout, peers).areOwned)
                    return try train(file, Self.large, lanes: lanes, peers: peers)
                }
                #expect(all == Array(repeating: alone, count: count), "\(count) processes")
            }
        }
    }

    @Test(arguments: [(2, 2), (8, 3), (4, 4)], GradientExchange.allCases)
    func givesTheSameBitsForDeferredKernels(_ numbers: (lanes: Int, count: Int), exchange: GradientExchange) throws {
        let (lanes, count) = numbers
        try withExamples(Self.deferred) { file, _ in
            let alone = try train(file, Self.deferred, lanes: lanes, exchange: exchange)
            #expect(try train(file, Self.deferred, lanes: lanes, exchange: exchange, threads: 3) == alone)
            let all = try ThreadPeers.together(count) { peers in
                #expect(Blocks(try build(Self.deferred).graph.layout, peers).areOwned)
                return try train(
                    file, Self.deferred, lanes: lanes, exchange: exchange, threads: count == 2 ? 2 : 1, peers: peers)
            }
            #expect(all == Array(repeating: alone, count: count))
        }
    }

    /// A checkpoint knows no processes: three stop, two go on.
    @Test func goesOnWithOtherNumbersOfProcesses() throws {
        try withExamples(Self.deferred) { file, folder in
            let path = folder.appending(path: "checkpoint.h5").path
            let whole = try train(file, Self.deferred, lanes: 4).dropLast()
            #expect(throws: CancellationError.self) {
                try ThreadPeers.together(3) { peers in
                    try train(file, Self.deferred, lanes: 4, peers: peers, checkpoint: path, stop: 1)
                }
            }
            let first = try HDF5File(opening: path).root.dataset("moment1").read(as: Float.self)
            #expect(first.suffix(1 << 20).contains { $0 > 0 })
            let all = try ThreadPeers.together(2) { peers in
                try train(file, Self.deferred, lanes: 4, peers: peers, checkpoint: path)
            }
            #expect(all == [Array(whole), Array(whole)])
        }
    }

    /// Two processes of equal lanes send a vector each; three send more, since their lanes are not whole branches.
    ///
    /// In bfloat16 they send half of it on the way to its owners, but for statistics.
    @Test(
        arguments: [
            (2, 8, .float32), (3, 8, .float32), (2, 1, .float32), (3, 4, .float32), (2, 8, .bfloat16),
            (3, 4, .bfloat16),
        ] as [(Int, Int, GradientExchange)])
    func sendsTheBytesOfThePlan(count: Int, lanes: Int, exchange: GradientExchange) throws {
        try withExamples(Self.large) { file, _ in
            let graph = try build(Self.large).graph
            var recipe = hyperparameters(lanes: lanes, exchange: exchange)
            recipe.batchSize = 18
            recipe.shardSize = 2
            let sent = try ThreadPeers.together(count) { [recipe] peers in
                let peers = CountingPeers(peers: peers), workers = Workers(1, peers: peers)
                defer { workers.close() }
                let trainer = makeTrainer(graph, recipe, workers)
                let loader = BatchLoader(file.train, hyperparameters: recipe, workers: workers)
                _ = try trainer.train(
                    on: try loader.batch(epoch: 0, step: 0), minimizing: LabelLoss(.multiclass), totalSteps: 1)
                let planned = RankedGradientSum.sentBytes(
                    SumOrder(recipe, peers), Blocks(graph.layout, peers), shards: 9, rank: peers.rank)
                return (planned, peers.counter.bytes.withLock { $0 })
            }
            for (planned, bytes) in sent { #expect(planned == bytes && bytes > 0) }
            guard (count, lanes) == (2, 8) else { return }
            let extent = graph.layout.extent, trainable = graph.layout.trainableExtent
            let total = sent.reduce(0) { $0 + $1.0 }, saved = exchange == .bfloat16 ? 2 * trainable : 0
            #expect(total == 8 * extent - saved)
            if exchange == .float32 { #expect(sent.allSatisfy { $0.0 == 4 * extent }) }
        }
    }

    /// The gradient that is farthest from 0 is found in whosever block it is.
    @Test func allProcessesNameTheSameLargestGradient() throws {
        try withExamples(Self.large) { file, _ in
            let graph = try build(Self.large).graph, recipe = hyperparameters(lanes: 2)
            @Sendable func largest(_ peers: any Peers) throws -> String {
                let workers = Workers(1, peers: peers)
                defer { workers.close() }
                let trainer = makeTrainer(graph, recipe, workers)
                let loader = BatchLoader(file.train, hyperparameters: recipe, workers: workers)
                _ = try trainer.train(
                    on: try loader.batch(epoch: 0, step: 0), minimizing: LabelLoss(.multiclass), totalSteps: 1)
                return trainer.largestGradient().map { "\($0.parameter) \($0.value)" } ?? ""
            }
            let alone = try largest(Alone())
            #expect(!alone.isEmpty)
            #expect(try ThreadPeers.together(2) { try largest($0) } == [alone, alone])
        }
    }

    /// One process has a sum for each level of the tree; of two, each has one level less, and half of the moments.
    @Test func memoryIsThatOfTheSumsAndTheOwnBlock() throws {
        let graph = try build(Self.deferred).graph, vector = 4 * graph.layout.extent
        var recipe = smallHyperparameters()
        recipe.batchSize = 32
        func memory(_ lanes: Int, _ peers: any Peers = Alone()) -> Int {
            recipe.lanes = lanes
            return Trainer.memory(graph, recipe, threads: 1, peers: peers).bytes
        }
        #expect(memory(2) - memory(1) == vector)
        // Eight shards in as many lanes: the one that is computed writes its lane's sum.
        #expect(memory(8) - memory(1) == 3 * vector - (vector - 4 * 2048 * 2048))
        let saved = try ThreadPeers.together(2) { [recipe] peers in
            var recipe = recipe
            recipe.lanes = 8
            let saved =
                Trainer.memory(graph, recipe, threads: 1).bytes
                - Trainer.memory(graph, recipe, threads: 1, peers: peers).bytes
            return (saved, Blocks(graph.layout, peers).pieceCount)
        }
        // Without one sum and half of two moments, with a piece of each of three possible sums of the other one.
        for (bytes, piece) in saved {
            #expect(
                abs(bytes + RankedGradientSum.libraryMemory - (2 * vector - 3 * 4 * piece)) <= 2 * 4 * piece,
                "\(bytes)")
        }
    }

    @Test func refusesLargeKernelsWithFewerLanesThanProcesses() throws {
        let graph = try build(Self.deferred).graph
        let words = try ThreadPeers.together(3) { peers in
            [1, 2, 4].map { lanes in Trainer.refusal(graph, hyperparameters(lanes: lanes), peers) }
        }
        let reason =
            "4194304 of its weights are in kernels of more than 4 million, whose gradients are not kept for each shard; give "
            + "each of the 3 processes a lane: --lanes 4"
        for found in words { #expect(found == [reason, reason, nil]) }
    }
}
