import Foundation
import HDF5
import ModelFiles
import Testing

/// What goes wrong with losses, unlabeled examples and augmentation, as the program tells it.
@Suite struct LossOptionTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8, activation: relu}
            name: hidden
          - Dense: {units: classes, activation: softmax}
        """

    private static let arguments = [
        "--teachers", "digits.h5", "--data", "d.h5", "--student", "tiny.yaml", "--output", "s.h5", "--epochs", "2",
        "--batch-size", "16", "--budget", "60kB",
    ]

    private func withData(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    /// A refusal with the whole message, that leaves everything as it was.
    private func expectRefusal(_ arguments: [String], _ code: Int32, _ message: String, in folder: URL) throws {
        let before = try names(in: folder)
        for more in [[], ["--dry-run"]] where arguments[0] != "train" || more.isEmpty {
            let run = try Program.run(arguments + more, in: folder)
            #expect(run.code == code)
            #expect(run.errors == "error: \(message)\n")
            #expect(run.output.isEmpty)
            #expect(try names(in: folder) == before)
        }
    }

    @Test func refusesUnlabeledExamplesThatAreNone() throws {
        try withData { folder in
            let other = try HDF5File(creating: folder.appending(path: "other.h5").path)
            try other.root.createDataset("train/x", [Float](repeating: 0, count: 26), shape: [2, 13])
            try other.close()
            try Data("no file".utf8).write(to: folder.appending(path: "text.h5"))
            func refused(_ path: String, _ code: Int32, _ message: String) throws {
                try expectRefusal(Self.arguments + ["--unlabeled", path], code, message, in: folder)
            }
            try refused("none.h5", 66, "could not open 'none.h5': there is no such file")
            try refused(
                "text.h5", 65,
                "could not open 'text.h5': it is text, not HDF5. Read it in Python, and save arrays with "
                    + "numpy.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…)")
            try refused(
                "other.h5", 65,
                "'train/x' in 'other.h5': expected examples of shape [12, 12], as in 'd.h5', found [13]. "
                    + "The student takes one kind of examples.")
        }
    }

    @Test func refusesLossesOfLayersThatAreNotThere() throws {
        try withData { folder in
            let text = """
                losses:
                  - kl
                  - hint: {pairs: [{student: hiden, teacher: nowhere}]}
                """
            try text.write(to: folder.appending(path: "run.yaml"), atomically: true, encoding: .utf8)
            try expectRefusal(
                Self.arguments + ["--configuration", "run.yaml"], 65,
                "loss 'hint': the student 'tiny' has no layer 'hiden'; did you mean 'hidden'?\n"
                    + "       loss 'hint': the teacher 'digits' has no layer 'nowhere'", in: folder)
        }
    }

    @Test func refusesAugmentationThatDoesNotSuit() throws {
        try withData { folder in
            let message =
                "'crop:2' takes images (H, W, C), found examples (12, 12); leave it out, or give gray images a "
                + "last axis of 1"
            try expectRefusal(Self.arguments + ["--augment", "crop:2"], 65, message, in: folder)
            try expectRefusal(
                Self.arguments + ["--augment", "mixup:0.2", "--views", "2"], 65,
                "mixup needs teachers beside the student: leave --views out", in: folder)
            try expectRefusal(
                [
                    "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "m.h5", "--augment", "crop:2",
                    "--run-directory", "m.run",
                ], 65, message, in: folder)
        }
    }

    @Test func saysWhereTheLossIsNotANumber() throws {
        try withData { folder in
            let run = try Program.run(Self.arguments + ["--learning-rate", "1e30", "--quiet"], in: folder)
            #expect(run.code == 65)
            let pattern = #/error: the loss is not finite after step \d+ \(prediction nan, ground truth nan; the /#
            #expect(run.errors.contains(pattern), "\(run.errors)")
            #expect(
                run.errors.contains("Begin anew, with --force, with a lower --learning-rate or with --global-clipnorm"))
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "s.h5").path))
            let lower = try Program.run(Self.arguments + ["--learning-rate", "0.01", "--quiet"], in: folder)
            #expect(lower.code == 0, "\(lower.errors)")
        }
    }

    @Test func trainsUntilItIsNoBetterAndKeepsTheBest() throws {
        try withData { folder in
            let run = try Program.run(
                "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "m.h5", "--epochs", "200",
                "--keep-best", "--early-stopping", "2", "--run-directory", "m.run", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let text = try String(contentsOf: folder.appending(path: "m.run/metrics.jsonl"), encoding: .utf8)
            let scores = try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
                .compactMap { $0["validation_accuracy"]?.number }
            let best = (scores.firstIndex(of: scores.max() ?? 0) ?? 0) + 1
            #expect(scores.count == best + 2)
            #expect(
                run.errors.contains(
                    "training tiny ended after epoch \(best + 2): no better on held-out examples for 2 epochs; "
                        + "epoch \(best) kept, "), "\(run.errors)")
        }
    }

    /// Steps by the whole data, and weights that are written after none, one and two of them.
    @Test func writesTheMovingAverageOfTheWeights() throws {
        try withData { folder in
            func weights(_ options: String...) throws -> [Float] {
                let run = try Program.run(
                    [
                        "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "m.h5", "--batch-size",
                        "4096", "--optimizer", "sgd", "--learning-rate-schedule", "constant", "--no-keep-best",
                    ] + options, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                let file = try HDF5File(opening: folder.appending(path: "m.h5").path)
                return try file.root.dataset("model_weights/hidden/kernel").read()
            }
            let before = try weights("--learning-rate", "1e-30", "--epochs", "1")
            let first = try weights("--learning-rate", "0.1", "--epochs", "1")
            let second = try weights("--learning-rate", "0.1", "--epochs", "2")
            let average = try weights("--learning-rate", "0.1", "--epochs", "2", "--ema-momentum", "0.75")
            let farthest = before.indices.map { index in
                let expected = 0.75 * (0.75 * before[index] + 0.25 * first[index]) + 0.25 * second[index]
                return abs(average[index] - expected)
            }.max()
            #expect(try #require(farthest) < 1e-6)
            #expect(zip(second, average).contains { abs($0 - $1) > 1e-4 })
        }
    }

    /// The first step of plain descent is as long as the rate times the norm that is allowed.
    @Test func shortensLongGradients() throws {
        try withData { folder in
            try """
            name: plain
            input: [12, 12]
            layers:
              - Flatten: {}
              - Dense: {units: classes, activation: softmax, use_bias: false}
                name: output
            """.write(to: folder.appending(path: "plain.yaml"), atomically: true, encoding: .utf8)
            func weights(_ options: [String]) throws -> [Float] {
                let run = try Program.run(
                    [
                        "train", "--architecture", "plain.yaml", "--data", "d.h5", "--output", "m.h5", "--batch-size",
                        "4096", "--optimizer", "sgd", "--learning-rate-schedule", "constant", "--epochs", "1",
                    ] + options, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                let file = try HDF5File(opening: folder.appending(path: "m.h5").path)
                return try file.root.dataset("model_weights/output/kernel").read()
            }
            let before = try weights(["--learning-rate", "1e-30"])
            func length(_ options: String...) throws -> Float {
                let after = try weights(["--learning-rate", "0.5"] + options)
                return zip(before, after).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
            }
            let free = try length()
            let norm = free / 0.5
            #expect(abs(try length("--global-clipnorm", "\(norm / 4)") - free / 4) < 1e-4 * free)
            #expect(try length("--global-clipnorm", "\(norm * 4)") == free)
            _ = try length("--global-clipnorm", "\(norm / 4)", "--run-directory", "m.run")
            let lines = try String(contentsOf: folder.appending(path: "m.run/metrics.jsonl"), encoding: .utf8)
            let said = try JSON(parsing: String(try #require(lines.split(separator: "\n").first)))
            #expect(abs(Float(said["gradient_norm"]?.number ?? 0) - norm) < 1e-4 * norm, "before it is shortened")
            for words in [["--global-clipnorm", "0"], ["--ema-momentum", "1"], ["--ema-momentum", "no"]] {
                let run = try Program.run(
                    ["train", "--architecture", "plain.yaml", "--data", "d.h5", "--output", "n.h5"] + words, in: folder)
                #expect(run.code == 64)
                #expect(run.errors.contains("expected a number above 0"), "\(run.errors)")
            }
            for (words, reason) in [
                (["--exchange", "bfloat16"], "give --lanes 2 or more"),
                (["--exchange", "float16", "--lanes", "2"], "expected float32 or bfloat16, found 'float16'"),
            ] {
                let run = try Program.run(
                    ["train", "--architecture", "plain.yaml", "--data", "d.h5", "--output", "n.h5"] + words, in: folder)
                #expect(run.code == 64 && run.errors.contains(reason), "\(run.errors)")
            }
            for word in ["0", "3", "-2", "2048", "two"] {
                let words = ["train", "--architecture", "plain.yaml", "--data", "d.h5", "--output", "n.h5"]
                let run = try Program.run(words + ["--lanes", word], in: folder)
                #expect(run.code == 64)
                #expect(run.errors.contains("expected a power of two from 1 to 1024, found '\(word)'"), "\(run.errors)")
            }
        }
    }
}
