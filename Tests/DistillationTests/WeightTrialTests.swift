import Foundation
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// `--teacher-weights auto`, and teachers that have seen what they are measured on.
@Suite struct WeightTrialTests {
    /// Two good teachers and one that is sure and wrong: learned shares leave it out, and the line says so.
    @Test func learnsSharesWhereTheyAreBetter() throws {
        try withScene(DataFile(train: 1000, test: 20)) { scene in
            let good = try [1, 2].map { try scene.writeTeacher("good\($0).h5", seed: $0, epochs: 10) }
            let bad = try scene.writeTeacher("bad.h5", seed: 3, epochs: 10, factor: -8)
            var request = scene.request(good + [bad])
            request.teacherWeights = .automatic
            let told = Told(), report = try compress(request, told: told)
            #expect(report.teachers[2].weight < 0.05)
            let choice = try #require(report.weightChoice)
            #expect(choice.hasPrefix("teacher weights: learned (auto: they lower the cross-entropy by "))
            #expect(choice.hasSuffix(" on 100 held-out rows)"))
            #expect(told.messages.contains(choice))
            // The same shares as those of learned ones.
            request.teacherWeights = .learned
            #expect(try compress(request).teachers.map(\.weight) == report.teachers.map(\.weight))
        }
    }

    @Test(arguments: [false, true])
    func keepsEqualSharesWhereTheyAreAsGood(hasManyLabels: Bool) throws {
        var data = DataFile(train: 400, test: 20)
        data.hasManyLabels = hasManyLabels
        try withScene(data) { scene in
            let text = hasManyLabels ? Scene.teacher.replacing("softmax", with: "sigmoid") : Scene.teacher
            let teachers = try [1, 2].map { try scene.writeTeacher("t\($0).h5", seed: $0, epochs: 10, text: text) }
            var request = scene.request(teachers)
            request.teacherWeights = .automatic
            let report = try compress(request)
            #expect(report.teachers.map(\.weight) == [0.5, 0.5])
            #expect(
                report.weightChoice?.contains(
                    /^teacher weights: equal \(auto: learned ones (lower|raise) the cross-entropy by \d/) == true)
            request.teacherWeights = .uniform
            #expect(try compress(request).weightChoice == nil)
        }
    }

    @Test func learnsSharesForSeveralLabels() throws {
        var data = DataFile(classes: 5, train: 1000, test: 20)
        data.hasManyLabels = true
        try withScene(data) { scene in
            let text = Scene.teacher.replacing("softmax", with: "sigmoid")
            let good = try scene.writeTeacher("good.h5", seed: 1, epochs: 10, text: text)
            let bad = try scene.writeTeacher("bad.h5", seed: 3, epochs: 10, factor: -8, text: text)
            var request = scene.request([good, bad])
            request.teacherWeights = .automatic
            let report = try compress(request)
            #expect(report.teachers[1].weight < 0.2)
            #expect(
                report.weightChoice?.hasPrefix("teacher weights: learned (auto: they lower the cross-entropy by ")
                    == true)
        }
    }

    @Test func hasNothingToChooseForOneTeacher() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.teacherWeights = .automatic
            let report = try compress(request)
            #expect(report.weightChoice == nil && report.teachers.map(\.weight) == [1])
        }
    }

    // MARK: - Rows that teachers have seen

    /// On every other test example a teacher is asked about something else: what it knows there is not what it knows of
    /// the held-out rows.
    private func strange(_ split: String, _ x: inout [Float]) {
        guard split == "test" else { return }
        for place in x.indices where (place / 6).isMultiple(of: 2) { x[place] = -x[place] }
    }

    @Test(arguments: [TeacherWeights.uniform, .learned])
    func warnsOfTeachersThatKnowTheHeldOutRows(weights: TeacherWeights) throws {
        var data = DataFile(train: 500, test: 200)
        data.change = strange
        try withScene(data) { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("t\($0).h5", seed: $0, epochs: 10) }
            var request = scene.request(teachers)
            request.teacherWeights = weights
            let report = try compress(request)
            let held = fixed(report.teachers[0].validation[0].value, digits: 4)
            let tested = fixed(report.teachers[0].test[0].value, digits: 4)
            let figures =
                "teacher '\(teachers[0])' has accuracy \(held) on held-out rows and \(tested) on test examples"
            let what = weights == .learned ? ", and teacher weights learned there, mean nothing" : " means nothing"
            let advice = weights == .learned ? ", or use --teacher-weights uniform" : ""
            let warning =
                "\(figures): it has probably been trained on the held-out rows, so that what is measured there\(what). Give rows "
                + "that no teacher has seen as validation/x and validation/y in the data file\(advice)"
            #expect(report.warnings.contains(warning))
            #expect(report.warnings.count { $0.contains("has probably been trained") } == 2)

            // Once their answers to the test split are known, it is said before the student is trained.
            var isWarned = false
            let again = try Compressor(request) { event in
                if case .warning(let text) = event, text == warning { isWarned = true }
                if case .began(let name, _) = event, name.hasPrefix("training") { #expect(isWarned) }
            }.run()
            #expect(again.warnings.count { $0.contains("has probably been trained") } == 2)
        }
    }

    @Test func doesNotWarnOfAccident() throws {
        try withScene(DataFile(train: 500, test: 200)) { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, epochs: 10)
            #expect(
                try !compress(scene.request([teacher])).warnings.contains { $0.contains("trained on the held-out") })
        }
    }
}
