import Foundation
import HDF5
import ModelFiles
import Testing

/// Multi-label data: the loss of the YouTube-8M winners, and the classes of both challenges.
@Suite struct ManyLabelsTests {
    private static let arguments = [
        "--teachers", "digits.h5", "--data", "d.h5", "--student", "tiny.yaml", "--output", "s.h5", "--epochs", "1",
        "--budget", "60kB",
    ]
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8, activation: relu}
          - Dense: {units: classes, activation: sigmoid}
        """
    private static let formula = "0.5 · Σ binary cross-entropy(ensemble) + 0.5 · Σ binary cross-entropy(labels)"

    private func withDigits(labels: Int, _ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), labels: labels)
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    // MARK: - The preset

    @Test func learnsAsTheWinnersDid() throws {
        try withDigits(labels: 2) { folder in
            let run = try Program.run(Self.arguments + ["--preset", "youtube8m-winners"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.contains("\nloss: \(Self.formula)\n"), "\(run.errors)")
            let kept = try String(contentsOf: folder.appending(path: "s.run/configuration.yaml"), encoding: .utf8)
            let settings = "preset: youtube8m-winners\ntemperature: 1\nlambda: 0.5\nsoft-weight: 0.5\n"
            #expect(kept.contains(settings + "losses:\n  - cross-entropy:\n      weight: 1\n"), "\(kept)")

            // Everything said one by one is the same run.
            let file = "losses: [cross-entropy]\ntemperature: 1\nlambda: 0.5\nsoft-weight: 0.5\n"
            try file.write(to: folder.appending(path: "run.yaml"), atomically: true, encoding: .utf8)
            let said = try Program.run(
                Self.arguments.map { $0 == "s.h5" ? "t.h5" : $0 } + ["--configuration", "run.yaml"], in: folder)
            #expect(said.code == 0, "\(said.errors)")
            #expect(
                try Data(contentsOf: folder.appending(path: "s.h5"))
                    == Data(contentsOf: folder.appending(path: "t.h5")))
        }
    }

    @Test func whatIsSaidOneByOneGoesBeforeThePreset() throws {
        try withDigits(labels: 2) { folder in
            try "preset: youtube8m-winners\nlosses: [kl]\n"
                .write(to: folder.appending(path: "run.yaml"), atomically: true, encoding: .utf8)
            func loss(_ more: String...) throws -> String? {
                let run = try Program.run(Self.arguments + more + ["--dry-run", "--json"], in: folder)
                #expect(run.code == 0, "\(run.errors)")
                return try run.json()["loss"]?[0]?.string
            }
            let soft = "0.5 · Σ binary cross-entropy(ensemble)", hard = "Σ binary cross-entropy(labels)"
            #expect(try loss("--preset", "youtube8m-winners") == Self.formula)
            #expect(try loss("--preset", "youtube8m-winners", "--lambda", "1") == "\(soft) + 1 · \(hard)")
            #expect(
                try loss("--configuration", "run.yaml", "--temperature", "2")
                    == "0.5 · 2² · Σ Bernoulli KL(ensemble ‖ student) (T = 2) + 0.5 · \(hard)")
        }
    }

    @Test func refusesThePresetForOneClass() throws {
        try withDigits(labels: 1) { folder in
            let before = try names(in: folder)
            let run = try Program.run(Self.arguments + ["--preset", "youtube8m-winners"], in: folder)
            #expect(run.code == 65)
            #expect(
                run.errors
                    == "error: preset 'youtube8m-winners' is for multi-label data, and here each example "
                    + "has one class: leave --preset out\n")
            #expect(try names(in: folder) == before)
            let unknown = try Program.run(Self.arguments + ["--preset", "winners"], in: folder)
            #expect(unknown.code == 64)
            #expect(
                unknown.errors.hasPrefix(
                    "error: the value 'winners' is invalid for '--preset <youtube8m-winners|none>': expected youtube8m-winners, "
                        + "found 'winners'\n"), "\(unknown.errors)")
        }
    }

    // MARK: - Classes of the challenges

    private static let pooled = """
        input: [frames, 16]
        layers:
          - Masking: {}
          - FramePooling: {pooling: mean}
        """

    /// Two teachers with heads of both kinds, and a mixture of experts that learns from them.
    @Test(arguments: [3_862, 4_716])
    func takesAsManyClassesAsTheChallenges(classes: Int) throws {
        try withFolder { folder in
            try writeVideos(classes: classes, to: folder.appending(path: "d.h5"))
            let experts = "\n  - MixtureOfExperts: {units: classes}\n"
            let heads = ["sigmoid": "\n  - Dense: {units: classes, activation: sigmoid}\n", "experts": experts]
            for (name, head) in heads {
                try "name: \(name)\n\(Self.pooled)\(head)"
                    .write(to: folder.appending(path: "\(name).yaml"), atomically: true, encoding: .utf8)
                let run = try Program.run(
                    "train", "--architecture", "\(name).yaml", "--data", "d.h5", "--epochs", "2", "--batch-size", "16",
                    "--output", "\(name).h5", "--json", in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
            let run = try Program.run(
                "--teachers", "sigmoid.h5", "experts.h5", "--data", "d.h5", "--student", "experts.yaml", "--budget",
                "4MB",
                "--output", "s.h5", "--epochs", "2", "--batch-size", "16", "--preset", "youtube8m-winners", "--json",
                in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.errors.contains("loss: \(Self.formula)\n"))
            let json = try run.json()
            #expect((json["peak_memory_bytes"]?.integer ?? .max) < 300_000_000)
            let evaluated = try Program.run(
                "evaluate", "sigmoid.h5", "experts.h5", "s.h5", "--data", "d.h5", "--ensemble", "--json", in: folder)
            #expect(evaluated.code == 0, "\(evaluated.errors)")
            // The same metrics, whoever measures.
            for name in ["gap_at_20", "map", "hit_at_1", "perr"] {
                let found = try evaluated.json(), value = try #require(json["student"]?[name]?.number)
                #expect((0...1).contains(value))
                #expect(found["models"]?[2]?[name]?.number == value, "\(name)")
                let teacher = try #require(json["teachers"]?[0]?[name])
                #expect(found["models"]?[0]?[name] == teacher, "\(name)")
                #expect(found["ensemble"]?[name] != nil)
            }
        }
    }

    /// Videos of up to five frames of 16 bytes, with three labels each.
    private func writeVideos(classes: Int, to url: URL) throws {
        let file = try HDF5File(creating: url.path)
        for (name, count) in [("train", 48), ("test", 20)] {
            let frames = (0..<(count * 80)).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 / 80 * 11) }
            var labels = [UInt8](repeating: 0, count: count * classes)
            for row in 0..<count {
                for label in [row % 7, 100 + row % 5, classes - 1 - row % 3] { labels[row * classes + label] = 1 }
            }
            try file.root.createDataset("\(name)/x", frames, shape: [count, 5, 16])
            try file.root.createDataset("\(name)/y", labels, shape: [count, classes])
            try file.root.createDataset("\(name)/length", (0..<count).map { Int32(1 + $0 % 5) }, shape: [count])
        }
        try file.close()
    }
}
