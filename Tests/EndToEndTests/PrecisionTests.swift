import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

/// `--precision`, wherever it may be given.
@Suite struct PrecisionTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu}
          - BatchNormalization: {}
          - Dense: {units: classes, activation: softmax}
        """

    private func withStudent(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    /// What is planned is what is written: a kernel and a bias of 8 · 144 + 8 and 10 · 8 + 10 halves, four vectors of 8, of
    /// which two are statistics.
    @Test(arguments: ["m.h5", "m.keras"])
    func takesHalfTheBytes(output: String) throws {
        try withStudent { folder in
            let run = try Program.run(
                "train", "--architecture", "tiny.yaml", "--data", "d.h5", "--epochs", "1", "--precision", "float16",
                "--output", output, "--quiet", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let model = try Program.run("inspect", output, "--json", in: folder).json()["models"]?[0]
            let halves = 8 * 144 + 8 + 10 * 8 + 10 + 2 * 8
            #expect(model?["weights_bytes"]?.integer == 2 * halves + 4 * 2 * 8)
            #expect(model?["loaded_bytes"]?.integer == 4 * (halves + 2 * 8))
            let planned = try Program.run(
                "inspect", "tiny.yaml", "--input", "12,12", "--classes", "10", "--precision", "float16", "--json",
                in: folder
            ).json()["models"]?[0]
            #expect(planned?["weights_bytes"] == model?["weights_bytes"])
            #expect(planned?["layers"]?[2]?["dtype"] == "float16, float32")
        }
    }

    @Test func isInThePlan() throws {
        try withStudent { folder in
            let run = try Program.run(
                "--teachers", "digits.h5", "--data", "d.h5", "--budget", "20kB", "--student", "tiny.yaml", "--output",
                "s.h5", "--precision", "float16", "--dry-run", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains(" parameters as float16, "))
        }
    }

    /// The layers are named, and nothing is left.
    @Test func refusesWeightsThatFloat16DoesNotHold() throws {
        try withFolder { folder in
            let built = try ArchitectureFile(parsing: "input: [3]\nlayers:\n  - Dense: {units: 2}", path: "a.yaml")
                .architecture().graph()
            let weights = ParameterVector(zeros: built.graph.layout)
            weights.tensor[0] = 70_000
            try ExportPlan(built).write(weights, to: folder.appending(path: "m.h5").path)
            let run = try Program.run("convert", "m.h5", "--precision", "float16", "--output", "s.keras", in: folder)
            #expect(run.code == 65)
            #expect(
                run.errors == """
                    error: 's.keras': layer 'dense', parameter 'kernel': 1 of 6 numbers is beyond ±65,504, the range of \
                    float16. Store the model with --precision float32

                    """)
            #expect(try names(in: folder) == ["m.h5"])
        }
    }

    /// What a kind of file cannot hold is refused before any work.
    @Test(arguments: [("int8", "s.h5"), ("int8", "s.keras"), ("float8", "s.onnx"), ("3.5", "s.onnx")])
    func refusesPrecisionsOfOtherFormats(precision: String, output: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run(
                "convert", "digits.h5", "--precision", precision, "--output", output, in: folder)
            let found = precision == "3.5" ? "3.5 bits" : precision, suffix = output.dropFirst(2)
            #expect(run.code == 64)
            #expect(
                run.errors.hasPrefix(
                    "error: precision \(found) cannot be written to a .\(suffix) file; use --precision "))
            #expect(try names(in: folder) == ["digits.h5"])
        }
    }

    @Test func refusesOtherPrecisions() throws {
        try withFolder { folder in
            let known = "float32, float16, int8, float8, float7, float6, float5, float4"
            for (command, word, others) in [
                ("convert", "int4", " or bits a weight such as 3.5"),
                ("convert", "0.25", " or bits a weight such as 3.5"),
                ("train", "3.5", ""), ("train", "auto", ""),
            ] {
                let run = try Program.run(command, "m.h5", "--precision", word, "--output", "s.h5", in: folder)
                #expect(run.code == 64)
                #expect(run.errors.contains("expected \(known)\(others), found '\(word)'"), "\(run.errors)")
            }
            let run = try Program.run("convert", "m.h5", "--precision", "auto", "--output", "s.h5", in: folder)
            #expect(run.code == 64 && run.errors.contains("--budget gives as many bits as fit"))
        }
    }

    @Test func storesAModelWithSoManyBitsAWeight() throws {
        try withFolder { folder in
            let model = URL(filePath: #filePath).appending(path: "../../../Weights/fashion-mnist/conv.h5").standardized
                .path
            let run = try Program.run(
                "convert", model, "--precision", "4.5", "--output", "s.h5", "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let bits = try #require(try run.json()["bits_per_weight"]?.number)
            let planned = try Program.run("inspect", "s.h5", "--json", in: folder).json()["models"]?[0]
            #expect(planned?["bits_per_weight"]?.number == bits)
            #expect((4.3..<4.7).contains(bits))
        }
    }

    /// What makes a file smaller has to suit its precision.
    @Test(arguments: [
        (
            ["--stages", "quantisation"],
            "expected some of pruning, weight-sharing, quantization, quantized-distillation"
        ),
        (["--stages", "pruning,pruning"], "each once"),
        (["--stages", "prune,pruning"], "each once"),
        (["--stages", "pruning"], "--precision auto needs 'quantization' or 'weight-sharing'"),
        (["--precision", "float32", "--stages", "pruning"], "--precision float32 keeps every bit"),
        (["--precision", "float32", "--stages", "prune"], "--precision float32 keeps every bit"),
        (["--precision", "float8", "--stages", "pruning"], "only 'quantized-distillation' is possible"),
        (["--precision", "auto", "--stages", "quantized-distillation"], "needs 'quantization' or 'weight-sharing'"),
        (["--precision", "3", "--stages", "quantization"], "a weight takes 4 bits or more"),
        (["--precision", "float32", "--allow-loss", "0.5"], "--allow-loss is for a student in fewer bits"),
        (["--precision", "auto", "--allow-loss", "-1"], "expected points from 0 to 100"),
        (["--precision", "3", "--budget-counts", "parameters"], "leave --precision out"),
        (["--budget-counts", "parameters", "--stages", "weight-sharing"], "--budget-counts parameters counts 4 bytes"),
        (["--budget-counts", "parameters", "--allow-loss", "1"], "--budget-counts parameters counts 4 bytes"),
        (["--budget-counts", "bytes"], "expected file or parameters"),
    ])
    func refusesStagesThatDoNotSuit(options: [String], reason: String) throws {
        try withFolder { folder in
            let run = try Program.run(
                ["--teachers", "m.h5", "--data", "d.h5", "--budget", "20KB", "--output", "s.h5"] + options, in: folder)
            #expect(run.code == 64)
            #expect(run.errors.replacing(/\s+/, with: " ").contains(reason), "\(run.errors)")
        }
    }
}
