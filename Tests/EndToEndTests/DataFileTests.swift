import Foundation
import HDF5
import Testing

/// Data files of every kind, and what is not one.
@Suite struct DataFileTests {
    /// A pipe that nobody writes into must not make anything wait.
    @Test(arguments: [
        "import npz pipe --output d.h5", "import idx pipe pipe pipe pipe --output d.h5",
        "import cifar10 pipe pipe pipe pipe pipe pipe --output d.h5",
        "import youtube8m --train pipe --test pipe --output d.h5",
        "evaluate digits.h5 --data pipe", "predict digits.h5 --inputs pipe:x --output p.h5",
    ])
    func refusesPipes(arguments: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            #expect(mkfifo(folder.appending(path: "pipe").path, 0o600) == 0)
            let run = try Program.run(arguments.split(separator: " ").map(String.init), in: folder)
            #expect(run.code == 66)
            #expect(run.errors.contains("'pipe': it is not a regular file"), "\(run.errors)")
            #expect(try names(in: folder) == ["digits.h5", "pipe"])
        }
    }

    /// A link is as long as its target's name, which says nothing of the file.
    @Test func followsLinks() throws {
        try withFolder { folder in
            let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "DatasetsTests/Fixtures")
            func link(_ name: String, to target: URL) throws {
                try FileManager.default.createSymbolicLink(
                    at: folder.appending(path: name), withDestinationURL: target)
            }
            try link("frame", to: fixtures.appending(path: "frame.tfrecord"))
            try link("keras", to: fixtures.appending(path: "keras.npz"))
            try Data(repeating: 1, count: 3073 * 2).write(to: folder.appending(path: "batch"))
            try link("cifar", to: folder.appending(path: "batch"))
            let records = ["youtube8m", "--train", "frame", "--test", "frame", "--classes", "10"]
            for source in [records, ["npz", "keras"], ["cifar10"] + [String](repeating: "cifar", count: 6)] {
                let run = try Program.run(["import"] + source + ["--output", "\(source[0]).h5"], in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
        }
    }

    @Test func sendsNoControlCharactersOfNames() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let name = "a\u{1B}[31m\u{202E}b.h5"
            try FileManager.default.moveItem(
                at: folder.appending(path: "digits.h5"), to: folder.appending(path: name))
            try writeDigits(to: folder.appending(path: "d.h5"))
            for arguments in [["inspect", name], ["evaluate", name, "--data", "d.h5"]] {
                let run = try Program.run(arguments, in: folder)
                #expect(run.code == 0, "\(run.errors)")
                #expect(run.output.contains("a[31mb.h5"))
                #expect(!run.output.unicodeScalars.contains { ["\u{1B}", "\u{202E}"].contains($0) })
            }
            let json = try Program.run("inspect", name, "--json", in: folder)
            #expect(try json.json().object?["models"]?.array?.first?.object?["path"] == .string(name))
        }
    }

    @Test func warnsOfLabelsThatBeginAtOne() throws {
        try withFolder { folder in
            for name in ["train", "test"] {
                let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 9, 8, 7, 6]
                let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 3]
                try Data(images).write(to: folder.appending(path: "\(name)-x"))
                try Data(labels).write(to: folder.appending(path: "\(name)-y"))
            }
            let run = try Program.run(
                "import", "idx", "train-x", "train-y", "test-x", "test-y", "--output", "d.h5", in: folder)
            #expect(run.code == 0)
            #expect(
                run.errors
                    == "warning: class 0 has no example: the labels seem to begin at 1; subtract 1, or there is one class too many\n"
            )
        }
    }

    @Test func refusesInputsThatAreNotFinite() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let file = try HDF5File(creating: folder.appending(path: "x.h5").path)
            var values = [Float](repeating: 0, count: 4 * 144)
            values[2 * 144 + 5] = .nan
            try file.root.createDataset("x", values, shape: [4, 12, 12])
            try file.close()
            let run = try Program.run(
                "predict", "digits.h5", "--inputs", "x.h5:x", "--output", "p.h5", in: folder)
            #expect(run.code == 65)
            #expect(
                run.errors
                    == "error: 'x' in 'x.h5': expected finite numbers, found NaN in row 2 at (0, 5), both from 0. "
                    + "Replace it, or leave the row out\n")
            #expect(try names(in: folder) == ["digits.h5", "x.h5"])
        }
    }
}
