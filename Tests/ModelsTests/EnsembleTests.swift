import Datasets
import Foundation
import Kernels
import Models
import Tensors
import TestSupport
import Testing

/// Several teachers as one, against numbers worked by hand.
@Suite struct EnsembleTests {
    /// Two teachers, one example of three classes. The softmax of (log 1, log 2, log 5) is (1, 2, 5) / 8.
    private static let first = [0, ln(2), ln(5)], second = [ln(6), ln(3), 0]

    private func combine(
        _ teachers: [[Double]], weights: [Double], _ combination: Combination, _ labelKind: LabelKind = .multiclass,
        temperature: Float = 1
    ) -> [Double] {
        let shape: Shape = [teachers[0].count]
        func row(_ values: [Double]) -> Tensor {
            let row = Buffer(zeros: values.count).tensor(shape: shape)
            row.copy(from: values.map { Float($0) })
            return row
        }
        let result = Buffer(zeros: shape.elementCount).tensor(shape: shape)
        EnsembleMixture(combination, labelKind, weights: weights).mix(
            teachers.map(row), labels: nil, known: 0, temperature: temperature, into: result, kernels: KernelContext())
        probabilities(result, labelKind: labelKind, temperature: 1, into: result)
        return result.values.map { Double($0) }
    }

    @Test func meansAreMeansOfProbabilities() {
        let mean = combine([Self.first, Self.second], weights: [0.5, 0.5], .mean)
        // (1, 2, 5) / 8 and (6, 3, 1) / 10.
        expectClose(mean, [0.3625, 0.275, 0.3625])
        expectClose(combine([Self.first, Self.second], weights: [0.25, 0.75], .mean), [0.48125, 0.2875, 0.23125])
    }

    @Test func geometricMeansAreMeansOfLogits() {
        // √(1·6), √(2·3), √(5·1), divided by their sum.
        let roots: [Double] = [6, 6, 5].map { ($0 as Double).squareRoot() }, sum = roots.reduce(0, +)
        expectClose(
            combine([Self.first, Self.second], weights: [0.5, 0.5], .geometric), roots.map { $0 / sum })
    }

    /// The two rules are not the same thing.
    @Test func theTwoMeansDiffer() {
        let mean = combine([Self.first, Self.second], weights: [0.5, 0.5], .mean)
        let geometric = combine([Self.first, Self.second], weights: [0.5, 0.5], .geometric)
        #expect(zip(mean, geometric).contains { abs($0 - $1) > 0.01 })
    }

    @Test func labelsAreCombinedOneByOne() {
        // The sigmoids of log 3 and −log 3 are 3/4 and 1/4, that of 0 is 1/2.
        let teachers = [[ln(3), 0], [0, -ln(3)]]
        expectClose(combine(teachers, weights: [0.5, 0.5], .mean, .multilabel), [0.625, 0.375])
        expectClose(combine(teachers, weights: [0.25, 0.75], .mean, .multilabel), [0.5625, 0.3125])
        // The sigmoid of log √3 is √3 / (1 + √3).
        let root = (3 as Double).squareRoot()
        expectClose(
            combine(teachers, weights: [0.5, 0.5], .geometric, .multilabel), [root / (1 + root), 1 / (1 + root)])
    }

    /// The mean of softmax(z / T), not the softmax of a mean at T.
    @Test func temperatureComesBeforeTheMean() {
        let teachers = [[2.0, 0, -2], [-1, 3, 0]], T = 4.0
        let soft = teachers.map { softmax($0.map { $0 / T }) }
        let expected = zip(soft[0], soft[1]).map { ($0 + $1) / 2 }
        let found = combine(teachers, weights: [0.5, 0.5], .mean, temperature: Float(T))
        expectClose(found, expected)
        let sharp = teachers.map(softmax), mean = zip(sharp[0], sharp[1]).map { ($0 + $1) / 2 }
        #expect(zip(found, softmax(mean.map { $0 / T })).contains { abs($0 - $1) > 0.01 })
        #expect(zip(found, softmax(mean.map { ln($0) / T })).contains { abs($0 - $1) > 0.001 })
        expectClose(
            combine(teachers, weights: [0.5, 0.5], .geometric, temperature: Float(T)),
            softmax(zip(teachers[0], teachers[1]).map { ($0 + $1) / 2 / T }))
    }

    @Test(arguments: Combination.allCases, [LabelKind.multiclass, .multilabel])
    func oneTeacherIsItself(combination: Combination, labelKind: LabelKind) {
        let z = [0.4, -1.5, 2]
        expectClose(
            combine([z], weights: [1], combination, labelKind, temperature: 2),
            labelKind == .multiclass ? softmax(z.map { $0 / 2 }) : z.map { sigmoid($0 / 2) })
    }

    @Test(arguments: Combination.allCases)
    func sureTeachersStayFinite(combination: Combination) {
        for labelKind in [LabelKind.multiclass, .multilabel] {
            let found = combine([[1e4, -1e4, 0], [-1e4, 1e4, 0]], weights: [0.5, 0.5], combination, labelKind)
            #expect(found.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= 1 })
        }
    }
}

/// The natural logarithm; the name log has several meanings in an initial value.
private func ln(_ x: Double) -> Double { log(x) }
