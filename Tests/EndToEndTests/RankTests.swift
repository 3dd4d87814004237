import Foundation
import HDF5
import ModelFiles
import Testing

/// Open MPI's launcher, where it is installed.
private let launcher: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map {
    "\($0)/mpirun"
}
.first { FileManager.default.isExecutableFile(atPath: $0) }

/// The main job and trainings on several processes, started by Open MPI where it is there (`Tools/setup`).
/// One test at a time, since processes that wait for each other keep the processors busy.
@Suite(.serialized, .enabled(if: launcher != nil, "mpirun is not there"))
struct RankTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Reshape: {target_shape: [12, 12, 1]}
          - Conv2D: {filters: 4, kernel_size: 3, activation: relu}
          - BatchNormalization: {}
          - Flatten: {}
          - Dropout: {rate: 0.2}
          - Dense: {units: 8*width, activation: relu, name: hidden}
          - Dense: {units: classes, activation: softmax}
        """

    private static let wide = """
        name: wide
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 2048, activation: relu}
          - Dense: {units: 2048, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    private static let mixture = """
        name: two
        input: [12, 12]
        members:
          left: {layers: [Flatten, {Dense: {units: 4*width, activation: relu}}, {Dense: {units: classes, activation: softmax}}]}
          right: {layers: [Flatten, {Dense: {units: classes, activation: softmax}}], weight: 2}
        """

    private static let training = [
        "--epochs", "2", "--batch-size", "300", "--threads", "1", "--data", "d.h5", "--output", "s.h5",
        "--run-directory", "s.run",
        "--force", "--global-clipnorm", "1",
    ]
    private static let distillation =
        training + [
            "--teachers", "digits.h5", "digits-k2.h5", "--budget", "60kB", "--student", "tiny.yaml", "--no-baseline",
            "--precision", "float32",
        ]

    private static let jobs: [String: [String]] = [
        "labels": ["train"] + training + ["--architecture", "tiny.yaml"],
        "folds": ["train"] + training + ["--architecture", "tiny.yaml", "--folds", "3"],
        "plain": distillation + ["--ema-momentum", "0.9", "--seeds", "2"],
        "generations": distillation + ["--generations", "2", "--soft-targets", "top:3", "--unlabeled", "d.h5"],
        "live teachers": distillation + ["--augment", "noise:0.1,mixup:0.2"],
        "first stage": distillation + ["--configuration", "stage.yaml"],
        "lanes": distillation + ["--lanes", "4"],
        "lanes of bfloat16": distillation + ["--lanes", "4", "--exchange", "bfloat16"],
        // Four shards, the last batch one; a kernel whose gradient is not kept for each shard.
        "lanes of a large kernel": ["train"] + training + [
            "--architecture", "wide.yaml", "--lanes", "4", "--epochs", "1",
        ],
        "fewer bits": distillation.map { $0 == "float32" ? "4" : $0 },
        "multi-label": distillation.map { ["d.h5": "m.h5", "tiny.yaml": "many.yaml"][$0] ?? $0 },
        "mixture": distillation.map { $0 == "tiny.yaml" ? "two.yaml" : $0 },
    ]

    private func withFiles(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"), train: 1000)
            try writeDigits(to: folder.appending(path: "m.h5"), train: 1000, labels: 2)
            for (name, text) in [
                ("tiny", Self.student), ("many", Self.student.replacing("softmax", with: "sigmoid")),
                ("two", Self.mixture), ("wide", Self.wide),
            ] {
                try text.write(to: folder.appending(path: "\(name).yaml"), atomically: true, encoding: .utf8)
            }
            try """
            first-stage:
              epochs: 1
              losses: [hint: {pairs: [{student: hidden, teacher: flatten}], teacher: digits}]
            """.write(to: folder.appending(path: "stage.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    private func start(_ count: Int, _ words: [String], in folder: URL, _ environment: [String: String] = [:]) throws
        -> Program.Started
    {
        try Program.start(
            by: try #require(launcher),
            ["--oversubscribe", "--allow-run-as-root", "--mca", "mpi_yield_when_idle", "1", "-n", "\(count)"], words,
            in: folder,
            environment: environment)
    }

    private func launch(_ count: Int, _ words: [String], in folder: URL, _ environment: [String: String] = [:]) throws
        -> Run
    {
        try Program.finish(try start(count, words, in: folder, environment))
    }

    private func student(_ folder: URL) throws -> Data { try Data(contentsOf: folder.appending(path: "s.h5")) }

    /// What was measured, but for times and memory. Files of folds have the run's mark, which is longer or shorter.
    private func figures(_ run: Run) throws -> JSON {
        var object = try #require(run.json().object)
        for key in ["seconds", "peak_memory_bytes", "processes"] { object[key] = nil }
        object["folds"] = object["folds"]?.array.map { folds in
            .array(
                folds.map { fold in
                    var members = fold.object ?? JSON.Object()
                    members["bytes"] = nil
                    return .object(members)
                })
        }
        return .object(object)
    }

    /// The file, and every figure of the report, digit for digit.
    @Test(arguments: jobs.keys.sorted())
    func writesTheSameBits(job: String) throws {
        try withFiles { folder in
            let words = try #require(Self.jobs[job]) + ["--json"], alone = try Program.run(words, in: folder)
            #expect(alone.code == 0, "\(alone.errors)")
            let wanted = try student(folder)
            for (count, threads) in [(2, "2"), (3, "1")] {
                try FileManager.default.removeItem(at: folder.appending(path: "s.run"))
                let run = try launch(count, words + ["--threads", threads], in: folder)
                #expect(run.code == 0, "\(run.errors)")
                #expect(try student(folder) == wanted, "\(count) processes give other bytes")
                // One of them speaks and writes.
                #expect(try figures(run) == figures(alone), "\(count) processes measure something else")
                #expect(try names(in: folder).filter { $0.contains("partial") || $0.contains("lock") }.isEmpty)
            }
        }
    }

    /// Of a batch of five shards a process has three at most: their gradients and the sum go to the other one, half a vector each.
    @Test func theDryRunMeasuresTheExchange() throws {
        try withFiles { folder in
            let words = Self.distillation + ["--dry-run", "--json"]
            let plan = try launch(2, words, in: folder).json(), processes = try #require(plan["processes"])
            let parameters = try #require(plan["student"]?["parameters"]?.integer)
            #expect(processes["count"] == 2)
            // Parameters begin at multiples of 16 numbers.
            let bytes = try #require(processes["bytes_per_step"]?.integer), least = 4 * (parameters / 2) * 4
            #expect((least..<(least + 4 * 10 * 16 * 4)).contains(bytes), "\(bytes)")
            for key in ["step_seconds", "exchange_seconds", "one_process_step_seconds", "speedup"] {
                #expect((processes[key]?.number ?? 0) > 0, "\(key)")
            }
            #expect(try Program.run(words, in: folder).json()["processes"] == nil)
        }
    }

    /// One checkpoint, which knows no ranks: stopped on three, gone on with on two, ended by one process.
    @Test func goesOnWithOtherNumbersOfProcesses() throws {
        try withFiles { folder in
            let words =
                Self.distillation.filter { $0 != "--force" }.map { $0 == "--run-directory" ? "--resume" : $0 } + [
                    "--epochs", "50", "--checkpoint-every", "0.05s",
                ]
            let whole = try Program.run(words, in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            let wanted = try student(folder)
            try FileManager.default.removeItem(at: folder.appending(path: "s.run"))
            for count in [3, 2] {
                let started = try start(count, words, in: folder)
                let checkpoint = folder.appending(path: "s.run/student-checkpoint.h5"),
                    deadline = Date(timeIntervalSinceNow: 60)
                while !FileManager.default.fileExists(atPath: checkpoint.path), Date() < deadline {
                    Thread.sleep(forTimeInterval: 0.01)
                }
                Thread.sleep(forTimeInterval: 0.3)
                kill(started.process.processIdentifier, count == 3 ? SIGTERM : SIGKILL)
                started.process.waitUntilExit()
                // The launcher that is killed leaves processes that notice.
                if count == 2 { Thread.sleep(forTimeInterval: 2) }
            }
            let last = try Program.run(words, in: folder)
            #expect(last.code == 0, "\(last.errors)")
            #expect(try student(folder) == wanted)
        }
    }

    /// What is wrong is said once, and the job ends with its code.
    @Test(
        arguments: [
            (["--data", "none.h5"], 66, "error: could not open 'none.h5': there is no such file"),
            (["--learning-rate", "0"], 64, "expected a number above 0"),
            (["--learning-rate", "1e30", "--optimizer", "sgd"], 65, "error: the loss is not finite after step "),
            (["--budget", "100B"], 1, "error: "),
        ])
    func endsWithOneErrorAndItsCode(words: [String], code: Int32, text: String) throws {
        try withFiles { folder in
            let run = try launch(3, Self.distillation + words, in: folder)
            #expect(run.code == code, "\(run.code): \(run.errors)")
            #expect(run.errors.components(separatedBy: text).count == 2, "\(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "s.h5").path))
        }
    }

    /// A kernel of 4 million weights needs a lane for each process, and more processes than lanes have nothing to do.
    @Test func lanesAreForAsManyProcesses() throws {
        try withFiles { folder in
            let words = ["train"] + Self.training + ["--architecture", "wide.yaml"]
            for lanes in [[], ["--lanes", "2"]] {
                let run = try launch(3, words + lanes, in: folder)
                #expect(run.code == 65, "\(run.errors)")
                let cure = "give each of the 3 processes a lane: --lanes 4"
                #expect(run.errors.components(separatedBy: cure).count == 2, "\(run.errors)")
            }
            let plan = try launch(3, Self.distillation + ["--lanes", "2", "--dry-run"], in: folder)
            #expect(plan.code == 0, "\(plan.errors)")
            #expect(
                (plan.output + plan.errors).contains("only 2 of 3 processes have a part in a step"),
                "\(plan.output)\(plan.errors)")
        }
    }

    /// N programs that each believe to be alone are refused, as is a launcher whose library is not there.
    @Test func refusesALauncherOfAnotherLibrary() throws {
        try withFiles { folder in
            let words = Self.distillation
            let lonely = try Program.run(
                words, in: folder, environment: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"])
            #expect(lonely.code == 69, "\(lonely.errors)")
            #expect(
                lonely.errors.contains("a launcher has started 2 processes (OMPI_COMM_WORLD_SIZE), but 'Open MPI"),
                "\(lonely.errors)")
            #expect(lonely.errors.contains("' knows of 1: use the launcher of that library"), "\(lonely.errors)")
            let none = try launch(2, words, in: folder, ["COMPRESS_MPI_LIBRARY": "libnone.so.1"])
            #expect(none.code == 69, "\(none.errors)")
            #expect(
                none.errors.components(separatedBy: "no library of MPI can be used (libnone.so.1)").count == 2,
                "\(none.errors)")
            #expect(try !names(in: folder).contains("s.run"))
        }
    }

    /// The number of a process that a launcher has started.
    private func process(_ rank: Int, of launcher: Int32) throws -> Int32? {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.first { number in
            let facts = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
            let words = FileManager.default.contents(atPath: "/proc/\(number)/environ") ?? Data()
            // Behind the name in parentheses: the state, and who started it.
            return facts?.split(separator: ")").last?.split(separator: " ").dropFirst().first == "\(launcher)"
                && words.split(separator: 0).contains(Data("OMPI_COMM_WORLD_RANK=\(rank)".utf8))
        }
    }

    private func wait(_ isSo: () throws -> Bool) rethrows {
        let deadline = Date(timeIntervalSinceNow: 60)
        while try !isSo(), Date() < deadline { Thread.sleep(forTimeInterval: 0.001) }
    }

    private func isWriting(_ name: String, in folder: URL) -> Bool {
        ((try? names(in: folder)) ?? []).contains { $0.hasPrefix(name) && $0.hasSuffix("partial") }
    }

    /// A process that dies, in an epoch or while the first one writes a checkpoint, takes the others with it. What goes on, on fewer
    /// or more of them, ends with the same bits.
    @Test(arguments: [(0, false, 4), (2, true, 2), (0, true, 2), (2, false, 4)])
    func goesOnAfterAProcessWasKilled(victim: Int, isWriting: Bool, next: Int) throws {
        try withFiles { folder in
            let words =
                Self.distillation.filter { $0 != "--force" }.map { $0 == "--run-directory" ? "--resume" : $0 } + [
                    "--epochs", "12", "--checkpoint-every", isWriting ? "0.01s" : "0.05s",
                ]
            let whole = try Program.run(words, in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            let wanted = try student(folder), run = folder.appending(path: "s.run")
            try FileManager.default.removeItem(at: run)
            let started = try start(3, words, in: folder)
            wait { FileManager.default.fileExists(atPath: run.appending(path: "student-checkpoint.h5").path) }
            let number = try #require(try process(victim, of: started.process.processIdentifier))
            if isWriting { wait { self.isWriting("student-checkpoint", in: run) } }
            kill(number, SIGKILL)
            let ended = try Program.finish(started)
            #expect(ended.code == 128 + SIGKILL, "\(ended.code): \(ended.errors)")
            #expect(kill(number, 0) != 0)
            let last = try launch(next, words, in: folder)
            #expect(last.code == 0, "\(last.errors)")
            #expect(try student(folder) == wanted)
            #expect(try names(in: run).filter { $0.contains("partial") }.isEmpty)
        }
    }

    /// Whoever hears that the job is to stop while teachers predict: all stop together with its code, leave whole files alone,
    /// and others go on.
    @Test(arguments: [(1, SIGUSR1), (1, SIGTERM), (0, SIGTERM)]) func stopsWhileTeachersPredict(
        rank: Int, signal: Int32
    ) throws {
        try withFiles { folder in
            try FileManager.default.removeItem(at: folder.appending(path: "d.h5"))
            try writeDigits(to: folder.appending(path: "d.h5"), train: 70_000)
            let words =
                Self.distillation.filter { $0 != "--force" }.map { $0 == "--run-directory" ? "--resume" : $0 } + [
                    "--epochs", "1",
                ]
            let run = folder.appending(path: "s.run"), store = run.appending(path: "soft-targets")
            let started = try start(2, words, in: folder)
            wait { isWriting("", in: store) }
            kill(try #require(try process(rank, of: started.process.processIdentifier)), signal)
            let stopped = try Program.finish(started)
            #expect(stopped.code == 128 + SIGTERM, "\(stopped.code): \(stopped.errors)")
            #expect(
                stopped.errors.components(separatedBy: "error: stopped; go on with: ").count == 2, "\(stopped.errors)")
            #expect(
                !isWriting("", in: store)
                    && !FileManager.default.fileExists(atPath: folder.appending(path: "s.h5").path))
            let last = try launch(3, words, in: folder)
            #expect(last.code == 0, "\(last.errors)")
            let resumed = try student(folder)
            try FileManager.default.removeItem(at: run)
            #expect(try Program.run(words, in: folder).code == 0)
            #expect(try student(folder) == resumed)
        }
    }

    /// Each process of a launcher takes its part, without any library of MPI: here the training examples of one of two teachers.
    @Test func teachesInParts() throws {
        try withFiles { folder in
            let words = [
                "teach", "--teachers", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--run-directory", "s.run",
            ]
            let run = try launch(3, words, in: folder, ["COMPRESS_MPI_LIBRARY": "libnone.so.1"])
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.hasPrefix("part 1/3: 1 of 6 chunks, 900 predictions "), "\(run.output)")
            let all = try Program.run(words, in: folder)
            #expect(all.output.hasPrefix("part 1/1: 6 of 6 chunks, 6 of them found in 's.run', 0 predictions made in "))
        }
    }
}
