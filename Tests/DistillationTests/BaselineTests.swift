import Datasets
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// When labels alone are tried, and what is kept of them.
@Suite struct BaselineTests {
    private func dense(_ inputs: Int, _ units: Int) throws -> BaselineRule {
        let graph = try build(
            "{input: [\(inputs)], layers: [{Dense: {units: \(units)}}, {Softmax: {}}]}", classes: 2
        ).graph
        return BaselineRule(nil, examples: 1_000_000, epochs: 100, graph: graph)
    }

    /// 10⁶ examples, 100 epochs, 3 passes: 3 · 10⁸ times those of one example, 333,333 of which are just not too many.
    @Test func countsMultiplyAddsOfTheWholeTraining() throws {
        #expect(try dense(3, 111_111).isWanted)
        #expect(try !dense(2, 166_667).isWanted)
        #expect(
            try dense(3, 111_111).sentence
                == "baseline: labels alone are tried, too (auto: training takes 10.0 · 10^13 multiply-adds, fewer than 10^14)"
        )
    }

    @Test(arguments: [true, false])
    func theUserDecides(given: Bool) throws {
        let graph = try build("{input: [2], layers: [{Dense: {units: 2}}, {Softmax: {}}]}", classes: 2).graph
        for count in [1, 1_000_000_000] {
            let rule = BaselineRule(given, examples: count, epochs: count, graph: graph)
            #expect(rule.isWanted == given)
            #expect(rule.sentence.hasSuffix(given ? "(--baseline)" : "(--no-baseline)"))
        }
    }

    /// The epoch with the best figure in the log, and the same figures as a run that ends there, at a constant rate.
    @Test func keepsTheBestEpochOnHeldOutRows() throws {
        try withScene(DataFile(train: 200, test: 100)) { scene in
            func run(_ name: String, epochs: Int) throws -> (CompressionReport, [Double]) {
                var request = scene.request(
                    [try scene.writeTeacher("teacher.h5", seed: 1)], run: name, output: "\(name).h5")
                request.baseline = true
                request.hyperparameters.epochs = epochs
                request.hyperparameters.learningRate = 0.1
                request.hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
                let report = try compress(request)
                let scores = try metricsLines(request.runDirectory)
                    .filter { $0["training"]?.string == "baseline" && $0["epoch"] != nil }
                    .compactMap { $0["validation_accuracy"]?.number }
                return (report, scores)
            }
            let (report, scores) = try run("long", epochs: 20)
            let baseline = try #require(report.baseline), best = try #require(baseline.best)
            let first = try #require(scores.firstIndex(of: scores.max() ?? 0)) + 1
            #expect(scores.count == 20 && first < 20)
            #expect(best.epochs == [first])
            #expect(best.isEarlier)
            #expect(best.validation[0].value == scores.max())
            #expect(baseline.validation[0].value == scores.last)
            let (short, _) = try run("short", epochs: first)
            #expect(short.baseline?.test[0].value == best.test[0].value)
            #expect(short.baseline?.best?.isEarlier == false)
        }
    }

    /// What the report says of the test split against what student and labels alone get right.
    @Test func comparesExampleByExample() throws {
        try withScene(DataFile(train: 100, test: 60)) { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1, epochs: 8)])
            request.baseline = true
            let report = try compress(request)
            let baseline = try #require(report.baseline)
            #expect(report.testCount == 60)
            #expect(report.student.testSpread.errors == 60 - Int((report.student.test[0].value * 60).rounded()))
            #expect(report.differences.map(\.other) == [.ensemble, .baseline, .bestBaseline])
            #expect(
                abs(report.differences[1].test[0].value - (report.student.test[0].value - baseline.test[0].value))
                    < 1e-12)
            #expect(report.differences[0].validation.isEmpty && report.differences[1].validation.count == 1)
            request.baseline = false
            let alone = try compress(request)
            #expect(alone.baseline == nil && alone.differences.map(\.other) == [.ensemble])
        }
    }

    /// 23 weights of 4 bytes, beside Adam's state in the file that Keras wrote.
    @Test func countsNoStateOfAnOptimizer() throws {
        try withScene(DataFile([4], classes: 2, train: 20, test: 5)) { scene in
            let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "ModelFilesTests/Fixtures/compiled.h5").path
            let teacher = try ModelTeacher(path, data: try ExampleFile(opening: scene.path("data.h5")))
            #expect(teacher.modelSize.weightBytes.bytes == 4 * 23)
            #expect(teacher.modelSize.bytes.bytes == 23_216)
        }
    }
}
