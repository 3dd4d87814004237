import Foundation
import HDF5
import ModelFiles
import Testing

/// Predictions in the place of models, from the command line.
@Suite struct PredictionTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    /// Lends a folder with two models, data, and a student's architecture.
    private func withModels(train: Int = 60, labels: Int = 1, _ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"), train: train, labels: labels)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    private func distill(_ teachers: [String], _ output: String = "s.h5", _ more: String...) -> [String] {
        ["--teachers"] + teachers + [
            "--data", "d.h5", "--student", "tiny.yaml", "--budget", "60kB", "--epochs", "2", "--batch-size", "16",
            "--output", output,
        ] + more
    }

    /// The numbers of a student.
    private func weights(_ name: String, in folder: URL) throws -> [[Float]] {
        let file = try HDF5File(opening: folder.appending(path: name).path),
            group = try file.root.group("model_weights")
        return try group.names().filter { $0.hasPrefix("dense") }.flatMap { layer in
            try ["kernel", "bias"].map { try group.dataset("\(layer)/\($0)").read(as: Float.self) }
        }
    }

    private func rows(_ dataset: String, _ name: String, in folder: URL) throws -> [[Float]] {
        let file = try HDF5File(opening: folder.appending(path: name).path), all = try file.root.dataset(dataset)
        let values = try all.read(as: Float.self), width = all.shape[1]
        return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<($0 + width)]) }
    }

    private func softmax(_ logits: [Float]) -> [Float] {
        let powers = logits.map { exp($0 - (logits.max() ?? 0)) }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    private func areClose(_ one: [Float], _ other: [Float]) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) < 1e-5 }
    }

    @Test(arguments: ["p.h5", "p.npz"])
    func aRunOnWhatPredictWritesIsTheRunWithTheModels(name: String) throws {
        try withModels { folder in
            let models = try Program.run(distill(["digits.h5", "digits-k2.h5"]) + ["--threads", "2"], in: folder)
            #expect(models.code == 0, "\(models.errors)")
            let written = try Program.run(
                "predict", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--output", name, "--json", in: folder)
            #expect(written.code == 0, "\(written.errors)")
            func output(_ name: String, _ rows: Int) -> JSON {
                ["name": .string(name), "shape": [.integer(rows), .integer(10)]]
            }
            #expect(
                try written.json() == [
                    "outputs": [
                        output("digits/train", 60), output("digits/test", 20), output("digits-k2/train", 60),
                        output("digits-k2/test", 20),
                    ]
                ])
            let teachers = ["one=\(name):digits", "\(name):digits-k2"]
            let run = try Program.run(distill(teachers, "t.h5") + ["--threads", "1", "--json"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try weights("t.h5", in: folder) == weights("s.h5", in: folder))
            let json = try run.json()
            #expect(json["teachers"]?[0]?["path"] == .string("\(name):digits"))
            #expect(json["teachers"]?[0]?["name"] == "one" && json["teachers"]?[1]?["name"] == nil)
            #expect(json["teachers"]?[0]?["bytes"] == nil && json["teachers"]?[0]?["accuracy"] != nil)
            #expect(json["ensemble"]?["bytes"] == .null && json["ensemble"]?["accuracy"] != nil)
            // The configuration that is kept has the names, and goes on.
            let again = try Program.run("--resume", "t.run", "--quiet", in: folder)
            #expect(again.code == 0, "\(again.errors)")
            #expect(again.output.contains("\nteacher   one  "))
            #expect(try names(in: folder).filter { $0.contains("partial") || $0.contains("scratch") }.isEmpty)
        }
    }

    @Test func predictsLikeTheModel() throws {
        try withModels(labels: 2) { folder in
            // Of several labels a softmax's probabilities become log-odds, each by itself.
            for (command, name) in [(["--data", "d.h5"], "p.h5"), (["--inputs", "d.h5:test/x"], "q.h5")] {
                let run = try Program.run(["predict", "digits.h5", "--output", name] + command, in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
            let logits = try rows("test", "p.h5", in: folder), outputs = try rows("output", "q.h5", in: folder)
            #expect(zip(logits, outputs).allSatisfy { areClose($0.map { 1 / (1 + exp(-$0)) }, $1) })
            let file = try HDF5File(opening: folder.appending(path: "p.h5").path)
            #expect(try file.root.attributes.string("output") == "logits")
            #expect(try file.root.attributes.string("data_sha256").count == 64)
        }
    }

    @Test func trainsAModelForEachFold() throws {
        try withModels { folder in
            func train(_ output: String, _ threads: String) throws -> Run {
                try Program.run(
                    "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--folds", "3", "--epochs", "3",
                    "--batch-size", "8", "--output", output, "--threads", threads, "--json", in: folder)
            }
            let run = try train("oof.h5", "2")
            #expect(run.code == 0, "\(run.errors)")
            let json = try run.json()
            #expect(json.object?.keys == ["path", "bytes", "accuracy", "train", "folds", "seconds"])
            #expect(json["folds"]?.array?.map { $0["rows"] } == [.integer(20), .integer(20), .integer(20)])
            // Each training row has the prediction of one model, and each model those of its rows; others the mean.
            let found = try rows("train", "oof.h5", in: folder).map(softmax)
            var mean = [[Float]](repeating: [Float](repeating: 0, count: 10), count: 20), counts: [Int] = []
            for fold in 1...3 {
                for split in ["train", "test"] {
                    let model = "oof.run/fold-\(fold).h5"
                    let run = try Program.run(
                        "predict", model, "--inputs", "d.h5:\(split)/x", "--output", "\(split)-\(fold).h5", in: folder)
                    #expect(run.code == 0, "\(run.errors)")
                }
                let outputs = try rows("output", "train-\(fold).h5", in: folder)
                counts.append(zip(found, outputs).count { areClose($0, $1) })
                let test = try rows("output", "test-\(fold).h5", in: folder)
                mean = zip(mean, test).map { zip($0, $1).map { $0 + $1 / 3 } }
            }
            #expect(counts == [20, 20, 20])
            #expect(try zip(rows("test", "oof.h5", in: folder), mean).allSatisfy { areClose(softmax($0), $1) })
            #expect(try train("again.h5", "1").code == 0)
            let whole = try Data(contentsOf: folder.appending(path: "oof.h5"))
            #expect(try Data(contentsOf: folder.appending(path: "again.h5")) == whole)
            let used = try Program.run(distill(["oof.h5"]), in: folder)
            #expect(used.code == 0, "\(used.errors)")
            #expect(used.errors.contains("predictions of train, test (out of fold, of 3 models)"))
        }
    }

    @Test func foldsStopAndGoOn() throws {
        try withModels(train: 200) { folder in
            func arguments(_ output: String, _ more: String...) -> [String] {
                [
                    "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--folds", "3", "--output", output,
                    "--batch-size", "16", "--epochs", "100", "--augment", "noise:0.1",
                ] + more
            }
            let started = try Program.start(arguments("oof.npz"), in: folder), deadline = Date(timeIntervalSinceNow: 60)
            let second = folder.appending(path: "oof.run/fold-2-checkpoint.h5").path
            while !FileManager.default.fileExists(atPath: second), started.process.isRunning, Date() < deadline {
                Thread.sleep(forTimeInterval: 0.01)
            }
            kill(started.process.processIdentifier, SIGINT)
            let run = try Program.finish(started)
            #expect(run.code == 130, "\(run.errors)")
            #expect(run.errors.hasSuffix("\nerror: stopped; go on with the same command, and --resume 'oof.run'\n"))
            #expect(try !names(in: folder).contains("oof.npz"))
            let other = try Program.run(arguments("oof.npz", "--resume", "oof.run", "--folds", "4"), in: folder)
            #expect(other.code == 64, "\(other.errors)")
            #expect(other.errors.contains("belongs to a run with other options"))
            let resumed = try Program.run(arguments("oof.npz", "--resume", "oof.run"), in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
            let whole = try Program.run(arguments("whole.npz", "--threads", "1"), in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            let (a, b) = (folder.appending(path: "oof.npz"), folder.appending(path: "whole.npz"))
            #expect(try Data(contentsOf: a) == Data(contentsOf: b))
        }
    }

    @Test func withoutTestTheReportHasDashes() throws {
        try withModels { folder in
            let header = (0..<10).map { "\($0)" }.joined(separator: ",") + "\n"
            let line = (0..<10).map { $0 == 3 ? "0.55" : "0.05" }.joined(separator: ",") + "\n"
            let table = header + String(repeating: line, count: 60)
            try table.write(to: folder.appending(path: "p.csv"), atomically: true, encoding: .utf8)
            let run = try Program.run(distill(["p.csv", "digits.h5"]) + ["--no-baseline"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains(/teacher   p.csv +— +— +0\.\d+ +—\n/), "\(run.output)")
            #expect(run.output.contains(/ensemble +— +— +0\.\d+ +—\n/), "\(run.output)")
            #expect(!run.output.contains("agrees with the ensemble") && !run.output.contains("smaller than"))
            #expect(run.output.contains(/the student makes \d+ errors of 20\n/))
            let json = try Program.run(distill(["p.csv"], "t.h5") + ["--json", "--baseline"], in: folder).json()
            #expect(json["student"]?["agreement"] == .null && json["gain_kept"] == .null)
            #expect(json["ensemble"]?.object?.keys == ["bytes", "weights_bytes", "validation"])
            let plan = try Program.run(distill(["x=p.csv"], "u.h5") + ["--dry-run"], in: folder)
            #expect(plan.code == 0, "\(plan.errors)")
            #expect(plan.output.contains("predictions of train"))
        }
    }

    @Test func refusesWithTheRightCode() throws {
        try withModels { folder in
            let two = "a,b\n" + String(repeating: "0.5,0.5\n", count: 60)
            try two.write(to: folder.appending(path: "two.csv"), atomically: true, encoding: .utf8)
            try Data("no archive".utf8).write(to: folder.appending(path: "bad.npz"))
            try Data([0x93] + Array("NUMPY".utf8)).write(to: folder.appending(path: "bad.npy"))
            let predict = ["predict", "digits.h5", "--output", "p.h5"]
            let train = ["train", "--architecture", "tiny.yaml", "--data", "d.h5", "--output", "p.h5"]
            let cases: [([String], Int32, String)] = [
                (
                    distill(["two.csv"]), 65,
                    "'predictions' in 'two.csv': expected 10 columns, one for each class of 'd.h5', found 2."
                ),
                (distill(["none.npz"]), 66, "could not open 'none.npz': there is no such file"),
                (distill(["x=none.npz"]), 66, "could not open 'none.npz': there is no such file"),
                (distill(["bad.npz"]), 65, "'bad.npz'"),
                (distill(["bad.npy"]), 65, "'bad.npy': expected an array of numpy"),
                (distill(["digits.h5:train"]), 65, "'digits.h5': expected an array or a group 'train', found "),
                (distill(["d.h5"]), 65, "'d.h5': is an HDF5 file, but no Keras model"),
                (predict, 64, "missing --inputs, the examples to predict, or --data, a data file to predict all of"),
                (
                    predict + ["--data", "d.h5", "--inputs", "d.h5:test/x"], 64,
                    "--inputs and --data do not go together"
                ),
                (predict + ["digits-k2.h5", "--inputs", "d.h5:test/x"], 64, "--inputs is for one model, found 2"),
                (predict + ["--inputs", "d.h5:test/x", "--teacher-output", "digits=logits"], 64, "go with --data"),
                (predict + ["digits.h5", "--data", "d.h5"], 64, "several models are called 'digits'"),
                (
                    predict + ["--data", "d.h5", "--output", "p.csv"], 64,
                    "'p.csv': predictions are written to files that end in .h5"
                ),
                (train + ["--folds", "1"], 64, "expected a number of folds from 2 to 1000, found '1'"),
                (
                    train + ["--folds", "31"], 65,
                    "'train/x' in 'd.h5': expected at least 62 rows for 31 folds, found 60."
                ),
                (train + ["--unlabeled", "d.h5"], 64, "--unlabeled is for the models of --folds"),
                (train + ["--folds", "2", "--output", "m.keras"], 64, "'m.keras': predictions are written to files"),
            ]
            let before = try names(in: folder)
            for (arguments, code, text) in cases {
                let run = try Program.run(arguments, in: folder)
                #expect(run.code == code, "\(arguments): \(run.errors)")
                #expect(run.errors.contains(text), "\(arguments): \(run.errors)")
                #expect(try names(in: folder) == before, "\(arguments)")
            }
        }
    }

    /// A model may have a name of its own, which options know.
    @Test func namesModels() throws {
        try withModels { folder in
            let run = try Program.run(
                distill(["first=digits.h5", "digits-k2.h5"]) + [
                    "--teacher-weights", "learned", "--teacher-input", "first=scale:1",
                ],
                in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.contains("held-out accuracy: first "))
            let again = try Program.run("--resume", "s.run", "--quiet", in: folder)
            #expect(again.code == 0, "\(again.errors)")
            // A file with the sign in its name is meant before its parts.
            try FileManager.default.copyItem(
                at: folder.appending(path: "digits.h5"), to: folder.appending(path: "lr=0.1.h5"))
            let whole = try Program.run(distill(["lr=0.1.h5"], "t.h5"), in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            #expect(whole.errors.contains("held-out accuracy: lr=0.1 "))
        }
    }
}
