import Datasets
import Kernels
import Networks
import Ranks
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Training

/// Computes the shards in reverse, keeps each gradient by itself, and adds them one after another in each lane, and lanes as a
/// tree.
private final class PlainSum: GradientSum {
    private let graph: LayerGraph
    private let size, lanes: Int
    private let exchange: GradientExchange
    private let sum: VectorBox

    init(_ graph: LayerGraph, _ hyperparameters: Hyperparameters) {
        self.graph = graph
        size = Shards(graph, hyperparameters).size
        (lanes, exchange) = (hyperparameters.lanes, hyperparameters.exchange)
        sum = VectorBox(graph.layout)
    }

    var total: Tensor { sum.vector.tensor }

    func add(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]] {
        let gradients = shards.map { _ in VectorBox(graph.layout) }
        var terms = [[Double]](repeating: [], count: shards.count)
        for shard in shards.indices.reversed() {
            let workspace = Workspace(graph, batchSize: size, mode: .training)
            terms[shard] = compute(shard, shards[shard], workspace, gradients[shard].vector.tensor)
            if let fault = workspace.fault { throw fault }
        }
        for element in 0..<graph.layout.extent {
            var sums = (0..<lanes).map { lane in
                let shards = lane * shards.count / lanes..<(lane + 1) * shards.count / lanes
                return Self.add(shards.map { gradients[$0].vector.tensor[element] }).map { rounded($0, element) }
            }
            while sums.count > 1 {
                sums = stride(from: 0, to: sums.count, by: 2).map {
                    Self.add(sums[$0..<$0 + 2].compactMap { $0.map { rounded($0, element) } })
                }
            }
            total[element] = sums[0] ?? .nan
        }
        return terms
    }

    private func rounded(_ number: Float, _ element: Int) -> Float {
        guard exchange == .bfloat16, element < graph.layout.trainableExtent else { return number }
        let below = Float(bitPattern: number.bitPattern & 0xffff_0000),
            above = Float(bitPattern: below.bitPattern + 0x1_0000)
        guard number != below else { return below }
        let middle = (Double(below) + Double(above)) / 2
        if abs(Double(number)) != abs(middle) { return abs(Double(number)) < abs(middle) ? below : above }
        return below.bitPattern & 0x1_0000 == 0 ? below : above
    }

    /// One after another; nil for none.
    private static func add(_ numbers: [Float]) -> Float? {
        numbers.first.map { numbers.dropFirst().reduce($0, +) }
    }
}

/// One word each; two of them are in no table.
private struct Words: Batch {
    let count = 11
    func readInputs(_ examples: Range<Int>, into input: Tensor) {
        for (index, example) in examples.enumerated() {
            input[index] = [5, 9].contains(example) ? Float(90 + example) : Float(example % 3)
        }
    }
}

/// The sum of shards' gradients is one of a fixed order.
@Suite struct GradientSumTests {
    private func train(
        _ file: ExampleFile, threads: Int, peers: any Peers = Alone(), lanes: Int = 1,
        exchange: GradientExchange = .float32,
        sum: ((LayerGraph, Hyperparameters) -> any GradientSum)? = nil
    ) throws -> [[UInt32]] {
        let workers = Workers(threads, peers: peers), graph = try build(everything).graph
        defer { workers.close() }
        var hyperparameters = smallHyperparameters()
        (hyperparameters.lanes, hyperparameters.exchange) = (lanes, exchange)
        (hyperparameters.globalClipnorm, hyperparameters.emaMomentum) = (0.5, 0.9)
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 0))
        let trainer: Trainer
        if let sum {
            trainer = Trainer(
                graph, weights: weights, hyperparameters: hyperparameters, workers: workers,
                gradient: sum(graph, hyperparameters))
        } else {
            trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers)
        }
        try TrainingRun(train: file.train, validation: nil).run(trainer, minimizing: LabelLoss(.multiclass))
        return trainer.stateBits
    }

    @Test func givesTheBitsOfAddingOneAfterAnother() throws {
        try withData { file, _ in
            let plain = try train(file, threads: 1) { PlainSum($0, $1) }
            for threads in [1, 2, 3, 7] {
                #expect(try train(file, threads: threads) == plain, "\(threads) threads")
            }
        }
    }

    /// More lanes than shards, too.
    @Test(arguments: [2, 4, 8]) func givesTheBitsOfATreeOfLanes(lanes: Int) throws {
        try withData { file, _ in
            let plain = try train(file, threads: 1, lanes: lanes) { PlainSum($0, $1) }
            for threads in [1, 2, 3, 7] {
                #expect(try train(file, threads: threads, lanes: lanes) == plain, "\(threads) threads")
            }
            for count in [2, 3, 4, 5] {
                let all = try ThreadPeers.together(count) { peers in
                    try train(file, threads: 2, peers: peers, lanes: lanes)
                }
                #expect(all == Array(repeating: plain, count: count), "\(count) processes")
            }
        }
    }

    /// What is rounded does not depend on who sends it.
    @Test(arguments: [2, 4, 8]) func givesTheBitsOfATreeOfRoundedLanes(lanes: Int) throws {
        try withData { file, _ in
            let plain = try train(file, threads: 1, lanes: lanes, exchange: .bfloat16) { PlainSum($0, $1) }
            #expect(try train(file, threads: 1, lanes: lanes) != plain)
            for threads in [1, 3] {
                #expect(
                    try train(file, threads: threads, lanes: lanes, exchange: .bfloat16) == plain, "\(threads) threads")
            }
            for count in [2, 3, 4, 5] {
                let all = try ThreadPeers.together(count) { peers in
                    try train(file, threads: 2, peers: peers, lanes: lanes, exchange: .bfloat16)
                }
                #expect(all == Array(repeating: plain, count: count), "\(count) processes")
            }
        }
    }

    /// The sum of a layer is there while the shards are on their way back to the layers before it.
    @Test(arguments: [1, 2, 3]) func sumsAreFinalWhileTheRestIsComputed(threads: Int) throws {
        let text = "{input: [2], layers: [{Dense: {units: 3}}, ReLU, {Dense: {units: classes, activation: softmax}}]}"
        let graph = try build(text).graph, layout = graph.layout
        let shards = Shards(graph, smallHyperparameters()), steps = BackwardSteps(graph, shards.plan(graph))
        let second = try #require(layout.entries.first { $0.layer == layout.entries.last?.layer }).offset
        let ranges = [second..<layout.extent, 0..<second]
        #expect(ranges.map(steps.completion) == [1, 3])
        _ = try ThreadPeers.together(2) { peers in
            let workers = Workers(threads, peers: peers), order = SumOrder(lanes: 2, processes: 2)
            defer { workers.close() }
            let sum = LocalGradientSum(graph, shards, workers, order, inOrder: ranges)
            let own = order.shards(of: 4, rank: peers.rank).upperBound, heard = Mutex<[Int]>([])
            let sums = Mutex<[Float]>([])
            let (terms, fault) = sum.addOwn(shards.cut(16)) { shard, _, workspace, gradient in
                // As a way back does it: the last layer first.
                gradient.slice(at: second, count: layout.extent - second).fill(with: 2)
                workspace.passed.store(1, ordering: .releasing)
                // One thread computes its shards one after another, and hears of the sum with the last.
                if threads > 1 || shard == own - 1 { while heard.withLock({ $0.isEmpty }) {} }
                gradient.slice(at: 0, count: second).fill(with: 1)
                return [Double(shard)]
            } finished: { range in
                heard.withLock { $0.append(range) }
                sums.withLock {
                    $0 += sum.sum(0).slice(at: ranges[range].lowerBound, count: ranges[range].count).values
                }
            }
            #expect(fault == nil && terms.count == 2)
            #expect(heard.withLock { $0 } == [0, 1])
            let wanted = [Float](repeating: 4, count: layout.extent - second) + [Float](repeating: 2, count: second)
            #expect(sums.withLock { $0 } == wanted)
        }
    }

    /// On any number of processes, more than there are shards, too; the last batch has fewer.
    @Test(arguments: [1, 2, 3, 4, 5], [1, 2]) func givesTheSameBitsOnAnyNumberOfProcesses(count: Int, threads: Int)
        throws
    {
        try withData { file, _ in
            let plain = try train(file, threads: 1) { PlainSum($0, $1) }
            let all = try ThreadPeers.together(count) { peers in try train(file, threads: threads, peers: peers) }
            #expect(all == Array(repeating: plain, count: count))
        }
    }

    /// All hear of the first example that cannot be computed, whoever has found it.
    @Test(arguments: [2, 3]) func allProcessesNameTheSameExample(count: Int) throws {
        let text = """
            input: [1]
            layers:
              - Embedding: {input_dim: 3, output_dim: 2}
              - Flatten
              - Dense: {units: classes, activation: softmax}
            """
        let graph = try build(text).graph
        let faults = try ThreadPeers.together(count) { peers -> ValueFault? in
            let workers = Workers(1, peers: peers), batch = Words()
            defer { workers.close() }
            let shards = Shards(graph, smallHyperparameters()), order = SumOrder(smallHyperparameters(), peers),
                sum = RankedGradientSum(graph, shards, workers, order)
            do throws(ValueFault) {
                _ = try sum.add(shards.cut(batch.count)) { _, examples, workspace, gradient in
                    batch.readInputs(examples, into: workspace.input(0, count: examples.count))
                    workspace.forward(weights: gradient, count: examples.count)
                    return [1]
                }
                return nil
            } catch {
                return error
            }
        }
        #expect(faults.count == count && faults.allSatisfy { $0?.example == 5 && $0?.value == 95 })
        #expect(Set(faults).count == 1)
    }

    @Test(arguments: [1, 2, 3, 7]) func callsEachShardOnceAndKeepsItsTermsInOrder(threads: Int) throws {
        let graph = try build("{input: [2], layers: [{Dense: {units: classes, activation: softmax}}]}").graph
        let workers = Workers(threads)
        defer { workers.close() }
        let shards = Shards(graph, smallHyperparameters()), order = SumOrder(lanes: 1, processes: 1),
            sum = LocalGradientSum(graph, shards, workers, order)
        #expect(shards.cut(10) == [0..<4, 4..<8, 8..<10])
        let terms = try sum.add(shards.cut(10)) { shard, examples, _, gradient in
            gradient.fill(with: Float(examples.count))
            return [Double(shard)]
        }
        #expect(terms == [[0], [1], [2]])
        #expect(sum.total.values.allSatisfy { $0 == 10 })
    }

    @Test(arguments: [1, 2, 3]) func namesTheFirstExampleThatCannotBeComputed(threads: Int) throws {
        let text = """
            input: [1]
            layers:
              - Embedding: {input_dim: 3, output_dim: 2}
              - Flatten
              - Dense: {units: classes, activation: softmax}
            """
        let graph = try build(text).graph, workers = Workers(threads)
        defer { workers.close() }
        let shards = Shards(graph, smallHyperparameters()), order = SumOrder(lanes: 1, processes: 1),
            sum = LocalGradientSum(graph, shards, workers, order),
            batch = Words()
        #expect {
            try sum.add(shards.cut(batch.count)) { _, examples, workspace, gradient in
                batch.readInputs(examples, into: workspace.input(0, count: examples.count))
                workspace.forward(
                    weights: gradient, count: examples.count)
                return []
            }
        } throws: { error in
            let fault = error as? ValueFault
            return fault?.example == 5 && fault?.value == 95
        }
    }
}
