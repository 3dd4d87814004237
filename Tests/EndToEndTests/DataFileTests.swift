import Foundation
import HDF5
import Testing

/// Data files of every kind, and what is not one.
@Suite struct DataFileTests {
    /// A pipe that nobody writes into must not make anything wait.
    @Test(arguments: [
        "import npz pipe --output d.h5", "import idx pipe pipe pipe pipe --output d.h5",
        "import cifar10 pipe pipe pipe pipe pipe pipe --output d.h5",
        "import youtube8m --train pipe --test pipe --output d.h5", "import csv pipe --label y --output d.h5",
        "evaluate digits.h5 --data pipe", "predict digits.h5 --inputs pipe:x --output p.h5",
    ])
    func refusesPipes(arguments: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            #expect(mkfifo(folder.appending(path: "pipe").path, 0o600) == 0)
            let run = try Program.run(arguments.split(separator: " ").map(String.init), in: folder)
            #expect(run.code == 66)
            #expect(run.errors.contains("'pipe': it is a pipe, not a regular file"), "\(run.errors)")
            #expect(try names(in: folder) == ["digits.h5", "pipe"])
        }
    }

    /// Whatever a path is an input for, only a regular file is opened.
    @Test(arguments: [
        ("mkfifo x", "a pipe, not a regular file"), ("ln -s /dev/zero x", "a device, not a regular file"),
        ("mkdir x", "a directory"),
    ])
    func refusesWhatIsNoFile(made: String, kind: String) throws {
        try withFolder { folder in
            try FileManager.default.createDirectory(
                at: folder.appending(path: "formats"), withIntermediateDirectories: true)
            for name in ["digits.h5", "formats/keras3.weights.h5"] { try copyFixture(name, to: folder) }
            for ending in ["h5", "keras", "yaml", "json", "txt"] {
                let made = try Program.shell(made.replacing("x", with: "x.\(ending)"), in: folder)
                #expect(made.code == 0, "\(made.errors)")
            }
            try writeDigits(to: folder.appending(path: "d.h5"))
            let main = "--teachers digits.h5 --data d.h5 --budget 1MB --output s.h5"
            for arguments in [
                "import npz x.h5 --output y.h5", "import idx x.h5 x.h5 x.h5 x.h5 --output y.h5",
                "import youtube8m --train x.txt --test x.txt --output y.h5",
                "inspect x.h5", "inspect x.keras", "inspect x.yaml", "convert x.keras --output y.h5",
                "train --architecture x.yaml --data d.h5 --output y.h5",
                "inspect formats/keras3.weights.h5 --architecture x.json", "--configuration x.yaml",
                "\(main) --teacher-classes digits=x.txt",
            ] {
                let run = try Program.shell("timeout 8 $compress \(arguments)", in: folder)
                #expect(run.code == 66, "\(arguments): \(run.errors)")
                #expect(run.errors.contains("it is \(kind)"), "\(arguments): \(run.errors)")
            }
        }
    }

    /// A NumPy archive is data for every command, and means what the data file that is imported from it means.
    @Test func readsNumPyArchivesEverywhere() throws {
        try withFolder { folder in
            let fixture = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "DatasetsTests/Fixtures/keras.npz")
            try FileManager.default.copyItem(at: fixture, to: folder.appending(path: "d.npz"))
            #expect(try Program.run("import", "npz", "d.npz", "--output", "d.h5", in: folder).code == 0)
            let student = """
                name: tiny
                input: [5, 4, 1]
                layers:
                  - Rescaling: {scale: 0.00392157}
                  - Flatten: {}
                  - Dense: {units: classes, activation: softmax}
                """
            try student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            func outputs(_ data: String, _ x: String) throws -> [String] {
                let name = data.replacing(".", with: "-")
                let trained = try Program.run(
                    "train", "--architecture", "tiny.yaml", "--data", data, "--output", "\(name).h5", "--epochs", "2",
                    in: folder)
                #expect(trained.code == 0, "\(trained.errors)")
                let evaluated = try Program.run("evaluate", "\(name).h5", "--data", data, "--json", in: folder)
                let job = [
                    "--teachers", "\(name).h5", "--data", data, "--unlabeled", data, "--budget", "60kB", "--student",
                    "tiny.yaml",
                    "--output", "s-\(name).h5", "--epochs", "2", "--json",
                ]
                let planned = try Program.run(job + ["--dry-run"], in: folder)
                #expect(planned.code == 0, "\(planned.errors)")
                let distilled = try Program.run(job, in: folder)
                #expect(distilled.code == 0, "\(distilled.errors)")
                let said = try Program.run(
                    "predict", "\(name).h5", "--inputs", "\(data):\(x)", "--output", "p-\(name).h5", in: folder)
                #expect(said.code == 0, "\(said.errors)")
                let predictions = try HDF5File(opening: folder.appending(path: "p-\(name).h5").path)
                let metrics = try evaluated.json()["models"]?[0]?["accuracy"]
                let student = try distilled.json()["student"]
                return [
                    "\(metrics as Any)", "\(student?["accuracy"] as Any) \(student?["agreement"] as Any)",
                    "\(try predictions.root.dataset("output").read(as: Float.self))",
                ]
            }
            #expect(try outputs("d.npz", "x_test") == outputs("d.h5", "test/x"))
        }
    }

    /// Damaged archives, and arrays that are not there, are the input's fault.
    @Test func refusesDamagedArchives() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let fixture = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "DatasetsTests/Fixtures/one-hot.npz")
            let bytes = try Data(contentsOf: fixture)
            func refuse(_ bytes: Data, _ words: String, _ arguments: String...) throws {
                try bytes.write(to: folder.appending(path: "d.npz"))
                let run = try Program.run(arguments, in: folder)
                #expect(run.code == 65)
                #expect(run.errors.contains(words), "\(run.errors)")
                #expect(try names(in: folder) == ["d.npz", "digits.h5"])
            }
            for count in [0, 10, 200, bytes.count - 5] {
                try refuse(bytes.prefix(count), "'d.npz'", "evaluate", "digits.h5", "--data", "d.npz")
            }
            var flipped = bytes
            flipped[120] ^= 1
            try refuse(flipped, "'d.npz'", "evaluate", "digits.h5", "--data", "d.npz")
            try refuse(
                bytes, "'d.npz': expected an array 'x', found 'train/x.npy', ", "predict", "digits.h5", "--inputs",
                "d.npz:x", "--output", "p.h5")
            let none = try Program.run("evaluate", "digits.h5", "--data", "none.npz", in: folder)
            #expect(none.code == 66)
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

    /// A table becomes data, a model and a student; two numbers and a color say which of two kinds a row is.
    @Test func trainsOnATable() throws {
        try withFolder { folder in
            let rows = (0..<200).map { row in
                "\(row),\(row % 2 == 0 ? 1.5 : -1.5),\(row % 7),\(["red", "green"][row % 2]),\(["cat", "dog"][row % 2])\n"
            }
            try Data(("id,a,b,color,kind\n" + rows.joined()).utf8).write(to: folder.appending(path: "t.csv"))
            let table = try Program.run(
                "import", "csv", "t.csv", "--label", "kind", "--ignore", "id", "--validation", "0.1", "--output",
                "d.h5",
                "--json", in: folder)
            #expect(table.code == 0, "\(table.errors)")
            let splits = try table.json()["splits"]
            #expect(
                splits?["train"]?["examples"] == .integer(140) && splits?["validation"]?["examples"] == .integer(20))
            #expect(table.errors.contains("x has 4 columns: 2 of numbers, and categories one-hot: 'color' (2)"))
            let training = try Program.run(
                "train", "--architecture", "mlp", "--data", "d.h5", "--epochs", "3", "--output", "m.h5", in: folder)
            #expect(training.code == 0, "\(training.errors)")
            let evaluation = try Program.run("evaluate", "m.h5", "--data", "d.h5", "--json", in: folder)
            #expect(try evaluation.json()["models"]?.array?.first?["accuracy"]?.number == 1, "\(evaluation.output)")
        }
    }

    /// One line on standard error, code 65, nothing written.
    @Test func refusesTables() throws {
        try withFolder { folder in
            try Data("a,kind\n1,cat\n,dog\n".utf8).write(to: folder.appending(path: "t.csv"))
            func refuse(_ code: Int32, _ words: String, _ options: String...) throws {
                let run = try Program.run(["import", "csv", "t.csv", "--output", "d.h5"] + options, in: folder)
                #expect(run.code == code && run.errors.contains(words), "\(run.errors)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["t.csv"])
            }
            try refuse(65, "'t.csv', line 3, column 'a': expected a value, found none", "--label", "kind")
            try refuse(65, "line 1: expected a label column 'sort', found columns 'a', 'kind'", "--label", "sort")
            try refuse(66, "'none.csv'", "--label", "kind", "--test", "none.csv")
            try refuse(64, "expected a share between 0 and 1", "--label", "kind", "--test", "20")
            try refuse(64, "leave nothing to train with", "--label", "kind", "--test", "0.5", "--validation", "0.5")
            try refuse(64, "--missing is one of 'error', 'mean', '0'", "--label", "kind", "--missing", "median")
            try refuse(64, "label", "--test", "0.1")
            try refuse(64, "--label names one", "--label", "kind", "--task", "multiclass")
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
