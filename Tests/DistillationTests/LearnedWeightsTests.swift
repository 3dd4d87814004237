import Datasets
import Distillation
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// Weights of teachers, learned on held-out rows.
@Suite struct LearnedWeightsTests {
    /// Labels, and teachers that know them more or less.
    private struct Rows {
        let classes: Int
        let labelKind: LabelKind
        let labels: [[Double]]
        private let key = RandomKey(seed: 5)

        init(_ count: Int, classes: Int = 4, labelKind: LabelKind = .multiclass) {
            self.classes = classes
            self.labelKind = labelKind
            let key = RandomKey(seed: 9)
            labels = (0..<count).map { row in
                (0..<classes).map { name in
                    labelKind == .multiclass
                        ? key[row].integer(0, below: classes) == name ? 1 : 0 : key[row].uniform(name) < 0.3 ? 1 : 0
                }
            }
        }

        /// Logits that point at the labels with some strength, and noise.
        func teacher(_ number: Int, strength: Double, noise: Double = 2) -> [[Double]] {
            labels.enumerated().map { row, labels in
                labels.enumerated().map { name, label in
                    strength * (label - 0.5) + noise * (key[number][row].uniform(name) * 2 - 1)
                }
            }
        }

        func tensor(_ rows: [[Double]]) -> Tensor {
            let memory = Buffer(zeros: rows.count * classes)
            memory.tensor.copy(from: rows.flatMap { $0.map { Float($0) } })
            return memory.tensor(count: rows.count, shape: [classes])
        }

        func learn(_ teachers: [[[Double]]], _ combination: Combination) -> [Double] {
            learnWeights(teachers.map(tensor), labels: tensor(labels), combination: combination, labelKind: labelKind)
        }

        /// The ensemble's loss in double precision.
        func loss(_ teachers: [[[Double]]], _ weights: [Double], _ combination: Combination) -> Double {
            func probabilities(_ z: [Double]) -> [Double] { labelKind == .multiclass ? softmax(z) : z.map(sigmoid) }
            var sum = 0.0
            for (row, labels) in labels.enumerated() {
                var mixed = [Double](repeating: 0, count: classes)
                for (teacher, weight) in zip(teachers, weights) {
                    let part = combination == .mean ? probabilities(teacher[row]) : teacher[row]
                    for name in 0..<classes { mixed[name] += weight * part[name] }
                }
                let p = combination == .mean ? mixed : probabilities(mixed)
                for name in 0..<classes {
                    if labels[name] > 0 {
                        sum -= log(p[name])
                    } else if labelKind == .multilabel {
                        sum -= log1p(-p[name])
                    }
                }
            }
            return sum / Double(labels.count)
        }
    }

    private static let labelKinds: [LabelKind] = [.multiclass, .multilabel]

    /// Every weighting in steps of 1/200 (two teachers) or 1/50 (three).
    @Test(arguments: Combination.allCases, labelKinds)
    func areTheBestOnAGrid(combination: Combination, labelKind: LabelKind) {
        let rows = Rows(150, labelKind: labelKind)
        for strengths in [[3.0, 1], [2, 2], [0.5, 4], [-2, 3], [3, 2, 1], [1, 0, 4], [-3, 1, 1]] {
            let teachers = strengths.enumerated().map { rows.teacher($0, strength: $1) }
            let weights = rows.learn(teachers, combination)
            expectClose(weights.reduce(0, +), 1)
            #expect(weights.allSatisfy { $0 >= 0 })
            let steps = teachers.count == 2 ? 200 : 50
            var best = Double.infinity
            for a in 0...steps {
                for b in 0...(steps - a) where teachers.count == 3 || b == steps - a {
                    let grid = [a, b, steps - a - b].map { Double($0) / Double(steps) }
                    best = min(best, rows.loss(teachers, Array(grid[..<teachers.count]), combination))
                }
            }
            let found = rows.loss(teachers, weights, combination)
            #expect(found <= best + 1e-3, "\(strengths): \(weights)")
            #expect(
                found <= rows.loss(teachers, teachers.map { _ in 1 / Double(teachers.count) }, combination) + 1e-6,
                "\(strengths): worse than equal weights")
        }
    }

    @Test(arguments: Combination.allCases, labelKinds)
    func preferTheBetterTeacher(combination: Combination, labelKind: LabelKind) {
        let rows = Rows(200, labelKind: labelKind)
        let weights = rows.learn([rows.teacher(0, strength: 1), rows.teacher(1, strength: 4)], combination)
        #expect(weights[1] > 0.7)
    }

    @Test(arguments: Combination.allCases, labelKinds)
    func leaveOutATeacherThatIsAlwaysWrong(combination: Combination, labelKind: LabelKind) {
        let rows = Rows(200, labelKind: labelKind)
        let weights = rows.learn(
            [rows.teacher(0, strength: 4), rows.teacher(1, strength: -6, noise: 1), rows.teacher(2, strength: 3)],
            combination)
        #expect(weights[1] < 0.02)
    }

    @Test(arguments: Combination.allCases)
    func areEqualWhereNothingTellsTeachersApart(combination: Combination) {
        let rows = Rows(50), teacher = rows.teacher(0, strength: 2)
        for weight in rows.learn([teacher, teacher, teacher], combination) {
            expectClose(weight, 1 / 3.0, tolerance: 1e-5)
        }
        #expect(rows.learn([teacher], combination) == [1])
    }

    @Test(arguments: Combination.allCases, labelKinds)
    func stayFiniteForSureTeachers(combination: Combination, labelKind: LabelKind) {
        let rows = Rows(40, labelKind: labelKind)
        let weights = rows.learn(
            [rows.teacher(0, strength: 1e4), rows.teacher(1, strength: -1e4), rows.teacher(2, strength: 1)], combination
        )
        #expect(weights.allSatisfy { $0.isFinite && $0 >= 0 })
        #expect(weights[1] < 1 / 3.0)
    }

    @Test func areEqualWithoutRows() {
        let rows = Rows(0)
        #expect(rows.learn([[], []], .mean) == [0.5, 0.5])
    }
}
