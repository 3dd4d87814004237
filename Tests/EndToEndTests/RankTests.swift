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

    /// Two threads at most compute here, whatever the number of processes.
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
        "plain": distillation + ["--ema-momentum", "0.9", "--seeds", "2"],
        "generations": distillation + ["--generations", "2", "--soft-targets", "top:3", "--unlabeled", "d.h5"],
        "live teachers": distillation + ["--augment", "noise:0.1,mixup:0.2"],
        "first stage": distillation + ["--configuration", "stage.yaml"],
        "lanes": distillation + ["--lanes", "4"],
        // Four shards, the last batch one; a kernel whose gradient is not kept for each shard.
        "lanes of a large kernel": ["train"] + training + [
            "--architecture", "wide.yaml", "--lanes", "4", "--epochs", "1",
        ],
        "fewer bits": distillation.map { $0 == "float32" ? "4" : $0 },
    ]

    private func withFiles(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"), train: 1000)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try Self.wide.write(to: folder.appending(path: "wide.yaml"), atomically: true, encoding: .utf8)
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

    @Test(arguments: jobs.keys.sorted())
    func writesTheSameBits(job: String) throws {
        try withFiles { folder in
            let words = try #require(Self.jobs[job]), alone = try Program.run(words, in: folder)
            #expect(alone.code == 0, "\(alone.errors)")
            let wanted = try student(folder)
            for count in [2, 3] {
                try FileManager.default.removeItem(at: folder.appending(path: "s.run"))
                let run = try launch(count, words, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                #expect(try student(folder) == wanted, "\(count) processes give other bytes")
                // One of them speaks and writes.
                #expect(
                    run.output.components(separatedBy: "s.h5'").count
                        <= alone.output.components(separatedBy: "s.h5'").count)
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

    /// A process that dies takes the others with it.
    @Test func endsWithAProcessThatIsKilled() throws {
        try withFiles { folder in
            let started = try start(3, Self.distillation + ["--epochs", "100000"], in: folder)
            let checkpoint = folder.appending(path: "s.run/student-checkpoint.h5"),
                deadline = Date(timeIntervalSinceNow: 60)
            while !FileManager.default.fileExists(atPath: checkpoint.path), Date() < deadline {
                Thread.sleep(forTimeInterval: 0.01)
            }
            let lock = try String(contentsOf: folder.appending(path: "s.run/run.lock"), encoding: .utf8)
            let first = try #require(lock.firstMatch(of: /process ([0-9]+) on/).flatMap { Int32($0.1) })
            kill(first, SIGKILL)
            let run = try Program.finish(started)
            #expect(run.code != 0)
            #expect(kill(first, 0) != 0)
        }
    }

    /// Each process of a launcher takes its part, without any library of MPI.
    @Test func teachesInParts() throws {
        try withFiles { folder in
            let words = [
                "teach", "--teachers", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--run-directory", "s.run",
            ]
            let run = try launch(3, words, in: folder, ["COMPRESS_MPI_LIBRARY": "libnone.so.1"])
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.hasPrefix("part 1/3: 2 of 6 chunks, "), "\(run.output)")
            let all = try Program.run(words, in: folder)
            #expect(all.output.hasPrefix("part 1/1: 6 of 6 chunks, 6 of them found in 's.run', 0 predictions made in "))
        }
    }
}
