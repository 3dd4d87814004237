import Datasets
import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students that normalize their inputs by the moments of the training examples.
@Suite struct InputNormalizationTests {
    private static let student = """
        name: normalized
        input: [6]
        layers:
          - Normalization
          - Dense: {units: 8, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    /// Whatever training does, the exported numbers are those of the training examples.
    @Test(arguments: [1, 2]) func writesTheMomentsOfTheTrainingExamples(generations: Int) throws {
        try withScene { original in
            var scene = original
            scene.student = Self.student
            try scene.writeStudent()
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 5)])
            request.generations = generations
            try compress(request)

            let train = try ExampleFile(opening: scene.path("data.h5")).trainAndValidation().train
            let x = try HDF5File(opening: scene.path("data.h5")).root.dataset("train/x").read(as: Float.self)
            let rows = train.rows.map { Array(x[($0 * 6)..<($0 * 6 + 6)]) }
            let (built, network) = try KerasFile(opening: request.output).network()
            #expect(built.architecture.layers[0].className == "BatchNormalization")
            #expect(built.architecture.layers[0].options["trainable"] == false)
            let layout = built.graph.layout
            let mean = try #require(layout.entry(built.architecture.layers[0].name, "moving_mean"))
            let variance = try #require(layout.entry(built.architecture.layers[0].name, "moving_variance"))
            for feature in 0..<6 {
                let values = rows.map { Double($0[feature]) }, average = values.reduce(0, +) / Double(values.count)
                let spread = values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(values.count)
                #expect(abs(Double(network.weights[mean][feature]) - average) < 1e-6)
                #expect(abs(Double(network.weights[variance][feature]) - spread) < 1e-6)
            }
        }
    }

    /// Inputs in other units, and far from 0, make no other student.
    @Test func learnsAlikeWhateverTheUnits() throws {
        try withScene { original in
            var scene = original
            func accuracy(_ change: @escaping (Float) -> Float) throws -> Double {
                scene.data.change = { _, x in for index in x.indices { x[index] = change(x[index]) } }
                scene.student = Self.student
                try scene.writeData()
                try scene.writeStudent()
                var training = TrainingRequest(
                    architecture: scene.path("student.yaml"), data: scene.path("data.h5"),
                    output: scene.path("m.h5"), hyperparameters: scene.request([]).hyperparameters)
                training.hyperparameters.epochs = 20
                return try trainModel(training) { _ in }.test[0].value
            }
            let plain = try accuracy { $0 }
            #expect(plain > 0.8)
            #expect(try accuracy { $0 * 4096 } == plain)
            #expect(abs(try accuracy { $0 / 1000 + 100 } - plain) < 0.1)
        }
    }

    @Test func refusesANormalizationOfWhatNobodyKnowsYet() throws {
        try withScene { original in
            var scene = original
            scene.student = Self.student.replacing(
                "  - Normalization\n  - Dense: {units: 8, activation: relu}",
                with: "  - Dense: {units: 8, activation: relu}\n  - Normalization")
            try scene.writeStudent()
            let error = try #require(throws: ModelFileError.self) {
                try compress(scene.request([try scene.writeTeacher("teacher.h5", seed: 1)]))
            }
            #expect(
                error.problems == [
                    "layer 'normalization' (Normalization) has no 'mean' and 'variance', and they are computed from the "
                        + "data for a layer that reads the input; give them, or use BatchNormalization"
                ])
        }
    }
}
