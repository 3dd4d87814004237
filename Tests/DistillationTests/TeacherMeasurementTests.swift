import Datasets
import Foundation
import HDF5
import ModelFiles
import Models
import Tensors
import TestSupport
import Testing

@testable import Distillation

/// What is said of teachers before a student learns from them.
@Suite struct TeacherMeasurementTests {
    private static let image: Shape = [4, 4, 3]

    private static let text = """
        input: [4, 4, 3]
        layers:
          - Flatten: {}
          - Dense: {units: classes, activation: softmax}
        """

    /// Numbers from 0 to 1 around a centre for each class.
    private func data(many: Bool = false, classes: Int = 4) -> DataFile {
        var data = DataFile(Self.image, classes: classes, train: 240, test: 20, validation: 160)
        data.noise = 0.3
        data.hasManyLabels = many
        data.change = { _, x in for index in x.indices { x[index] = unit(x[index]) } }
        return data
    }

    /// A teacher of images as they are, asked about images that were changed.
    private func withTeacher(
        _ data: DataFile? = nil, text: String = text, order: [Int]? = nil, factor: Float = 1,
        changing change: @escaping (inout [Float]) -> Void = { _ in },
        _ body: (_ scene: inout Scene, _ teacher: String) throws -> Void
    ) throws {
        let data = data ?? self.data()
        try withScene(data) { scene in
            var scene = scene
            let teacher = try scene.writeTeacher(
                "teacher.h5", seed: 1, epochs: 40, factor: factor, text: text, order: order)
            scene.data.change = {
                data.change($0, &$1)
                change(&$1)
            }
            try scene.writeData()
            scene.student = Self.text
            try scene.writeStudent()
            try body(&scene, teacher)
        }
    }

    private func measurements(
        _ scene: Scene, _ teachers: [String], rules: [String: TeacherRules] = [:]
    ) throws -> (DryRunReport, Told) {
        var request = scene.request(teachers)
        request.teacherRules = rules
        let told = Told()
        return (try Compressor(request, tell: told.hear).dryRun(), told)
    }

    private func rules(_ input: String) throws -> TeacherRules {
        var rules = TeacherRules()
        rules.input = try InputRules(parsing: input)
        return rules
    }

    @Test func saysNothingOfGoodTeachers() throws {
        try withTeacher { scene, teacher in
            let other = try scene.writeTeacher("other.h5", seed: 2, epochs: 40, text: Self.text)
            let told = Told(), report = try compress(scene.request([teacher, other]), told: told)
            #expect(told.warnings == [])
            #expect(report.warnings == [])
            let (outline, _) = try measurements(scene, [teacher])
            #expect(outline.warnings == [])
            #expect(outline.measurements.count == 1)
            #expect(outline.measurements[0].count == 160)
            #expect(outline.measurements[0].skill.value > 0.9)
        }
    }

    @Test func measuresASingleTeacher() throws {
        try withTeacher { scene, teacher in
            let told = Told(), report = try compress(scene.request([teacher]), told: told)
            let accuracy = fixed(try #require(report.teachers[0].validation.first).value, digits: 4)
            #expect(told.messages.contains("held-out accuracy: teacher \(accuracy)"))
        }
    }

    /// What was changed, and the rule that takes it back.
    struct Cause: CustomTestStringConvertible {
        let testDescription: String
        let rule: String
        let change: @Sendable (inout [Float]) -> Void
    }

    private static let causes = [
        Cause(testDescription: "twice scaled", rule: "scale:255") { x in
            for index in x.indices { x[index] /= 255 }
        },
        Cause(testDescription: "BGR", rule: "channels:2-1-0") { x in
            for pixel in 0..<(x.count / 3) { x.swapAt(3 * pixel, 3 * pixel + 2) }
        },
        Cause(testDescription: "inverted", rule: "scale:-1,offset:1") { x in
            for index in x.indices { x[index] = 1 - x[index] }
        },
        Cause(testDescription: "rows for columns", rule: "transpose:1-0-2") { x in
            reorder(&x) { row, column, channel in (column * 4 + row) * 3 + channel }
        },
        Cause(testDescription: "channels first", rule: "reshape:3x4x4,transpose:1-2-0") { x in
            // Element i of the changed image is element (i mod 16, i / 16) of the true one.
            reorder(&x) { row, column, channel in
                let place = (row * 4 + column) * 3 + channel
                return place % 16 * 3 + place / 16
            }
        },
    ]

    /// Each element of a changed image is the one of the true image that `source` names.
    private static func reorder(_ x: inout [Float], _ source: (Int, Int, Int) -> Int) {
        let old = x
        for start in stride(from: 0, to: x.count, by: 48) {
            for place in 0..<48 { x[start + place] = old[start + source(place / 12, place / 3 % 4, place % 3)] }
        }
    }

    @Test(arguments: causes) func saysWhichRuleWouldMendATeacher(cause: Cause) throws {
        try withTeacher(changing: cause.change) { scene, teacher in
            let (outline, _) = try measurements(scene, [teacher])
            // What does not suit a teacher may not suit the student, of which another warning tells.
            let warnings = outline.warnings.filter { !$0.hasPrefix("student '") }
            let warning = try #require(warnings.first)
            #expect(warnings.count == 1)
            #expect(warning.hasPrefix("teacher '\(teacher)' "))
            #expect(warning.contains(" with --teacher-input teacher=\(cause.rule)"), "\(warning)")
            #expect(warning.count <= 500)
            let before = outline.measurements[0].skill.value
            // What it says comes true.
            let (mended, _) = try measurements(scene, [teacher], rules: [teacher: try rules(cause.rule)])
            let after = mended.measurements[0].skill.value
            #expect(after > 0.9)
            #expect(before < after - 0.2)
            #expect(mended.warnings.filter { !$0.hasPrefix("student '") } == [])
        }
    }

    @Test func saysThatARuleIsWrong() throws {
        try withTeacher { scene, teacher in
            let (outline, _) = try measurements(scene, [teacher], rules: [teacher: try rules("scale:0.00392157")])
            let warning = try #require(outline.warnings.first)
            #expect(warning.contains(" with no --teacher-input"), "\(warning)")
        }
    }

    @Test func saysWhichOrderOfClassesWouldMendATeacher() throws {
        try withTeacher(order: [2, 0, 3, 1]) { scene, teacher in
            let told = Told(), report = try compress(scene.request([teacher]), told: told)
            let warning = try #require(told.warnings.first)
            // Output 0 stands for class 2, so that class 0 is output 1.
            #expect(warning.contains(" with --teacher-classes teacher=order:1-3-0-2 it has "), "\(warning)")
            #expect(report.warnings == told.warnings)
            var order = TeacherRules()
            order.order = [1, 3, 0, 2]
            let (mended, _) = try measurements(scene, [teacher], rules: [teacher: order])
            #expect(mended.measurements[0].skill.value > 0.9)
            #expect(mended.warnings == [])
        }
    }

    @Test func saysWhichOrderOfManyLabelsWouldMendATeacher() throws {
        try withTeacher(
            data(many: true, classes: 5), text: Self.text.replacing("softmax", with: "sigmoid"),
            order: [4, 0, 3, 1, 2]
        ) { scene, teacher in
            scene.student = Self.text
            try scene.writeStudent()
            let warnings = try measurements(scene, [teacher]).0.warnings
            let warning = try #require(warnings.first { $0.hasPrefix("teacher ") })
            #expect(warning.contains(" with --teacher-classes teacher=order:1-3-4-2-0 it has "), "\(warning)")
        }
    }

    /// Numbers that have nothing to do with anything.
    private static func noise(_ x: inout [Float], seed: Int) {
        for index in x.indices { x[index] = Float(RandomKey(seed: seed).uniform(index)) }
    }

    @Test func saysThatATeacherKnowsNothing() throws {
        try withTeacher(changing: { Self.noise(&$0, seed: 5) }) { scene, teacher in
            let warning = try #require(measurements(scene, [teacher]).0.warnings.first)
            #expect(
                warning.hasPrefix("teacher '\(teacher)' is no better than chance on held-out examples: accuracy 0."))
            #expect(warning.contains("Tried, and none of them mends it: another scale of the inputs"))
            #expect(warning.count <= 500)
        }
    }

    @Test func saysThatATeacherAlwaysPredictsTheSame() throws {
        // No example is anything but black.
        try withTeacher(changing: { x in for index in x.indices { x[index] = 0 } }) { scene, teacher in
            let warning = try #require(measurements(scene, [teacher]).0.warnings.first)
            #expect(warning.contains(", and it predicts 'class "), "\(warning)")
            #expect(warning.contains("' for all 160. "), "\(warning)")
        }
    }

    @Test func saysWhichTeachersAreTheSame() throws {
        try withTeacher { scene, teacher in
            let copy = scene.path("copy.h5"), other = scene.path("other.h5")
            try FileManager.default.copyItem(atPath: teacher, toPath: copy)
            try scene.writeTeacher("other.h5", seed: 1, epochs: 40, text: Self.text, notes: ["author": "another"])
            let told = Told()
            try compress(scene.request([teacher, copy, other, teacher]), told: told)
            let end = ": one model, which counts twice in the ensemble. Leave one of them out"
            #expect(
                told.warnings.filter { $0.hasSuffix(end) } == [
                    "teachers '\(teacher)' and '\(copy)' are the same file\(end)",
                    "teachers '\(teacher)' and '\(other)' predict the same for every held-out example\(end)",
                    "teacher '\(teacher)' is given twice\(end)",
                ])
        }
    }

    /// Half the sum of branches ends in no head, and the user says that it is logits.
    @Test func saysThatLogitsAreProbabilities() throws {
        let halves = """
            input: [4, 4, 3]
            layers:
              - Flatten: {}
                name: flat
              - Dense: {units: classes, activation: softmax}
                name: a
                from: flat
              - Dense: {units: classes, activation: softmax}
                name: b
                from: flat
              - Add: {}
                from: [a, b]
              - Rescaling: {scale: 0.5}
            """
        try withTeacher(text: halves) { scene, teacher in
            var logits = TeacherRules()
            logits.output = .logits
            let (given, _) = try measurements(scene, [teacher], rules: [teacher: logits])
            #expect(
                given.warnings.contains(
                    "teacher '\(teacher)' is read as logits, but all its outputs are probabilities. Pass "
                        + "--teacher-output teacher=softmax"))
            let (plain, _) = try measurements(scene, [teacher])
            #expect(plain.warnings == [])
        }
    }

    /// A cure is never found by accident: the labels have nothing to do with the images.
    @Test(arguments: 0..<5) func findsNoCureForATeacherOfNoise(seed: Int) throws {
        try withScene(data()) { scene in
            var scene = scene
            let teacher = try scene.writeTeacher("teacher.h5", seed: seed, text: Self.text)
            scene.data.change = { Self.noise(&$1, seed: 50 + seed) }
            try scene.writeData()
            scene.student = Self.text
            try scene.writeStudent()
            let warnings = try measurements(scene, [teacher]).0.warnings
            #expect(!warnings.contains { $0.contains("--teacher-") }, "\(warnings)")
        }
    }
}

/// From 0 to 1, and nothing lost that lies around −1 to 1.
private func unit(_ value: Float) -> Float { min(max((value + 1.5) / 3, 0), 1) }
