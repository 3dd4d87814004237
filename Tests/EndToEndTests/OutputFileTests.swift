import Foundation
import ModelFiles
import Testing

/// What is at the output before, while and after it is written.
@Suite struct OutputFileTests {
    /// `big/s.h5` may be on the only disk with room.
    @Test(arguments: ["s.h5", "s.keras"])
    func writesTheFileThatALinkLeadsTo(output: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let big = folder.appending(path: "big"), link = folder.appending(path: output)
            try FileManager.default.createDirectory(at: big, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "big/target")
            for _ in 0..<2 {
                let run = try Program.run("convert", "digits.h5", "--output", output, in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
            #expect(try Program.run("convert", "digits.h5", "--output", "plain-\(output)", in: folder).code == 0)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "big/target")
            #expect(try names(in: big) == ["target"])
            #expect(
                try Data(contentsOf: big.appending(path: "target"))
                    == Data(contentsOf: folder.appending(path: "plain-\(output)")))
        }
    }

    /// Every command that writes a model; the other inputs are not even looked for.
    @Test(arguments: [
        ["--teachers", "no.h5", "--data", "no.h5", "--budget", "1MB"],
        ["--teachers", "no.h5", "--data", "no.h5", "--budget", "1MB", "--dry-run"],
        ["train", "--architecture", "no.yaml", "--data", "no.h5"], ["convert", "no.h5"],
    ])
    func refusesUnknownFormatsBeforeAnyWork(command: [String]) throws {
        try withFolder { folder in
            for (name, found) in [
                ("s.pb", "has the unknown suffix '.pb'"), ("s.pt", "has the unknown suffix '.pt'"),
                ("s", "has no suffix"),
            ] {
                let run = try Program.run(command + ["--output", name], in: folder)
                #expect(run.code == 64)
                #expect(
                    run.errors == """
                        error: '\(name)' \(found); the suffix of --output decides the format of a model. Choose \
                        \(ModelFormats.summary)

                        """)
                #expect(try names(in: folder).isEmpty)
            }
        }
    }

    @Test func removesWhatAKilledRunHasLeft() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let others = ["s.keras.partial", "t.keras.99999.partial"]
            for name in ["s.keras.99999.partial", "s.keras.scratch.99998.partial"] + others {
                try Data("left".utf8).write(to: folder.appending(path: name))
            }
            #expect(try Program.run("convert", "digits.h5", "--output", "s.keras", in: folder).code == 0)
            #expect(try names(in: folder) == (["digits.h5", "s.keras"] + others).sorted())
        }
    }

    /// Whoever comes second is refused before any work, and nothing of it is left.
    @Test(arguments: [
        "convert digits.h5 --output o.h5", "predict digits.h5 --inputs digits.io.h5:input --output o.h5",
        "import npz d.npz --output o.h5", "train --architecture mlp --data d.npz --epochs 1 --output o.h5",
    ])
    func isOfOneProcess(command: String) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits.io.h5"] { try copyFixture(name, to: folder) }
            let archive = URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../DatasetsTests/Fixtures/validation.npz")
            try FileManager.default.copyItem(at: archive, to: folder.appending(path: "d.npz"))
            let before = try names(in: folder)
            let run = try Program.shell("flock .o.h5.compress-lock $compress \(command) --quiet", in: folder)
            #expect(run.code == 73)
            #expect(
                run.errors
                    == "error: the output 'o.h5' is in use by another process; wait for it to end, or choose another\n")
            #expect(try names(in: folder).filter { !$0.hasSuffix(".compress-lock") } == before)
            let again = try Program.shell("$compress \(command) --quiet", in: folder)
            #expect(again.code == 0, "\(again.errors)")
            #expect(try names(in: folder) == (before + ["o.h5"]).sorted())
        }
    }

    /// The file is that of one of them, and whole; the other is refused where both are at it at once.
    @Test func isWholeWhenTwoProcessesWriteIt() throws {
        try withFolder { folder in
            let models = ["digits.h5", "digits-k2.h5"]
            for name in models {
                try copyFixture(name, to: folder)
                let run = try Program.run("convert", name, "--output", "alone-\(name).keras", in: folder)
                #expect(run.code == 0)
            }
            let alone = try models.map { try Data(contentsOf: folder.appending(path: "alone-\($0).keras")) }
            for _ in 0..<10 {
                let both = try models.map { try Program.start(["convert", $0, "--output", "s.keras"], in: folder) }
                let runs = try both.map(Program.finish)
                #expect(runs.contains { $0.code == 0 })
                for run in runs where run.code != 0 {
                    #expect(run.code == 73)
                    #expect(run.errors.hasPrefix("error: the output 's.keras' is in use by "), "\(run.errors)")
                }
                let written = try Data(contentsOf: folder.appending(path: "s.keras"))
                #expect(alone.contains(written))
            }
            #expect(
                try names(in: folder)
                    == (models + models.map { "alone-\($0).keras" } + ["s.keras"]).sorted())
        }
    }
}
