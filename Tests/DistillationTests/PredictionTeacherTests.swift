import Datasets
import Foundation
import HDF5
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Files of predictions in the place of models.
@Suite struct PredictionTeacherTests {
    /// Has models predict a whole data file.
    private func predict(_ models: [String], _ scene: Scene, unlabeled: String? = nil, to path: String) throws {
        let data = try ExampleFile(opening: scene.path("data.h5")), workers = Workers(2)
        defer { workers.close() }
        try DataPrediction(
            try ModelTeacher.all(models, data: data), data: data, unlabeled: try unlabeled.map(data.unlabeled)
        ).write(to: path, workers: workers, check: {}, tell: { _ in })
    }

    /// Writes predictions as anybody would.
    private func write(
        _ path: String, classes: [String]? = nil, type: HDF5Type = .float32, _ arrays: [String: [[Float]]]
    ) throws -> String {
        try? FileManager.default.removeItem(atPath: path)
        let file = try HDF5File(creating: path)
        if let classes { try file.root.attributes.write(classes, to: "classes") }
        for (name, rows) in arrays {
            let dataset = try file.root.createDataset(name, type, shape: [rows.count, rows[0].count])
            try dataset.write(rows.flatMap(\.self))
        }
        try file.close()
        return path
    }

    /// Probabilities of three classes for so many rows, each row another.
    private func shares(_ count: Int) -> [[Float]] {
        (0..<count).map { row in
            let first = Float(row % 7 + 1) / 10, second = (1 - first) * Float(row % 3 + 1) / 4
            return [first, second, 1 - first - second]
        }
    }

    @Test(arguments: ["p.h5", "p.npz"], [TeacherWeights.uniform, .learned, .byExample])
    func teachesWhatItsModelsTeach(name: String, weights choice: TeacherWeights) throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0 * 3) }
            var request = scene.request(teachers)
            request.teacherWeights = choice
            let expected = try compress(request), wanted = try weights(request.output), path = scene.path(name)
            try predict(teachers, scene, to: path)
            request = scene.request(["one=\(path):teacher1", "\(path):teacher2"], run: "again", output: "again.h5")
            request.teacherWeights = choice
            let told = Told(), report = try compress(request, told: told), found = try weights(request.output)
            #expect(found == wanted)
            #expect(
                report.teachers.map(\.test).map { $0.map(\.value) }
                    == expected.teachers.map(\.test).map { $0.map(\.value) })
            #expect(report.teachers.map(\.weight) == expected.teachers.map(\.weight))
            #expect(report.student.agreement == expected.student.agreement)
            #expect(report.teachers.allSatisfy { $0.size == nil } && report.ensembleBytes == nil)
            #expect(told.plans.map(\.title) == ["one", "\(path):teacher2"])
            #expect(told.plans.map(\.output) == ["logits of 3", "logits of 3"])
            #expect(told.plans.map(\.classes) == [.named, .named])
            #expect(told.messages.contains { $0.hasPrefix("held-out accuracy: one ") && $0.contains(", teacher2 ") })
        }
    }

    @Test func teachesUnlabeledExamplesAndASplitOfValidation() throws {
        try withScene(DataFile(train: 60, test: 20, validation: 12)) { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, epochs: 3), more = scene.path("more.h5")
            try DataFile(train: 30, test: 10).write(to: more)
            var request = scene.request([teacher])
            request.unlabeled = more
            try compress(request)
            let wanted = try weights(request.output)
            try predict([teacher], scene, unlabeled: more, to: scene.path("p.h5"))
            request = scene.request([scene.path("p.h5")], run: "again", output: "again.h5")
            request.unlabeled = more
            try compress(request)
            let found = try weights(request.output)
            #expect(found == wanted)
            try DataFile(train: 29, test: 10).write(to: scene.path("other.h5"))
            request.unlabeled = scene.path("other.h5")
            #expect(message { try compress(request) }?.contains("expected 29 rows") == true)
            request.teachers = [try write(scene.path("q.h5"), ["train": shares(60), "validation": shares(12)])]
            #expect(
                message { try compress(request) }
                    == "teacher '\(scene.path("q.h5"))' has no predictions 'unlabeled' for the 29 rows of "
                    + "'\(scene.path("other.h5"))'; leave --unlabeled out")
        }
    }

    @Test func withoutTestItsLineIsEmpty() throws {
        try withScene { scene in
            let model = try scene.writeTeacher("teacher.h5", seed: 1, epochs: 3)
            var request = scene.request([model, try write(scene.path("p.h5"), ["train": shares(80)])])
            request.baseline = true
            let report = try compress(request)
            #expect(report.teachers[0].test.count == 1 && report.teachers[1].test.isEmpty)
            #expect(report.teachers[1].validation.count == 1)
            #expect(report.ensembleTest.isEmpty && report.ensembleValidation.count == 1)
            #expect(report.student.agreement == nil && report.gainKept == nil)
            #expect(report.differences.allSatisfy { $0.other != .ensemble })
            #expect(report.student.test.count == 1)
        }
    }

    @Test func matchesClassesByNameAndByNumber() throws {
        try withScene { scene in
            let rows = shares(80), turned = rows.map { [$0[2], $0[0], $0[1]] }
            func student(_ name: String, _ names: [String]?, _ rows: [[Float]]) throws -> [UInt32] {
                let path = try write(scene.path("\(name).h5"), classes: names, ["train": rows])
                let request = scene.request([path], run: name, output: "\(name)-student.h5")
                try compress(request)
                return try weights(request.output)
            }
            let plain = try student("plain", nil, rows)
            #expect(try student("named", ["class 2", "class 0", "class 1"], turned) == plain)
            #expect(try student("numbered", ["2", "0", "1"], turned) == plain)
            #expect(try student("turned", nil, turned) != plain)
            #expect(
                message { _ = try student("others", ["class 2", "class 0", "dog"], turned) }
                    == "'\(scene.path("others.h5"))': its list of classes has 'dog', which '\(scene.path("data.h5"))' has not, "
                    + "and lacks 'class 1'")
        }
    }

    @Test func findsOutWhatTheNumbersAre() throws {
        try withScene { scene in
            let rows = shares(80), path = scene.path("p.h5")
            func plan(_ rows: [[Float]], type: HDF5Type = .float32, given: OutputReading? = nil) throws -> String {
                var request = scene.request([try write(path, type: type, ["train": rows])])
                if let given {
                    request.teacherRules[path] = TeacherRules()
                    request.teacherRules[path]?.output = given
                }
                let told = Told()
                try compress(request, told: told)
                return told.plans[0].output
            }
            let plain = try plan(rows)
            #expect(plain == "softmax of 3")
            #expect(try plan(rows, type: .float16) == "softmax of 3")
            #expect(try plan(rows, type: .float64) == "softmax of 3")
            #expect(try plan(rows.map { $0.map { 5 * $0 - 2 } }) == "logits of 3")
            #expect(try plan(rows.map { $0.map { $0 / 2 } }, given: .sigmoid) == "sigmoid of 3")
            let logarithms = rows.map { $0.map { log($0) } }
            #expect(try plan(logarithms) == "logits of 3")
            func refused(_ change: (inout [[Float]]) -> Void) throws -> String? {
                var rows = rows
                change(&rows)
                return message { _ = try plan(rows) }
            }
            let one = "'train' in '\(path)': expected probabilities that add up to 1"
            let logits = "If they are logits, pass --teacher-output p=logits; else predict that row again."
            #expect(try refused { $0[61][0] += 0.01 }?.hasPrefix("\(one), found a sum of 1.01") == true)
            #expect(try refused { $0[3] = [0.5, 0.7, -0.2] } == "\(one), found -0.2 in row 3. \(logits)")
            #expect(
                try refused { $0[79][1] = .nan }
                    == "'train' in '\(path)': expected finite numbers, found NaN in row 79. Predict that row again.")
            #expect(
                try refused { $0[0][1] = -.infinity }
                    == "'train' in '\(path)': expected finite numbers, found an infinite number in row 0. Predict that row "
                    + "again.")
            let choices =
                "Divide each row by its sum, or say what they are: --teacher-output p=sigmoid for a probability of each class by "
                + "itself, --teacher-output p=logits."
            #expect(
                try refused { $0 = $0.map { _ in [0.5, 0.25, 0.5] } }
                    == "\(one), or logits, found a sum of 1.25 in row 0. \(choices)")
            #expect(
                try refused { $0 = $0.map { _ in [50, 25, 25] } }
                    == "\(one), or logits, found a sum of 100.0 in row 0. \(choices)")
        }
    }

    @Test func oneColumnIsTheSecondOfTwoClasses() throws {
        try withScene(DataFile(classes: 2, train: 40, test: 10)) { scene in
            let rows = (0..<40).map { Float($0 % 9 + 1) / 10 }
            func student(_ name: String, _ rows: [[Float]]) throws -> [UInt32] {
                let request = scene.request(
                    [try write(scene.path("\(name).h5"), ["train": rows])], run: name, output: "\(name)-student.h5")
                try compress(request)
                return try weights(request.output)
            }
            // Logits that only differ from each other: what remains is rounding.
            let one = try student("one", rows.map { [log($0 / (1 - $0))] })
            let two = try student("two", rows.map { [0, log($0 / (1 - $0))] })
            #expect(one == two)
        }
    }

    @Test func refusesPredictionsForOtherRows() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1), path = scene.path("p.h5")
            try predict([teacher], scene, to: path)
            var other = scene
            other.data.seed = 2
            try other.writeData()
            let data = scene.path("data.h5")
            #expect(
                message { try compress(scene.request([path])) }
                    == "'\(path)': was made for the rows of another data file than '\(data)' (the SHA-256 differs). Predict this "
                    + "data: compress predict MODEL --data \(data) --output \(path)")
            let rows = try write(scene.path("q.h5"), ["train": shares(79), "test": shares(30)])
            let model = try scene.writeTeacher("wide.h5", seed: 1, classes: 5)
            let both = try #require(message { try compress(scene.request([rows, model])) })
            #expect(both.hasPrefix("2 teachers do not fit:\n'train' in '\(rows)': expected 80 rows"))
            #expect(both.contains("\n'\(model)': has 5 classes"))
        }
    }

    @Test func refusesWhatNeedsANetwork() throws {
        try Images.withScene { scene in
            let teacher = try scene.writeImageTeacher("teacher.h5", seed: 1), path = scene.path("p.h5")
            try predict([teacher], scene, to: path)
            for views in [nil, 2] {
                var request = scene.request([path])
                request.augmentation = try Augmentation("flip")
                request.views = views
                #expect(
                    message { try compress(request) }
                        == "teacher '\(path)' predicts the data's own examples alone, and cannot see the student's changed "
                        + "examples; leave --augment and losses of its layers out")
            }
            var request = scene.request(["teacher=\(path)"])
            request.loss.terms = Images.layerTerms(weight: 1)
            let lines = try #require(message { try compress(request) }).split(separator: "\n")
            #expect(lines.count == request.loss.terms.count)
            #expect(lines.allSatisfy { $0.hasSuffix(": the teacher 'teacher' has predictions, and no layers") })
        }
    }

    /// A changed file of predictions is another teacher: a run does not go on with it.
    @Test func theFingerprintHasTheFile() throws {
        try withScene { scene in
            let path = try write(scene.path("p.h5"), ["train": shares(80), "test": shares(30)])
            try compress(scene.request([path]))
            _ = try write(path, ["train": shares(80).reversed(), "test": shares(30)])
            var request = scene.request([path])
            (request.isResuming, request.replacesRun) = (true, false)
            #expect(throws: OtherRunError.self) { try compress(request) }
        }
    }

    @Test func findsRowsInAnotherOrder() throws {
        try withScene(DataFile(train: 600, test: 30)) { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, epochs: 20), path = scene.path("p.h5")
            try predict([teacher], scene, to: path)
            let train = try HDF5File(opening: path).root.dataset("train").read(as: Float.self)
            let rows = (0..<600).map { row -> [Float] in
                let first = (row * 31 + 7) % 600 * 3
                return Array(train[first..<(first + 3)])
            }
            let told = Told()
            try compress(scene.request([try write(scene.path("q.h5"), ["train": rows])]), told: told)
            let warning = told.warnings.first { $0.contains("q.h5") }
            #expect(warning?.contains("Are its rows in the order of the data's, the held-out ones among them?") == true)
        }
    }
}
