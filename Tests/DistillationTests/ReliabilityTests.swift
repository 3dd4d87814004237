import Foundation
import HDF5
import Storage
import TestSupport
import Testing

@testable import Distillation

/// Inputs that change, damage in the run directory, and runs that are not gone on with.
@Suite struct ReliabilityTests {
    /// Everything in a folder, with its content.
    private func snapshot(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            files[name] = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
        }
        return files
    }

    /// Adds an empty line to a file, which nobody who reads YAML or HDF5 minds.
    private func touch(_ path: String) throws {
        // Clocks of file systems tick every few milliseconds.
        Thread.sleep(forTimeInterval: 0.02)
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\n".utf8))
        try file.close()
    }

    // MARK: - Inputs that change

    private static let inputs = ["data.h5", "teacher1.h5", "teacher2.h5", "student.yaml", "more.h5"]

    /// Changed while the first teacher is asked, while the student learns, and while the test examples are looked at.
    @Test(arguments: inputs, ["predicting with teacher1", "training student", "testing teacher1"])
    func keepsNothingOfInputsThatChange(name: String, phase: String) throws {
        try withScene { scene in
            var request = scene.request(try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0) })
            request.unlabeled = scene.path("more.h5")
            try FileManager.default.copyItem(atPath: scene.path("data.h5"), toPath: scene.path("more.h5"))
            let path = scene.path(name), good = try contents(path)
            var isChanged = false
            let error = #expect(throws: InputChangedError.self) {
                try Compressor(request) { event in
                    guard !isChanged, case .began(let part, _) = event, part.hasPrefix(phase) else { return }
                    isChanged = true
                    try? self.touch(path)
                }.run()
            }
            #expect(error?.path == path)
            #expect(!FileManager.default.fileExists(atPath: request.output))
            let run = try snapshot(request.runDirectory)
            #expect(
                run.keys.contains { $0.hasPrefix("soft-targets/") && $0.hasSuffix(".h5") }
                    == (phase != "predicting with teacher1"))
            #expect(!run.keys.contains { $0.contains("partial") })
            #expect(run["student-checkpoint.h5"] == nil || phase == "testing teacher1")
            // With the file as it was, the run goes on to the bits of one that was not disturbed.
            try good.write(to: URL(filePath: path))
            request.isResuming = true
            try compress(request)
            var whole = scene.request(request.teachers, run: "whole", output: "whole.h5")
            whole.unlabeled = request.unlabeled
            try compress(whole)
            let (found, wanted) = (try weights(request.output), try weights(whole.output))
            #expect(found == wanted)
        }
    }

    @Test func oneModelIsNotWrittenOfDataThatChanged() throws {
        try withScene { scene in
            var request = TrainingRequest(
                architecture: scene.path("student.yaml"), data: scene.path("data.h5"), output: scene.path("m.h5"),
                hyperparameters: scene.request([]).hyperparameters)
            request.runDirectory = scene.path("m.run")
            let error = #expect(throws: InputChangedError.self) {
                _ = try trainModel(request) { event in
                    if case .began = event { try? self.touch(request.data) }
                }
            }
            #expect(error?.path == request.data)
            #expect(!FileManager.default.fileExists(atPath: request.output))
            #expect(!FileManager.default.fileExists(atPath: scene.path("m.run/model-checkpoint.h5")))
        }
    }

    // MARK: - Runs that are not gone on with

    /// Before any teacher runs, and before anything is written.
    @Test func aRefusedResumeChangesNothing() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            var request = scene.request([teacher])
            try compress(request)
            request.isResuming = true
            let good = try contents(request.data)
            func refuse(_ changed: CompressionRequest, _ difference: String) throws {
                let before = try snapshot(request.runDirectory), told = Told()
                let text = message { try compress(changed, told: told) }
                #expect(
                    text
                        == "'\(request.runDirectory)' belongs to a run with other options, data or teachers: \(difference). "
                        + "Resume with those that the run was started with, or choose another --run-directory")
                #expect(told.parts.isEmpty)
                let after = try snapshot(request.runDirectory)
                #expect(after == before)
            }
            try touch(request.data)
            try refuse(request, "data changed")
            try good.write(to: URL(filePath: request.data))
            var other = request
            other.softTargets = .float16
            try refuse(other, "soft-targets is float16, was float32")
            other = request
            other.hyperparameters.epochs = 7
            try refuse(other, "epochs is 7, was 3")
            other = request
            other.teachers = [try scene.writeTeacher("teacher2.h5", seed: 2)]
            try refuse(other, "teachers changed")
            let told = Told()
            try compress(request, told: told)
            #expect(!told.parts.contains { $0.hasPrefix("predicting") })
        }
    }

    /// What teachers said of other data is not replaced by a run that begins anew, either.
    @Test func answersToTheOldDataAreThereAgain() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let good = try contents(request.data)
            try touch(request.data)
            let other = Told(), again = Told()
            try compress(request, told: other)
            #expect(other.parts.contains { $0.hasPrefix("predicting") })
            try good.write(to: URL(filePath: request.data))
            try compress(request, told: again)
            #expect(again.parts == ["training student: 216"])
        }
    }

    // MARK: - Damage

    /// Named and made anew, and the student has the bits of a run without damage.
    @Test(arguments: [SoftTargetForm.float32, .float16, .top(2)])
    func makesDamagedSoftTargetsAnew(form: SoftTargetForm) throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.softTargets = form
            try compress(request)
            let wanted = try weights(request.output), folder = "\(request.runDirectory)/soft-targets"
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(names.count == 3)
            for name in names {
                let path = "\(folder)/\(name)", good = try contents(path)
                var bad = good
                bad[bad.count / 2] ^= 16
                try bad.write(to: URL(filePath: path))
                let told = Told()
                try compress(request, told: told)
                #expect(
                    told.warnings.filter { $0.contains("damaged") } == [
                        "'\(path)' is damaged: '\(request.teachers[0])' makes its predictions anew"
                    ])
                #expect(try contents(path) == good)
                #expect(try weights(request.output) == wanted)
            }
        }
    }
}
