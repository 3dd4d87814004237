import Datasets
import Foundation
import Kernels
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

/// Networks with one unit for two classes.
@Suite struct BinaryLogitTests {
    private static let logits = [-30.0, -2.5, -0.25, 0, 0.5, 3, 40], labels = [0, 1, 0, 1, 1, 0, 1]

    private func withBatch(_ body: (ExampleBatch) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            let x = Self.labels.map { _ in [Float](repeating: 0, count: 2) }
            try writeExamples(x, shape: [2], classes: Self.labels, names: 2, to: path)
            let train = try ExampleFile(opening: path).train
            try body(ExampleReader(train, batchSize: x.count, order: .sequential).batch(epoch: 0, step: 0))
        }
    }

    /// −y log p − (1 − y) log(1 − p) with p = sigmoid(z), and its gradient p − y.
    @Test func crossEntropyIsBinaryCrossEntropy() throws {
        try withBatch { batch in
            let objective = BinaryLogitObjective(whole: LabelLoss(.multiclass))
            let (terms, gradient) = evaluateObjective(objective, Self.logits.map { [$0] }, on: batch)
            let count = Double(Self.logits.count)
            let losses = zip(Self.logits, Self.labels).map { z, y in
                log1p(exp(-abs(z))) + max(z, 0) - Double(y) * z
            }
            expectClose(terms[0], losses.reduce(0, +) / count)
            expectClose(
                gradient,
                zip(Self.logits, Self.labels).map { z, y in [(1 / (1 + exp(-z)) - Double(y)) / count] })
        }
    }

    /// The second class has the logit of the unit, the first has 0.
    @Test func predictsTwoColumns() throws {
        let text = """
            input: [2]
            layers:
              - Dense: {units: 1, activation: sigmoid}
            """
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try DataFile([2], classes: 2, train: 20, test: 5).write(to: path)
            let data = try ExampleFile(opening: path), graph = try build(text, classes: 2).graph
            let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 1))
            let workers = Workers(2)
            defer { workers.close() }
            let logits = try predictLogits(graph, weights: weights.tensor, of: data.train, workers: workers).tensor
                .values
            #expect(logits.count == 40)
            let x = try ExampleReader(data.train, batchSize: 20, order: .sequential).batch(epoch: 0, step: 0)
            let memory = Buffer(zeros: 40)
            x.readInputs(0..<20, into: memory.tensor)
            let network = Network(graph, weights: weights), p = network.predict([memory.tensor.values])[0]
            for row in 0..<20 {
                #expect(logits[2 * row] == 0)
                #expect(abs(1 / (1 + exp(-logits[2 * row + 1])) - p[row]) < 1e-6)
            }
        }
    }
}
