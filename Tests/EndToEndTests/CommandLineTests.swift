import Foundation
import HDF5
import ModelFiles
import Testing

@Suite struct HelpTests {
    @Test func saysItsVersion() throws {
        try withFolder { folder in
            let run = try Program.run("--version", in: folder)
            #expect(run.code == 0)
            #expect(run.output == "0.1.0\n")
        }
    }

    @Test(arguments: ["distill", "train", "evaluate", "predict", "inspect", "convert", "layers", "import"])
    func explainsEveryCommand(command: String) throws {
        try withFolder { folder in
            let run = try Program.run("help", command, in: folder)
            #expect(run.code == 0)
            #expect(run.output.contains("compress \(command)"))
            #expect(run.output.contains("Examples:"))
            #expect(run.output.contains("--json"))
            #expect(run.errors.isEmpty)
        }
    }

    @Test(arguments: [
        (["--tachers", "a.h5"], "unknown option '--tachers'. Did you mean '--teachers'?", "distill"),
        (["distill"], "missing --teachers, --data, --budget, --output", "distill"),
        (
            ["--teachers", "a.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1XB"],
            "the value '1XB' is invalid for '--budget <size>': expected a size such as 250kB, 1GB (10⁹ bytes) or 1GiB "
                + "(2³⁰ bytes), found '1XB'", "distill"
        ),
        (
            ["--teachers", "a.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1MB", "--lambda", "step:0:1"],
            "the value 'step:0:1' is invalid for '--lambda <schedule>': expected step:FROM:TO:AT, found 'step:0:1'",
            "distill"
        ),
        (
            [
                "--teachers", "a.h5", "b.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1MB",
                "--teacher-weights", "1",
            ],
            "--teacher-weights has 1 shares for 2 --teachers", "distill"
        ),
        (
            [
                "--teachers", "a.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1MB", "--lambda", "0",
                "--soft-weight", "0",
            ], "--lambda and --soft-weight are both 0: there would be nothing to learn from", "distill"
        ),
        (["predict", "m.h5", "--inputs", "a.h5:x"], "missing expected argument '--output <path>'", "predict"),
        (
            ["evaluate", "m.h5", "--data", "d.h5", "--threads", "0"],
            "the value '0' is invalid for '--threads <n>': expected a whole number of at least 1, found '0'", "evaluate"
        ),
        (
            ["evaluate", "m.h5", "--data", "d.h5", "--threads", "-1"],
            "the value '-1' is invalid for '--threads <n>': expected a whole number of at least 1, found '-1'",
            "evaluate"
        ),
        (
            ["--teachers", "a.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1MB", "--temperature", "-1"],
            "the value '-1' is invalid for '--temperature <schedule>': a temperature must be above 0 throughout, found "
                + "'-1'", "distill"
        ),
        (
            ["--teachers", "a.h5", "--data", "d.h5", "--output", "s.h5", "--budget", "1MB", "--lambda", "-.5"],
            "the value '-.5' is invalid for '--lambda <schedule>': the weight of a loss may not become negative, found "
                + "'-.5'", "distill"
        ),
        (["inspect", "m.h5", "--budget"], "missing value for '--budget <size>'", "inspect"),
        (["inspect", "m.h5", "--budget", "--quiet"], "missing value for '--budget <size>'", "inspect"),
    ])
    func refusesWrongCommandLines(arguments: [String], message: String, command: String) throws {
        try withFolder { folder in
            let run = try Program.run(arguments, in: folder)
            #expect(run.code == 64)
            #expect(run.output.isEmpty)
            #expect(run.errors == "error: \(message)\n       See 'compress help \(command)'.\n")
        }
    }

    @Test func tellsErrorsToPrograms() throws {
        try withFolder { folder in
            let run = try Program.run("inspect", "m.h5", "--json", "--nonsense", in: folder)
            #expect(run.code == 64)
            let error = try #require(run.json()["error"])
            #expect(error["code"] == 64)
            #expect(error["message"]?.string == "unknown option '--nonsense'\nSee 'compress help inspect'.")
        }
    }
}

@Suite struct InspectTests {
    @Test func reportsEveryLayer() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run("inspect", "digits.h5", "--budget", "1MB", "--json", in: folder)
            #expect(run.code == 0)
            #expect(run.errors.isEmpty)
            let json = try run.json(), model = try #require(json["models"]?[0])
            #expect(json.object?.keys == ["models", "budget"])
            #expect(
                model.object?.keys == [
                    "path", "parameters", "bytes", "weights_bytes", "bits_per_weight", "loaded_bytes", "layers",
                ])
            #expect(model["path"] == "digits.h5")
            let size = try FileManager.default.attributesOfItem(atPath: folder.appending(path: "digits.h5").path)[.size]
            #expect(model["bytes"]?.integer == size as? Int)
            let layers = try #require(model["layers"]?.array)
            #expect(layers.reduce(0) { $0 + ($1["parameters"]?.integer ?? 0) } == model["parameters"]?.integer)
            #expect(layers.reduce(0) { $0 + ($1["bytes"]?.integer ?? 0) } == model["weights_bytes"]?.integer)
            #expect(
                layers[0].object?.keys
                    == ["name", "class", "output_shape", "parameters", "bytes", "dtype", "multiply_adds", "weights"])
            #expect(json["budget"]?.object?.keys == ["limit", "used", "fits"])
            #expect(json["budget"]?["limit"] == 1_000_000)
        }
    }

    @Test func saysNoWithOne() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run("inspect", "digits.h5", "digits.h5", "--budget", "30kB", in: folder)
            #expect(run.output.contains("of the budget"))
            #expect(run.output.contains("2 models"))
            #expect(run.code == 1)
            #expect(
                run.output.contains("over the budget of 30,000 bytes by 29,392 bytes: 59,392 bytes needed (198.0 %)\n"))
            let json = try Program.run("inspect", "digits.h5", "--budget", "1kB", "--json", in: folder)
            #expect(json.code == 1)
            #expect(try json.json()["budget"]?["fits"] == false)
        }
    }

    @Test func sizesAnArchitecture() throws {
        try withFolder { folder in
            let text = """
                name: small
                input: [28, 28, 1]
                layers:
                  - Flatten: {}
                  - Dense: {units: 64*width, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            try text.write(to: folder.appending(path: "small.yaml"), atomically: true, encoding: .utf8)
            let run = try Program.run(
                "inspect", "small.yaml", "--classes", "7", "--width", "0.5", "--json", in: folder)
            #expect(run.code == 0)
            #expect(try run.json()["models"]?[0]?["parameters"] == .integer(784 * 32 + 32 + 32 * 7 + 7))
            let guessed = try Program.run("inspect", "small.yaml", in: folder)
            #expect(guessed.code == 0)
            #expect(guessed.errors == "'small.yaml': sized for 10 classes; set the number with --classes\n")
        }
    }

    /// Two times 7 · 4 + 4 numbers of 4 bytes.
    @Test func saysWhatEachMemberTakes() throws {
        try withFolder { folder in
            let text = """
                input: [7]
                members:
                  a: {layers: [Dense: {units: classes, activation: softmax}]}
                  b:
                    weight: 3
                    layers:
                      - Dense: {units: classes, activation: softmax}
                """
            try text.write(to: folder.appending(path: "both.yaml"), atomically: true, encoding: .utf8)
            let run = try Program.run("inspect", "both.yaml", "--classes", "4", in: folder)
            #expect(run.code == 0)
            let lines = run.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.contains { $0.hasPrefix("a: 1 layer 0.250 of mean 32 128 ") })
            #expect(lines.contains { $0.hasPrefix("b: 1 layer 0.750 of mean 32 128 ") })
            #expect(lines.contains { $0.hasPrefix("a/dense Dense (4) 32 128 float32 ") })
            let json = try Program.run("inspect", "both.yaml", "--classes", "4", "--json", in: folder).json()
            #expect(json["models"]?[0]?["members"]?[1]?["parameters"] == 32)
        }
    }

    @Test func refusesWhatIsNoModel() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let whole = try Data(contentsOf: folder.appending(path: "digits.h5"))
            try whole.prefix(whole.count / 2).write(to: folder.appending(path: "cut.h5"))
            try Data("Hello, world\n".utf8).write(to: folder.appending(path: "text.h5"))
            try Data().write(to: folder.appending(path: "empty.h5"))
            let other = try HDF5File(creating: folder.appending(path: "other.h5").path)
            try other.root.createDataset("numbers", [UInt8(1), 2], shape: [2])
            try other.close()
            let advice =
                "In Keras, load or build the model and write it with model.save('model.h5'), which keeps architecture and weights"
            let cases: [(String, Int32, String)] = [
                ("none.h5", 66, "could not open 'none.h5': there is no such file"),
                (".", 66, "could not open '.': it is a directory"),
                (
                    "text.h5", 65,
                    "could not open 'text.h5': it is text, not HDF5. It is no model. Name one of Keras (.h5, .keras) or ONNX (.onnx)"
                ),
                ("empty.h5", 65, "could not open 'empty.h5': it is empty, not HDF5. Copy or download it again"),
                ("none.yaml", 66, "'none.yaml': there is no such file"),
                (
                    "other.h5", 65,
                    "'other.h5': is an HDF5 file, but no Keras model (no attribute 'model_config'). \(advice)"
                ),
            ]
            for (path, code, message) in cases {
                let run = try Program.run("inspect", path, in: folder)
                #expect(run.code == code, "\(path)")
                #expect(run.output.isEmpty)
                #expect(run.errors == "error: \(message)\n")
                let json = try Program.run("inspect", path, "--json", in: folder)
                #expect(try json.json() == ["error": ["code": .integer(Int(code)), "message": .string(message)]])
            }
            let cut = try Program.run("inspect", "cut.h5", in: folder)
            #expect(cut.code == 65)
            #expect(cut.errors.hasPrefix("error: could not open 'cut.h5': "))
        }
    }

    @Test func putsTwoModelsSideBySide() throws {
        try withFolder { folder in
            for (name, units) in [("a", 4), ("b", 6)] {
                let text = """
                    name: \(name)
                    input: [5]
                    layers:
                      - Dense: {units: \(units)}
                      - Dense: {units: classes, activation: softmax}
                    """
                try text.write(to: folder.appending(path: "\(name).yaml"), atomically: true, encoding: .utf8)
            }
            let run = try Program.run("inspect", "a.yaml", "b.yaml", "--classes", "3", in: folder)
            #expect(run.code == 0)
            let lines = run.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.contains("A is a.yaml, B is b.yaml; what B has alike is left out"))
            #expect(lines.contains("dense Dense (4) (6) 24 36 96 144"))
            #expect(lines.contains("dense_1 Dense (3) 15 21 60 84"))
        }
    }

    @Test func measuresHowLongPredictionsTake() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run("inspect", "digits.h5", "--latency", "--threads", "1", "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let latency = try run.json()["models"]?[0]?["latency"]
            #expect(latency?["threads"] == 1)
            for (key, examples) in [("single", 1), ("batch", 128)] {
                let times = latency?[key], median = times?["median_seconds"]?.number ?? 0
                #expect(times?["examples"]?.integer == examples)
                #expect(median > 0 && median <= times?["p99_seconds"]?.number ?? 0)
            }
        }
    }

    @Test func saysWhatIsInData() throws {
        try withFolder { folder in
            try writeDigits(to: folder.appending(path: "d.h5"), train: 25, test: 20)
            let run = try Program.run("inspect", "d.h5", "--json", "--html", "d.html", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let json = try run.json(), data = json["data"]?[0]
            #expect(json["models"] == [] && data?["shape"] == [12, 12] && data?["classes"] == 10)
            #expect(data?["splits"]?[0]?["class_counts"] == [3, 3, 3, 3, 3, 2, 2, 2, 2, 2])
            #expect(data?["splits"]?[1]?["inputs"]?[0]?["type"] == "uint8")
            let page = try String(contentsOf: folder.appending(path: "d.html"), encoding: .utf8)
            // Three of the first five classes and two of the others, at either end.
            #expect(page.components(separatedBy: "<img ").count == 1 + 2 * 25)
            #expect(
                try Program.run("inspect", "d.h5", in: folder).output.contains(
                    "\ntest         20  x      (12, 12)  uint8"))
            #expect(try Program.run("inspect", "d.h5", "--budget", "1MB", in: folder).code == 64)
            try copyFixture("digits.h5", to: folder)
            #expect(try Program.run("inspect", "d.h5", "digits.h5", in: folder).code == 64)
            #expect(try Program.run("inspect", "digits.h5", "--html", "m.html", in: folder).code == 64)
        }
    }

    @Test func toleratesAReaderThatLeaves() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.shell(
                "{ \"$compress\" inspect digits.h5 digits.h5; echo $? >code; } | true; cat code", in: folder)
            #expect(["0\n", "74\n"].contains(run.output))
            #expect(run.errors.isEmpty)
        }
    }

    @Test(arguments: ["inspect digits.h5", "inspect digits.h5 --json", "--help", "help train", "--version", "layers"])
    func saysThatItsResultsCouldNotBeWritten(arguments: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.shell("\"$compress\" \(arguments) >/dev/full", in: folder)
            #expect(run.code == 74)
            #expect(
                run.errors
                    == "error: could not write to standard output: the disk is full (No space left on device); "
                    + "make room there, or choose a place on another disk\n")
        }
    }
}
