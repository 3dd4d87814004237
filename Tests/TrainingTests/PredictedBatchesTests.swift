import Datasets
import Networks
import Ranks
import Tensors
import TestSupport
import Testing

@testable import Training

/// What networks predict for batches of examples, of which each process of a job computes a share.
@Suite struct PredictedBatchesTests {
    private struct Batch: Hashable {
        let rows: [Int]
        let labels: [UInt32]
        let logits: [[UInt32]]
    }

    private func batches(
        _ split: ExampleSplit, _ graphs: [LayerGraph], batchSize: Int, threads: Int, _ peers: any Peers
    ) throws -> [Batch] {
        let workers = Workers(threads, peers: peers)
        defer { workers.close() }
        let networks = graphs.enumerated().map { seed, graph in
            LogitsPredictor(
                graph, weights: ParameterVector(initializing: graph.layout, key: RandomKey(seed: seed)).tensor,
                for: split, workers: workers)
        }
        let source = PredictedBatches(split, networks, batchSize: batchSize)
        var found: [Batch] = []
        while let (examples, logits) = try source.next() {
            let labels = Buffer(zeros: examples.count * split.classCount).tensor
            labels.withMutableSpan { examples.readLabels(0..<examples.count, into: &$0) }
            found.append(
                Batch(
                    rows: (0..<examples.count).map(examples.row), labels: bits(labels), logits: logits.map { bits($0) })
            )
        }
        return found
    }

    /// Whole batches and parts, fewer shards than processes, and no example at all; networks whose shards have other sizes.
    @Test(arguments: [2, 3, 4, 5, 8], [1, 2]) func areTheSameOnAnyNumberOfProcesses(count: Int, threads: Int) throws {
        try withData(DataFile([6, 5, 2], train: 1100, test: 7, validation: 0)) { data, _ in
            let small = try build(everything).graph
            let large = try build(
                """
                input: [6, 5, 2]
                layers: [Flatten, {Dense: {units: 6000, activation: relu}}, {Dense: {units: classes, activation: softmax}}]
                """
            ).graph
            #expect(Predictor.shardSize(for: small) != Predictor.shardSize(for: large))
            let cases = [1100, 1024, 500, 130, 1, 0]
            for rows in cases {
                let split = data.train.selecting(Array(0..<rows), name: "train")
                for graphs in [[small], [small, large]] {
                    let alone = try batches(split, graphs, batchSize: 384, threads: 1, Alone())
                    #expect(alone.flatMap(\.rows) == Array(0..<rows))
                    let all = try ThreadPeers.together(count) { peers in
                        try batches(split, graphs, batchSize: 384, threads: threads, peers)
                    }
                    #expect(all == Array(repeating: alone, count: count), "\(rows) rows, \(graphs.count) networks")
                }
            }
        }
    }

    /// A file that is read by the one process that computes its rows.
    @Test func readsOnlyWhatItComputes() throws {
        try withData(DataFile([6, 5, 2], train: 1024, test: 7, validation: 0)) { data, _ in
            let graph = try build(everything).graph, unit = Predictor.shardSize(for: graph)
            let filled = try ThreadPeers.together(2) { peers in
                let workers = Workers(1, peers: peers), seen = Seen()
                defer { workers.close() }
                let network = LogitsPredictor(
                    graph, weights: ParameterVector(initializing: graph.layout, key: RandomKey(seed: 0)).tensor,
                    for: data.train, workers: workers
                ) { batch, examples, inputs in
                    for example in examples { seen.rows.insert(batch.row(example)) }
                    batch.readInputs(examples, into: inputs[0])
                }
                let source = PredictedBatches(data.train, [network], batchSize: 4 * unit)
                while try source.next() != nil {}
                return seen.rows
            }
            #expect(filled[0].isDisjoint(with: filled[1]) && filled[0].union(filled[1]) == Set(0..<1024))
            #expect(abs(filled[0].count - filled[1].count) <= unit)
        }
    }

    /// On one thread.
    private final class Seen: @unchecked Sendable { var rows: Set<Int> = [] }

    /// All hear of the first example that cannot be computed, whoever has found it; none waits for the others.
    @Test(arguments: [1, 2, 3]) func allProcessesNameTheSameExample(count: Int) throws {
        var file = DataFile([1], train: 1000, test: 7, validation: 0)
        file.change = { split, x in
            guard split == "train" else { return }
            for row in x.indices { x[row] = row == 700 || row == 900 ? 90 : Float(row % 3) }
        }
        try withData(file) { data, _ in
            let graph = try build(
                """
                input: [1]
                layers: [{Embedding: {input_dim: 3, output_dim: 2}}, Flatten, {Dense: {units: classes, activation: softmax}}]
                """
            ).graph
            let errors = try ThreadPeers.together(count) { peers -> String in
                do {
                    _ = try batches(data.train, [graph], batchSize: 256, threads: 2, peers)
                    return ""
                } catch let error as ExampleValueError {
                    return "\(error)"
                }
            }
            #expect(Set(errors).count == 1 && errors[0].contains("row 700"), "\(errors)")
        }
    }

    @Test(arguments: [1, 2, 3, 5]) func statisticsFollowTheSameOnAnyNumberOfProcesses(count: Int) throws {
        try withData(DataFile([6, 5, 2], train: 600, test: 7, validation: 0)) { data, _ in
            let graph = try build(everything).graph
            @Sendable func followed(_ peers: any Peers) throws -> [UInt32] {
                let workers = Workers(2, peers: peers)
                defer { workers.close() }
                let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 3))
                let altered = ParameterVector(zeros: graph.layout)
                for index in 0..<altered.tensor.elementCount { altered.tensor[index] = 0.9 * weights.tensor[index] }
                try BatchStatistics(graph, weights: weights.tensor, on: data.train, workers: workers)
                    .follow(altered.tensor)
                return bits(altered.tensor)
            }
            let alone = try followed(Alone())
            #expect(try ThreadPeers.together(count) { try followed($0) } == Array(repeating: alone, count: count))
        }
    }
}
