import Foundation
import HDF5
import ModelFiles
import Testing

/// Numbers of words that an Embedding has no row for, by every way in.
@Suite struct WordTests {
    /// Four words of ten each, and the class of the first; in one row another number.
    private func writeWords(
        to url: URL, _ number: Float = 3, split: String = "train", row: Int = 41, train: Int = 60
    ) throws {
        let file = try HDF5File(creating: url.path)
        for (name, count) in [("train", train), ("test", 20)] {
            var x = (0..<(count * 4)).map { (place: Int) -> Float in Float((place * 7 + place / 4) % 10) }
            let y = (0..<count).map { (row: Int) -> UInt8 in UInt8(Int(x[4 * row]) % 2) }
            if name == split { x[4 * min(row, count - 1) + 2] = number }
            try file.root.createDataset("\(name)/x", x, shape: [count, 4])
            try file.root.createDataset("\(name)/y", y, shape: [count])
        }
        try file.close()
    }

    private static let architecture = """
        input: [4]
        layers:
          - Embedding: {input_dim: 10, output_dim: 3}
            name: words
          - Flatten
          - Dense: {units: classes, activation: softmax}
        """

    private func withModel(_ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            try Self.architecture.write(to: folder.appending(path: "a.yaml"), atomically: true, encoding: .utf8)
            try writeWords(to: folder.appending(path: "good.h5"))
            let run = try Program.run(
                "train", "--architecture", "a.yaml", "--data", "good.h5", "--output", "m.h5", "--epochs", "1",
                "--quiet",
                in: folder)
            #expect(run.code == 0, "\(run.errors)")
            try body(folder)
        }
    }

    /// What is tried to find out why a teacher is bad, such as another scale, may make no words of numbers.
    @Test func goesOnWithATeacherThatKnowsLittleOfThem() throws {
        try withModel { folder in
            try writeWords(to: folder.appending(path: "many.h5"), train: 1200)
            let weak = try Program.run(
                "train", "--architecture", "a.yaml", "--data", "many.h5", "--output", "weak.h5", "--epochs", "1",
                "--learning-rate", "0.00001", "--quiet", in: folder)
            #expect(weak.code == 0, "\(weak.errors)")
            let run = try Program.run(
                "--teachers", "weak.h5", "--data", "many.h5", "--student", "mlp", "--budget", "30kB", "--epochs", "1",
                "--no-baseline", "--output", "s.h5", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.contains("'weak.h5' is no better than chance on held-out examples"))
        }
    }

    private static let cure =
        "Expected whole numbers from 0 to 9: number the words of the data so, or use a model whose table has them all "
        + "(a larger 'input_dim')"

    @Test(arguments: [(99, "99"), (-1, "-1"), (2.5, "2.5")] as [(Float, String)])
    func refusesThemBeforeAnythingRuns(number: Float, words: String) throws {
        try withModel { folder in
            try writeWords(to: folder.appending(path: "bad.h5"), number)
            try writeWords(to: folder.appending(path: "bad-test.h5"), number, split: "test", row: 7)
            let before = try names(in: folder)
            func message(_ data: String, _ row: String) -> String {
                "error: \(row): \(words) is no word of layer 'words', whose table has the rows 0 to 9. \(Self.cure)\n"
            }
            let training = try Program.run(
                "train", "--architecture", "a.yaml", "--data", "bad.h5", "--output", "n.h5", "--epochs", "1", "--quiet",
                in: folder)
            #expect(training.code == 65)
            #expect(training.errors == message("bad.h5", "'train/x' in 'bad.h5', row 41"))
            let evaluation = try Program.run("evaluate", "m.h5", "--data", "bad-test.h5", "--quiet", in: folder)
            #expect(evaluation.code == 65)
            #expect(
                evaluation.errors.contains("'test/x' in 'bad-test.h5', row 7: \(words) is no word of layer 'words'"))
            let prediction = try Program.run(
                "predict", "m.h5", "--inputs", "bad.h5:train/x", "--output", "p.h5", "--quiet", in: folder)
            #expect(prediction.code == 65)
            #expect(prediction.errors == message("bad.h5", "'train/x' in 'bad.h5', row 41"))
            #expect(try names(in: folder) == before)
        }
    }

    @Test func refusesThemInTheMainJobBeforeATeacherRuns() throws {
        try withModel { folder in
            try writeWords(to: folder.appending(path: "bad.h5"), 99, split: "test", row: 7)
            let run = try Program.run(
                "--teachers", "m.h5", "--data", "bad.h5", "--student", "a.yaml", "--budget", "10kB", "--output", "s.h5",
                "--epochs", "1", in: folder)
            #expect(run.code == 65)
            #expect(run.errors.contains("'test/x' in 'bad.h5', row 7: 99 is no word of layer 'words'"))
            #expect(!run.errors.contains("teaching by"))
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "s.h5").path))
        }
    }
}
