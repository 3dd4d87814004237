import Foundation
import HDF5
import ModelFiles
import Testing

/// What happens where the system has not enough, and where others do something at the same time.
@Suite struct ReliabilityTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    /// Lends a folder with a teacher, data, and a student's architecture.
    func withJob(_ body: (URL, _ arguments: [String]) throws -> Void) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), train: 200)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            let arguments = [
                "--teachers", "digits.h5", "--data", "d.h5", "--student", "tiny.yaml", "--output", "s.h5", "--epochs",
                "2",
                "--batch-size", "16", "--threads", "2", "--budget", "60kB", "--precision", "float32",
            ]
            try body(folder, arguments)
        }
    }

    func start(_ arguments: [String], in folder: URL, until name: String) throws -> Program.Started {
        let started = try Program.start(arguments, in: folder), deadline = Date(timeIntervalSinceNow: 60)
        while !FileManager.default.fileExists(atPath: folder.appending(path: name).path), Date() < deadline,
            started.process.isRunning
        {
            Thread.sleep(forTimeInterval: 0.02)
        }
        return started
    }

    // MARK: - Memory and threads

    /// Whoever asks how much memory a job needs is told, also where there is not so much.
    @Test func plansWhatNeedsMoreMemoryThanThereIs() throws {
        try withJob { folder, arguments in
            let huge = arguments.map { $0 == "60kB" ? "1TB" : $0 }
            let plan = try Program.run(huge + ["--dry-run"], in: folder)
            #expect(plan.code == 0, "\(plan.errors)")
            #expect(plan.output.contains("\nit would be refused: this needs about "), "\(plan.output)")
            #expect(plan.output.hasSuffix("nothing was written\n"))
            let json = try Program.run(huge + ["--dry-run", "--json"], in: folder).json()
            #expect(json["seconds"]?["train"] == .null)
            #expect(json["memory_problem"]?.string?.contains("of memory, and ") == true)
            let run = try Program.run(huge, in: folder)
            #expect(run.code == 69)
            #expect(run.errors.hasPrefix("error: this needs about "), "\(run.errors)")
            // 38 GB, with gradient and moments.
            guard ProcessInfo.processInfo.physicalMemory < 32_000_000_000 else { return }
            let model = try Program.run(
                "train", "--architecture", "tiny.yaml", "--width", "2e6", "--data", "d.h5", "--output", "m.h5",
                "--run-directory", "m.run", in: folder)
            #expect(model.code == 69, "\(model.errors)")
            #expect(try names(in: folder) == ["d.h5", "digits.h5", "tiny.yaml"])
        }
    }

    @Test func refusesThreadsWithoutEnd() throws {
        try withJob { folder, arguments in
            let run = try Program.run(arguments + ["--threads", "70000"], in: folder)
            #expect(run.code == 64)
            #expect(run.errors.contains("threads, found 70000; this machine has "), "\(run.errors)")
        }
    }

    /// Little address space: an answer, no hang and no crash. In between the plan fits, and what the Swift runtime takes beside
    /// it may not, which ends the program where it is.
    @Test(arguments: [200_000, 600_000, 1_000_000], [1, 200])
    func endsWhereTheShellLimitsMemory(kibibytes: Int, threads: Int) throws {
        try withJob { folder, arguments in
            let words = (arguments + ["--threads", "\(threads)"]).joined(separator: " ")
            let run = try Program.shell("ulimit -v \(kibibytes); exec $compress \(words)", in: folder)
            #expect([0, 69].contains(run.code), "\(run.code): \(run.errors.suffix(2000))")
        }
    }

    /// A good file is not called damaged because the program may open no more files.
    @Test(arguments: [6, 8, 10, 12, 16, 20])
    func callsNoGoodFileDamaged(descriptors: Int) throws {
        try withJob { folder, arguments in
            let run = try Program.shell(
                "ulimit -n \(descriptors); exec $compress \(arguments.joined(separator: " "))", in: folder)
            #expect(!run.errors.contains("damaged"), "\(run.errors)")
            #expect([0, 73, 74].contains(run.code), "\(run.code): \(run.errors)")
        }
    }

    // MARK: - Two processes

    @Test func refusesARunDirectoryInUse() throws {
        try withJob { folder, arguments in
            let long = arguments + ["--epochs", "1000"]
            let started = try start(long, in: folder, until: "s.run/student-checkpoint.h5")
            let id = started.process.processIdentifier
            let same = try Program.run(long, in: folder)
            #expect(same.code == 73)
            #expect(
                same.errors.hasPrefix("error: the run directory 's.run' is in use by process \(id) on "),
                "\(same.errors)")
            let resumed = try Program.run("--resume", "s.run", in: folder)
            #expect(resumed.code == 73, "\(resumed.errors)")
            let output = try Program.run(long + ["--run-directory", "other.run"], in: folder)
            #expect(output.code == 73)
            #expect(
                output.errors.hasPrefix("error: the output 's.h5' is in use by process \(id) on "), "\(output.errors)")
            kill(id, SIGTERM)
            #expect(try Program.finish(started).code == 143)
            // The lock ends with the process, and with one that is killed, too.
            let again = try start(["--resume", "s.run"], in: folder, until: ".s.h5.compress-lock")
            kill(again.process.processIdentifier, SIGKILL)
            again.process.waitUntilExit()
            let last = try Program.run(["--resume", "s.run", "--epochs", "1000", "--quiet"], in: folder)
            #expect(last.code == 0, "\(last.errors)")
            #expect(try names(in: folder).filter { $0.contains("lock") || $0.contains("partial") }.isEmpty)
        }
    }

    // MARK: - Inputs and soft targets that change

    @Test func saysWhichInputChanged() throws {
        try withJob { folder, arguments in
            let started = try start(arguments + ["--epochs", "3000"], in: folder, until: "s.run/student-checkpoint.h5")
            try FileHandle(forWritingTo: folder.appending(path: "d.h5")).truncate(atOffset: 1000)
            let run = try Program.finish(started)
            #expect(run.code == 74)
            #expect(run.errors.contains("error: 'd.h5': the file changed while it was read"), "\(run.errors)")
            #expect(try !names(in: folder).contains("s.h5"))
        }
    }

    /// A page that is not there any more is a signal, which must become a message.
    @Test func saysWhichSoftTargetsWereCut() throws {
        try withJob { folder, arguments in
            let started = try start(
                arguments + ["--epochs", "100000"], in: folder, until: "s.run/student-checkpoint.h5")
            let store = folder.appending(path: "s.run/soft-targets")
            let name = try #require(try names(in: store).first { $0.hasSuffix("-train-0.h5") })
            try FileHandle(forWritingTo: store.appending(path: name)).truncate(atOffset: 0)
            let run = try Program.finish(started)
            #expect(run.code == 74, "\(run.errors.suffix(500))")
            #expect(
                run.errors.hasSuffix(
                    "error: 's.run/soft-targets/\(name)': the file was cut short, or the disk failed, while it was read. Go "
                        + "on with --resume: what is damaged is made anew\n"), "\(run.errors.suffix(500))")
        }
    }

    @Test(arguments: ["evaluate", "predict"])
    func measuresNothingThatChanges(command: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), train: 10, test: 200_000)
            let arguments =
                command == "evaluate"
                ? ["evaluate", "digits.h5", "--data", "d.h5"]
                : ["predict", "digits.h5", "--inputs", "d.h5:test/x", "--output", "p.h5"]
            let data = folder.appending(path: "d.h5").path, started = try Program.start(arguments, in: folder)
            // What is open has been looked at.
            let files = "/proc/\(started.process.processIdentifier)/fd", manager = FileManager.default
            func isOpen() -> Bool {
                ((try? manager.contentsOfDirectory(atPath: files)) ?? []).contains {
                    (try? manager.destinationOfSymbolicLink(atPath: "\(files)/\($0)")) == data
                }
            }
            while started.process.isRunning, !isOpen() { Thread.sleep(forTimeInterval: 0.002) }
            let file = try FileHandle(forUpdating: folder.appending(path: "d.h5"))
            try file.seekToEnd()
            try file.write(contentsOf: Data([0]))
            try file.close()
            let run = try Program.finish(started)
            #expect(run.code == 74, "\(run.code): \(run.errors)")
            #expect(run.output.isEmpty)
            #expect(try names(in: folder) == ["d.h5", "digits.h5"])
        }
    }

    // MARK: - Run directories

    @Test func refusesFoldersOfOthersAndOldRuns() throws {
        try withJob { folder, arguments in
            let before = try names(in: folder)
            for (directory, words) in [(".", "'.' is no run directory, and not empty: it has 'd.h5', ")] {
                let run = try Program.run(arguments + ["--run-directory", directory], in: folder)
                #expect(run.code == 64)
                #expect(run.errors.hasPrefix("error: \(words)"), "\(run.errors)")
            }
            let model = try Program.run(
                "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "m.h5", "--run-directory", ".",
                in: folder)
            #expect(model.code == 64, "\(model.errors)")
            #expect(try names(in: folder) == before)
        }
    }

    @Test func saysThatARunFileIsDamaged() throws {
        try withJob { folder, arguments in
            #expect(try Program.run(arguments, in: folder).code == 0)
            let path = folder.appending(path: "s.run/run.json")
            try Data(contentsOf: path).dropLast(20).write(to: path)
            for words in [arguments + ["--force"], ["--resume", "s.run"], arguments + ["--dry-run"]] {
                let run = try Program.run(words, in: folder)
                #expect(run.code == 65)
                #expect(
                    run.errors.hasPrefix("error: 's.run/run.json' is damaged, or not of this program"), "\(run.errors)")
            }
        }
    }

    @Test func saysWhyARunDirectoryCannotBeMade() throws {
        try withJob { folder, arguments in
            try Data("mine".utf8).write(to: folder.appending(path: "r"))
            let run = try Program.run(arguments + ["--run-directory", "r/s.run"], in: folder)
            #expect(run.code == 73)
            #expect(run.errors.hasPrefix("error: cannot create 'r/s.run': "), "\(run.errors)")
        }
    }

    /// The hint is what a shell takes, whatever the name.
    @Test func theHintOfAStoppedRunWorks() throws {
        try withJob { folder, arguments in
            let name = "it's \"$HOME\" (1).run"
            let started = try start(
                arguments + ["--epochs", "600", "--run-directory", name], in: folder,
                until: "\(name)/student-checkpoint.h5")
            kill(started.process.processIdentifier, SIGHUP)
            let run = try Program.finish(started)
            #expect(run.code == 143)
            let hint = try #require(run.errors.split(separator: "go on with: compress ").last).trimmingCharacters(
                in: .newlines)
            #expect(hint == "--resume 'it'\\''s \"$HOME\" (1).run'")
            let resumed = try Program.shell("exec $compress \(hint) --quiet", in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
        }
    }

    /// Under nohup a run outlives its terminal.
    @Test func goesOnWhereHangingUpIsIgnored() throws {
        try withJob { folder, arguments in
            let words = arguments.joined(separator: " ")
            let run = try Program.shell(
                "trap '' HUP; $compress \(words) --epochs 200 --quiet & p=$!; sleep 0.3; kill -HUP $p; wait $p",
                in: folder)
            #expect(run.code == 0, "\(run.errors)")
        }
    }
}
