import Foundation
import HDF5
import ModelFiles
import Testing

/// Models that do not match the data, on the command line.
@Suite struct TeacherRulesTests {
    /// A folder with two models for images (12, 12, 1), data of images (144), and a student for them.
    private func withFlatDigits(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"))
            let images = try HDF5File(opening: folder.appending(path: "d.h5").path)
            let flat = try HDF5File(creating: folder.appending(path: "flat.h5").path)
            for split in ["train", "test"] {
                let x: [UInt8] = try images.root.dataset("\(split)/x").read()
                let y: [UInt8] = try images.root.dataset("\(split)/y").read()
                try flat.root.createDataset("\(split)/x", x, shape: [y.count, 144])
                try flat.root.createDataset("\(split)/y", y, shape: [y.count])
            }
            try flat.close()
            let student = """
                name: tiny
                input: [144]
                layers:
                  - Dense: {units: 8, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            try student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    private static let rules = ["--teacher-input", "*=reshape:12x12x1"]

    @Test func evaluateAndPredictFollowTheSameRules() throws {
        try withFlatDigits { folder in
            let models = ["digits.h5", "digits-k2.h5"]
            let expected = try Program.run(["evaluate"] + models + ["--data", "d.h5", "--json"], in: folder)
            let found = try Program.run(
                ["evaluate"] + models + ["--data", "flat.h5", "--json"] + Self.rules, in: folder)
            #expect(found.code == 0, "\(found.errors)")
            #expect(try found.json() == expected.json())
            #expect(found.errors.contains("x (144) reshape:12x12x1 → (12, 12, 1)  softmax of 10  assumed\n"))
            #expect(
                try Program.run(
                    ["evaluate"] + models + ["--data", "flat.h5", "--quiet"] + Self.rules, in: folder
                ).errors.isEmpty)

            for (file, rules) in [("d.h5", []), ("flat.h5", Self.rules)] {
                let run = try Program.run(
                    ["predict", "digits.h5", "--inputs", "\(file):test/x", "--output", "p-\(file)"] + rules, in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
            let (plain, ruled) = (try values(folder, "p-d.h5"), try values(folder, "p-flat.h5"))
            #expect(plain == ruled)
        }
    }

    private func values(_ folder: URL, _ name: String) throws -> [Float] {
        try HDF5File(opening: folder.appending(path: name).path).root.dataset("output").read()
    }

    @Test(arguments: [
        (
            ["--teacher-input", "digits=scael:2"],
            "the value 'digits=scael:2' is invalid for '--teacher-input <name=rules>': there is no step 'scael'; did you "
                + "mean 'scale'? (steps are channels, offset, reshape, resize, scale, transpose)"
        ),
        (
            ["--teacher-input", "scale:2"],
            "the value 'scale:2' is invalid for '--teacher-input <name=rules>': expected the name of a model and its "
                + "options, such as conv=resize:32x32, found 'scale:2'"
        ),
        (
            ["--teacher-input", "digit=scale:2"],
            "--teacher-input names 'digit', but the models are digits, digits-k2; did you mean 'digits'?"
        ),
        (
            ["--teacher-input", "digits=scale:2", "--teacher-input", "digits=scale:3"],
            "--teacher-input is given twice for 'digits'"
        ),
        (
            ["--teacher-output", "digits=sofmax"],
            "the value 'digits=sofmax' is invalid for '--teacher-output <name=what>': expected softmax, sigmoid or logits, "
                + "found 'sofmax'"
        ),
    ])
    func refusesRulesThatAreNone(arguments: [String], message: String) throws {
        try withFlatDigits { folder in
            let run = try Program.run(
                ["evaluate", "digits.h5", "digits-k2.h5", "--data", "flat.h5"] + arguments, in: folder)
            #expect(run.code == 64)
            #expect(run.errors == "error: \(message)\n       See 'compress help evaluate'.\n")
        }
    }

    @Test func refusesRulesThatDoNotFit() throws {
        try withFlatDigits { folder in
            let run = try Program.run(
                "evaluate", "digits.h5", "digits-k2.h5", "--data", "flat.h5", "--teacher-input",
                "digits=reshape:12x12x1,resize:6x6", "--json", in: folder)
            #expect(run.code == 65)
            #expect(
                try run.json()["error"]?["message"]?.string
                    == "2 teachers do not fit:\n"
                    + "'digits.h5': takes 'input' (12, 12, 1), but --teacher-input makes x (144) → (12, 12, 1) → (6, 6, 1)\n"
                    + "'digits-k2.h5': takes 'input' (12, 12, 1), but 'flat.h5' has x (144); "
                    + "--teacher-input digits-k2=reshape:12x12x1 would fit")
            let missing = try Program.run(
                "evaluate", "digits.h5", "--data", "d.h5", "--teacher-classes", "digits=none.txt", in: folder)
            #expect(missing.code == 66)
            #expect(
                missing.errors
                    == "error: 'none.txt': expected a text file with a class name in each line, but there is no such file\n"
            )
        }
    }

    /// Rules are told before the work, kept in the run directory, and in force again when a run goes on.
    @Test func rulesAreKeptForResuming() throws {
        try withFlatDigits { folder in
            let arguments = [
                "--teachers", "digits.h5", "digits-k2.h5", "--data", "flat.h5", "--student", "tiny.yaml", "--output",
                "s.h5", "--epochs", "2", "--budget", "60kB", "--teacher-input", "digits=reshape:12x12x1",
                "--teacher-input", "digits-k2.h5=reshape:12x12,scale:1",
            ]
            let run = try Program.run(arguments, in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.contains("x (144) reshape:12x12x1 → (12, 12, 1)        softmax of 10  assumed\n"))
            #expect(run.errors.contains("x (144) reshape:12x12 scale:1 → (12, 12, 1)  softmax of 10  assumed\n"))
            let manifest = try JSON(
                parsing: String(contentsOf: folder.appending(path: "s.run/manifest.json"), encoding: .utf8))
            #expect(manifest["teachers"]?[1]?["inputs"]?[0]?["steps"] == ["reshape:12x12", "scale:1"])
            #expect(manifest["teachers"]?[1]?["inputs"]?[0]?["taken"] == [12, 12, 1])
            let again = try Program.run("--resume", "s.run", in: folder)
            #expect(again.code == 0, "\(again.errors)")
            #expect(!again.errors.contains("teaching by"))
            let other = try Program.run("--resume", "s.run", "--teacher-input", "*=reshape:12x12x1,scale:2", in: folder)
            #expect(other.code == 64)
            #expect(other.errors.contains("belongs to a run with other options"))
        }
    }

    /// One sigmoid unit for two classes, as most people write them.
    @Test func trainsAndEvaluatesOneUnit() throws {
        try withFolder { folder in
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            for (split, count) in [("train", 200), ("test", 50)] {
                let y = (0..<count).map { UInt8($0 * 7 % 3 == 0 ? 1 : 0) }
                let x = (0..<(count * 2)).map { (place: Int) -> Float in
                    Float(y[place / 2]) - 0.5 + Float(place * 37 % 11 - 5) / 20
                }
                try file.root.createDataset("\(split)/x", x, shape: [count, 2])
                try file.root.createDataset("\(split)/y", y, shape: [count])
            }
            try file.close()
            let text = """
                input: [2]
                layers:
                  - Dense: {units: 8, activation: tanh}
                  - Dense: {units: 1, activation: sigmoid}
                """
            try text.write(to: folder.appending(path: "one.yaml"), atomically: true, encoding: .utf8)
            let run = try Program.run(
                "train", "--architecture", "one.yaml", "--data", "d.h5", "--output", "m.h5", "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try #require(run.json()["accuracy"]?.number) > 0.95)
            let evaluated = try Program.run("evaluate", "m.h5", "--data", "d.h5", "--json", in: folder)
            #expect(try evaluated.json()["models"]?[0]?["accuracy"] == run.json()["accuracy"])
        }
    }
}
