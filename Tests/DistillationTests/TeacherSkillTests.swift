import Datasets
import Foundation
import HDF5
import Tensors
import TestSupport
import Testing

@testable import Distillation

/// What logits that were made for the purpose say of a teacher.
@Suite struct TeacherSkillTests {
    /// Held-out examples with these classes, and logits that a body makes of a row and its class.
    private func skill(
        _ classes: [Int], of count: Int, logits: (_ row: Int, _ label: Int) -> [Float]
    ) throws -> (skill: TeacherSkill, order: ClassOrder?) {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            try writeExamples(classes.map { _ in [0] }, shape: [1], classes: classes, names: count, to: path)
            let examples = try HeldOutExamples(try ExampleFile(opening: path).trainAndValidation().validation)
            let rows = Buffer(zeros: classes.count * count).tensor(count: classes.count, shape: [count])
            rows.copy(from: classes.enumerated().flatMap { logits($0, $1) })
            return (
                TeacherSkill(rows, of: examples),
                ClassOrder.found(examples.firstClasses(rows), of: examples, names: nil)
            )
        }
    }

    /// One class clearly before the others.
    private func choosing(_ label: Int, of count: Int, by distance: Float = 3) -> [Float] {
        (0..<count).map { $0 == label ? distance : 0 }
    }

    /// A number that has nothing to do with the row's class.
    private func random(_ row: Int, below count: Int) -> Int { RandomKey(seed: 7)[row].integer(0, below: count) }

    private let tenClasses = (0..<400).map { $0 * 7 % 10 }

    @Test func knowsAGoodTeacher() throws {
        let (skill, order) = try skill(tenClasses, of: 10) { choosing($0.isMultiple(of: 10) ? 3 : $1, of: 10) }
        #expect(skill.standing == .knowing)
        #expect(abs(skill.value - 0.9) < 1e-9)
        #expect(abs(skill.chance - 0.1) < 1e-9)
        #expect(abs(skill.share - 8.0 / 9) < 1e-9)
        #expect(order == nil)
    }

    /// 0.3 of ten classes: three of ten rows are right, the others anything.
    @Test func makesNoClaimOfAWeakTeacher() throws {
        let (skill, order) = try skill(tenClasses, of: 10) { row, label in
            choosing(row % 9 < 2 ? label : random(row, below: 10), of: 10, by: 1)
        }
        #expect((0.25..<0.35).contains(skill.value))
        #expect(skill.standing == .knowing)
        #expect(skill.onlyClass == nil)
        #expect(order == nil)
    }

    @Test func knowsChance() throws {
        let (skill, order) = try skill(tenClasses, of: 10) { row, _ in choosing(random(row, below: 10), of: 10) }
        #expect(skill.standing == .chance)
        #expect(order == nil)
    }

    /// Of 4,000 rows 0.15 are right: no accident, and of no use.
    @Test func knowsLittleMoreThanChance() throws {
        let classes = (0..<4000).map { $0 * 7 % 10 }
        let (skill, _) = try skill(classes, of: 10) { row, label in
            choosing(row % 18 == 0 ? label : random(row, below: 10), of: 10)
        }
        #expect((0.12..<0.19).contains(skill.value))
        #expect(skill.standing == .nearChance)
    }

    @Test func knowsATeacherThatAlwaysSaysTheSame() throws {
        let (skill, order) = try skill(tenClasses, of: 10) { _, _ in choosing(4, of: 10) }
        #expect(skill.standing == .chance)
        #expect(skill.onlyClass == 4)
        #expect(order == nil)
    }

    /// 19 of 20 examples have one class, and the teacher's first class is always that: its probabilities know the others.
    @Test func makesNoClaimOfATeacherOfRareClasses() throws {
        let classes = (0..<1000).map { $0 % 20 == 0 ? 1 : 0 }
        let (skill, _) = try skill(classes, of: 2) { _, label in [4, label == 1 ? 3.5 : 0] }
        #expect(skill.standing == .knowing)
        // Balanced classes in its training: less accurate than always naming the frequent one, and far from chance.
        let (other, order) = try self.skill(classes, of: 2) { row, label in
            choosing(row % 7 == 3 ? 1 - label : label, of: 2)
        }
        #expect(other.value < 0.95)
        #expect(other.standing == .knowing)
        #expect(order == nil)
    }

    @Test func makesNoClaimOfFewExamples() throws {
        let (skill, _) = try skill([0, 1, 2, 0, 1, 2, 0, 1], of: 3) { row, _ in choosing(row % 2, of: 3) }
        #expect(skill.standing == .knowing)
        #expect(skill.onlyClass == nil)
    }

    /// Each row's labels are its class and the next one.
    @Test(arguments: [true, false])
    func measuresRankingsOfManyLabels(isGood: Bool) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path, classes = 8
            let labels = (0..<200).map { row -> [UInt8] in
                (0..<classes).map { ($0 - row % 8 + 8) % 8 < 2 ? 1 : 0 }
            }
            try writeExamples(labels.map { _ in [0] }, shape: [1], labels: labels, to: path)
            let examples = try HeldOutExamples(try ExampleFile(opening: path).trainAndValidation().validation)
            let rows = Buffer(zeros: 200 * classes).tensor(count: 200, shape: [classes])
            rows.copy(
                from: labels.enumerated().flatMap { row, labels in
                    (0..<classes).map { label in
                        isGood ? Float(labels[label]) * 4 - 2 : Float(RandomKey(seed: 3)[row].uniform(label))
                    }
                })
            let skill = TeacherSkill(rows, of: examples)
            #expect(skill.standing == (isGood ? .knowing : .chance))
            #expect(isGood == (skill.value > 0.99))
            #expect((0.2..<0.35).contains(skill.chance))
        }
    }

    // MARK: - Orders of classes

    /// Output 2 stands for class 0, and so on; one row in ten is anything.
    @Test(arguments: [[2, 0, 3, 1], [1, 0, 2, 3], [3, 2, 1, 0]])
    func findsTheOrderOfClasses(places: [Int]) throws {
        let classes = (0..<200).map { $0 * 3 % 4 }
        let (skill, order) = try skill(classes, of: 4) { row, label in
            choosing(row % 10 == 9 ? random(row, below: 4) : places[label], of: 4)
        }
        let found = try #require(order)
        #expect(found.places == places)
        #expect(found.count == 100)
        #expect(found.hitRate > 0.85)
        #expect(skill.value < 0.55)
    }

    /// Folders named 0 … 11 in the order of their texts: 0, 1, 10, 11, 2, … One class has no held-out example.
    @Test func findsTheOrderOfFolders() throws {
        let texts = (0..<12).map(String.init).sorted(), classes = (0..<220).map { $0 % 11 }
        let (_, order) = try skill(classes, of: 12) { _, label in
            choosing(texts.firstIndex(of: String(label))!, of: 12)
        }
        #expect(order?.places == (0..<12).map { texts.firstIndex(of: String($0))! })
        #expect(order?.name?.hasPrefix("sorted as text") == true)
    }

    /// Every assignment of five rows to five columns, one after another.
    @Test func assignsAsTryingAllDoes() {
        func permutations(_ count: Int) -> [[Int]] {
            count == 0
                ? [[]]
                : permutations(count - 1).flatMap { rest in
                    (0..<count).map { place in rest.map { $0 >= place ? $0 + 1 : $0 } + [place] }
                }
        }
        for seed in 0..<20 {
            let values = (0..<5).map { row in
                (0..<5).map { Double(RandomKey(seed: seed)[row].uniform($0)) }
            }
            func sum(_ columns: [Int]) -> Double {
                columns.enumerated().reduce(0) { $0 + values[$1.offset][$1.element] }
            }
            let best = permutations(5).map(sum).max() ?? 0
            let found = assignment(values)
            #expect(found.sorted() == [0, 1, 2, 3, 4])
            #expect(abs(sum(found) - best) < 1e-12)
        }
    }
}
