import Datasets
import Foundation
import Kernels
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Quantized distillation to 4 bits for every kernel.
func quantized(epochShare: Double = 0.125, rateShare: Double = 0.1) -> QuantizedDistillation {
    QuantizedDistillation(
        solve: { kernels(.small(bits: 4), $2.plan.built.graph.layout) },
        training: FineTuning(epochShare: epochShare, rateShare: rateShare))
}

private func kernels(_ encoding: WeightEncoding, _ layout: ParameterLayout) -> WeightEncodings {
    WeightEncodings(layout) { $0.spec.role == .trainable && $0.spec.shape.axes.count > 1 ? encoding : .float32 }
}

/// Stores kernels in 4 bits, or all weights in so many bytes, without any training.
private struct Rounded: Stage {
    var bytes: Int?
    var name: String { "rounding" }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        var changed = student
        let built = context.plan.built
        changed.encodings = kernels(.small(bits: 4), built.graph.layout)
        if let bytes, let network = student.network {
            changed.encodings = try fitted(built, network.weights, bytes: bytes)
        }
        return changed
    }
}

/// Says that 4 bits are enough for every kernel.
private struct Promised: Stage {
    var name: String { "promise" }

    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings {
        kernels(.small(bits: 4), layout)
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student { student }
}

/// Encodings that fit so many bytes beside what a file takes at least: levels that the weights decide, in coded bytes.
private func fitted(_ built: BuiltArchitecture, _ weights: Tensor, bytes: Int) throws -> WeightEncodings {
    let overhead = try ExportPlan(built).size.overhead.bytes
    return try ExportPlan.fitting(built, weights, limit: ByteCount(overhead + bytes), as: "student").encodings
}

/// Quantized distillation to these.
private func coded(
    bytes: Int, rateShare: Double = 0.1, told: @escaping @Sendable (Tensor) -> Void = { _ in }
) -> QuantizedDistillation {
    QuantizedDistillation(
        solve: { weights, _, context in
            told(weights)
            return try fitted(context.plan.built, weights, bytes: bytes)
        }, training: FineTuning(epochShare: 0.125, rateShare: rateShare))
}

@Suite struct QuantizedDistillationTests {
    /// Kernels of 600, 900 and 90 numbers.
    private static let student = """
        name: wide
        input: [20]
        layers:
          - Dense: {units: 30, activation: relu, use_bias: false}
          - BatchNormalization: {}
          - Dense: {units: 30, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    private func withStudent(
        _ text: String = student, _ body: (Scene, CompressionRequest) throws -> Void
    ) throws {
        var data = DataFile([20], train: 400, test: 60)
        data.noise = 2.5
        try withScene(data) { scene in
            var scene = scene
            scene.student = text
            try scene.writeStudent()
            let teacher = """
                input: [20]
                layers:
                  - Dense: {units: 40, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 12, text: teacher)])
            // Two epochs of the stage.
            request.hyperparameters.epochs = 16
            try body(scene, request)
        }
    }

    /// The mean divergence of a written student from its teacher on held-out rows, of which the request learned nothing.
    private func divergence(_ request: CompressionRequest) throws -> Double {
        let split = try ExampleFile(opening: request.data).trainAndValidation().validation, workers = Workers(1)
        defer { workers.close() }
        func logits(_ path: String) throws -> Tensor {
            let (built, network) = try KerasFile(opening: path).network()
            return try predictLogits(built.graph, weights: network.weights.tensor, of: split, workers: workers)
                .tensor(count: split.count, shape: [split.classCount])
        }
        func probabilities(_ z: Tensor, _ row: Int) -> [Double] {
            let e = (0..<3).map { exp(Double(z[row * 3 + $0])) }
            return e.map { $0 / e.reduce(0, +) }
        }
        let (teacher, student) = (try logits(request.teachers[0]), try logits(request.output))
        return (0..<split.count).reduce(0) { sum, row in
            zip(probabilities(teacher, row), probabilities(student, row)).reduce(sum) { $0 + $1.0 * log($1.0 / $1.1) }
        } / Double(split.count)
    }

    /// Two epochs take back what rounding to some 2 bits costs; as many without rounding before it do not.
    @Test func takesBackWhatRoundingCosts() throws {
        try withStudent { _, request in
            var request = request
            func reached(_ stages: [any Stage]) throws -> Double {
                request.endStages = stages
                try compress(request)
                return try divergence(request)
            }
            let exact = try reached([]), rounded = try reached([Rounded(bytes: Self.few)])
            let learned = try reached([coded(bytes: Self.few, rateShare: 0.5)])
            let plain = QuantizedDistillation(
                solve: { kernels(.float32, $2.plan.built.graph.layout) },
                training: FineTuning(epochShare: 0.125, rateShare: 0.5))
            let control = try reached([plain, Rounded(bytes: Self.few)])
            #expect(exact < rounded)
            #expect(learned < (exact + rounded) / 2)
            #expect(learned < control)
        }
    }

    /// Bytes for all numbers: of 1,500 in coded kernels, and some 300 others in 16 and 32 bits.
    private static let few = 1_150

    /// The file has the weights that were trained, on the levels of the last epoch, and fits.
    @Test func writesTheLevelsOfTheLastEpoch() throws {
        try withStudent { _, request in
            var request = request
            let origins = Origins()
            request.endStages = [coded(bytes: Self.few) { origins.add($0.values) }]
            let report = try compress(request)
            #expect(origins.all.count == 2)
            #expect(origins.all[0] != origins.all[1])
            #expect(report.student.bytes.bytes == (try contents(request.output).count))
            let (built, network) = try KerasFile(opening: request.output).network(), layout = built.graph.layout
            let last = Buffer(zeros: layout.extent).tensor
            last.copy(from: origins.all[1])
            let encodings = try fitted(built, last, bytes: Self.few)
            var count = 0
            for entry in layout.entries {
                guard case .coded = encodings[entry] else { continue }
                count += 1
                var numbers = network.weights[entry].values
                let found = numbers
                var span = numbers.mutableSpan
                encodings[entry].round(&span)
                #expect(numbers == found, "\(entry.layer)/\(entry.spec.name) is on other levels")
            }
            #expect(count == 2)
        }
    }

    /// Of the last training, and of each of its epochs; encodings that the weights decide, and those that they do not.
    @Test(arguments: [false, true]) func resumesToTheSameBits(isCoded: Bool) throws {
        try withStudent { scene, request in
            var whole = scene.request(request.teachers, run: "whole", output: "whole.h5")
            (whole.hyperparameters, whole.threads) = (request.hyperparameters, 1)
            whole.endStages = [isCoded ? coded(bytes: Self.few) : quantized()]
            var stopped = request
            (stopped.endStages, stopped.threads) = (whole.endStages, 3)
            _ = try compressStopped(during: "quantized distillation", whole, stopped)
        }
    }

    /// Levels whose bytes do not fit once the weights on them are trained give way to others, of the trained weights.
    @Test func solvesAnewWhatDoesNotFit() throws {
        try withStudent { _, request in
            var request = request
            let origins = Origins()
            let stage = QuantizedDistillation(
                solve: { weights, _, context in
                    origins.add(weights.values)
                    let encoding = origins.all.count > 2 ? WeightEncoding.small(bits: 4) : .float32
                    return kernels(encoding, context.plan.built.graph.layout)
                })
            request.endStages = [Promised(), stage]
            request.budget = try Compressor(request) { _ in }.dryRun().size
            let report = try compress(request)
            #expect(origins.all.count == 3)
            #expect(origins.all[1] != origins.all[2])
            #expect(report.student.bytes <= request.budget)
        }
    }

    /// Another share of epochs or of the learning rate is another run.
    @Test func isPartOfTheFingerprint() throws {
        try withStudent { _, request in
            var request = request
            request.endStages = [quantized()]
            try compress(request)
            (request.isResuming, request.endStages) = (true, [quantized(epochShare: 0.25, rateShare: 0.5)])
            let text = message { try compress(request) }
            #expect(text?.contains("quantized-epoch-share is 0.25, was 0.125") == true)
            #expect(text?.contains("quantized-rate-share is 0.5, was 0.1") == true)
        }
    }

    @Test func isAnnouncedAndCounted() throws {
        try withStudent { _, request in
            var request = request
            (request.endStages, request.seeds) = ([quantized()], 2)
            let outline = try Compressor(request) { _ in }.dryRun(), told = Told()
            #expect(outline.stages.map(\.epochs) == [16, 2])
            try compress(request, told: told)
            #expect(
                told.parts.filter { $0.hasPrefix("training") } == [
                    "training student: 5760", "training quantized distillation: 720",
                    "training student seed 1: 5760", "training quantized distillation seed 1: 720",
                ])
            // The weight of the ground truth goes from 0 to 0.5 before.
            var settings = request.loss
            settings.lambda = .constant(0.5)
            #expect(told.messages.contains("loss of quantized distillation: \(settings.formula(.multiclass))"))
            #expect(outline.steps == (try metricsLines(request.runDirectory).filter { $0["epoch"] == nil }.count))
        }
    }

    /// Members that learned one after another learn together here, and generations go on with the first teachers.
    @Test(arguments: ["jointly", "one-after-another"]) func trainsMembersTogether(training: String) throws {
        let text = """
            name: both
            input: [20]
            training: \(training)
            members:
              wide:
                layers:
                  - Dense: {units: 30, activation: relu}
                  - BatchNormalization: {}
                  - Dense: {units: classes, activation: softmax}
              narrow:
                layers:
                  - Dense: {units: 8, activation: relu}
                  - Dense: {units: classes, activation: softmax}
            """
        try withStudent(text) { _, request in
            var request = request
            (request.budget, request.hyperparameters.epochs, request.generations) = (ByteCount(100_000), 8, 2)
            request.endStages = [Rounded()]
            try compress(request)
            let before = try divergence(request), told = Told()
            request.endStages = [quantized(epochShare: 0.5, rateShare: 0.5)]
            try compress(request, told: told)
            #expect(told.parts.last { $0.hasPrefix("training") } == "training quantized distillation: 1440")
            #expect(try divergence(request) < before)
        }
    }

    /// Layers that are compared are those of the training before; there is nothing to learn without predictions.
    @Test func refusesLossesOfLayersAlone() throws {
        try withStudent { _, request in
            var request = request
            let pair = LossTerm.LayerPair(student: "dense", teacher: "dense")
            request.loss.terms = [LossTerm(.hint([pair]))]
            request.endStages = [quantized()]
            let text = message { _ = try Compressor(request) { _ in } }
            #expect(
                text?.contains("quantized distillation learns from predictions alone: add a loss such as kl") == true)
            request.loss.terms.append(LossTerm(.kl))
            try compress(request)
        }
    }
}

/// Weights that a solver was given.
private final class Origins: @unchecked Sendable {
    private(set) var all: [[Float]] = []
    func add(_ values: [Float]) { all.append(values) }
}
