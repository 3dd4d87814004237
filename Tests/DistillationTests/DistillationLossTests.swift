import Datasets
import Foundation
import ModelFiles
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// The loss of soft targets against numbers in double precision: `losses.json` is written by
/// `Tools/reference/training_fixtures.py`. Its Bernoulli divergence is a mean over classes, ours is a sum.
@Suite struct DistillationLossTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let logits: [[Double]]
        let teacher: [[Double]]
        let temperature: Double
        let loss: Double
        let gradient: [[Double]]
        let limit: Double?
        var testDescription: String { name }

        init(_ json: JSON) {
            name = json["name"]?.string ?? ""
            logits = json["logits"]?.rows ?? []
            teacher = json["teacher"]?.rows ?? []
            temperature = json["temperature"]?.number ?? .nan
            loss = json["loss"]?.number ?? .nan
            gradient = json["gradient"]?.rows ?? []
            limit = json["limit"]?.number
        }
    }

    private static let fixture = try? JSON(reading: trainingFixture("losses.json"))
    static let divergences = (fixture?["divergence"]?.array ?? []).map(Case.init)
    static let bernoulli = (fixture?["bernoulliDivergence"]?.array ?? []).map(Case.init)

    @Test func thereAreCases() {
        #expect(Self.divergences.count == 9)
        #expect(Self.bernoulli.count == 3)
    }

    /// KL · T², a sum over classes and a mean over examples.
    ///
    /// Single precision costs T² · 1e-7: the divergence is a difference of numbers near 1, however small it is.
    @Test(arguments: divergences)
    func isTheDivergence(item: Case) throws {
        let (terms, gradient) = try evaluate(item.logits, teacher: item.teacher, temperature: item.temperature)
        let tolerance = 1e-6 * max(1, item.temperature * item.temperature / 10)
        expectClose(terms[0], item.loss, tolerance: tolerance)
        expectClose(gradient, item.gradient, tolerance: 1e-6 * max(1, item.temperature / 10))
    }

    @Test(arguments: bernoulli)
    func isTheDivergenceOfIndependentLabels(item: Case) throws {
        let (terms, gradient) = try evaluate(
            item.logits, teacher: item.teacher, temperature: item.temperature, labelKind: .multilabel)
        let classes = Double(item.logits[0].count)
        expectClose(terms[0], classes * item.loss)
        expectClose(gradient, item.gradient.map { $0.map { $0 * classes } })
    }

    /// T² · KL tends to Σ (ẑ_t − ẑ_s)² / 2C, where ẑ are centred logits: 1.503 at T = 100, 1.510 in the limit.
    @Test func tendsToTheDifferenceOfLogits() throws {
        let item = try #require(Self.divergences.first { $0.limit != nil }), limit = try #require(item.limit)
        let hot = try evaluate(item.logits, teacher: item.teacher, temperature: item.temperature).terms[0]
        #expect(abs(hot - 1.503) <= 2e-3)
        #expect(abs(limit - 1.510) <= 5e-4)
        let warm = try divergence(at: 4)
        #expect(abs(hot - limit) < abs(warm - limit))
    }

    private func divergence(at temperature: Double) throws -> Double {
        let teacher = softmax([3, 1, -2].map { $0 / temperature })
        return try evaluate([[1, 0.5, 0.2]], teacher: [teacher], temperature: temperature).terms[0]
    }

    @Test(arguments: [1.0, 3.0, 20.0])
    func isZeroForTheTeacherItself(temperature: Double) throws {
        let logits = [[0.3, -2, 1.7, 0], [5, 5, -5, 1]]
        let (terms, gradient) = try evaluate(
            logits, teacher: logits.map { softmax($0.map { $0 / temperature }) }, temperature: temperature)
        #expect(abs(terms[0]) <= 1e-6 * temperature * temperature)
        #expect(gradient.joined().allSatisfy { abs($0) <= 1e-6 * temperature })
        let several = try evaluate(
            logits, teacher: logits.map { $0.map { sigmoid($0 / temperature) } }, temperature: temperature,
            labelKind: .multilabel)
        #expect(abs(several.terms[0]) <= 1e-6 * temperature * temperature)
    }

    @Test func isNeverNegative() throws {
        let key = RandomKey(seed: 3)
        for sample in 0..<100 {
            func logits(_ part: Int) -> [Double] { (0..<5).map { key[sample][part].uniform($0) * 12 - 6 } }
            let student = logits(0), teacher = logits(1)
            #expect(try evaluate([student], teacher: [softmax(teacher)], temperature: 1).terms[0] >= 0)
            #expect(
                try evaluate([student], teacher: [teacher.map(sigmoid)], temperature: 1, labelKind: .multilabel).terms[
                    0]
                    >= 0)
        }
    }

    /// A mean over classes as well would be too small by the number of classes.
    @Test func isTheSameForAnyNumberOfEqualRows() throws {
        for labelKind in [LabelKind.multiclass, .multilabel] {
            let row = [0.5, -1, 2.5], teacher = [0.2, 0.5, 0.3]
            let one = try evaluate([row], teacher: [teacher], temperature: 2, labelKind: labelKind)
            let seven = try evaluate(
                Array(repeating: row, count: 7), teacher: Array(repeating: teacher, count: 7), temperature: 2,
                labelKind: labelKind)
            expectClose(seven.terms, one.terms)
            expectClose(seven.gradient[3].map { $0 * 7 }, one.gradient[0])
        }
    }

    @Test func doesNotSeeClassesOfProbabilityZero() throws {
        let few = try evaluate([[0.5, -1, 2.5]], teacher: [[0.2, 0.5, 0.3]], temperature: 2)
        let zeros = [Double](repeating: 0, count: 40)
        let many = try evaluate(
            [[0.5, -1, 2.5] + zeros.map { _ in -500 }], teacher: [[0.2, 0.5, 0.3] + zeros], temperature: 2)
        expectClose(many.terms, few.terms)
        expectClose(Array(many.gradient[0][..<3]), few.gradient[0])
    }

    @Test(arguments: [100.0, 1e4], [1.0, 4.0])
    func staysFinite(size: Double, temperature: Double) throws {
        let logits = [[size, -size, 0], [-size, -size, size], [size, size, 0]]
        for labelKind in [LabelKind.multiclass, .multilabel] {
            for teacher in [[0.0, 1, 0], [1, 0, 0], [0.3, 0.3, 0.4]] {
                let (terms, gradient) = try evaluate(
                    logits, teacher: logits.map { _ in teacher }, temperature: temperature, labelKind: labelKind,
                    lambda: 0.5)
                #expect(terms.allSatisfy { $0.isFinite && $0 >= 0 })
                #expect(gradient.joined().allSatisfy { $0.isFinite && abs($0) <= temperature + 0.5 })
            }
        }
    }

    /// Central differences of the whole loss, both terms.
    @Test(arguments: [LabelKind.multiclass, .multilabel])
    func hasTheGradientOfItsValue(labelKind: LabelKind) throws {
        let logits = [[0.3, -2, 1.7], [2, 0.1, -1]], teacher = [[0.7, 0.1, 0.2], [0.3, 0.3, 0.4]], step = 1e-2
        func loss(_ logits: [[Double]]) throws -> Double {
            try evaluate(logits, teacher: teacher, temperature: 3, labelKind: labelKind, weight: 0.7, lambda: 0.4).terms
                .reduce(0, +)
        }
        let gradient = try evaluate(
            logits, teacher: teacher, temperature: 3, labelKind: labelKind, weight: 0.7, lambda: 0.4
        )
        .gradient
        for row in 0..<2 {
            for column in 0..<3 {
                var above = logits, below = logits
                above[row][column] += step
                below[row][column] -= step
                let slope = (try loss(above) - loss(below)) / (2 * step)
                #expect(abs(slope - gradient[row][column]) <= 5e-4, "\(row), \(column)")
            }
        }
    }

    /// What is reported is what is minimised: each term once, times its own weight at that moment.
    @Test(arguments: [LabelKind.multiclass, .multilabel])
    func isTheSumOfItsTermsTimesTheirWeights(labelKind: LabelKind) throws {
        let logits = [[0.3, -2, 1.7], [2, 0.1, -1]], teacher = [[0.7, 0.1, 0.2], [0.3, 0.3, 0.4]]
        func at(_ progress: Double, _ weight: Schedule, _ lambda: Schedule) throws -> (
            terms: [Double], gradient: [[Double]]
        ) {
            try evaluate(
                logits, teacher: teacher, temperature: 2, labelKind: labelKind, weight: weight, lambda: lambda,
                progress: progress
            )
        }
        let soft = try at(0, .constant(1), .constant(0)), hard = try at(0, .constant(0), .constant(1))
        #expect(soft.terms[1] == 0)
        #expect(hard.terms[0] == 0)
        for (progress, w, λ) in [(0.0, 0.8, 0.2), (0.25, 0.7, 0.4), (1, 0.4, 1)] {
            let both = try at(progress, .linear(from: 0.8, to: 0.4), .linear(from: 0.2, to: 1))
            expectClose(both.terms, [w * soft.terms[0], λ * hard.terms[1]])
            for (row, expected) in zip(both.gradient, zip(soft.gradient, hard.gradient)) {
                expectClose(row, zip(expected.0, expected.1).map { w * $0 + λ * $1 })
            }
        }
    }

    @Test func saysItsFormula() {
        func formula(_ labelKind: LabelKind, _ temperature: Double) -> String {
            LossSettings(
                temperature: .constant(temperature), softWeight: .constant(1), lambda: .linear(from: 0, to: 0.5)
            ).formula(labelKind)
        }
        #expect(
            formula(.multiclass, 4)
                == "1 · 4² · KL(ensemble ‖ student) (T = 4) + linear:0:0.5 · cross-entropy(labels)")
        #expect(
            formula(.multilabel, 1)
                == "1 · Σ Bernoulli KL(ensemble ‖ student) + linear:0:0.5 · Σ binary cross-entropy(labels)")
    }

    // MARK: - The winners of the second YouTube-8M challenge

    /// p = (½, ¾, ¼), teachers q = (½, ½, ¼), labels y = (0, 1, 0): the gradient is p − ½ (q + y).
    @Test func theWinnersMixIsHalfOfEachCrossEntropy() throws {
        let preset = Preset.youTube8MWinners.loss
        let found = try evaluate(
            [[0, log(3), -log(3)]], teacher: [[0.5, 0.5, 0.25]], temperature: preset.temperature(0),
            labelKind: .multilabel,
            weight: preset.softWeight, lambda: preset.lambda, terms: preset.terms)
        let teachers = log(2) - (0.5 * log(0.75) + 0.5 * log(0.25)) - (0.25 * log(0.25) + 0.75 * log(0.75))
        let labels = log(2) - log(0.75) - log(0.75)
        expectClose(found.terms, [0.5 * teachers, 0.5 * labels])
        expectClose(found.gradient[0], [0.25, 0, 0.125])
    }

    /// A soft label that is their mean teaches the same: ½ BCE(q) + ½ BCE(y) = BCE(½ (q + y)).
    @Test func theWinnersMixIsTheCrossEntropyOfTheMean() throws {
        let preset = Preset.youTube8MWinners.loss, logits = [[0.3, -2, 1.7, 4], [2, 0.1, -1, -6]]
        let teacher = [[0.7, 0.1, 0.2, 0.9], [0.3, 0.35, 0.4, 0.05]], labels = [[0.0, 1, 0, 1], [1, 0, 1, 0]]
        let both = try evaluate(
            logits, teacher: teacher, temperature: 1, labelKind: .multilabel, weight: preset.softWeight,
            lambda: preset.lambda, terms: preset.terms)
        let mean = zip(teacher, labels).map { zip($0, $1).map { ($0 + $1) / 2 } }
        let one = try evaluate(
            logits, teacher: mean, temperature: 1, labelKind: .multilabel, weight: .constant(1), lambda: .constant(0),
            terms: preset.terms)
        expectClose([both.terms[0] + both.terms[1]], [one.terms[0]], tolerance: 1e-5)
        for (row, expected) in zip(both.gradient, one.gradient) { expectClose(row, expected) }
    }

    @Test func theWinnersMixSaysItsFormula() {
        let preset = Preset.youTube8MWinners
        #expect(
            preset.loss.formula(.multilabel)
                == "0.5 · Σ binary cross-entropy(ensemble) + 0.5 · Σ binary cross-entropy(labels)")
        #expect(preset.refusal(labelKind: .multilabel) == nil)
        #expect(
            preset.refusal(labelKind: .multiclass)
                == "preset 'youtube8m-winners' is for multi-label data, "
                + "and here each example has one class: leave --preset out")
    }

    // MARK: - Help

    /// No loss hides a prediction that is NaN.
    @Test(arguments: ResponseLossTests.measures)
    func staysNaNForPredictionsThatAreNaN(measure: LossTerm.Measure) throws {
        let logits = (0..<4).map { row in (0..<3).map { Double(row * $0) } }
        var teacher = (0..<4).map { _ in [0.2, 0.3, 0.5] }
        teacher[2][1] = .nan
        let terms = try evaluate(
            logits, teacher: teacher, temperature: 2, labelKind: .multiclass, weight: .constant(1),
            lambda: .constant(1),
            terms: [LossTerm(measure)]
        ).terms
        #expect(terms.contains { $0.isNaN })
    }

    private func evaluate(
        _ logits: [[Double]], teacher: [[Double]], temperature: Double, labelKind: LabelKind = .multiclass,
        weight: Double = 1, lambda: Double = 0
    ) throws -> (terms: [Double], gradient: [[Double]]) {
        try evaluate(
            logits, teacher: teacher, temperature: temperature, labelKind: labelKind, weight: .constant(weight),
            lambda: .constant(lambda))
    }

    /// The loss on a data file of which row r has the class r mod C, or every second label.
    private func evaluate(
        _ logits: [[Double]], teacher: [[Double]], temperature: Double, labelKind: LabelKind, weight: Schedule,
        lambda: Schedule, progress: Double = 0, terms: [LossTerm] = [LossTerm(.kl)]
    ) throws -> (terms: [Double], gradient: [[Double]]) {
        let count = logits.count, classes = logits[0].count
        return try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path, x = logits.map { _ in [Float(0)] }
            switch labelKind {
            case .multiclass:
                try writeExamples(x, shape: [1], classes: (0..<count).map { $0 % classes }, names: classes, to: path)
            case .multilabel:
                let labels = (0..<count).map { row in (0..<classes).map { UInt8(($0 + row) % 2) } }
                try writeExamples(x, shape: [1], labels: labels, to: path)
            }
            // Logits of a teacher that answers with these probabilities at this temperature.
            let answers = Buffer(zeros: count * classes).tensor(count: count, shape: [classes])
            answers.copy(
                from: teacher.joined().map { q in
                    Float(temperature * (labelKind == .multiclass ? log(max(q, 1e-37)) : log(q) - log1p(-q)))
                })
            let reader = ExampleReader(try ExampleFile(opening: path).train, batchSize: count, order: .sequential)
            let batch = DistillationBatch(
                TrainingBatch(try reader.batch(epoch: 0, step: 0)), logits: [answers], layers: [])
            let loss = DistillationLoss(
                LossSettings(terms, temperature: .constant(temperature), softWeight: weight, lambda: lambda),
                mixture: EnsembleMixture(.mean, labelKind, weights: [1]))
            return evaluateObjective(loss, logits, on: batch, progress: progress)
        }
    }
}
