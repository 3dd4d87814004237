import Datasets
import Distillation
import Foundation
import HDF5
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// Whole compressions of tiny teachers.
@Suite struct CompressorTests {
    @Test func writesAStudentOfThePredictedSize() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 10) }
            var request = scene.request(teachers)
            request.baseline = true
            let report = try compress(request)
            let size = try contents(request.output).count
            #expect(report.student.bytes.bytes == size)
            #expect(report.student.predictedBytes.bytes == size)
            #expect(size <= request.budget.bytes)
            #expect(report.student.parameters == 6 * 8 + 8 + 4 * 8 + 8 * 3 + 3)
            #expect(report.student.weightBytes.bytes == 4 * report.student.parameters)
            #expect(report.ensembleWeightBytes?.bytes == 4 * 2 * (6 * 10 + 10 + 10 * 3 + 3))
            #expect(report.teachers.map(\.path) == teachers)
            #expect(report.teachers.map(\.weight) == [0.5, 0.5])
            #expect(report.ensembleBytes?.bytes == (try teachers.reduce(0) { try $0 + contents($1).count }))
            #expect(report.baseline != nil)
        }
    }

    /// Teacher and student are not swapped, and the file holds the student alone.
    @Test func exportsOnlyTheStudentAndLeavesTeachersAlone() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            let before = try teachers.map(contents)
            let request = scene.request(teachers)
            try compress(request)
            let after = try teachers.map(contents)
            #expect(before == after)
            let file = try KerasFile(opening: request.output)
            let (built, network) = try file.network()
            #expect(file.architecture.layers.map(\.name) == ["hidden", "normalization", "answer"])
            let first = ParameterVector(
                initializing: built.graph.layout, key: RandomKey(seed: request.hyperparameters.seed)[-1])
            for entry in built.graph.layout.entries {
                #expect(first[entry].values != network.weights[entry].values, "\(entry.layer)/\(entry.spec.name)")
            }
        }
    }

    /// The report against the written file, the teachers' files and the data, all read again and computed here.
    @Test func reportsWhatTheFilesDo() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0 * 3) }
            var request = scene.request(teachers)
            request.teacherWeights = .given([3, 1])
            let report = try compress(request)
            #expect(report.teachers.map(\.weight) == [0.75, 0.25])

            let file = try HDF5File(opening: scene.path("data.h5"))
            let x = try file.root.dataset("test/x").read(as: Float.self)
            let y = try file.root.dataset("test/y").read(as: Int.self)
            func predict(_ path: String) throws -> [[Double]] {
                let model = try KerasFile(opening: path), network = try model.network().network
                let flat = network.predict([x])[0].map { Double($0) }
                return y.indices.map { Array(flat[($0 * 3)..<($0 * 3 + 3)]) }
            }
            func accuracy(_ rows: [[Double]]) -> Double {
                let right = zip(rows, y).count { row, label in row.firstIndex(of: row.max() ?? 0) == label }
                return Double(right) / Double(y.count)
            }
            let said = try teachers.map(predict), student = try predict(request.output)
            #expect(report.teachers.map { $0.test[0].value } == said.map(accuracy))
            let together = zip(said[0], said[1]).map { zip($0, $1).map { 0.75 * $0 + 0.25 * $1 } }
            #expect(report.ensembleTest[0].value == accuracy(together))
            #expect(report.student.test[0].value == accuracy(student))
            let same = zip(student, together).count {
                $0.firstIndex(of: $0.max() ?? 0) == $1.firstIndex(of: $1.max() ?? 0)
            }
            #expect(report.student.agreement == Double(same) / Double(y.count))
        }
    }

    @Test func theStudentComesToAgreeWithItsTeachers() throws {
        try withScene(DataFile(train: 300, test: 100)) { scene in
            let teachers = try [1, 2, 3].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 8) }
            var request = scene.request(teachers)
            request.hyperparameters.epochs = 25
            request.loss.lambda = .constant(0)
            let report = try compress(request)
            #expect((report.student.agreement ?? 0) >= 0.9)
            #expect(report.ensembleTest[0].value >= 0.85)
        }
    }

    @Test(arguments: Combination.allCases)
    func compressesTeachersOfManyLabels(combination: Combination) throws {
        var data = DataFile(classes: 5, train: 60, test: 20)
        data.hasManyLabels = true
        try withScene(data) { scene in
            let text = Scene.teacher.replacing("softmax", with: "sigmoid")
            let teachers = try [1, 2].map {
                try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 3, text: text)
            }
            var request = scene.request(teachers)
            request.combination = combination
            request.teacherWeights = .learned
            let report = try compress(request)
            #expect(abs(report.teachers.reduce(0) { $0 + $1.weight } - 1) <= 1e-6)
            let built = try KerasFile(opening: request.output).graph()
            #expect(built.graph.head == .sigmoid)
        }
    }

    // MARK: - Same bits

    @Test func givesTheSameFileAgainOnAnyNumberOfThreads() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            var files: [Data] = []
            for threads in [1, 2, 3] {
                var request = scene.request(teachers, run: "run\(threads)", output: "student\(threads).h5")
                request.threads = threads
                try compress(request)
                files.append(try contents(request.output))
            }
            #expect(files[1] == files[0])
            #expect(files[2] == files[0])
        }
    }

    /// Interrupted while the student trains, in the middle of an epoch and at its end, and during the baseline.
    @Test(arguments: [1, 5, 7, 14, 17])
    func resumesToTheSameFile(steps: Int) throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            var whole = scene.request(teachers, run: "whole", output: "whole.h5")
            whole.baseline = true
            let expected = try compress(whole)

            var request = scene.request(teachers)
            request.baseline = true
            let told = Told()
            var asked = 0
            #expect(throws: CancellationError.self) {
                try compress(request, told: told) {
                    guard told.parts.contains(where: { $0.hasPrefix("training") }) else { return false }
                    asked += 1
                    return asked > steps
                }
            }
            #expect(!FileManager.default.fileExists(atPath: request.output))
            request.isResuming = true
            let report = try compress(request)
            let (found, wanted) = (try contents(request.output), try contents(whole.output))
            #expect(found == wanted)
            #expect(report.student.test.map(\.value) == expected.student.test.map(\.value))
            #expect(report.baseline?.test.map(\.value) == expected.baseline?.test.map(\.value))
            #expect(report.baseline?.best?.test.map(\.value) == expected.baseline?.best?.test.map(\.value))
            #expect(report.baseline?.best?.epochs == expected.baseline?.best?.epochs)
        }
    }

    @Test func startsAfreshUnlessAskedToResume() throws {
        try withScene { scene in
            let teachers = [try scene.writeTeacher("teacher.h5", seed: 1)]
            var request = scene.request(teachers)
            try compress(request)
            request.hyperparameters.epochs = 4
            try compress(request)
            let other = scene.request(teachers, run: "other", output: "other.h5")
            var same = other
            same.hyperparameters.epochs = 4
            try compress(same)
            let (found, wanted) = (try contents(request.output), try contents(same.output))
            #expect(found == wanted)
        }
    }

    @Test func refusesToResumeWithOtherTeachers() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            var request = scene.request([teachers[0]])
            try compress(request)
            request.isResuming = true
            request.teachers = [teachers[1]]
            let text = message { try compress(request) }
            #expect(
                text
                    == "'\(scene.path("run"))' belongs to a run with other options, data or teachers: teachers changed. "
                    + "Resume with those that the run was started with, or choose another --run-directory")
        }
    }

    /// With no weight on the teachers the student is the baseline: same first weights, same order, same dropout.
    @Test func theBaselineIsTheSameStudentWithTheSameSeed() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.baseline = true
            request.loss.softWeight = .constant(0)
            request.loss.lambda = .constant(1)
            request.hyperparameters.seed = 12
            let report = try compress(request)
            func weights(_ name: String) throws -> [UInt32] {
                let file = try HDF5File(opening: scene.path("run/\(name)-checkpoint.h5"))
                return try file.root.dataset("average").read(as: Float.self).map(\.bitPattern)
            }
            let (student, baseline) = (try weights("student"), try weights("baseline"))
            #expect(student == baseline)
            #expect(report.baseline?.test.map(\.value) == report.student.test.map(\.value))
        }
    }

    // MARK: - What is read when

    @Test func trainingRowsAreNotHeldOut() throws {
        for count in [2, 3, 9, 10, 11, 100, 1234] {
            try withTemporaryFolder { folder in
                let path = folder.appending(path: "data.h5").path
                try DataFile([1], train: count, test: 2).write(to: path)
                let (train, validation) = try ExampleFile(opening: path).trainAndValidation()
                #expect(Set(train.rows).isDisjoint(with: validation.rows))
                #expect((train.rows + validation.rows).sorted() == Array(0..<count))
                #expect(!validation.rows.isEmpty)
            }
        }
    }

    /// The test split is read once, at the end: teachers meet it after the student is trained, and what it holds
    /// changes nothing in the student.
    @Test func theTestSplitIsReadAtTheEndAndChangesNothing() throws {
        try withScene { scene in
            var scene = scene
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            let told = Told()
            var request = scene.request(teachers)
            request.teacherWeights = .learned
            try compress(request, told: told)
            #expect(
                told.parts == [
                    "predicting with teacher1: 80", "predicting with teacher2: 80", "training student: 216",
                    "testing teacher1: 30", "testing teacher2: 30",
                ])
            #expect(told.steps == ["1/4", "2/4", "3/4", "4/4", "4/4"])
            let student = try weights(request.output)
            scene.data.change = { split, x in if split == "test" { x = x.map { 1 - 2 * $0 } } }
            try scene.writeData()
            var other = scene.request(teachers, run: "other", output: "other.h5")
            other.teacherWeights = .learned
            try compress(other)
            let same = try weights(other.output)
            #expect(student == same)
        }
    }

    /// Weights are learned on held-out rows and nothing else: the same numbers come out of these rows alone.
    @Test(arguments: Combination.allCases)
    func learnsWeightsOnHeldOutRows(combination: Combination) throws {
        try withScene(DataFile(train: 200, test: 20)) { scene in
            let teachers = try [1, 4].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0) }
            var request = scene.request(teachers)
            request.teacherWeights = .learned
            request.combination = combination
            let report = try compress(request)

            let validation = try ExampleFile(opening: request.data).trainAndValidation().validation
            let workers = Workers(1)
            defer { workers.close() }
            func tensor(_ buffer: consuming Buffer) -> Tensor { buffer.tensor(count: validation.count, shape: [3]) }
            let logits = try teachers.map { path in
                let (_, network) = try KerasFile(opening: path).network()
                return tensor(
                    try predictLogits(
                        network.graph, weights: network.weights.tensor, of: validation, workers: workers))
            }
            let weights = learnWeights(
                logits, labels: tensor(try validation.allLabels()), combination: combination, labelKind: .multiclass)
            #expect(report.teachers.map(\.weight) == weights)
        }
    }

    /// Each term is logged once, by name, for every epoch.
    @Test func logsEveryTermOfEveryEpoch() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.baseline = true
            try compress(request)
            let all = try String(contentsOfFile: scene.path("run/metrics.jsonl"), encoding: .utf8)
                .split(separator: "\n").map { try JSON(parsing: String($0)) }
            func lines(_ name: String) -> [JSON] { all.filter { $0["training"]?.string == name } }
            let epochs = lines("student").filter { $0["epoch"] != nil }
            let steps = lines("student").filter { $0["epoch"] == nil }
            #expect(epochs.map { $0["epoch"]?.integer } == [1, 2, 3])
            #expect(epochs.map { $0["step"]?.integer } == [5, 10, 15])
            #expect(
                epochs.allSatisfy {
                    $0.object?.keys == [
                        "training", "step", "epoch", "epoch_loss", "epoch_prediction_loss", "epoch_ground_truth_loss",
                        "validation_accuracy", "seconds", "line", "run", "crc32c",
                    ]
                })
            #expect(steps.map { $0["step"]?.integer } == Array(1...15))
            #expect(
                steps.allSatisfy {
                    $0.object?.keys == [
                        "training", "step", "loss", "prediction_loss", "ground_truth_loss", "learning_rate",
                        "temperature", "soft_weight", "lambda", "examples_per_second", "line", "run", "crc32c",
                    ]
                })
            #expect(steps.first?["lambda"]?.number == 0)
            #expect(steps.last?["lambda"]?.number == 0.5)
            let baseline = lines("baseline")
            #expect(baseline.count == 18)
            #expect(baseline.allSatisfy { $0["prediction_loss"] == nil && $0["lambda"] == nil })
        }
    }

    @Test func tellsItsFormulaAndItsStudent() throws {
        try withScene { scene in
            let told = Told()
            let report = try compress(scene.request([try scene.writeTeacher("teacher.h5", seed: 1)]), told: told)
            #expect(
                told.messages.contains(
                    "loss: 1 · 2² · KL(ensemble ‖ student) (T = 2) + linear:0:0.5 · cross-entropy(labels)"))
            let share = Double(report.student.bytes.bytes) / 1000
            #expect(
                told.messages.first
                    == "student: tiny, 115 parameters, 72 multiply-adds, \(report.student.bytes) of 100,000 bytes "
                    + "(\(fixed(share, digits: 1)) %)")
        }
    }

    // MARK: - Teachers run once

    @Test func teachersRunOnce() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            let request = scene.request(teachers)
            try compress(request)
            let file = try contents(request.output)
            let again = Told()
            try compress(request, told: again)
            #expect(again.parts == ["training student: 216"])
            let same = try contents(request.output)
            #expect(file == same)
            for teacher in teachers {
                #expect(again.messages.contains("teacher '\(teacher)': its predictions are in the run directory"))
            }

            let third = try scene.writeTeacher("teacher3.h5", seed: 3), more = Told()
            try compress(scene.request(teachers + [third]), told: more)
            #expect(more.parts == ["predicting with teacher3: 80", "training student: 216", "testing teacher3: 30"])
        }
    }

    @Test func runsTeachersAgainForOtherData() throws {
        try withScene { scene in
            var scene = scene
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1), request = scene.request([teacher])
            try compress(request)
            scene.data.seed += 1
            try scene.writeData()
            let told = Told()
            try compress(request, told: told)
            #expect(told.parts == ["predicting with teacher: 80", "training student: 216", "testing teacher: 30"])
        }
    }

    @Test func runsAnotherTeacherOfTheSameName() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1), request = scene.request([teacher])
            try compress(request)
            let first = try contents(request.output)
            try scene.writeTeacher("teacher.h5", seed: 2)
            let told = Told()
            try compress(request, told: told)
            #expect(told.parts == ["predicting with teacher: 80", "training student: 216", "testing teacher: 30"])
            let second = try contents(request.output)
            #expect(first != second)
        }
    }

    @Test func runsATeacherAgainWhosePredictionsAreHalfWritten() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let student = try contents(request.output)
            let store = scene.path("run/soft-targets")
            for name in try FileManager.default.contentsOfDirectory(atPath: store) {
                let bytes = try contents("\(store)/\(name)")
                try bytes.prefix(bytes.count / 2).write(to: URL(filePath: "\(store)/\(name)"))
            }
            let told = Told()
            try compress(request, told: told)
            #expect(told.parts == ["predicting with teacher: 80", "training student: 216", "testing teacher: 30"])
            let same = try contents(request.output)
            #expect(student == same)
        }
    }

    @Test func saysWhatItDependsOn() throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) }
            try compress(scene.request(teachers))
            let manifest = try JSON(reading: scene.path("run/manifest.json"))
            let digests = try teachers.map(sha256(ofFile:))
            #expect(manifest["teachers"]?.array?.map { $0["sha256"]?.string } == digests)
            #expect(manifest["data"]?["sha256"]?.string == (try sha256(ofFile: scene.path("data.h5"))))
            #expect(manifest["combination"]?.string == "mean")
            #expect(manifest["temperature"]?.number == 2)
        }
    }

    // MARK: - Teachers that do not match

    /// A teacher for twice the size and a halved range, fed by rules, teaches what it would from such data.
    @Test func rulesTeachWhatOtherDataWould() throws {
        try withScene { scene in
            var scene = scene
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            scene.data.change = { _, x in x = x.map { $0 * 2 } }
            try scene.writeData()
            var request = scene.request([teacher], run: "one", output: "one.h5")
            request.loss.lambda = .constant(0)
            try compress(request)
            // The student sees other numbers: only what the teacher says must be the same.
            func logits(_ run: String) throws -> [[Float]] {
                let folder = scene.path("\(run)/soft-targets")
                return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
                    try HDF5File(opening: "\(folder)/\($0)").root.dataset("logits").read()
                }
            }
            let expected = try logits("one")
            scene.data.change = { _, x in x = x.map { $0 * 4 - 2 } }
            try scene.writeData()
            var rules = TeacherRules()
            rules.input = try InputRules(parsing: "offset:2,scale:0.5")
            request = scene.request([teacher], run: "two", output: "two.h5")
            request.teacherRules = [teacher: rules]
            try compress(request)
            let found = try logits("two")
            // Names of files differ with the rules: the splits are compared by their size.
            for (found, expected) in zip(
                found.sorted { $0.count < $1.count }, expected.sorted { $0.count < $1.count })
            {
                #expect(found.count == expected.count)
                #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 })
            }
        }
    }

    @Test func otherRulesRunATeacherAgain() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            var request = scene.request([teacher])
            try compress(request)
            var rules = TeacherRules()
            rules.input = try InputRules(parsing: "scale:0.5")
            request.teacherRules = [teacher: rules]
            let told = Told()
            try compress(request, told: told)
            #expect(told.parts == ["predicting with teacher: 80", "training student: 216", "testing teacher: 30"])
            let again = Told()
            try compress(request, told: again)
            #expect(again.parts == ["training student: 216"])
            // Nor does a stopped run go on with other rules.
            request.isResuming = true
            request.teacherRules = [:]
            #expect(message { try compress(request) }?.contains("belongs to a run with other options") == true)
        }
    }

    /// The same student, to the bit, from a teacher whose classes are in another order and named.
    @Test func theOrderOfClassesMakesNoDifference() throws {
        try withScene { scene in
            let plain = try scene.writeTeacher("plain.h5", seed: 1)
            let other = try scene.writeTeacher(
                "other.h5", seed: 1, order: [2, 0, 1], names: ["class 2", "class 0", "class 1"])
            let first = scene.request([plain], run: "one", output: "one.h5")
            let second = scene.request([other], run: "two", output: "two.h5")
            let told = Told()
            try compress(first)
            try compress(second, told: told)
            let (expected, found) = (try weights(first.output), try weights(second.output))
            #expect(expected == found)
            #expect(told.plans.map(\.classes) == [.permuted([1, 2, 0])])
            let manifest = try JSON(reading: scene.path("two/manifest.json"))
            #expect(manifest["teachers"]?[0]?["classes"] == "reordered")
            #expect(manifest["teachers"]?[0]?["order"] == [1, 2, 0])
        }
    }

    /// What is exported can teach, and is then matched by name.
    @Test func studentsNameTheirClasses() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            #expect(try KerasFile(opening: request.output).classNames == scene.classNames)
            let told = Told()
            try compress(scene.request([request.output], run: "two", output: "two.h5"), told: told)
            #expect(told.plans.map(\.classes) == [.named])
            #expect(told.plans[0].bindings.map(\.source) == ["x"])
            #expect(told.plans[0].output == "softmax of 3")
            #expect(told.plans[0].notes.isEmpty)
        }
    }

    /// One sigmoid unit and two softmax units whose logits differ by the same are one network; so are their losses.
    @Test func trainsStudentsWithOneUnit() throws {
        try withScene(DataFile(classes: 2, train: 200, test: 60)) { scene in
            var scene = scene
            scene.student = scene.student.replacing(
                "{units: classes, activation: softmax}", with: "{units: 1, activation: sigmoid}")
            try scene.writeStudent()
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, epochs: 10)
            var request = scene.request([teacher])
            request.baseline = true
            request.hyperparameters.epochs = 30
            let report = try compress(request)
            #expect(report.student.test[0].value >= 0.9)
            #expect((report.baseline?.test[0].value ?? 0) >= 0.9)
            #expect((report.student.agreement ?? 0) >= 0.85)
            // The exported file says so too.
            let again = try ModelTeacher(request.output, data: try ExampleFile(opening: request.data))
            #expect(again.plan.output == "one sigmoid")
        }
    }

    // MARK: - Weak teachers

    /// One of three that knows anything; and one of two that agree but for a few rows.
    @Test func warnsOfATeacherThatIsBetterThanTheEnsemble() throws {
        try withScene(DataFile(train: 400, test: 20)) { scene in
            let good = try [1, 2].map { try scene.writeTeacher("good\($0).h5", seed: $0, epochs: 10) }
            let bad = try [3, 4].map { try scene.writeTeacher("bad\($0).h5", seed: $0, epochs: 10, factor: -8) }
            let told = Told(), report = try compress(scene.request([good[0]] + bad), told: told)
            let alone = fixed(report.teachers[0].validation[0].value, digits: 4)
            let ensemble = fixed(report.ensembleValidation[0].value, digits: 4)
            let start = "teacher '\(good[0])' is better than the ensemble on held-out rows by "
            let end =
                " points: \(alone), the ensemble \(ensemble). Leave weak teachers out, give it alone, or use "
                + "--teacher-weights auto"
            #expect(told.warnings.contains { $0.hasPrefix(start) && $0.hasSuffix(end) })
            let equals = Told()
            try compress(scene.request(good), told: equals)
            #expect(!equals.warnings.contains { $0.contains("better than the ensemble") })
        }
    }

    @Test func warnsOfATeacherThatMakesTheEnsembleWorse() throws {
        try withScene(DataFile(train: 300, test: 20)) { scene in
            let good = try [1, 2].map { try scene.writeTeacher("good\($0).h5", seed: $0, epochs: 10) }
            let bad = try scene.writeTeacher("bad.h5", seed: 3, epochs: 10, factor: -8)
            let told = Told()
            var request = scene.request(good + [bad])
            let report = try compress(request, told: told)
            let ensemble = report.ensembleValidation[0].value
            let best = try #require(report.teachers.map { $0.validation[0].value }.max())
            #expect(ensemble < best)
            #expect(
                told.warnings.contains { $0.hasPrefix("teacher '\(bad)' makes the ensemble worse on held-out rows: ") })
            #expect(!told.warnings.contains { $0.hasPrefix("teacher '\(good[0])'") })
            let learned = Told()
            request.teacherWeights = .learned
            let better = try compress(request, told: learned)
            #expect(better.teachers[2].weight < 0.02)
            #expect(!learned.warnings.contains { $0.contains("bad.h5' makes the ensemble") })
        }
    }
}
