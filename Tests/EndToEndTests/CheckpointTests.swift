import Foundation
import HDF5
import ModelFiles
import Testing

/// Runs that are killed again and again, by whoever shares out machines, and go on with one command line.
@Suite struct CheckpointTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu, name: hidden}
          - Dropout: {rate: 0.1}
          - Dense: {units: classes, activation: softmax}
        """

    /// A training of some seconds, whose epochs are longer than the time between checkpoints.
    private static let training = [
        "--epochs", "2", "--batch-size", "1", "--checkpoint-every", "0.02s", "--threads", "2", "--data", "d.h5",
    ]
    private static let distillation =
        training + [
            "--teachers", "digits.h5", "--budget", "60kB", "--student", "tiny.yaml", "--output", "s.h5",
            "--no-baseline",
        ]

    /// Each job with its one line, and the files of its trainings.
    private static let jobs: [String: (words: [String], trainings: Int)] = [
        "plain": (distillation + ["--precision", "float32"], 1),
        "changed examples": (
            distillation + ["--precision", "float32", "--augment", "noise:0.1", "--ema-momentum", "0.9"], 1
        ),
        "first stage": (distillation + ["--precision", "float32", "--configuration", "stage.yaml"], 2),
        "generations": (distillation + ["--precision", "float32", "--generations", "2"], 2),
        "fewer bits": (distillation + ["--precision", "4"], 2),
        "labels": (training + ["--architecture", "tiny.yaml", "--output", "s.h5"], 1),
        "folds": (training + ["--architecture", "tiny.yaml", "--output", "s.h5", "--folds", "2"], 2),
    ]

    @Test(arguments: jobs.keys.sorted())
    func oneLineGoesOnToTheSameBits(name: String) throws {
        let job = try #require(Self.jobs[name])
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), train: 2_500)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try """
            first-stage:
              epochs: 1
              losses: [hint: {pairs: [{student: hidden, teacher: flatten}]}]
            """.write(to: folder.appending(path: "stage.yaml"), atomically: true, encoding: .utf8)
            let command = name == "labels" || name == "folds" ? ["train"] : []
            let words = command + job.words + ["--resume", "s.run", "--quiet"]
            var seen = Set<String>(), steps: [Int] = []
            for _ in 0..<job.trainings {
                let started = try Program.start(words, in: folder)
                let file = try Self.newCheckpoint(in: folder.appending(path: "s.run"), started, seen)
                kill(started.process.processIdentifier, SIGKILL)
                started.process.waitUntilExit()
                guard let file else { continue }
                seen.insert(file.lastPathComponent)
                steps.append(try HDF5File(opening: file.path).root.attributes.integer("step"))
            }
            #expect(steps.contains { $0 % 2250 > 0 }, "\(steps)")
            #expect(seen.count == job.trainings, "\(seen)")
            let last = try Program.run(words, in: folder)
            #expect(last.code == 0, "\(last.errors)")
            let output = try Data(contentsOf: folder.appending(path: "s.h5"))
            try FileManager.default.removeItem(at: folder.appending(path: "s.run"))
            let whole = try Program.run(words + ["--checkpoint-every", "1h", "--threads", "1"], in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            #expect(
                try Data(contentsOf: folder.appending(path: "s.h5")) == output,
                "a run that was killed gives other bytes")
        }
    }

    /// Waits for the checkpoint of a training of which there was none.
    private static func newCheckpoint(in run: URL, _ started: Program.Started, _ seen: Set<String>) throws -> URL? {
        let deadline = Date(timeIntervalSinceNow: 60)
        while started.process.isRunning, Date() < deadline {
            let all = (try? names(in: run)) ?? []
            if let new = all.first(where: { $0.hasSuffix("-checkpoint.h5") && !seen.contains($0) }) {
                return run.appending(path: new)
            }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return nil
    }

    @Test(arguments: ["0s", "10", "m", "-1m", "nan s", "1e99h"])
    func refusesTimes(text: String) throws {
        try withFolder { folder in
            let run = try Program.run(
                ["train", "--architecture", "mlp", "--data", "d.h5", "--output", "m.h5", "--checkpoint-every=\(text)"],
                in: folder)
            #expect(run.code == 64)
            #expect(run.errors.contains("expected a time such as 30s, 10m or 1h, found '\(text)'"), "\(run.errors)")
        }
    }

    /// Data of more than one piece is read for its digest once, as long as nobody writes it.
    @Test func readsLargeDataOnce() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let data = folder.appending(path: "d.h5")
            try writeDigits(to: data, train: 100, test: 500_000)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            let words = [
                "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "m.h5", "--epochs", "1",
                "--resume", "m.run",
            ]
            #expect(try Program.run(words, in: folder).code == 0)
            let kept = folder.appending(path: "m.run/digests.json"),
                first = try String(contentsOf: kept, encoding: .utf8)
            // As any shell computes it.
            let tree = try Program.shell(
                "split -b 64M --filter=sha256sum d.h5 | cut -c1-64 | sha256sum | cut -c1-64", in: folder
            ).output.trimmingCharacters(in: .newlines)
            #expect(first.contains("\"sha256-tree:\(tree)\""), "\(first)")
            // A byte that changes while size and time stay is found by whoever looks.
            let attributes = try FileManager.default.attributesOfItem(atPath: data.path)
            let script =
                "d=$(stat -c %y d.h5); printf x | dd of=d.h5 bs=1 seek=60000000 conv=notrunc 2>/dev/null; touch -d \"$d\" d.h5"
            #expect(try Program.shell(script, in: folder).code == 0)
            #expect(
                attributes[.size] as? Int == (try FileManager.default.attributesOfItem(atPath: data.path))[.size]
                    as? Int)
            #expect(try Program.run(words, in: folder).code == 0)
            let verified = try Program.run(words + ["--verify-data"], in: folder)
            #expect(verified.code == 65 || verified.code == 64, "\(verified.code)")
            #expect(verified.errors.contains("data changed"), "\(verified.errors)")
            // One that was written is read again.
            #expect(try Program.shell("touch d.h5", in: folder).code == 0)
            #expect(try Program.run(words, in: folder).errors.contains("data changed"))
            // Damage of what was kept costs a look at the data, no more.
            try first.replacing(tree, with: String(repeating: "0", count: 64)).write(
                to: kept, atomically: true, encoding: .utf8)
            #expect(try Program.run(words, in: folder).errors.contains("data changed"))
        }
    }
}
