import Foundation
import HDF5
import ModelFiles
import Testing

@Suite struct EvaluateTests {
    @Test func measuresModelsAndTheirEnsemble() throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"))
            let run = try Program.run(
                "evaluate", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--ensemble", "--json", in: folder)
            #expect(run.code == 0)
            let json = try run.json()
            #expect(json.object?.keys == ["models", "ensemble"])
            #expect(json["models"]?.array?.map { $0.object?.keys } == [["path", "accuracy"], ["path", "accuracy"]])
            #expect(json["ensemble"]?.object?.keys == ["accuracy"])
            let accuracy = try #require(json["models"]?[0]?["accuracy"]?.number)
            #expect((0...1).contains(accuracy))
            #expect(accuracy == (accuracy * 20).rounded() / 20)
            let text = try Program.run("evaluate", "digits.h5", "--data", "d.h5", "--split", "validation", in: folder)
            #expect(text.output.hasPrefix("d.h5, validation: 6 examples, 10 classes\n"))
        }
    }

    @Test func tellsClassesApart() throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"))
            let arguments = ["evaluate", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--per-class"]
            let json = try Program.run(arguments + ["--ensemble", "--json"], in: folder).json()
            let all = (json["models"]?.array ?? []) + [json["ensemble"]].compactMap(\.self)
            #expect(all.count == 3)
            for model in all {
                let classes = model["classes"]?.array ?? [], accuracy = model["accuracy"]?.number
                #expect(classes.map { $0["examples"] } == Array(repeating: 2, count: 10))
                #expect(classes.compactMap { $0["predicted"]?.integer }.reduce(0, +) == 20)
                #expect(classes.compactMap { $0["right"]?.number }.reduce(0, +) / 20 == accuracy)
                let wrong = model["confusion"]?["pairs"]?.array?.compactMap { $0["count"]?.number }.reduce(0, +)
                #expect(wrong.map { (20 - $0) / 20 } == accuracy)
                #expect(model["calibration"]?["calibration_error"]?.number.map { (0...1).contains($0) } == true)
            }
            // One by one they are the same.
            let alone = try Program.run(arguments + ["--json"], in: folder).json()
            #expect(alone["models"] == json["models"])
            let text = try Program.run(arguments, in: folder).output
            #expect(text.contains("\ndigits-k2.h5\nclass  examples  precision  recall"))
            #expect(text.contains("\nexpected calibration error: "))
        }
    }

    @Test func ranksSeveralLabels() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), labels: 2)
            let run = try Program.run("evaluate", "digits.h5", "--data", "d.h5", "--json", in: folder)
            #expect(run.code == 0)
            #expect(try run.json()["models"]?[0]?.object?.keys == ["path", "gap_at_20", "map", "hit_at_1", "perr"])
        }
    }

    @Test func refusesDataOfOtherClasses() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            for name in ["train", "test"] {
                try file.root.createDataset("\(name)/x", [UInt8](repeating: 0, count: 288), shape: [2, 12, 12, 1])
                try file.root.createDataset("\(name)/y", [UInt8(0), 2], shape: [2])
            }
            try file.close()
            let run = try Program.run("evaluate", "digits.h5", "--data", "d.h5", in: folder)
            #expect(run.code == 65)
            #expect(
                run.errors
                    == "error: 'digits.h5': has 10 classes, but 'd.h5' has 3; if these are some of the teacher's classes, name "
                    + "all 10 in the attribute 'classes' of the data file, else number the labels as the teacher does\n"
            )
        }
    }
}

@Suite struct ImportTests {
    @Test func importsAFolder() throws {
        try withFolder { folder in
            try writeIDX(to: folder)
            let run = try Program.run(
                "import", "idx", ".", "--output", "d.h5", "--validation", "2", "--json", in: folder)
            #expect(run.code == 0)
            let size = try FileManager.default.attributesOfItem(atPath: folder.appending(path: "d.h5").path)[.size]
            #expect(
                try run.json() == [
                    "path": "d.h5",
                    "splits": [
                        "train": ["examples": .integer(4)], "validation": ["examples": .integer(2)],
                        "test": ["examples": .integer(2)],
                    ], "classes": .integer(3), "bytes": .integer(size as? Int ?? 0),
                ])
        }
    }

    /// The format may stand behind options, whose values may have its name.
    @Test(arguments: [
        ["--output", "d.h5", "idx", "."], ["--output=d.h5", "-q", "--json", "idx", "."],
        ["--class-names", "idx", "npz", "c", "--json", "--output", "d.h5", "idx", "."],
        ["--quiet", "--validation", "2", "idx", ".", "--output", "d.h5"],
    ])
    func findsTheFormatBehindOptions(arguments: [String]) throws {
        try withFolder { folder in
            try writeIDX(to: folder)
            let run = try Program.run(["import"] + arguments, in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let file = try HDF5File(opening: folder.appending(path: "d.h5").path)
            let names = try? file.root.attributes.strings("classes")
            #expect(names == (arguments.contains("npz") ? ["idx", "npz", "c"] : nil))
            #expect(try file.root.contains("validation/x") == arguments.contains("2"))
        }
    }

    @Test func importsCIFAR() throws {
        try withFolder { folder in
            let batches = (1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]
            for (index, name) in batches.enumerated() {
                try Data([UInt8(index)] + [UInt8](repeating: 7, count: 3072)).write(to: folder.appending(path: name))
            }
            let run = try Program.run("import", "cifar10", ".", "--output", "d.h5", in: folder)
            #expect(run.code == 0)
            #expect(run.output.hasPrefix("d.h5: 5 train, 1 test examples, 10 classes, "))
            let listed = try Program.run(["import", "cifar10"] + batches + ["--output", "e.h5"], in: folder)
            #expect(listed.code == 0)
            #expect(
                try Data(contentsOf: folder.appending(path: "d.h5"))
                    == Data(contentsOf: folder.appending(path: "e.h5")))
            let few = try Program.run("import", "cifar10", batches[0], batches[1], "--output", "f.h5", in: folder)
            #expect(few.code == 64)
            #expect(few.errors.hasPrefix("error: cifar10 takes a folder, or 6 files, found 2 sources\n"))
            try Data([10] + [UInt8](repeating: 7, count: 3072)).write(to: folder.appending(path: batches[2]))
            let damaged = try Program.run("import", "cifar10", ".", "--output", "f.h5", in: folder)
            #expect(damaged.code == 65)
            #expect(damaged.errors.contains("data_batch_3.bin': expected classes from 0 to 9, found 10 in record 0, "))
            try FileManager.default.removeItem(at: folder.appending(path: batches[2]))
            let missing = try Program.run(["import", "cifar10"] + batches + ["--output", "f.h5"], in: folder)
            #expect(missing.code == 66)
            #expect(try names(in: folder).allSatisfy { !$0.hasPrefix("f.h5") })
        }
    }

    @Test func importsYouTube8M() throws {
        try withFolder { folder in
            let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "DatasetsTests/Fixtures")
            for name in ["train0.tfrecord", "train1.tfrecord", "validate0.tfrecord"] {
                try FileManager.default.copyItem(
                    at: fixtures.appending(path: "frame.tfrecord"), to: folder.appending(path: name))
            }
            let shards = ["train0.tfrecord", "train1.tfrecord", "validate0.tfrecord"]
            let run = try Program.run(
                ["import", "youtube8m"] + shards + ["--frames", "5", "--output", "d.h5"], in: folder)
            let lacking = "warning: 3857 of 3862 labels have no example in train: 5, 6, 7, 8, 9 and 3852 more\n"
            #expect(run.errors == lacking)
            #expect(run.output.hasPrefix("d.h5: 8 train, 4 test examples, 3862 classes, "))
            let named = try Program.run(
                "import", "youtube8m", "--train", shards[0], "--validation", shards[1], "--test", shards[2],
                "--classes",
                "5", "--features", "audio:2,rgb", "--json", "--output", "e.h5", in: folder)
            #expect(try named.json()["skipped"] == 0)
            #expect(try named.json()["classes"] == 5)
            #expect(
                named.errors == """
                    no example has more than 5 of 300 frames; --frames 5 would make a smaller file

                    """)
            var bytes = try Data(contentsOf: folder.appending(path: shards[1]))
            bytes[30] ^= 1
            try bytes.write(to: folder.appending(path: shards[1]))
            let reason = "the checksum of its \(Int(bytes[0])) bytes is wrong; the file is damaged\n"
            let damaged = try Program.run(
                ["import", "youtube8m"] + shards + ["--frames", "5", "--output", "f.h5"], in: folder)
            #expect(damaged.code == 65)
            #expect(damaged.errors == "error: 'train1.tfrecord', record 0 at byte 0: \(reason)")
            #expect(try names(in: folder) == ["d.h5", "e.h5"] + shards)
            let skipping = try Program.run(
                ["import", "youtube8m"] + shards + ["--frames", "5", "--skip-damaged", "--output", "f.h5"], in: folder)
            #expect(skipping.code == 0)
            #expect(skipping.errors == "skipped 'train1.tfrecord', record 0 at byte 0: \(reason)" + lacking)
            #expect(skipping.output.hasPrefix("f.h5: 7 train, 4 test examples, "))
        }
    }

    @Test(arguments: [
        (["idx", "."] + ["--frames", "5"], "--frames is for youtube8m, not for idx"),
        (
            ["idx", ".", "--validation", "x"],
            "the value 'x' is invalid for '--validation <n>': expected a whole number of at least 1, found 'x'"
        ),
        (["npz", "a", "b"], "npz takes one file, found 2 sources"),
        ([], "missing the format: one of csv, images, npz, idx, cifar10, cifar100, youtube8m"),
        (
            ["cifar", "."],
            "expected a format, one of csv, images, npz, idx, cifar10, cifar100, youtube8m, found 'cifar'; did you mean 'cifar10'?"
        ),
        (
            ["youtube8m", "train.tfrecord"],
            "youtube8m takes files for training and for test, found none for test; name them train… and validate… or "
                + "test…, or pass --train and --test"
        ),
        (
            ["youtube8m", "shard.tfrecord"],
            "the name of 'shard.tfrecord' does not begin with train, validate or test; put --train, --validation or --test before it"
        ),
        (
            ["youtube8m", "--train", "a", "--test", "b", "--classes", "3", "--class-names", "x"],
            "--classes is 3, but --class-names names 1"
        ),
    ])
    func saysWhatIsWrongWithTheLine(arguments: [String], text: String) throws {
        try withFolder { folder in
            let run = try Program.run(["import", "--output", "d.h5"] + arguments, in: folder)
            #expect(run.code == 64)
            #expect(run.errors.hasPrefix("error: \(text)\n"), "\(run.errors)")
        }
    }

    @Test func refusesWhatIsMissing() throws {
        try withFolder { folder in
            let none = try Program.run("import", "idx", "nowhere", "--output", "d.h5", in: folder)
            #expect(none.code == 66)
            #expect(none.errors == "error: 'nowhere': there is no such file or folder\n")
            try writeIDX(to: folder)
            let format = try Program.run("import", "pickle", ".", "--output", "d.h5", in: folder)
            #expect(format.code == 64)
            let archive = try Program.run("import", "npz", "t10k-labels-idx1-ubyte", "--output", "d.h5", in: folder)
            #expect(archive.code == 65)
            try Data([1, 2, 3]).write(to: folder.appending(path: "t10k-labels-idx1-ubyte"))
            let damaged = try Program.run("import", "idx", ".", "--output", "d.h5", in: folder)
            #expect(damaged.code == 65)
            #expect(try names(in: folder).allSatisfy { !$0.hasPrefix("d.h5") })
        }
    }

    private func writeIDX(to folder: URL) throws {
        func write(_ name: String, _ header: [UInt8], _ bytes: [UInt8]) throws {
            try Data([0, 0, 8] + header + bytes).write(to: folder.appending(path: name))
        }
        let images = (0..<48).map { UInt8($0) }
        try write("train-images-idx3-ubyte", [3, 0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2], images)
        try write("train-labels-idx1-ubyte", [1, 0, 0, 0, 6], [0, 1, 2, 0, 1, 2])
        try write("t10k-images-idx3-ubyte", [3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 2], Array(images.prefix(16)))
        try write("t10k-labels-idx1-ubyte", [1, 0, 0, 0, 2], [2, 0])
    }
}
