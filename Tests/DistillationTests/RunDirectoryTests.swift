import Foundation
import HDF5
import Storage
import TestSupport
import Testing

@testable import Distillation

/// A run never removes or replaces what is not its own.
@Suite struct RunDirectoryTests {
    /// Every file in a folder and in those below it, with its content.
    private func snapshot(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            files[name] = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
        }
        return files
    }

    /// Tries a job that must be refused, and makes sure that nothing has changed.
    private func refusal(_ scene: Scene, _ request: CompressionRequest) throws -> String? {
        let before = try snapshot(scene.path(""))
        let text = message { try compress(request) }
        let after = try snapshot(scene.path(""))
        #expect(after == before)
        return text
    }

    @Test func refusesAFolderOfOthers() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)], run: "")
            #expect(
                try refusal(scene, request)
                    == "'\(request.runDirectory)' is no run directory, and not empty: it has 'data.h5', 'student.yaml', "
                    + "'teacher.h5'. Nothing in it was touched; name a new or empty folder with --run-directory")
            // What would be replaced is named first.
            for name in ["a.txt", "metrics.jsonl", "generation-1.h5", "configuration.yaml"] {
                try Data("mine".utf8).write(to: URL(filePath: scene.path(name)))
            }
            #expect(
                try refusal(scene, request)?.contains(
                    ": it has 'configuration.yaml', 'generation-1.h5', 'metrics.jsonl' and 4 more. ") == true)
            request.isResuming = true
            #expect(try refusal(scene, request)?.contains("is no run directory") == true)
        }
    }

    /// Under a name of its own a run has files, and no pipe or folder: these are somebody else's.
    @Test(arguments: ["metrics.jsonl", "configuration.yaml", "generation-1.h5"])
    func refusesWhatIsNoFileUnderANameOfItsOwn(name: String) throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let path = scene.path("run/\(name)")
            try? FileManager.default.removeItem(atPath: path)
            #expect(mkfifo(path, 0o600) == 0)
            #expect(
                try refusal(scene, request)?.contains("'\(path)' is not of the run whose directory that is") == true)
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(
                try refusal(scene, request)?.contains("'\(path)' is not of the run whose directory that is") == true)
        }
    }

    @Test func takesAnEmptyFolder() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try FileManager.default.createDirectory(
                atPath: scene.path("run/lost+found"), withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: scene.path("run/.hidden")))
            try compress(request)
            #expect(FileManager.default.fileExists(atPath: scene.path("run/.hidden")))
        }
    }

    @Test func refusesTheDirectoryOfAnEarlierVersion() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            try FileManager.default.removeItem(atPath: scene.path("run/run.json"))
            #expect(try refusal(scene, request)?.contains("is the run directory of an earlier version") == true)
        }
    }

    /// Any changed byte, and any missing end: it is damage, and no other run's directory. A byte of the checksum's own name
    /// alone makes it look like one of a version that wrote none.
    @Test func namesADamagedRunFile() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let url = URL(filePath: scene.path("run/run.json")), good = try Data(contentsOf: url)
            let name = try #require(good.range(of: Data("crc32c".utf8)))
            func isRead() -> Bool { (try? RunDirectory.Facts(in: request.runDirectory)) != nil }
            #expect(isRead())
            for place in good.indices where !name.contains(place) {
                var changed = good
                changed[place] ^= 1
                try changed.write(to: url)
                #expect(!isRead(), "byte \(place)")
            }
            for count in stride(from: 0, to: good.count - 2, by: 13) {
                try good.prefix(count).write(to: url)
                #expect(!isRead(), "\(count) bytes")
            }
            // A digit of a digest is no other data, and half a file is no earlier version.
            let place = try #require(good.range(of: Data("\"data\": \"".utf8))).upperBound
            var changed = good
            changed[place] = changed[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            for content in [changed, good.prefix(100), Data()] {
                try content.write(to: url)
                for isResuming in [true, false] {
                    request.isResuming = isResuming
                    #expect(
                        try refusal(scene, request)
                            == "'\(url.path)' is damaged, or not of this program, and nothing in its folder was touched. Put "
                            + "the file back from a copy, or begin anew with another --run-directory")
                }
            }
            try good.write(to: url)
            request.isResuming = true
            try compress(request)
        }
    }

    /// Somebody's own file of that name stays, too.
    @Test func refusesARunFileOfOthers() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try FileManager.default.createDirectory(atPath: request.runDirectory, withIntermediateDirectories: true)
            try Data("{\"mine\": 1}".utf8).write(to: URL(filePath: scene.path("run/run.json")))
            #expect(try refusal(scene, request)?.contains("run.json' is damaged, or not of this program") == true)
        }
    }

    @Test func saysThatTheMetricsWereShortened() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let path = scene.path("run/metrics.jsonl")
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            let kept = lines.prefix { !$0.contains("\"epoch\":2,") }.joined(separator: "\n") + "\n"
            try kept.write(toFile: path, atomically: true, encoding: .utf8)
            request.isResuming = true
            var warnings: [String] = []
            let report = try Compressor(request) { if case .warning(let text) = $0 { warnings.append(text) } }.run()
            let start = "'\(path)' was shortened or edited: of 'student' it lacks epoch"
            #expect(warnings.count { $0.hasPrefix(start) } == 1, "\(warnings)")
            #expect(report.student.path == request.output)
        }
    }

    /// What somebody put there afterwards stays, and what would be replaced is named.
    @Test(arguments: [
        "manifest.json", "metrics.jsonl", "generation-1.h5", "generation-7.h5", "student-checkpoint.h5",
        "student-checkpoint-previous.h5", "teacher-checkpoint.h5",
    ])
    func refusesFilesOfOthersUnderItsNames(name: String) throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1), request = scene.request([teacher])
            try compress(request)
            let path = scene.path("run/\(name)")
            try? FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: teacher, toPath: path)
            #expect(
                try refusal(scene, request)
                    == "'\(path)' is not of the run whose directory that is, and would be replaced; move it elsewhere, or "
                    + "choose another --run-directory")
        }
    }

    /// A disk that was full in the middle of the first line leaves no mark.
    @Test func knowsALogThatEndsInItsFirstLine() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            let log = URL(filePath: scene.path("run/metrics.jsonl"))
            try Data(Data(contentsOf: log).prefix(40)).write(to: log)
            try compress(request)
            #expect(try String(contentsOf: log, encoding: .utf8).hasSuffix("\n"))
            try Data("{\"mine\": 1".utf8).write(to: log)
            #expect(try refusal(scene, request)?.contains("metrics.jsonl' is not of the run") == true)
        }
    }

    @Test func leavesOtherFilesAlone() throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1)
            var request = scene.request([teacher])
            request.generations = 2
            try compress(request)
            let names = ["notes.txt", "generation-x.h5", "tensorboard/student/events.out.tfevents.1.mine"]
            try FileManager.default.createDirectory(
                atPath: scene.path("run/tensorboard/student"), withIntermediateDirectories: true)
            for name in names { try Data("mine".utf8).write(to: URL(filePath: scene.path("run/\(name)"))) }
            let folder = scene.path("run/tensorboard/generation-1")
            try compress(request)
            for name in names {
                #expect(FileManager.default.contents(atPath: scene.path("run/\(name)")) == Data("mine".utf8), "\(name)")
            }
            // Its own figures are replaced.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
        }
    }

    /// Born-again ensembles: the students of the generations teach the next one.
    @Test(arguments: ["path", "symbolic link", "hard link"])
    func refusesInputsThatItWouldReplace(how: String) throws {
        try withScene { scene in
            let teacher = try scene.writeTeacher("teacher.h5", seed: 1), manager = FileManager.default
            var request = scene.request([teacher])
            request.generations = 3
            try compress(request)
            func named(_ name: String) throws -> String {
                let path = scene.path("run/\(name)"),
                    link = scene.path(UUID().uuidString + "-" + (name as NSString).lastPathComponent)
                switch how {
                case "path": return path
                case "symbolic link": try manager.createSymbolicLink(atPath: link, withDestinationPath: path)
                default: try manager.linkItem(atPath: path, toPath: link)
                }
                return link
            }
            let answers = try manager.contentsOfDirectory(atPath: scene.path("run/soft-targets"))[0]
            let inputs: [(String, (inout CompressionRequest, String) -> Void)] = [
                ("generation-2.h5", { $0.teachers = [teacher, $1] }), ("generation-1.h5", { $0.student = .file($1) }),
                ("manifest.json", { $0.otherInputs = [$1] }), ("run.json", { $0.otherInputs = [$1] }),
                ("soft-targets/\(answers)", { $0.otherInputs = [$1] }),
            ]
            for (name, use) in inputs {
                var other = request
                let path = try named(name)
                use(&other, path)
                #expect(
                    try refusal(scene, other)
                        == "'\(path)' is the file '\(name)' of the run directory '\(request.runDirectory)', which a run "
                        + "replaces; copy it to another folder and name it there, or choose another --run-directory")
            }
            // They may teach a run in another directory.
            if how == "path" {
                try compress(scene.request([scene.path("run/generation-1.h5")], run: "two", output: "2.h5"))
            }
        }
    }

    @Test(arguments: [
        ("student-checkpoint.h5", "choose another name for --output"),
        ("generation-1.h5", "choose another name for --output"),
        ("soft-targets/a.h5", "choose another name for --output"),
        ("../run/generation-2.h5", "choose another name for --output"),
        ("metrics.jsonl", "has the unknown suffix '.jsonl'"), ("run.json", "has the unknown suffix '.json'"),
        ("../run/manifest.json", "has the unknown suffix '.json'"),
    ])
    func refusesAnOutputThatItWouldReplace(name: String, reason: String) throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.output = scene.path("run/\(name)")
            #expect(try refusal(scene, request)?.contains(reason) == true)
            request.output = scene.path("run/student.h5")
            try compress(request)
        }
    }

    @Test func oneModelsDirectoryIsTheSame() throws {
        try withScene { scene in
            var request = TrainingRequest(
                architecture: scene.path("student.yaml"), data: scene.path("data.h5"), output: scene.path("m.h5"),
                hyperparameters: scene.request([]).hyperparameters)
            request.runDirectory = scene.path("")
            let before = try snapshot(scene.path(""))
            #expect(message { _ = try trainModel(request) { _ in } }?.contains("is no run directory") == true)
            #expect(try snapshot(scene.path("")) == before)
            request.runDirectory = scene.path("m.run")
            _ = try trainModel(request) { _ in }
            #expect(
                message { _ = try trainModel(request) { _ in } }
                    == "'\(scene.path("m.run"))' holds this very run, stopped or finished. Go on with it with --resume, or "
                    + "begin anew with --force")
            request.replacesRun = true
            _ = try trainModel(request) { _ in }
            let path = scene.path("m.run/model-checkpoint.h5")
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: request.output, toPath: path)
            #expect(message { _ = try trainModel(request) { _ in } }?.hasPrefix("'\(path)' is not of the run") == true)
        }
    }

    /// Weights beyond the range of float16 are known when training is over, and then are not lost.
    @Test func aRunGoesOnToAnotherPrecision() throws {
        try withScene { scene in
            var request = TrainingRequest(
                architecture: scene.path("student.yaml"), data: scene.path("data.h5"), output: scene.path("m.h5"),
                hyperparameters: scene.request([]).hyperparameters)
            // Adam moves every weight by about as much in its first steps.
            request.hyperparameters.learningRate = 1e5
            request.hyperparameters.epochs = 1
            (request.runDirectory, request.precision) = (scene.path("m.run"), .float16)
            let text = message { _ = try trainModel(request) { _ in } } ?? "nothing"
            #expect(text.hasPrefix("'\(request.output)': "))
            #expect(text.contains("beyond ±65,504, the range of float16"))
            #expect(text.hasSuffix("Store the model with --precision float32"))
            #expect(!FileManager.default.fileExists(atPath: request.output))
            (request.isResuming, request.precision) = (true, .float32)
            _ = try trainModel(request) { _ in }
            request.isResuming = false
            (request.runDirectory, request.output) = (nil, scene.path("plain.h5"))
            _ = try trainModel(request) { _ in }
            let (found, wanted) = (try weights(scene.path("m.h5")), try weights(request.output))
            #expect(found == wanted)
        }
    }

    /// A run that was trained is work that nobody wants to lose; what teachers said is kept anyway.
    @Test func anEarlierRunIsNotReplacedUnasked() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            try compress(request)
            request.replacesRun = false
            let before = try snapshot(request.runDirectory), told = Told()
            #expect(
                message { try compress(request, told: told) }
                    == "'\(request.runDirectory)' holds this very run, stopped or finished. Go on with it with --resume, or "
                    + "begin anew with --force")
            request.hyperparameters.learningRate *= 2
            let rate = request.hyperparameters.learningRate
            #expect(
                message { try compress(request, told: told) }
                    == "'\(request.runDirectory)' holds a run with other options, data or models: learning-rate is \(rate), "
                    + "was \(rate / 2). Name another --run-directory, go on with that run with --resume, or replace it "
                    + "with --force")
            #expect(told.parts.isEmpty)
            #expect(try snapshot(request.runDirectory) == before)
            request.replacesRun = true
            try compress(request, told: told)
            #expect(told.parts.first?.hasPrefix("training student") == true)
        }
    }

    /// Of a run that ended before its student had a checkpoint there is nothing to lose.
    @Test func aRunWithoutACheckpointIsBegunAgain() throws {
        try withScene { scene in
            var request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            request.replacesRun = false
            let told = Told()
            #expect(throws: CancellationError.self) {
                try compress(request, told: told) { told.parts.last?.hasPrefix("predicting") == true }
            }
            try compress(request)
        }
    }

    // MARK: - Two processes

    @Test func refusesARunDirectoryOrOutputInUse() throws {
        try withScene { scene in
            let request = scene.request([try scene.writeTeacher("teacher.h5", seed: 1)])
            let (locked, told) = ("process \(ProcessInfo.processInfo.processIdentifier) on ", Told())
            var errors: [String] = []
            func also(_ run: String, _ output: String) -> String {
                message { try compress(scene.request(request.teachers, run: run, output: output)) } ?? "nothing"
            }
            _ = try Compressor(request) { event in
                if case .began = event, errors.isEmpty {
                    errors = [also("run", "2.h5"), also("two/new", "student.h5"), also("three", "3.h5")]
                }
                told.hear(event)
            }.run()
            #expect(errors.count == 3)
            #expect(errors[0].hasPrefix("the run directory '\(request.runDirectory)' is in use by \(locked)"))
            #expect(errors[1].hasPrefix("the output '\(request.output)' is in use by \(locked)"))
            #expect(errors[2] == "nothing")
            #expect(!FileManager.default.fileExists(atPath: scene.path("two")))
            try compress(request)
            let names = try FileManager.default.contentsOfDirectory(atPath: scene.path(""))
            #expect(!names.contains { $0.hasPrefix(".") })
        }
    }
}
