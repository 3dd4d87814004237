import Foundation
import HDF5
import ModelFiles
import Testing

/// A model whose weights are floats of few bits, wherever the program takes one.
@Suite struct SmallFloatTests {
    private func withModel(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "ModelFilesTests/Fixtures/storage")
            for name in ["small-floats.h5", "small-floats.keras", "foreign-float.h5"] {
                try FileManager.default.copyItem(
                    at: fixtures.appending(path: name), to: folder.appending(path: name))
            }
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            for (split, count) in [("train", 40), ("test", 10)] {
                let x = (0..<(count * 18)).map { (place: Int) -> Float in Float((place * 37) % 29) / 14 - 1 }
                try file.root.createDataset("\(split)/x", x, shape: [count, 6, 3])
                try file.root.createDataset("\(split)/y", (0..<count).map { UInt8($0 % 4) }, shape: [count])
            }
            try file.close()
            try body(folder)
        }
    }

    private func predictions(_ model: String, _ folder: URL) throws -> [Float] {
        let run = try Program.run("predict", model, "--inputs", "d.h5:test/x", "--output", "p.h5", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        return try HDF5File(opening: folder.appending(path: "p.h5").path).root.dataset("output").read()
    }

    /// What is written with float32 predicts the same bits.
    @Test(arguments: ["small-floats.h5", "small-floats.keras"])
    func convertsToFloat32(model: String) throws {
        try withModel { folder in
            let run = try Program.run("convert", model, "--output", "plain.h5", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try predictions(model, folder) == predictions("plain.h5", folder))
        }
    }

    @Test func isTeacherAndStudent() throws {
        try withModel { folder in
            let run = try Program.run(
                [
                    "--teachers", "small-floats.h5", "small-floats.keras", "--data", "d.h5", "--budget", "60kB",
                    "--student",
                    "small-floats.h5", "--epochs", "1", "--output", "s.h5", "--quiet",
                ], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try Program.run("evaluate", "s.h5", "--data", "d.h5", in: folder).code == 0)
        }
    }

    @Test func inspectsEachParameter() throws {
        try withModel { folder in
            let run = try Program.run("inspect", "small-floats.h5", in: folder)
            #expect(run.code == 0)
            let line = try #require(run.output.split(separator: "\n").first { $0.contains("float4 (1-2-1)") })
            #expect(
                line.split(separator: " ").prefix(6).map(String.init) == ["bias", "(4)", "4", "3", "float4", "(1-2-1)"])
            #expect(run.output.contains("in memory"))
            let json = try Program.run("inspect", "small-floats.h5", "--json", in: folder).json()
            let model = json["models"]?[0]
            #expect(model?["loaded_bytes"]?.integer == (model?["parameters"]?.integer ?? 0) * 4)
            let bias = model?["layers"]?[0]?["weights"]?.array?.first { $0["name"] == "bias" }
            let expected: JSON = [
                "name": "bias", "shape": [4], "dtype": "float4 (1-2-1)", "bytes": 3, "bits_per_weight": 6.0,
            ]
            #expect(bias == expected)
        }
    }

    @Test func refusesForeignFloats() throws {
        try withModel { folder in
            let run = try Program.run("convert", "foreign-float.h5", "--output", "s.h5", in: folder)
            #expect(run.code == 65)
            #expect(run.errors.contains("found float of 24 bits (1-7-16, bias 63), which is not read"))
        }
    }
}
