import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Sets the smallest weights to zero, and has kernels stored as float16.
struct ZeroSmallest: Stage {
    /// How many of the trainable weights.
    let share: Double

    var name: String { "zeroing of \(share)" }

    var settings: [Setting] { [Setting("zeroed-share", .number(share), in: [.resume, .manifest, .provenance])] }

    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings {
        WeightEncodings(layout) { $0.spec.shape.axes.count > 1 ? .float16 : given[$0] }
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        context.tell(.began(context.title(name), total: 1))
        defer { context.tell(.ended) }
        let trainable = context.plan.built.graph.layout.trainableExtent
        return student.mapWeights { weights in
            var values = weights.values
            let order = values.indices.prefix(trainable).sorted { abs(values[$0]) < abs(values[$1]) }
            for index in order.prefix(Int(share * Double(trainable))) { values[index] = 0 }
            let changed = Buffer(zeros: values.count).tensor
            changed.copy(from: values)
            return changed
        }
    }
}

/// Promises kernels of float16, and finds that fewer bits are enough.
private struct FewerBits: Stage {
    var name: String { "fewer bits" }

    private func kernels(_ encoding: WeightEncoding, _ layout: ParameterLayout) -> WeightEncodings {
        WeightEncodings(layout) { $0.spec.shape.axes.count > 1 ? encoding : .float32 }
    }

    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings {
        kernels(.float16, layout)
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        var changed = student
        changed.encodings = kernels(.small(bits: 8), context.plan.built.graph.layout)
        return changed
    }
}

/// Goes on from what there is, at a learning rate of its own.
private struct FineTuning: Stage {
    let learningRate: Double

    var name: String { "fine-tuning" }

    var settings: [Setting] { [Setting("fine-tuning-rate", .number(learningRate), in: .resume)] }

    private func hyperparameters(_ hyperparameters: Hyperparameters) -> Hyperparameters {
        var hyperparameters = hyperparameters
        (hyperparameters.epochs, hyperparameters.learningRate) = (2, learningRate)
        return hyperparameters
    }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        StageCost(training: plan, self.hyperparameters(hyperparameters))
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        plan.steps(ofTraining: titled(name), hyperparameters)
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        var changed = student
        changed.network = try context.plan.train(hyperparameters(context.hyperparameters)) { part in
            let loss = DistillationLoss(context.request.loss, mixture: context.mixture)
            let trainer = try context.distil(
                name, part, part.graph, minimizing: loss, context.predictions, nil, heldOut: context.validation,
                from: student.network)
            return TrainedNetwork(trainer, as: part.graph)
        }
        return changed
    }
}

/// Stages that no option has yet, added to those of a request.
@Suite struct StageTests {
    private let stages: [any Stage] = [FineTuning(learningRate: 0.005), ZeroSmallest(share: 0.25)]

    @Test func areAnnouncedAndCounted() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            (request.endStages, request.seeds) = (stages, 2)
            let outline = try Compressor(request) { _ in }.dryRun()
            #expect(outline.stages.map(\.name) == ["student", "fine-tuning", "zeroing of 0.25"])
            #expect(outline.stages.map(\.epochs) == [3, 2, 0])

            let told = Told()
            try compress(request, told: told)
            #expect(
                told.parts == [
                    "predicting with teacher: 80", "training student: 216", "training fine-tuning: 144",
                    "zeroing of 0.25: 1",
                    "training student seed 1: 216", "training fine-tuning seed 1: 144", "zeroing of 0.25 seed 1: 1",
                    "testing teacher: 30",
                ])
            #expect(told.steps == (1...8).map { "\($0)/8" })
            #expect(outline.steps == (try metricsLines(request.runDirectory).filter { $0["epoch"] == nil }.count))
        }
    }

    /// Their settings are in every file that a run leaves.
    @Test func areWrittenDown() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.endStages = stages
            try compress(request)
            let run = try JSON(reading: scene.path("run/run.json"))["fingerprint"]
            #expect(run?["zeroed-share"]?.string == "0.25")
            #expect(run?["fine-tuning-rate"]?.string == "0.005")
            #expect(try JSON(reading: scene.path("run/manifest.json"))["zeroed_share"]?.number == 0.25)
            let provenance = try #require(try KerasFile(opening: request.output).provenance)
            #expect(try JSON(parsing: provenance)["zeroed_share"]?.number == 0.25)
            #expect(request.configuration.contains { $0.key == "zeroed-share" && $0.value == 0.25 })

            (request.isResuming, request.endStages) = (true, [stages[0], ZeroSmallest(share: 0.5)])
            let text = message { try compress(request) }
            #expect(text?.contains("zeroed-share is 0.5, was 0.25") == true)
        }
    }

    /// The file has what they made of the student, in the size that they promised, and that is what was measured.
    @Test func makeWhatIsMeasuredAndWritten() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 3)])
            let plain = try compress(request), before = try KerasFile(opening: request.output).network().network
            (request.endStages, request.output) = ([stages[1]], scene.path("changed.h5"))
            let report = try compress(request)
            let (built, network) = try KerasFile(opening: request.output).network(), graph = built.graph
            var expected = before.weights.tensor.values
            let trainable = graph.layout.trainableExtent
            let order = (0..<trainable).sorted { abs(expected[$0]) < abs(expected[$1]) }
            for index in order.prefix(trainable / 4) { expected[index] = 0 }
            for entry in graph.layout.entries where entry.spec.shape.axes.count > 1 {
                for index in entry.offset..<(entry.offset + entry.spec.shape.elementCount) {
                    expected[index] = Float(Float16(expected[index]))
                }
            }
            #expect(network.weights.tensor.values == expected)

            #expect(report.student.bytes == report.student.predictedBytes)
            // Kernels of 6 × 8 and 8 × 3 numbers, two bytes less for each.
            #expect(plain.student.weightBytes.bytes - report.student.weightBytes.bytes == 2 * (6 * 8 + 8 * 3))
            let workers = Workers(1), test = try ExampleFile(opening: request.data).test
            defer { workers.close() }
            let found = try evaluate(graph, weights: network.weights.tensor, on: test, workers: workers)
            #expect(report.student.test.map(\.value) == found.map(\.value))
        }
    }

    /// Encodings may follow from the numbers, within what was promised.
    @Test func mayFindSmallerEncodings() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 3)])
            let plain = try compress(request), before = try KerasFile(opening: request.output).network().network
            (request.endStages, request.output) = ([FewerBits()], scene.path("changed.h5"))
            let report = try compress(request), numbers = 6 * 8 + 8 * 3
            #expect(report.student.bytes.bytes == (try contents(request.output).count))
            #expect(report.student.bytes < report.student.predictedBytes)
            #expect(plain.student.weightBytes.bytes - report.student.weightBytes.bytes == 3 * numbers)
            let (built, network) = try KerasFile(opening: request.output).network()
            for entry in built.graph.layout.entries {
                var expected = before.weights[entry].values
                if entry.spec.shape.axes.count > 1 {
                    var span = expected.mutableSpan
                    WeightEncoding.small(bits: 8).round(&span)
                }
                #expect(network.weights[entry].values == expected, "\(entry.layer)/\(entry.spec.name)")
            }
            let workers = Workers(1), test = try ExampleFile(opening: request.data).test
            defer { workers.close() }
            let found = try evaluate(built.graph, weights: network.weights.tensor, on: test, workers: workers)
            #expect(report.student.test.map(\.value) == found.map(\.value))
        }
    }

    /// A budget that they make enough is enough.
    @Test func countInTheBudget() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            let size = try Compressor(request) { _ in }.dryRun().size
            request.budget = ByteCount(size.bytes - 1)
            #expect(throws: BudgetError.self) { try Compressor(request) { _ in } }
            request.endStages = [ZeroSmallest(share: 0)]
            #expect(try compress(request).student.bytes < size)
        }
    }

    /// Stopped in the training before them, and in their own; before and after a change of weights.
    @Test(arguments: ["student", "fine-tuning"], [false, true])
    func resumeToTheSameBits(training: String, isReversed: Bool) throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            var whole = scene.request([teacher], run: "whole", output: "whole.h5")
            whole.endStages = isReversed ? stages.reversed() : stages
            var request = scene.request([teacher])
            request.endStages = whole.endStages
            _ = try compressStopped(during: training, whole, request)
        }
    }
}
