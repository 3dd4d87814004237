import Datasets
import Foundation
import HDF5
import Kernels
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// Whole models against the gradients of Keras, which `Tools/reference/training_fixtures.py` wrote.
@Suite struct GradientTests {
    static let models = [
        "training-dense", "training-convolution", "training-recurrent", "training-masked", "training-frames",
    ]

    /// One batch, and what Keras makes of it.
    private struct Expected {
        let input: [Float]
        let inputShape: Shape
        let labels: [Int]
        let loss: Float
        let gradients: [(name: String, values: [Float])]
        let moving: [(name: String, values: [Float])]

        init(_ model: String) throws {
            let file = try HDF5File(opening: trainingFixture("\(model).gradients.h5"))
            let x = try file.root.dataset("input")
            inputShape = Shape(Array(x.shape.dropFirst()))
            input = try x.read()
            labels = try file.root.dataset("labels").read(as: Int32.self).map { Int($0) }
            loss = try file.root.dataset("loss").read(as: Float.self)[0]
            func list(_ prefix: String) throws -> [(String, [Float])] {
                var found: [(String, [Float])] = []
                while try file.root.contains("\(prefix)_\(found.count)") {
                    let dataset = try file.root.dataset("\(prefix)_\(found.count)")
                    found.append((try dataset.attributes.string("weight"), try dataset.read()))
                }
                return found
            }
            gradients = try list("gradient")
            moving = try list("moving")
        }
    }

    private func load(_ model: String) throws -> Network {
        let file = try KerasFile(opening: trainingFixture("\(model).h5"))
        return try file.network().network
    }

    /// Every number within 1e-5 of the largest one.
    private func expectClose(
        _ found: [Float], _ expected: [Float], _ what: String, tolerance: Float = 1e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let largest = expected.map(abs).max() ?? 0
        let distance = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
        #expect(
            distance <= tolerance * largest, "\(what): \(distance) off, the largest entry is \(largest)",
            sourceLocation: sourceLocation)
    }

    @Test(arguments: models, KernelLibrary.available)
    func agreeWithKeras(model: String, library: KernelLibrary) throws {
        let expected = try Expected(model), network = try load(model)
        let graph = network.graph, count = expected.labels.count
        let workspace = Workspace(graph, batchSize: count, mode: .training, kernels: KernelContext(library: library))
        workspace.input(0, count: count).copy(from: expected.input)
        workspace.forward(weights: network.weights.tensor, count: count)
        let logits = workspace.value(graph.logits, count: count)
        let slope = try #require(workspace.gradient(graph.logits, count: count))
        var loss = 0.0
        softmax(logits, into: slope)
        for (row, label) in expected.labels.enumerated() {
            let place = row * logits.shape.channels + label
            loss -= log(Double(slope[place])) / Double(count)
            slope[place] -= 1
        }
        scale(slope, by: 1 / Float(count), into: slope)
        #expect(abs(loss - Double(expected.loss)) <= 1e-5 * max(1, abs(loss)))

        let gradient = ParameterVector(zeros: graph.layout)
        gradient.tensor.fill(with: .nan)
        workspace.backward(weights: network.weights.tensor, gradient: gradient.tensor, count: count)
        let entries = graph.layout.entries.filter { $0.spec.role == .trainable }
        try #require(entries.count == expected.gradients.count)
        for (entry, (name, values)) in zip(entries, expected.gradients) {
            expectClose(gradient[entry].values, values, name)
        }
    }

    /// The same through everything that trains: data file, shards, loss, optimizer.
    @Test(arguments: models)
    func moveWeightsAndStatisticsLikeKeras(model: String) throws {
        let expected = try Expected(model), network = try load(model)
        let graph = network.graph, layout = graph.layout, count = expected.labels.count
        let weights = ParameterVector(zeros: layout)
        weights.copy(from: network.weights)
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: count)
        hyperparameters.optimizer = Optimizer(.sgd)
        hyperparameters.optimizer.momentum = 0
        hyperparameters.learningRate = 1
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        let workers = Workers(2)
        defer { workers.close() }
        let trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            let size = expected.inputShape.elementCount
            try writeExamples(
                (0..<count).map { Array(expected.input[($0 * size)..<(($0 + 1) * size)]) }, shape: expected.inputShape,
                classes: expected.labels, names: 3, to: path)
            let data = try ExampleFile(opening: path)
            let reader = ExampleReader(data.train, batchSize: count, order: .sequential)
            let report = try trainer.train(
                on: TrainingBatch(try reader.batch(epoch: 0, step: 0)), minimizing: LabelLoss(.multiclass),
                totalSteps: 1)
            #expect(abs(report.loss - Double(expected.loss)) <= 1e-5 * max(1, report.loss))
        }
        let trainable = layout.entries.filter { $0.spec.role == .trainable }
        for (entry, (name, values)) in zip(trainable, expected.gradients) {
            let moved = zip(network.weights[entry].values, trainer.weights[entry].values).map { $0 - $1 }
            // A difference of weights carries their rounding, 6e-8 of each.
            expectClose(moved, values, name, tolerance: 1e-5 + 1.2e-7 / (values.map(abs).max() ?? 1))
        }
        let statistics = layout.entries.filter { $0.spec.role != .trainable }
        try #require(statistics.count == expected.moving.count)
        for (entry, (name, values)) in zip(statistics, expected.moving) {
            expectClose(trainer.weights[entry].values, values, name, tolerance: 1e-6)
        }
    }
}
