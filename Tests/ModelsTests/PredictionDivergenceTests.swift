import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@Suite struct PredictionDivergenceTests {
    /// Of the probabilities themselves, by the definition: Σ p log(p / q), the mean over examples.
    @Test func isTheKullbackLeiblerDivergenceOfPredictions() throws {
        try withScene { scene in
            let data = try ExampleFile(opening: scene.path("data.h5"))
            let model = try ModelTeacher(try scene.writeTeacher("teacher.h5", seed: 1), data: data)
            let network = try model.network(), layout = network.graph.layout
            let workers = Workers(2)
            defer { workers.close() }
            let altered = Buffer(zeros: layout.extent).tensor
            altered.copy(from: network.weights.tensor)
            let entry = try #require(layout.entries.first)
            let kernel = altered.slice(at: entry.offset, count: entry.spec.shape.elementCount)
            for index in 0..<kernel.elementCount { kernel[index] *= 0.8 }

            func predictions(_ weights: Tensor) throws -> [Double] {
                let logits = try predictLogits(network.graph, weights: weights, of: data.train, workers: workers)
                let rows = logits.tensor(count: data.train.count, shape: [data.classCount])
                probabilities(rows, labelKind: data.labelKind, temperature: 1, into: rows)
                return rows.values.map(Double.init)
            }
            let expected =
                zip(try predictions(network.weights.tensor), try predictions(altered)).reduce(0.0) {
                    $0 + $1.0 * log($1.0 / $1.1)
                } / Double(data.train.count)
            let divergence = try PredictionDivergence(model, network, on: data.train, workers: workers)
            #expect(expected > 1e-4)
            #expect(abs(try divergence(altered, changing: entry.layer) - expected) < 1e-3 * expected)
            #expect(try divergence(network.weights.tensor, changing: entry.layer) < 1e-9)
        }
    }
}
