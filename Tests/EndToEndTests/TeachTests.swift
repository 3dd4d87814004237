import Foundation
import ModelFiles
import Testing

/// Teachers' predictions that several processes compute, without knowing of each other.
@Suite struct TeachTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 4*width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    /// Lends a folder with two teachers, data whose training rows fill two chunks, and the options of both commands.
    private func withJob(
        train: Int = 80_000, _ body: (URL, _ teach: [String], _ main: [String]) throws -> Void
    ) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"), train: train, test: 100)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            let options = ["--teachers", "digits.h5", "digits-k2.h5", "--data", "d.h5"]
            let main =
                options + [
                    "--student", "tiny.yaml", "--budget", "60kB", "--precision", "float32", "--output", "s.h5",
                    "--epochs", "1",
                    "--batch-size", "512", "--no-baseline", "--resume", "s.run",
                ]
            try body(folder, ["teach"] + options + ["--run-directory", "s.run"], main)
        }
    }

    /// In any order, one of them twice, one of them killed; the run after it asks no teacher, and has the bits of one that did.
    @Test func partsAreTheBitsOfTheWhole() throws {
        try withJob { folder, teach, main in
            let whole = try Program.run(main.map { $0 == "s.run" ? "whole.run" : $0 }, in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            #expect(!whole.errors.contains("its predictions are in the run directory"), "\(whole.errors)")
            let wanted = try Data(contentsOf: folder.appending(path: "s.h5"))
            let killed = try Program.start(teach + ["--part", "2/5"], in: folder)
            let store = folder.appending(path: "s.run/soft-targets"), deadline = Date(timeIntervalSinceNow: 20)
            while try !FileManager.default.fileExists(atPath: store.path) || names(in: store).isEmpty, Date() < deadline
            {
                Thread.sleep(forTimeInterval: 0.001)
            }
            kill(killed.process.processIdentifier, SIGKILL)
            killed.process.waitUntilExit()
            var made = 0
            for part in [4, 1, 4, 5, 3, 2] {
                let run = try Program.run(
                    teach + ["--part", "\(part)/5", "--json", "--threads", "\(part % 2 + 1)"], in: folder)
                #expect(run.code == 0, "\(run.errors)")
                let json = try run.json()
                // Held out, two of training, test; of two teachers.
                #expect(json["chunks"]?["all"]?.integer == 8 && json["part"]?.integer == part)
                made += json["chunks"]?["predicted"]?.integer ?? 0
            }
            #expect((7...8).contains(made), "all once, and again what was killed before its end")
            let run = try Program.run(main, in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(!run.errors.contains("predicting with") && !run.errors.contains("damaged"), "\(run.errors)")
            #expect(run.errors.components(separatedBy: "its predictions are in the run directory").count == 5)
            #expect(try Data(contentsOf: folder.appending(path: "s.h5")) == wanted)
            #expect(try names(in: store).filter { $0.contains("partial") }.isEmpty)
        }
    }

    /// Views and unlabeled examples have chunks of their own; all parts begin at the same moment in a folder that is not there.
    @Test func partsBeginTogether() throws {
        try withJob(train: 200) { folder, teach, main in
            let more = [
                "--unlabeled", "d.h5", "--augment", "noise:0.1", "--views", "2", "--seed", "3", "--soft-targets",
                "top:2",
            ]
            let parts = try (1...4).map { try Program.start(teach + more + ["--part", "\($0)/4"], in: folder) }
            for part in parts {
                let run = try Program.finish(part)
                #expect(run.code == 0, "\(run.errors)")
            }
            let main = try Program.run(main + more, in: folder)
            #expect(main.code == 0 && !main.errors.contains("predicting with"), "\(main.errors)")
        }
    }

    /// The main job may be at work in the folder, and need not have been told.
    @Test func predictsBesideTheMainJob() throws {
        try withJob(train: 200) { folder, teach, main in
            let words = ["--epochs", "100000"]
            let started = try Program.start(main + words, in: folder)
            let checkpoint = folder.appending(path: "s.run/student-checkpoint.h5"),
                deadline = Date(timeIntervalSinceNow: 60)
            while !FileManager.default.fileExists(atPath: checkpoint.path), Date() < deadline {
                Thread.sleep(forTimeInterval: 0.02)
            }
            let run = try Program.run(
                "teach", "--configuration", "s.run/configuration.yaml", "--run-directory", "s.run", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            // Test rows are the main job's last.
            #expect(
                run.output.hasPrefix("part 1/1: 6 of 6 chunks, 4 of them found in 's.run', 200 predictions made in "),
                "\(run.output)")
            kill(started.process.processIdentifier, SIGTERM)
            #expect(try Program.finish(started).code == 143)
        }
    }

    @Test(
        arguments: [
            (["--part", "0/4"], 64, "expected a part and the number of parts, such as 3/16, found '0/4'"),
            (["--part", "5/4"], 64, "expected a part and the number of parts, such as 3/16, found '5/4'"),
            (["--part", "1/4/2"], 64, "expected a part and the number of parts, such as 3/16, found '1/4/2'"),
            (["--run-directory", "."], 64, "'.' is no run directory, and not empty: it has "),
            (["--views", "2"], 64, "--views is the number of augmented views of each example; add --augment"),
            (
                ["--soft-targets", "top:10"], 65,
                "soft targets 'top:10' are for more than 10 classes, and the data has 10"
            ),
            (["--data", "none.h5"], 66, "'none.h5': there is no such file"),
        ])
    func refuses(words: [String], code: Int32, text: String) throws {
        try withJob(train: 50) { folder, teach, _ in
            let before = try names(in: folder), run = try Program.run(teach + words, in: folder)
            #expect(run.code == code, "\(run.errors)")
            #expect(run.errors.contains(text), "\(run.errors)")
            #expect(try names(in: folder) == before)
        }
    }
}
