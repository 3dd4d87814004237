import Foundation
import HDF5
import ModelFiles
import Testing

@Suite struct DistillTests {
    static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    /// Lends a folder with two teachers, data, and a student's architecture.
    private func withTeachers(train: Int = 60, _ body: (URL, _ arguments: [String]) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"), train: train)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            let arguments = [
                "--teachers", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--student", "tiny.yaml", "--output",
                "s.h5", "--epochs", "2", "--batch-size", "16", "--threads", "2",
            ]
            try body(folder, arguments)
        }
    }

    @Test func saysHowToGoOnWhenTheDiskIsFull() throws {
        try withTeachers { folder, arguments in
            #expect(try Program.run(arguments + ["--budget", "60kB"], in: folder).code == 0)
            let student = try Data(contentsOf: folder.appending(path: "s.h5"))
            // No file may grow beyond a block of 512 bytes; to a program that is a full disk.
            let full = try Program.shell("ulimit -f 1; \"$compress\" --resume s.run --quiet", in: folder)
            #expect(full.code == 74)
            #expect(full.errors.contains("(File too large). Then go on with: compress --resume 's.run'"))
            #expect(try Data(contentsOf: folder.appending(path: "s.h5")) == student)
            #expect(try Program.run("--resume", "s.run", in: folder).code == 0)
            #expect(try Data(contentsOf: folder.appending(path: "s.h5")) == student)
        }
    }

    /// Without test examples a share of train is for testing, the same in every command.
    @Test func testsWithAShareOfTrain() throws {
        try withTeachers { folder, arguments in
            try FileManager.default.removeItem(at: folder.appending(path: "d.h5"))
            try writeDigits(to: folder.appending(path: "d.h5"), train: 100, test: 0)
            let arguments = arguments + ["--budget", "60kB", "--quiet"]
            let none = try Program.run(arguments, in: folder)
            #expect(none.code == 65)
            #expect(none.errors.contains("Without test examples, --test 0.1 takes a share of train."), "\(none.errors)")
            let run = try Program.run(arguments + ["--test", "0.2", "--json"], in: folder), report = try run.json()
            #expect(run.code == 0, "\(run.errors)")
            let evaluation = try Program.run(
                "evaluate", "s.h5", "digits.h5", "--data", "d.h5", "--test", "0.2", "--json", in: folder)
            let models = try evaluation.json()["models"]
            #expect(models?[0]?["accuracy"]?.number == report["student"]?["accuracy"]?.number)
            #expect(models?[1]?["accuracy"]?.number == report["teachers"]?[0]?["accuracy"]?.number)
            #expect(models?[0]?["accuracy"]?.number != nil)
            // Twenty examples, two of each class.
            #expect(report["student"]?["errors"]?.number.map { $0 <= 20 } == true)
            #expect(try Program.run("--resume", "s.run", "--quiet", in: folder).code == 0)
            let other = try Program.run("--resume", "s.run", "--test", "0.3", "--quiet", in: folder)
            #expect(other.code == 64 && other.errors.contains("test is 0.3, was 0.2"), "\(other.errors)")
        }
    }

    @Test func fitsTheBudget() throws {
        try withTeachers { folder, arguments in
            let run = try Program.run(arguments + ["--budget", "60kB", "--json", "--quiet"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.isEmpty)
            let json = try run.json()
            #expect(
                json.object?.keys == [
                    "teachers", "ensemble", "student", "baseline", "gain_kept", "warnings", "advice", "budget",
                    "seconds",
                    "peak_memory_bytes",
                ])
            #expect(json["teachers"]?.array?.count == 2)
            #expect(
                json["teachers"]?[0]?.object?.keys == [
                    "path", "parameters", "bytes", "accuracy", "weight", "validation", "errors", "interval",
                ])
            #expect(
                json["ensemble"]?.object?.keys == [
                    "bytes", "weights_bytes", "accuracy", "validation", "errors", "interval", "weight_choice",
                ])
            #expect(
                json["student"]?.object?.keys == [
                    "path", "parameters", "bytes", "predicted_bytes", "weights_bytes", "accuracy", "precision",
                    "bits_per_weight", "loaded_bytes", "stages", "agreement",
                    "validation", "errors", "interval", "differences",
                ])
            #expect(json["student"]?["differences"]?.object?.keys == ["ensemble", "baseline", "baseline_best"])
            #expect(
                json["student"]?["differences"]?["baseline"]?["accuracy"]?.object?.keys == [
                    "value", "interval", "within_noise",
                ])
            #expect(json["baseline"]?.object?.keys == ["accuracy", "validation", "errors", "interval", "best"])
            #expect(
                json["baseline"]?["best"]?.object?.keys == ["epoch", "accuracy", "validation", "errors", "interval"])
            #expect(json["seconds"]?.object?.keys == ["load", "teach", "train", "evaluate", "export", "total"])
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.appending(path: "s.h5").path)
            let size = try #require(attributes[.size] as? Int)
            #expect(size <= 60_000)
            #expect(json["student"]?["bytes"] == .integer(size))
            #expect(json["budget"] == ["limit": .integer(60_000), "used": .integer(size), "fits": true])
            #expect(
                try names(in: folder) == ["d.h5", "digits-k2.h5", "digits.h5", "s.h5", "s.run", "tiny.yaml"])
            let again = try Program.run("evaluate", "s.h5", "--data", "d.h5", "--json", in: folder)
            #expect(try again.json()["models"]?[0]?["accuracy"] == json["student"]?["accuracy"])
        }
    }

    @Test func runsSeveralSeeds() throws {
        try withTeachers { folder, arguments in
            let all = arguments + ["--budget", "60kB", "--seeds", "2", "--seed", "3"]
            let run = try Program.run(all + ["--json", "--quiet"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let seeds = try run.json()["seeds"]
            #expect(seeds?.object?.keys == ["written", "student", "baseline", "baseline_best", "runs"])
            #expect(seeds?["runs"]?.array?.map { $0["seed"] } == [.integer(3), .integer(4)])
            #expect(seeds?["student"]?["accuracy"]?.object?.keys == ["mean", "standard_error"])
            let refused = try Program.run(all + ["--generations", "2"], in: folder)
            #expect(refused.code == 64)
            #expect(
                refused.errors.hasPrefix(
                    "error: --seeds and --generations do not go together: leave one of them out\n"), "\(refused.errors)"
            )
        }
    }

    @Test func printsATable() throws {
        try withTeachers { folder, arguments in
            let run = try Program.run(["distill"] + arguments + ["--budget", "60kB"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            for word in ["teacher", "ensemble", "student", "fits the budget of 60,000 bytes: "] {
                #expect(run.output.contains(word))
            }
            #expect(run.errors.contains("loss: "))
            #expect(!run.errors.contains("\u{1B}"))
        }
    }

    @Test func refusesAStudentOverTheBudget() throws {
        try withTeachers { folder, arguments in
            let before = try names(in: folder)
            let run = try Program.run(
                arguments + ["--budget", "10kB", "--width", "4", "--precision", "float32"], in: folder)
            #expect(run.code == 1)
            #expect(run.output.isEmpty)
            #expect(run.errors.hasPrefix("error: the student takes "))
            #expect(run.errors.contains(" over the budget of 10,000 bytes. Largest layers: "))
            #expect(try names(in: folder) == before)
        }
    }

    @Test func refusesBadTeachers() throws {
        try withTeachers { folder, arguments in
            try Data("no model".utf8).write(to: folder.appending(path: "bad.h5"))
            for (teacher, code) in [("bad.h5", Int32(65)), ("none.h5", 66), ("d.h5", 65)] {
                var arguments = arguments
                arguments[2] = teacher
                let run = try Program.run(arguments + ["--budget", "60kB", "--json"], in: folder)
                #expect(run.code == code)
                #expect(try run.json()["error"]?["code"] == .integer(Int(code)))
                #expect(run.errors.hasPrefix("error: "))
                #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "s.h5").path))
            }
        }
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 143)] as [(Int32, Int32)])
    func stopsAndGoesOn(signal: Int32, code: Int32) throws {
        try withTeachers(train: 200) { folder, arguments in
            let all = arguments + ["--budget", "60kB", "--seed", "3", "--epochs", "150"]
            let started = try Program.start(all, in: folder)
            waitForFile(folder.appending(path: "s.run/student-checkpoint.h5"), from: started)
            kill(started.process.processIdentifier, signal)
            let run = try Program.finish(started)
            #expect(run.code == code, "\(run.errors)")
            #expect(run.errors.hasSuffix("\nerror: stopped; go on with: compress --resume 's.run'\n"), "\(run.errors)")
            #expect(try !names(in: folder).contains("s.h5"))
            let other = try Program.run("--resume", "s.run", "--learning-rate", "0.5", in: folder)
            #expect(other.code == 64, "\(other.errors)")
            #expect(other.errors.contains("belongs to a run with other options"))
            let resumed = try Program.run("--resume", "s.run", "--quiet", in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
            let whole = try Program.run(
                all.map { $0 == "s.h5" ? "whole.h5" : $0 } + ["--threads", "1", "--quiet"], in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            let (a, b) = (folder.appending(path: "s.h5"), folder.appending(path: "whole.h5"))
            #expect(try Data(contentsOf: a) == Data(contentsOf: b), "a resumed run gives other bytes")
        }
    }

    @Test func stopsAndGoesOnWithOneModel() throws {
        try withTeachers(train: 200) { folder, _ in
            func arguments(_ output: String, _ more: String...) -> [String] {
                [
                    "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", output, "--batch-size", "16",
                    "--epochs", "300", "--augment", "noise:0.1", "--ema-momentum", "0.9",
                ] + more
            }
            let started = try Program.start(arguments("s.h5", "--run-directory", "s.run"), in: folder)
            waitForFile(folder.appending(path: "s.run/model-checkpoint.h5"), from: started)
            kill(started.process.processIdentifier, SIGINT)
            let run = try Program.finish(started)
            #expect(run.code == 130, "\(run.errors)")
            #expect(
                run.errors.hasSuffix("\nerror: stopped; go on with the same command, and --resume 's.run'\n"),
                "\(run.errors)")
            for more in [["--learning-rate", "0.5"], ["--augment", "none"], ["--width", "2"]] {
                let other = try Program.run(arguments("s.h5", "--resume", "s.run") + more, in: folder)
                #expect(other.code == 64, "\(other.errors)")
                #expect(other.errors.contains("belongs to a run with other options"))
            }
            #expect(try !names(in: folder).contains("s.h5"))
            let resumed = try Program.run(arguments("s.h5", "--resume", "s.run"), in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
            let epochs = try String(contentsOf: folder.appending(path: "s.run/metrics.jsonl"), encoding: .utf8)
                .matches(of: /"epoch": ?(\d+)/).compactMap { Int($0.1) }
            #expect(epochs == Array(1...300))
            let whole = try Program.run(arguments("whole.h5", "--threads", "1"), in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            let (a, b) = (folder.appending(path: "s.h5"), folder.appending(path: "whole.h5"))
            #expect(try Data(contentsOf: a) == Data(contentsOf: b), "a resumed run gives other bytes")

            // The same line begins and goes on.
            let first = try Program.run(arguments("n.h5", "--resume", "new.run"), in: folder)
            #expect(first.code == 0)
            #expect(first.errors.hasPrefix("'new.run' has no run to go on with: one begins\n"), "\(first.errors)")
            #expect(try Data(contentsOf: a) == Data(contentsOf: folder.appending(path: "n.h5")))
            let again = try Program.run(arguments("n.h5", "--resume", "new.run"), in: folder)
            #expect(again.code == 0 && !again.errors.contains("one begins"), "\(again.errors)")
        }
    }

    /// A handler on a thread that computes would destroy what oneDNN keeps below the stack pointer.
    @Test func interruptsNoThread() throws {
        try withTeachers(train: 200) { folder, arguments in
            let started = try Program.start(arguments + ["--budget", "60kB", "--epochs", "2000"], in: folder)
            waitForFile(folder.appending(path: "s.run/student-checkpoint.h5"), from: started)
            let tasks = "/proc/\(started.process.processIdentifier)/task"
            let blocked = try FileManager.default.contentsOfDirectory(atPath: tasks).map { task in
                let status = try String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)
                let mask = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }?.split(separator: "\t").last
                return try #require(mask.flatMap { UInt64($0, radix: 16) })
            }
            kill(started.process.processIdentifier, SIGTERM)
            #expect(try Program.finish(started).code == 143)
            #expect(blocked.count > 2)
            let wanted = UInt64(1) << (SIGINT - 1) | UInt64(1) << (SIGTERM - 1) | UInt64(1) << (SIGHUP - 1)
            // The system shows the thread that waits for them as one that does not block them.
            #expect(blocked.count { $0 & wanted != wanted } == 1)
        }
    }

    private func waitForFile(_ url: URL, from started: Program.Started) {
        let deadline = Date(timeIntervalSinceNow: 60)
        while !FileManager.default.fileExists(atPath: url.path), Date() < deadline, started.process.isRunning {
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    @Test func needsTheDirectoryOfAStoppedRun() throws {
        try withFolder { folder in
            let run = try Program.run("--resume", "s.run", in: folder)
            #expect(run.code == 66)
            #expect(
                run.errors == """
                    error: 's.run': expected the directory of a stopped run, found no readable 'configuration.yaml' in it

                    """)
        }
    }
}

@Suite struct TrainTests {
    @Test func trainsOneModel() throws {
        try withFolder { folder in
            try writeDigits(to: folder.appending(path: "d.h5"))
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run(
                "train", "--architecture", "digits.h5", "--data", "d.h5", "--output", "m.h5", "--epochs", "2", "--json",
                "--quiet", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.isEmpty)
            #expect(try run.json().object?.keys == ["path", "parameters", "bytes", "accuracy", "seconds"])
            #expect(try names(in: folder) == ["d.h5", "digits.h5", "m.h5"])
            let inspected = try Program.run("inspect", "m.h5", "--json", in: folder)
            #expect(try inspected.json()["models"]?[0]?["parameters"] == run.json()["parameters"])
            #expect(try inspected.json()["models"]?[0]?["bytes"] == run.json()["bytes"])
        }
    }

    @Test func keepsMetricsWhereItIsTold() throws {
        try withFolder { folder in
            try writeDigits(to: folder.appending(path: "d.h5"))
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run(
                "train", "--architecture", "digits.h5", "--data", "d.h5", "--output", "m.h5", "--epochs", "2",
                "--run-directory", "m.run", "--quiet", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let text = try String(contentsOf: folder.appending(path: "m.run/metrics.jsonl"), encoding: .utf8)
            #expect(text.split(separator: "\n").count { $0.contains("\"epoch\":") } == 2)
        }
    }

    @Test func refusesAnArchitectureWithMistakes() throws {
        try withFolder { folder in
            try writeDigits(to: folder.appending(path: "d.h5"))
            let text = """
                name: wrong
                input: [12, 12]
                layers:
                  - Flatten: {}
                  - Dens: {units: classes}
                """
            try text.write(to: folder.appending(path: "a.yaml"), atomically: true, encoding: .utf8)
            let run = try Program.run(
                "train", "--architecture", "a.yaml", "--data", "d.h5", "--output", "m.h5", in: folder)
            #expect(run.code == 65)
            #expect(run.errors.hasPrefix("error: 'a.yaml': line 5, layer "), "\(run.errors)")
            #expect(try names(in: folder) == ["a.yaml", "d.h5"])
        }
    }
}
