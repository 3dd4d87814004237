import Datasets
import Foundation
import HDF5
import Kernels
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

/// The loss of labels against numbers in double precision: `losses.json` is written by
/// `Tools/reference/training_fixtures.py`. Its binary cross-entropy is a mean over classes, ours is a sum; its case of
/// soft targets is none for labels.
@Suite struct LabelLossTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let logits: [[Double]]
        let labels: [Int]
        let targets: [[Double]]
        let loss: Double
        let gradient: [[Double]]
        var testDescription: String { name }

        init(_ json: JSON) {
            name = json["name"]?.string ?? ""
            logits = json["logits"]?.rows ?? []
            labels = json["labels"]?.numbers.map { Int($0) } ?? []
            targets = json["targets"]?.rows ?? []
            loss = json["loss"]?.number ?? .nan
            gradient = json["gradient"]?.rows ?? []
        }
    }

    private static let fixture = try? JSON(reading: trainingFixture("losses.json"))
    static let multiclass = (fixture?["crossEntropy"]?.array ?? []).map(Case.init)
    static let multilabel = (fixture?["binaryCrossEntropy"]?.array ?? []).map(Case.init)
        .filter { $0.targets.joined().allSatisfy { $0 == 0 || $0 == 1 } }

    @Test func thereAreCases() {
        #expect(Self.multiclass.count == 2)
        #expect(Self.multilabel.count == 2)
    }

    @Test(arguments: multiclass)
    func agreesWithDoublePrecision(item: Case) throws {
        let (loss, gradient) = try evaluate(item.logits, classes: item.labels)
        expectClose(loss, item.loss)
        expectClose(gradient, item.gradient)
    }

    @Test(arguments: multilabel)
    func sumsOverLabels(item: Case) throws {
        let (loss, gradient) = try evaluate(item.logits, labels: item.targets)
        let classes = Double(item.logits[0].count)
        expectClose(loss, classes * item.loss)
        expectClose(gradient, item.gradient.map { $0.map { $0 * classes } })
    }

    /// The loss of n equal rows is the loss of one: means over examples, not over classes.
    @Test func isTheSameForAnyNumberOfEqualRows() throws {
        let row = [0.5, -1, 2.5], one = try evaluate([row], classes: [1]),
            five = try evaluate(
                Array(repeating: row, count: 5), classes: Array(repeating: 1, count: 5))
        expectClose(five.loss, one.loss)
        expectClose(five.gradient[0].map { $0 * 5 }, one.gradient[0])
        let labels = [1.0, 0, 1]
        let several = try evaluate(Array(repeating: row, count: 5), labels: Array(repeating: labels, count: 5))
        expectClose(several.loss, try evaluate([row], labels: [labels]).loss)
    }

    @Test func doesNotSeeImpossibleClasses() throws {
        let few = try evaluate([[0.5, -1, 2.5]], classes: [1])
        let many = try evaluate([[0.5, -1, 2.5] + Array(repeating: -200, count: 40)], classes: [1])
        expectClose(many.loss, few.loss)
        expectClose(Array(many.gradient[0][..<3]), few.gradient[0])
        #expect(many.gradient[0][3...].allSatisfy { abs($0) <= 1e-30 })
    }

    @Test(arguments: [100.0, 1e4])
    func staysFinite(size: Double) throws {
        let logits = [[size, -size, 0], [-size, -size, size], [size, size, 0]]
        let (loss, gradient) = try evaluate(logits, classes: [1, 0, 2])
        // The last row's largest logits are a tie: log(eˢ + eˢ) = s + log 2.
        let expected = (2 * size + 2 * size + size + log(2)) / 3
        #expect(abs(loss - expected) <= 1e-6 * expected)
        #expect(gradient.joined().allSatisfy { $0.isFinite && abs($0) <= 1 })
        let several = try evaluate(logits, labels: [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
        // Σ softplus(z) − y z; a logit of 0 costs log 2.
        let sum = (2 * size + log(2)) + 2 * size + (2 * size + log(2))
        #expect(abs(several.loss - sum / 3) <= 1e-6 * sum)
        #expect(several.gradient.joined().allSatisfy { $0.isFinite && abs($0) <= 1 })
    }

    // MARK: - Help

    private func evaluate(_ logits: [[Double]], classes: [Int]) throws -> (loss: Double, gradient: [[Double]]) {
        try evaluate(LabelLoss(.multiclass), logits) { path in
            try writeExamples(
                logits.map { _ in [0] }, shape: [1], classes: classes, names: logits[0].count, to: path)
        }
    }

    private func evaluate(_ logits: [[Double]], labels: [[Double]]) throws -> (loss: Double, gradient: [[Double]]) {
        try evaluate(LabelLoss(.multilabel), logits) { path in
            try writeExamples(
                logits.map { _ in [0] }, shape: [1], labels: labels.map { $0.map { UInt8($0) } }, to: path)
        }
    }

    private func evaluate(
        _ loss: LabelLoss, _ logits: [[Double]], write: (String) throws -> Void
    ) throws -> (loss: Double, gradient: [[Double]]) {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try write(path)
            let reader = ExampleReader(
                try ExampleFile(opening: path).train, batchSize: logits.count, order: .sequential)
            let (values, gradient) = evaluateObjective(loss, logits, on: try reader.batch(epoch: 0, step: 0))
            return (values[0], gradient)
        }
    }
}
