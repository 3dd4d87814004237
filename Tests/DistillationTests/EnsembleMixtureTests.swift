import Datasets
import Foundation
import Kernels
import Models
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// How several teachers' logits become the ensemble's, against the formulas in double precision.
@Suite struct EnsembleMixtureTests {
    private func tensor(_ rows: [[Double]]) -> Tensor {
        let result = Buffer(zeros: rows.count * rows[0].count).tensor(count: rows.count, shape: [rows[0].count])
        result.copy(from: rows.flatMap { $0.map { Float($0) } })
        return result
    }

    private func mixed(
        _ mixture: EnsembleMixture, _ logits: [[[Double]]], labels: [[Double]]? = nil, known: Int? = nil,
        temperature: Double
    ) -> [[Double]] {
        let rows = logits[0].count, classes = logits[0][0].count
        let result = Buffer(zeros: rows * classes).tensor(count: rows, shape: [classes])
        result.fill(with: .nan)
        mixture.mix(
            logits.map(tensor), labels: labels.map(tensor), known: known ?? (labels == nil ? 0 : rows),
            temperature: Float(temperature), into: result, kernels: KernelContext())
        let values = result.values.map { Double($0) }
        return (0..<rows).map { Array(values[($0 * classes)..<(($0 + 1) * classes)]) }
    }

    /// softmax(z₁) = (0.6, 0.4) and softmax(z₂) = (0.2, 0.8): with the first class, shares are as 0.6 to 0.2; with the
    /// second as 0.4 to 0.8. Equal mixtures would say (0.4, 0.6) both times.
    @Test func sharesFollowTheProbabilityOfTheLabel() {
        let first = [log(0.6), log(0.4)], second = [log(0.2), log(0.8)]
        let mixture = EnsembleMixture(.mean, .multiclass, weights: [0.5, 0.5], isByExample: true)
        let found = mixed(
            mixture, [[first, first, first], [second, second, second]], labels: [[1, 0], [0, 1], [1, 0]], known: 2,
            temperature: 1
        ).map { $0.map(exp) }
        expectClose(found[0], [0.75 * 0.6 + 0.25 * 0.2, 0.75 * 0.4 + 0.25 * 0.8])
        expectClose(found[1], [(0.6 + 2 * 0.2) / 3, (0.4 + 2 * 0.8) / 3])
        // Nothing is known of the third: its label is not looked at.
        expectClose(found[2], [0.4, 0.6])
    }

    /// Given weights are priors: 0.9 · 0.6 to 0.1 · 0.2 is 27 to 1. The temperature softens what is mixed, not the
    /// shares.
    @Test func weightsArePriors() {
        let first = [log(0.6), log(0.4)], second = [log(0.2), log(0.8)]
        let mixture = EnsembleMixture(.mean, .multiclass, weights: [0.9, 0.1], isByExample: true)
        let found = mixed(mixture, [[first], [second]], labels: [[1, 0]], temperature: 2)[0].map(exp)
        let a = softmax(first.map { $0 / 2 }), b = softmax(second.map { $0 / 2 })
        expectClose(found, zip(a, b).map { (27 * $0 + $1) / 28 })
        let geometric = EnsembleMixture(.geometric, .multiclass, weights: [0.9, 0.1], isByExample: true)
        let logits = mixed(geometric, [[first], [second]], labels: [[1, 0]], temperature: 2)[0]
        expectClose(logits, zip(first, second).map { (27 * $0 + $1) / 28 / 2 })
    }

    /// Several labels: the probability of a row of labels is the product over classes. Sigmoids (0.9, 0.5) give the
    /// labels (1, 0) 0.45, sigmoids (0.3, 0.5) 0.15.
    @Test func severalLabelsAreKnownTogether() {
        func logit(_ p: Double) -> Double { log(p) - log1p(-p) }
        let first = [logit(0.9), logit(0.5)], second = [logit(0.3), logit(0.5)]
        let mixture = EnsembleMixture(.mean, .multilabel, weights: [0.5, 0.5], isByExample: true)
        let found = mixed(
            mixture, [[first, first], [second, second]], labels: [[1, 0], [0, 0]], known: 1, temperature: 1
        ).map { $0.map(sigmoid) }
        expectClose(found[0], [0.75 * 0.9 + 0.25 * 0.3, 0.5])
        expectClose(found[1], [0.6, 0.5])
    }

    /// A teacher that is quite sure of the wrong class has no share, one that is alone has all of it; nothing is NaN.
    @Test(arguments: [LabelKind.multiclass, .multilabel])
    func sureTeachersHaveAllOrNothing(labelKind: LabelKind) {
        let right = [300.0, -300, -300], wrong = [-300.0, 300, -300]
        let mixture = EnsembleMixture(.mean, labelKind, weights: [0.5, 0.5], isByExample: true)
        let found = mixed(mixture, [[right], [wrong]], labels: [[1, 0, 0]], temperature: 1)[0]
        #expect(found.allSatisfy { $0.isFinite })
        expectClose(labelKind == .multiclass ? softmax(found) : found.map(sigmoid), [1, 0, 0])
        // Both are wrong alike.
        let lost = mixed(mixture, [[wrong], [wrong]], labels: [[1, 0, 0]], temperature: 1)[0]
        expectClose(labelKind == .multiclass ? softmax(lost) : lost.map(sigmoid), [0, 1, 0])
    }

    /// softmax or sigmoid of what is mixed are Σ wₖ qₖ, however sure a teacher is.
    @Test(arguments: [0.5, 1, 2, 4, 7.3, 20])
    func theMeanIsThatOfProbabilities(temperature: Double) {
        let key = RandomKey(seed: 4), weights = [0.5, 0.2, 0.3]
        for labelKind in [LabelKind.multiclass, .multilabel] {
            let mixture = EnsembleMixture(.mean, labelKind, weights: weights)
            for (sample, size) in [3.0, 30, 80, 80, 80].enumerated() {
                // The last ones are of ±80 alone.
                let logits = (0..<3).map { teacher in
                    [
                        (0..<5).map { column -> Double in
                            let u = key[sample][teacher].uniform(column) * 2 - 1
                            return sample > 2 ? (u > 0 ? size : -size) : u * size
                        }
                    ]
                }
                let found = mixed(mixture, logits, temperature: temperature)[0]
                #expect(found.allSatisfy { $0.isFinite })
                func soft(_ z: [Double]) -> [Double] {
                    let z = z.map { $0 / temperature }
                    return labelKind == .multiclass ? softmax(z) : z.map(sigmoid)
                }
                let wanted = logits.map { soft($0[0]) }
                let mean = (0..<5).map { column in (0..<3).reduce(0) { $0 + weights[$1] * wanted[$1][column] } }
                let q = labelKind == .multiclass ? softmax(found) : found.map(sigmoid)
                expectClose(q, mean, tolerance: 3e-6)
                // Small probabilities keep their digits, too: what they are told from is their logarithm.
                for (found, expected) in zip(q, mean) where expected > 1e-30 {
                    #expect(abs(log(found) - log(expected)) <= 1e-4 * max(1, abs(log(expected))))
                }
                let geometric = mixed(
                    EnsembleMixture(.geometric, labelKind, weights: weights), logits, temperature: temperature)[0]
                let sum = (0..<5).map { column in
                    (0..<3).reduce(0) { $0 + weights[$1] * logits[$1][0][column] } / temperature
                }
                expectClose(geometric, sum, tolerance: 1e-5)
            }
        }
    }

    /// A teacher whose weight is 0 is not heard, not even if its answers are no numbers.
    @Test func aTeacherOfWeightZeroIsNotHeard() {
        let one = [[0.5, -1, 2]], other = [[1.0, 0, -1]], none = [[Double.nan, .nan, .nan]]
        let three = mixed(
            EnsembleMixture(.mean, .multiclass, weights: [0.5, 0, 0.5]), [one, none, other], temperature: 2)
        let two = mixed(EnsembleMixture(.mean, .multiclass, weights: [0.5, 0.5]), [one, other], temperature: 2)
        #expect(three == two)
        let labels = [[1.0, 0, 0]]
        let known = mixed(
            EnsembleMixture(.mean, .multiclass, weights: [0.5, 0, 0.5], isByExample: true), [one, none, other],
            labels: labels,
            temperature: 2)
        #expect(known.joined().allSatisfy { $0.isFinite })
    }

    /// At progress p the loss with a temperature of linear:8:2 is that at 8 − 6p, T² included.
    @Test(arguments: [0, 0.25, 0.5, 1])
    func aScheduledTemperatureIsThatOfTheMoment(progress: Double) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "data.h5").path
            try writeExamples([[0], [0]], shape: [1], classes: [0, 2], names: 3, to: path)
            let student = [[0.3, -2, 1.7], [2, 0.1, -1]]
            let teachers = [[[1.0, 0, -3], [0, 4, 0]], [[-1.0, 2, 0], [1, 1, 5]]]
            let batch = DistillationBatch(
                TrainingBatch(try firstBatch(path, count: 2)), logits: teachers.map(tensor), layers: [])
            func loss(_ temperature: Schedule) -> (terms: [Double], gradient: [[Double]]) {
                evaluateObjective(
                    DistillationLoss(
                        LossSettings(temperature: temperature, softWeight: .constant(1), lambda: .constant(0)),
                        mixture: EnsembleMixture(.mean, .multiclass, weights: [0.5, 0.5])),
                    student, on: batch, progress: progress)
            }
            let T = 8 - 6 * progress
            let found = loss(try Schedule("linear:8:2"))
            var expected = 0.0
            for row in 0..<2 {
                let said = teachers.map { softmax($0[row].map { $0 / T }) }, p = softmax(student[row].map { $0 / T })
                for column in 0..<3 {
                    let q = (said[0][column] + said[1][column]) / 2
                    expected += T * T * q * (log(q) - log(p[column])) / 2
                }
            }
            expectClose(found.terms[0], expected, tolerance: 1e-5)
            #expect(found.gradient == loss(.constant(T)).gradient)
        }
    }
}
