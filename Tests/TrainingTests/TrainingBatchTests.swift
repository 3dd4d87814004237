import Datasets
import Foundation
import HDF5
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// What an epoch delivers.
@Suite struct TrainingBatchTests {
    /// Labeled examples are their numbers from 0 on, unlabeled ones from 1,000 on.
    private func withReader(
        labeled: Int, unlabeled: Int, batchSize: Int, _ body: (BatchLoader, Workers) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path, other = folder.appending(path: "more.h5").path
            try writeExamples(
                (0..<labeled).map { [Float($0)] }, shape: [1], classes: (0..<labeled).map { $0 % 3 }, names: 3,
                to: path)
            let file = try HDF5File(creating: other)
            try file.root.createDataset("x", (0..<unlabeled).map { Float(1000 + $0) }, shape: [unlabeled, 1])
            try file.close()
            let data = try ExampleFile(opening: path)
            let workers = Workers(2)
            defer { workers.close() }
            var hyperparameters = Hyperparameters(epochs: 2, batchSize: batchSize)
            hyperparameters.shardSize = 3
            try body(
                BatchLoader(
                    data.train, unlabeled: try data.unlabeled(other), hyperparameters: hyperparameters, workers: workers
                ), workers)
        }
    }

    @Test(
        arguments: [
            (20, 20, 8), (7, 100, 8), (100, 7, 8), (1, 1, 1), (3, 5, 1), (9, 1, 2), (1, 50, 7), (50, 50, 200),
            (13, 29, 5),
        ])
    func deliversEveryExampleOnceInAnEpoch(labeled: Int, unlabeled: Int, batchSize: Int) throws {
        try withReader(labeled: labeled, unlabeled: unlabeled, batchSize: batchSize) { reader, _ in
            let count = labeled + unlabeled
            #expect(reader.count == count)
            #expect(reader.stepsPerEpoch == (count + batchSize - 1) / batchSize)
            var orders: [[Float]] = []
            for epoch in 0..<2 {
                var order: [Float] = []
                for step in 0..<reader.stepsPerEpoch {
                    let batch = try reader.batch(epoch: epoch, step: step)
                    let values = inputs(batch, 0..<batch.count), labels = labels(batch, 0..<batch.count)
                    let last = step == reader.stepsPerEpoch - 1
                    #expect(batch.count == (last ? count - step * batchSize : batchSize))
                    // Labeled ones first, with their labels and rows; nothing is known of the others.
                    #expect(values[..<batch.labeledCount].allSatisfy { $0 < 1000 })
                    #expect(values[batch.labeledCount...].allSatisfy { $0 >= 1000 })
                    for (index, value) in values.enumerated() {
                        let row = Int(value) % 1000
                        #expect(batch.row(index) == row && batch.view == 0)
                        let expected = (0..<3).map { index < batch.labeledCount && $0 == row % 3 ? Float(1) : 0 }
                        #expect(Array(labels[(index * 3)..<(index * 3 + 3)]) == expected)
                    }
                    // Evenly: one more or one less than their share of the batch.
                    let share = Double(batch.count * labeled) / Double(count)
                    #expect(abs(Double(batch.labeledCount) - share) <= 1)
                    order += values
                }
                let numbers = order.sorted().map { Int($0) }
                #expect(numbers == Array(0..<labeled) + Array(1000..<(1000 + unlabeled)))
                orders.append(order)
            }
            if count > 20 { #expect(orders[0] != orders[1], "a new order in every epoch") }
        }
    }

    /// Shards of a batch, also those that have labeled and unlabeled examples, are parts of it.
    @Test func partsOfABatchAreThoseOfTheWhole() throws {
        try withReader(labeled: 13, unlabeled: 29, batchSize: 20) { reader, _ in
            let batch = try reader.batch(epoch: 0, step: 0)
            #expect(batch.labeledCount > 2 && batch.labeledCount < batch.count - 2)
            let values = inputs(batch, 0..<batch.count), shares = labels(batch, 0..<batch.count)
            for first in 0..<batch.count {
                for end in first...batch.count {
                    #expect(inputs(batch, first..<end) == Array(values[first..<end]))
                    #expect(labels(batch, first..<end) == Array(shares[(3 * first)..<(3 * end)]))
                }
            }
        }
    }

    private func inputs(_ batch: TrainingBatch, _ examples: Range<Int>) -> [Float] {
        let tensor = Buffer(zeros: examples.count).tensor(count: examples.count, shape: [1])
        tensor.fill(with: .nan)
        batch.readInputs(examples, into: tensor)
        return tensor.values
    }

    private func labels(_ batch: TrainingBatch, _ examples: Range<Int>) -> [Float] {
        let tensor = Buffer(zeros: 3 * examples.count).tensor(count: examples.count, shape: [3])
        tensor.fill(with: .nan)
        batch.readLabels(examples, into: tensor)
        return tensor.values
    }

    /// Any step can be read at any time, in any order.
    @Test func isAFunctionOfEpochAndStep() throws {
        try withReader(labeled: 13, unlabeled: 29, batchSize: 5) { reader, _ in
            let steps = (0..<2).flatMap { epoch in (0..<reader.stepsPerEpoch).map { (epoch, $0) } }
            func read(_ order: [(Int, Int)]) throws -> [String: [Float]] {
                try order.reduce(into: [:]) { result, place in
                    let batch = try reader.batch(epoch: place.0, step: place.1)
                    result["\(place)"] = inputs(batch, 0..<batch.count)
                }
            }
            let (forward, backward) = (try read(steps), try read(steps.reversed()))
            #expect(forward == backward)
        }
    }
}
