import Datasets
import Foundation
import HDF5
import Kernels
import Tensors
import TestSupport
import Testing

@testable import Distillation

/// Losses of predictions against numbers worked out by hand, against the papers' formulas, and against themselves.
@Suite struct ResponseLossTests {
    static let measures = Loss.all.filter { !$0.comparesLayers }.map {
        LossTerm.Measure($0, numbers: $0.parameters.map(\.value))
    }
    /// Every measure with the labels that it is for.
    static let uses: [Use] = measures.flatMap { measure in
        [LabelKind.multiclass, .multilabel].filter { measure.refusal(labelKind: $0, classCount: 10) == nil }
            .map { Use(measure: measure, labelKind: $0) }
    }

    struct Use: Sendable, CustomTestStringConvertible {
        let measure: LossTerm.Measure
        let labelKind: LabelKind
        var testDescription: String { "\(measure), \(labelKind)" }
    }

    // MARK: - By hand

    /// Of q = (¾, ¼) from p = (½, ½): ¾ log 1.5 + ¼ log 0.5 = 0.130812, with the gradient p − q.
    @Test func divergenceIsThatOfThePaper() throws {
        let KL = 0.75 * log(1.5) + 0.25 * log(0.5), v = [log(3.0), 0]
        for T in [1.0, 2] {
            let one = try evaluate(.kl, [[0, 0]], [v], T: T)
            expectClose(one.value, T * T * KL)
            expectClose(one.gradient, [-0.25 * T, 0.25 * T])
            let several = try evaluate(.kl, [[0, 0]], [v], labelKind: .multilabel, T: T)
            expectClose(several.value, T * T * KL)
            expectClose(several.gradient, [-0.25 * T, 0])
        }
    }

    /// With centered logits (−1, 0, 1) and 2 · (½, −½, 0): ½ (4 + 1 + 1) = 3; as they are ½ (1 + 4 + 4) = 4.5.
    @Test func squaredErrorIsThatOfCenteredLogits() throws {
        let z = [[1.0, 2, 3]], v = [[1, 0, 0.5]]
        let one = try evaluate(.mse, z, v, T: 2), several = try evaluate(.mse, z, v, labelKind: .multilabel, T: 2)
        expectClose(one.value, 3)
        expectClose(one.gradient, [-2, 1, 1])
        expectClose(several.value, 4.5)
        expectClose(several.gradient, [-1, 2, 2])
    }

    /// With p = (½, ¼, ¼), q = (0.6, 0.3, 0.1) and the true class 0: TCKD = KL((0.6, 0.4) ‖ (0.5, 0.5)) = 0.020136,
    /// NCKD = KL((¾, ¼) ‖ (½, ½)) = 0.130812, and the gradient α (−0.1, 0.05, 0.05) + β (0, −¼, ¼).
    @Test func decoupledLossIsThatOfThePaper() throws {
        let target = 0.6 * log(1.2) + 0.4 * log(0.8), rest = 0.75 * log(1.5) + 0.25 * log(0.5)
        let z = [[log(2.0), 0, 0]], v = [[0.6, 0.3, 0.1].map { log($0) }]
        for (alpha, beta) in [(1.0, 8.0), (2, 0), (0, 3)] {
            let found = try evaluate(.dkd(alpha: alpha, beta: beta), z, v, labels: [[1, 0, 0]])
            expectClose(found.value, alpha * target + beta * rest)
            expectClose(found.gradient, [-0.1 * alpha, 0.05 * alpha - 0.25 * beta, 0.05 * alpha + 0.25 * beta])
        }
    }

    /// Two examples that say the opposite of the ensemble. Over classes ρ = −13/14 in both; over examples it is −1 for
    /// the first and the last class, and 0 for the second, of which all say 0.3.
    @Test func correlationsAreThoseOfThePaper() throws {
        let up = [0.2, 0.3, 0.5].map { log($0) }, down = [0.5, 0.3, 0.2].map { log($0) }
        let inter = try evaluate(.dist(beta: 1, gamma: 0), [down, up], [up, down])
        expectClose(inter.value, 2 * 27 / 14)
        let intra = try evaluate(.dist(beta: 0, gamma: 1), [down, up], [up, down])
        expectClose(intra.value, 2 * 5 / 3)
        let both = try evaluate(.dist(beta: 3, gamma: 6), [down, up], [up, down])
        expectClose(both.value, 3 * 2 * 27 / 14 + 6 * 2 * 5 / 3)
    }

    /// A triangle of sides 3, 4, 5 and one of 1, 1, √2. Means over pairs and triplets, times three examples, are sums.
    @Test func relationsAreThoseOfThePaper() throws {
        let z = [[0.0, 0], [3, 0], [0, 4]], v = [[0.0, 0], [0.5, 0], [0, 0.5]], mean = (2 + 2.0.squareRoot()) / 3
        let sides = [(3 / 4.0, 1 / mean), (4 / 4.0, 1 / mean), (5 / 4.0, 2.0.squareRoot() / mean)]
        let cosines = [(0, 0), (0.6, 0.5.squareRoot()), (0.8, 0.5.squareRoot())]
        func sum(_ pairs: [(Double, Double)]) -> Double { pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / 2 } }
        let distance = try evaluate(.rkd(distance: 25, angle: 0), z, v, labelKind: .multilabel, T: 2)
        expectClose(distance.value, 25 * sum(sides))
        let angle = try evaluate(.rkd(distance: 0, angle: 50), z, v, labelKind: .multilabel, T: 2)
        expectClose(angle.value, 50 * sum(cosines))
    }

    /// Opposite angles: cosines 1 and −1 are 2 apart, where Huber's loss is 2 − ½.
    @Test func largeDifferencesCountLinearly() throws {
        let z = [[0.0, 0], [1, 0], [2, 0]], v = [[0.0, 0], [1, 0], [-1, 0]]
        // At the first point 1 and −1, at the second −1 and 1, at the third 1 and 1.
        let angle = try evaluate(.rkd(distance: 0, angle: 1), z, v, labelKind: .multilabel)
        expectClose(angle.value, 1.5 + 1.5)
    }

    // MARK: - Another implementation

    /// Values and gradients of `Tools/reference/loss_fixtures.py`, within 1e-5 of the largest number.
    @Test func doesWhatTheFormulasOfThePapersDo() throws {
        let file = try HDF5File(opening: distillationFixture("losses.h5"))
        let names = try file.root.names().filter { $0.contains("-T") }
        #expect(names.count == 44)
        for name in names {
            let group = try file.root.group(name)
            func rows(_ key: String) throws -> [[Double]] {
                let dataset = try group.dataset(key), values: [Double] = try dataset.read()
                return stride(from: 0, to: values.count, by: dataset.shape[1]).map {
                    Array(values[$0..<($0 + dataset.shape[1])])
                }
            }
            let loss = try #require(Loss.named(try group.attributes.string("measure")))
            let measure = LossTerm.Measure(
                loss, numbers: try loss.parameters.map { try group.attributes.double($0.key) })
            let labelKind: LabelKind = try group.attributes.string("task") == "oneClass" ? .multiclass : .multilabel
            let expected: [Double] = try group.dataset("gradient").read()
            let value: [Double] = try group.dataset("value").read()
            let found = try evaluate(
                measure, try rows("student"), try rows("teacher"), labels: try rows("labels"), labelKind: labelKind,
                T: try group.attributes.double("temperature"))
            let largest = expected.map(abs).max() ?? 0
            let distance = zip(found.gradient, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(abs(found.value - value[0]) <= 1e-5 * value[0], "\(name): \(found.value), not \(value[0])")
            #expect(distance <= 1e-5 * largest, "\(name): \(distance) off, the largest entry is \(largest)")
        }
    }

    // MARK: - Against itself

    @Test(arguments: uses)
    func hasTheGradientOfItsValue(use: Use) throws {
        let z = random(6, 4, 1), v = random(6, 4, 2), labels = onehot(6, 4), step = 1e-2
        func value(_ z: [[Double]]) throws -> Double {
            try evaluate(use.measure, z, v, labels: labels, labelKind: use.labelKind, T: 3).value
        }
        let gradient = try evaluate(use.measure, z, v, labels: labels, labelKind: use.labelKind, T: 3).gradient
        let largest = gradient.map(abs).max() ?? 0
        for row in z.indices {
            for column in z[row].indices {
                var above = z, below = z
                above[row][column] += step
                below[row][column] -= step
                let slope = (try value(above) - value(below)) / (2 * step)
                #expect(abs(slope - gradient[row * 4 + column]) <= 1e-3 * largest, "\(row), \(column)")
            }
        }
    }

    /// All but the cross-entropy, which is the ensemble's entropy there.
    @Test(arguments: uses.filter { $0.measure != .crossEntropy })
    func isZeroForTheEnsembleItself(use: Use) throws {
        let z = random(6, 5, 1)
        for T in [1.0, 3, 20] {
            let found = try evaluate(
                use.measure, z, z.map { $0.map { $0 / T } }, labels: onehot(6, 5), labelKind: use.labelKind, T: T)
            #expect(found.value >= 0 && found.value <= 1e-8, "\(found.value) at \(T)")
            // A distance of relations is divided by what it is of, and so is its rounding.
            #expect(found.gradient.allSatisfy { abs($0) <= 1e-3 }, "\(T)")
        }
    }

    /// Softmax does not see what is added to all logits.
    @Test(arguments: measures)
    func doesNotSeeWhatIsAddedToAllLogits(measure: LossTerm.Measure) throws {
        let z = random(6, 5, 1), v = random(6, 5, 2), labels = onehot(6, 5)
        let moved = try evaluate(measure, z.map { $0.map { $0 + 16 } }, v.map { $0.map { $0 - 8 } }, labels: labels)
        let found = try evaluate(measure, z, v, labels: labels)
        expectClose(moved.value, found.value, tolerance: 1e-4)
        for row in 0..<6 {
            #expect(abs(found.gradient[(row * 5)..<(row * 5 + 5)].reduce(0, +)) <= 1e-4)
        }
    }

    @Test(arguments: uses)
    func addsToTheGradientInProportion(use: Use) throws {
        let z = random(6, 5, 1), v = random(6, 5, 2), labels = onehot(6, 5)
        let once = try evaluate(use.measure, z, v, labels: labels, labelKind: use.labelKind)
        let more = try evaluate(use.measure, z, v, labels: labels, labelKind: use.labelKind, scale: 0.25, start: 3)
        expectClose(more.value, once.value, tolerance: 0)
        expectClose(more.gradient, once.gradient.map { 3 + 0.25 * $0 }, tolerance: 1e-5)
    }

    @Test(arguments: uses, [1.0, 4])
    func staysFinite(use: Use, T: Double) throws {
        for size in [100.0, 1e4] {
            let z = [[size, -size, 0], [-size, -size, size], [size, size, 0], [0, 0, 0]]
            for v in [z, z.reversed(), z.map { $0.map { -$0 } }, [[Double]](repeating: [size, 0, 0], count: 4)] {
                let found = try evaluate(use.measure, z, v, labels: onehot(4, 3), labelKind: use.labelKind, T: T)
                #expect(found.value.isFinite && found.value >= 0)
                #expect(found.gradient.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test(arguments: uses)
    func takesAnyNumberOfExamples(use: Use) throws {
        for count in 1...3 {
            let found = try evaluate(
                use.measure, random(count, 5, 1), random(count, 5, 2), labels: onehot(count, 5),
                labelKind: use.labelKind)
            #expect(found.value.isFinite && found.value >= 0)
            #expect(found.gradient.allSatisfy { $0.isFinite })
        }
    }

    // MARK: - KL

    /// A teacher that is sure knows 0 of the other classes, whose logarithm is −∞; the divergence is −log p.
    @Test func takesTeachersThatAreSure() throws {
        let sure = [-Double.infinity, 0, -Double.infinity], z = [0.3, -2, 1.7]
        let one = try evaluate(.kl, [z], [sure])
        expectClose(one.value, -log(softmax(z)[1]))
        expectClose(one.gradient, zip(softmax(z), [0, 1, 0]).map { $0 - $1 })
        let several = try evaluate(.kl, [z], [[-.infinity, .infinity, 0]], labelKind: .multilabel)
        let half = 0.5 * log(0.5 / sigmoid(1.7)) + 0.5 * log(0.5 / sigmoid(-1.7))
        expectClose(several.value, -log(sigmoid(-0.3)) - log(sigmoid(-2)) + half)
        expectClose(several.gradient, zip(z.map(sigmoid), [0, 1, 0.5]).map { $0 - $1 })
    }

    // MARK: - Cross-entropy

    /// Its gradient is that of KL, and its value is larger by T² times the ensemble's entropy, which depends on no student.
    @Test(arguments: [LabelKind.multiclass, .multilabel], [1.0, 4])
    func crossEntropyIsTheDivergenceAndTheEntropy(labelKind: LabelKind, T: Double) throws {
        let z = random(6, 5, 1), v = random(6, 5, 2)
        let found = try evaluate(.crossEntropy, z, v, labelKind: labelKind, T: T)
        let divergence = try evaluate(.kl, z, v, labelKind: labelKind, T: T)
        var entropy = 0.0
        for row in v {
            switch labelKind {
            case .multiclass: for q in softmax(row) { entropy -= q * log(q) }
            case .multilabel: for q in row.map(sigmoid) { entropy -= q * log(q) + (1 - q) * log(1 - q) }
            }
        }
        expectClose(found.value, divergence.value + T * T * entropy, tolerance: 1e-4)
        expectClose(found.gradient, divergence.gradient)
    }

    /// T² · KL tends to Σ (z − v)² / 2C of centered logits (Hinton et al., 2015, section 2.1).
    @Test func tendsToTheDifferenceOfLogits() throws {
        let z = random(5, 7, 1), v = random(5, 7, 2), T = 1e4
        let hot = try evaluate(.kl, z, v.map { $0.map { $0 / T } }, T: T), error = try evaluate(.mse, z, v)
        expectClose(hot.value, error.value / 7, tolerance: 1e-3)
    }

    // MARK: - DKD

    /// KL is TCKD + (1 − q_t) NCKD (Zhao et al., 2022, eq. 5).
    @Test func decoupledLossIsTheDivergenceAtItsOwnWeights() throws {
        for seed in 0..<10 {
            let z = random(1, 6, seed), v = random(1, 6, 100 + seed), T = 2.0, rest = 1 - softmax(v[0])[3]
            let decoupled = try evaluate(.dkd(alpha: 1, beta: rest), z, v, labels: [[0, 0, 0, 1, 0, 0]], T: T)
            let whole = try evaluate(.kl, z, v, T: T)
            expectClose(decoupled.value, whole.value, tolerance: 1e-5)
            expectClose(decoupled.gradient, whole.gradient, tolerance: 1e-5)
        }
    }

    @Test func decouplesByTheLargestShareAndLeavesTheUnknownOut() throws {
        let z = random(3, 4, 1), v = random(3, 4, 2), measure = LossTerm.Measure.dkd(alpha: 1, beta: 8)
        let found = try evaluate(measure, z, v, labels: [[0, 0.3, 0, 0.7], [0, 0, 0, 0], [1, 0, 0, 0]])
        let first = try evaluate(measure, [z[0]], [v[0]], labels: [[0, 0, 0, 1]])
        let last = try evaluate(measure, [z[2]], [v[2]], labels: [[1, 0, 0, 0]])
        expectClose(found.value, first.value + last.value)
        expectClose(found.gradient, first.gradient + [0, 0, 0, 0] + last.gradient)
        let unknown = try evaluate(measure, z, v)
        #expect(unknown.value == 0 && unknown.gradient.allSatisfy { $0 == 0 })
    }

    // MARK: - DIST

    /// p = ½ q + ½ / C is another prediction than q, but says the same of every two classes and examples.
    @Test func correlationIsBlindToScaleAndShift() throws {
        let q = random(6, 5, 2).map { softmax($0) }
        let p = q.map { $0.map { log(0.5 * $0 + 0.1) } }
        let v = q.map { $0.map { log($0) } }
        let found = try evaluate(.dist(beta: 1, gamma: 1), p, v), divergence = try evaluate(.kl, p, v)
        #expect(abs(found.value) <= 1e-9)
        #expect(divergence.value > 0.1)
    }

    /// One that says the same of everything has no relations: each correlation is 0, and has no direction to improve
    /// in.
    @Test func correlationOfTheUndecidedIsZero() throws {
        for labelKind in [LabelKind.multiclass, .multilabel] {
            let same = [[Double]](repeating: [0.7, 0.7, 0.7], count: 4)
            let found = try evaluate(.dist(beta: 1, gamma: 2), same, random(4, 3, 1), labelKind: labelKind)
            expectClose(found.value, 4 * (1 + 2))
            #expect(found.gradient.allSatisfy { $0 == 0 })
        }
    }

    // MARK: - RKD

    /// Turned, three times as large and moved: distances keep their proportions, and angles stay.
    @Test func relationsAreBlindToRotationAndScale() throws {
        let v = random(7, 3, 1), c = cos(0.7), s = sin(0.7)
        let z = v.map { [3 * (c * $0[0] - s * $0[1]) + 1, 3 * (s * $0[0] + c * $0[1]) - 2, 3 * $0[2]] }
        let found = try evaluate(.rkd(distance: 25, angle: 50), z, v, labelKind: .multilabel)
        #expect(abs(found.value) <= 1e-9)
        let other = try evaluate(.rkd(distance: 25, angle: 50), random(7, 3, 2), v, labelKind: .multilabel)
        #expect(other.value > 1)
    }

    /// A distance of 0 has no direction: the gradient leaves such a pair alone.
    @Test func equalExamplesHaveNoAngle() throws {
        let z = [[1.0, 2, 0], [1, 2, 0], [0, 1, 3], [1, 2, 0]]
        for other in [z, random(4, 3, 1)] {
            for labelKind in [LabelKind.multiclass, .multilabel] {
                let found = try evaluate(.rkd(distance: 25, angle: 50), z, other, labelKind: labelKind)
                #expect(found.value.isFinite && found.gradient.allSatisfy { $0.isFinite })
                let same = [[Double]](repeating: z[0], count: 4)
                let still = try evaluate(.rkd(distance: 25, angle: 50), same, other, labelKind: labelKind)
                #expect(still.value.isFinite && still.gradient.allSatisfy { $0 == 0 })
            }
        }
    }

    // MARK: - Words

    @Test func saysItsFormula() throws {
        func formula(_ measure: LossTerm.Measure, _ labelKind: LabelKind, _ temperature: String) -> String? {
            measure.response?.formula(labelKind, temperature: temperature)
        }
        #expect(formula(.kl, .multiclass, "4") == "4² · KL(ensemble ‖ student) (T = 4)")
        #expect(formula(.kl, .multilabel, "1") == "Σ Bernoulli KL(ensemble ‖ student)")
        #expect(formula(.kl, .multiclass, "linear:4:1") == "T² · KL(ensemble ‖ student) (T = linear:4:1)")
        #expect(formula(.crossEntropy, .multiclass, "4") == "4² · cross-entropy(ensemble) (T = 4)")
        #expect(formula(.crossEntropy, .multilabel, "1") == "Σ binary cross-entropy(ensemble)")
        #expect(formula(.mse, .multiclass, "1") == "½ Σ (logits(student) − logits(ensemble))²")
        #expect(
            formula(.dkd(alpha: 1, beta: 0.5), .multiclass, "4")
                == "4² · (1 · TCKD + 0.5 · NCKD)(ensemble ‖ student) (T = 4)")
        #expect(
            formula(.dist(beta: 2, gamma: 3), .multiclass, "1")
                == "(2 · (1 − ρ over classes) + 3 · (1 − ρ over examples))(ensemble, student)")
        #expect(
            formula(.rkd(distance: 25, angle: 50), .multiclass, "2")
                == "(25 · RKD-D + 50 · RKD-A)(logits(ensemble), logits(student)) (T = 2)")
        #expect(formula(.attention([]), .multiclass, "2") == nil)
    }

    @Test func refusesTasksItIsNotFor() {
        let dkd = LossTerm.Measure.dkd(alpha: 1, beta: 8)
        #expect(
            dkd.refusal(labelKind: .multilabel, classCount: 10) == """
                decoupled KD divides the classes of each example into the true one and the others, and needs one class \
                for each example; the labels are multi-label: use kl
                """)
        #expect(
            dkd.refusal(labelKind: .multiclass, classCount: 2) == """
                decoupled KD compares the classes that are not the true one with each other, and of 2 classes there \
                are not enough of these: use kl
                """)
        #expect(dkd.refusal(labelKind: .multiclass, classCount: 3) == nil)
        #expect(
            LossTerm.Measure.dist(beta: 1, gamma: 1).refusal(labelKind: .multiclass, classCount: 2) == """
                DIST correlates the classes of each example, and with 2 classes a correlation is always 1, −1 or none: \
                set beta to 0, or use kl
                """)
        #expect(LossTerm.Measure.dist(beta: 0, gamma: 1).refusal(labelKind: .multiclass, classCount: 2) == nil)
        #expect(LossTerm.Measure.kl.refusal(labelKind: .multilabel, classCount: 2) == nil)
    }

    // MARK: - Help

    private func random(_ count: Int, _ classes: Int, _ seed: Int) -> [[Double]] {
        let key = RandomKey(seed: seed)
        return (0..<count).map { row in (0..<classes).map { key[row].uniform($0) * 6 - 3 } }
    }

    private func onehot(_ count: Int, _ classes: Int) -> [[Double]] {
        (0..<count).map { row in (0..<classes).map { $0 == row % classes ? 1 : 0 } }
    }

    /// - Parameters:
    ///   - v: The ensemble's logits, as if divided by T already.
    ///   - start: What the gradient was before.
    private func evaluate(
        _ measure: LossTerm.Measure, _ z: [[Double]], _ v: [[Double]], labels: [[Double]]? = nil,
        labelKind: LabelKind = .multiclass, T: Double = 1, scale: Float = 1, start: Float = 0
    ) throws -> (value: Double, gradient: [Double]) {
        func tensor(_ rows: [[Double]]) -> Tensor {
            let buffer = Buffer(zeros: z.count * z[0].count)
            buffer.tensor.copy(from: rows.flatMap { $0.map { Float($0) } })
            return buffer.tensor(count: z.count, shape: [z[0].count])
        }
        let responses = Responses(
            labelKind: labelKind, temperature: Float(T), student: tensor(z), teacher: tensor(v),
            labels: tensor(labels ?? z.map { $0.map { _ in 0 } }))
        let gradient = tensor(z)
        gradient.fill(with: start)
        let loss = try #require(measure.response)
        let value = loss.add(responses, scale: scale, to: gradient, kernels: KernelContext())
        return (value, gradient.values.map { Double($0) })
    }
}
