import Distillation
import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing

/// What cannot work is refused, before anything expensive, in words that help.
@Suite struct CompressorRefusalTests {
    /// The teachers do not exist: nobody may have looked for them.
    @Test func refusesAStudentOverTheBudgetBeforeAnyTeacherIsOpened() throws {
        try withScene { scene in
            var request = scene.request([scene.path("absent1.h5"), scene.path("absent2.h5")])
            request.budget = ByteCount(1500)
            let size = try scene.studentSize(request)
            let text = message { _ = try Compressor(request) { _ in } }
            // 224 + 108 bytes of weights that are learned have 16 bits at least.
            let least = grouped(size.bytes - (224 + 64 + 108) / 2)
            #expect(
                text
                    == "the student takes \(size), \(grouped(size.bytes - 1500)) bytes over the budget of 1,500 bytes. "
                    + "Largest layers: hidden (224 bytes), normalization (128 bytes), answer (108 bytes). "
                    + "With any --precision it takes \(least) bytes or more: choose a smaller --student, or raise --budget."
            )
            #expect(!FileManager.default.fileExists(atPath: scene.path("run")))
        }
    }

    @Test func saysWhichWidthWouldFit() throws {
        try withScene { scene in
            var scene = scene
            scene.student = """
                name: tiny
                input: [6]
                layers:
                  - Dense: {units: 64*width, activation: relu}
                    name: hidden
                  - Dense: {units: classes, activation: softmax}
                    name: answer
                """
            try scene.writeStudent()
            var request = scene.request(["absent.h5"])
            request.width = 10
            request.budget = ByteCount(6000)
            let error = #expect(throws: BudgetError.self) { _ = try Compressor(request) { _ in } }
            let width = try #require(error?.fittingWidth)
            let word = width == width.rounded() ? "\(Int(width))" : "\(width)"
            #expect(error?.description.hasSuffix(" --width \(word) or --precision auto would fit.") == true)
            // It fits, and the next wider one does not.
            func size(_ width: Double) throws -> Int {
                try ExportPlan(
                    ArchitectureFile(reading: scene.path("student.yaml"))
                        .architecture(classes: 3, input: [6], width: width).graph(),
                    notes: scene.notes(request)
                ).size.file.bytes
            }
            let (fits, wider) = (try size(width), try size(width + 1 / 64.0))
            #expect(fits <= 6000 && wider > 6000)
            request.width = nil
            request.teachers = [try scene.writeTeacher("teacher.h5", seed: 1)]
            _ = try Compressor(request) { _ in }
            (request.width, request.precision) = (10, .automatic)
            _ = try Compressor(request) { _ in }
        }
    }

    @Test func refusesMoreMultiplyAddsThanAllowed() throws {
        try withScene { scene in
            var scene = scene
            scene.student = """
                input: [6]
                layers:
                  - Dense: {units: 64*width, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            try scene.writeStudent()
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            // (6 + 3) · 64 at width 1.
            request.mostMultiplyAdds = 575
            let told = Told()
            _ = try compress(request, told: told)
            #expect(told.messages.first?.contains(", width 0.984375, ") == true)
            #expect(told.messages.first?.contains(" 567 multiply-adds, ") == true)
            request.width = 1
            let error = #expect(throws: MultiplyAddsError.self) { _ = try Compressor(request) { _ in } }
            #expect(
                error?.description
                    == "the student takes 576 multiply-adds for one example, more than the 575 of --max-multiply-adds. "
                    + "--width 0.984375 would fit.")
            request.width = nil
            request.mostMultiplyAdds = 8
            #expect(throws: MultiplyAddsError.self) { _ = try Compressor(request) { _ in } }
        }
    }

    /// What the narrowest takes, what of that is no weights, and a budget that it fits into.
    @Test func saysWhatTheSmallestStudentTakes() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.student = .named("mlp")
            request.budget = ByteCount(2_000)
            let error = try #require(#expect(throws: BudgetError.self) { _ = try Compressor(request) { _ in } })
            let size = error.size, name = try #require(error.smallest)
            #expect(size.weights.bytes + size.overhead.bytes == size.file.bytes)
            #expect(
                error.description
                    == "the narrowest '\(name)' takes \(size.file), "
                    + "\(ByteCount(size.file.bytes - 2_000)) over the budget of 2,000 bytes: \(size.weights) of weights, and "
                    + "\(size.overhead) that any file needs for names, shapes and the architecture. Give it a --budget of "
                    + "\(size.file.bytes)B, or choose a smaller --student.")
            request.budget = size.file
            _ = try Compressor(request) { _ in }
            request.budget = ByteCount(size.file.bytes - 1)
            #expect(throws: BudgetError.self) { _ = try Compressor(request) { _ in } }
        }
    }

    @Test func acceptsAStudentOfExactlyTheBudget() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.budget = try scene.studentSize(request)
            let report = try compress(request)
            #expect(report.student.bytes == request.budget)
            request.budget = ByteCount(request.budget.bytes - 1)
            #expect(throws: BudgetError.self) { try compress(request) }
        }
    }

    /// Compares the whole message, and sees that a file with the output's name is untouched.
    private func expectRefusal(
        _ expected: (Scene) -> String, _ scene: Scene, _ request: CompressionRequest,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try Data("precious".utf8).write(to: URL(filePath: request.output))
        let text = message { try compress(request) }
        #expect(text == expected(scene), sourceLocation: sourceLocation)
        let kept = try contents(request.output)
        #expect(kept == Data("precious".utf8), sourceLocation: sourceLocation)
        let folder = URL(filePath: request.output).deletingLastPathComponent().path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        #expect(!names.contains { $0.hasSuffix(".partial") }, sourceLocation: sourceLocation)
    }

    @Test func refusesMissingTeachers() throws {
        try withScene { scene in
            let good = try scene.writeTeacher("good.h5", seed: 1)
            try expectRefusal(
                { "could not open '\($0.path("absent.h5"))': there is no such file" }, scene,
                scene.request([good, scene.path("absent.h5")]))
        }
    }

    @Test func refusesTeachersOfOtherClasses() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, classes: 4)
            try expectRefusal(
                {
                    "'\(teacher)': has 4 classes, but '\($0.path("data.h5"))' has 3; the labels must be those that the "
                        + "teacher was trained with"
                }, scene, scene.request([teacher]))
        }
    }

    @Test func refusesTeachersOfOtherInputs() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher(
                "teacher.h5", seed: 1, text: Scene.teacher.replacing("[6]", with: "[7]"))
            try expectRefusal(
                {
                    "'\(teacher)': takes 'input' (7), but '\($0.path("data.h5"))' has x (6); "
                        + "set how they fit with --teacher-input teacher=…"
                }, scene, scene.request([teacher]))
        }
    }

    /// Everything that is wrong with any of them, in one go.
    @Test func saysWhatIsWrongWithAllTeachers() throws {
        try withScene { scene in
            let good = try scene.writeTeacher("good.h5", seed: 1)
            let other = try scene.writeTeacher(
                "other.h5", seed: 1, text: Scene.teacher.replacing("[6]", with: "[7]"), classes: 4)
            try expectRefusal(
                {
                    let data = $0.path("data.h5")
                    return "2 teachers do not fit:\n"
                        + "'\(other)': 2 problems: takes 'input' (7), but '\(data)' has x (6); "
                        + "set how they fit with --teacher-input other=…; "
                        + "has 4 classes, but '\(data)' has 3; "
                        + "the labels must be those that the teacher was trained with\n"
                        + "could not open '\($0.path("absent.h5"))': there is no such file"
                }, scene, scene.request([good, other, scene.path("absent.h5")]))
        }
    }

    /// Without names in the data nobody knows which of them is right.
    @Test func refusesTeachersThatNameClassesInOtherOrders() throws {
        try withTemporaryFolder { folder in
            let scene = try Scene(folder), data = scene.path("bare.h5")
            let file = try HDF5File(creating: data)
            for split in ["train", "test"] {
                try file.root.createDataset("\(split)/x", [Float](repeating: 0.5, count: 30), shape: [5, 6])
                try file.root.createDataset("\(split)/y", [0, 1, 2, 0, 1], shape: [5], type: .int64)
            }
            try file.close()
            let first = try scene.writeTeacher("first.h5", seed: 1, names: ["a", "b", "c"])
            let second = try scene.writeTeacher("second.h5", seed: 2, names: ["a", "c", "b"])
            var request = scene.request([first, second])
            request.data = data
            #expect(
                message { try compress(request) }
                    == "'\(second)': names other classes, or the same in another order, than '\(first)'. Which order the "
                    + "labels have is not known: write the names into the attribute 'classes' of '\(data)'")
        }
    }

    @Test func refusesStudentsOfOtherInputs() throws {
        try withScene { scene in
            var scene = scene
            scene.student = scene.student.replacing("[6]", with: "[7]")
            try scene.writeStudent()
            #expect(
                message { _ = try Compressor(scene.request(["absent.h5"])) { _ in } }?
                    .hasPrefix("'\(scene.path("student.yaml"))': ") == true)
        }
    }

    @Test func refusesStudentsWithoutTheRightHead() throws {
        try withScene { scene in
            var scene = scene
            scene.student = scene.student.replacing("softmax", with: "relu")
            try scene.writeStudent()
            let text = message { _ = try Compressor(scene.request(["absent.h5"])) { _ in } }
            #expect(
                text == "'\(scene.path("student.yaml"))': must end in softmax, since the labels are multiclass")
        }
    }

    @Test func refusesDataWithNaN() throws {
        var data = DataFile(train: 40, test: 10)
        data.change = { split, x in if split == "train" { x[6 * 33 + 2] = .nan } }
        try withScene(data) { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            try expectRefusal(
                {
                    "'train/x' in '\($0.path("data.h5"))': expected finite float32 numbers, found nan in row 33, "
                        + "element 2. Remove or repair that example."
                }, scene, scene.request([teacher]))
        }
    }

    @Test func refusesTeachersThatPredictNaN() throws {
        var data = DataFile(train: 40, test: 10)
        data.change = { split, x in if split == "train" { x[6 * 33 + 2] = 3e38 } }
        try withScene(data) { scene in
            let text = Scene.teacher.replacing("layers:", with: "layers:\n  - Rescaling: {scale: 10}")
                .replacing("tanh", with: "relu")
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1, text: text)
            try expectRefusal(
                { _ in
                    "'\(teacher)': predicts NaN or infinite numbers for examples of 'train'. "
                        + "Check that the data has the range that the teacher was trained with"
                }, scene, scene.request([teacher]))
        }
    }

    @Test func leavesNoStudentWhenInterruptedWhileTeaching() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            #expect(throws: CancellationError.self) { try compress(request) { true } }
            #expect(!FileManager.default.fileExists(atPath: request.output))
        }
    }
}
