import Foundation
import HDF5
import ModelFiles
import Testing

@Suite struct PredictTests {
    @Test func writesWhatTheLastLayerSays() throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits.io.h5"] { try copyFixture(name, to: folder) }
            let run = try Program.run(
                "predict", "digits.h5", "--inputs", "digits.io.h5:input", "--output", "p.h5", "--json", in: folder)
            #expect(run.code == 0)
            #expect(run.errors.isEmpty)
            #expect(try run.json() == ["outputs": [["name": "output", "shape": [.integer(4), .integer(10)]]]])
            let expected = try values("output", folder.appending(path: "digits.io.h5"))
            let found = try values("output", folder.appending(path: "p.h5"))
            #expect(found.count == expected.count)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 })
            #expect(try names(in: folder) == ["digits.h5", "digits.io.h5", "p.h5"])
        }
    }

    @Test func addsAxesOfOne() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            let run = try Program.run(
                "predict", "digits.h5", "--inputs", "d.h5:test/x", "--output", "p.h5", "--threads", "2", in: folder)
            #expect(run.code == 0)
            #expect(run.output == "wrote 'output' (20, 10) to 'p.h5'\n")
            let one = try Program.run(
                "predict", "digits.h5", "--inputs", "d.h5:test/x", "--output", "q.h5", "--threads", "1", in: folder)
            #expect(one.code == 0)
            #expect(
                try values("output", folder.appending(path: "p.h5")) == values("output", folder.appending(path: "q.h5"))
            )
        }
    }

    @Test func feedsZerosBehindTheTrueLength() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            // Of two examples, all rows and the first three are real; a byte stands for half of itself, plus 1.
            let bytes = (0..<288).map { UInt8($0 % 100) }
            let x = try file.root.createDataset("cut/x", bytes, shape: [2, 12, 12])
            try x.attributes.write(0.5, to: "scale")
            try x.attributes.write(1.0, to: "offset")
            try file.root.createDataset("cut/length", [Int32(12), 3], shape: [2])
            let filled = bytes.indices.map { $0 < 144 + 36 ? Float(bytes[$0]) * 0.5 + 1 : 0 }
            try file.root.createDataset("filled/x", filled, shape: [2, 12, 12])
            try file.close()
            for name in ["cut", "filled"] {
                let run = try Program.run(
                    "predict", "digits.h5", "--inputs", "d.h5:\(name)/x", "--output", "\(name).h5", in: folder)
                #expect(run.code == 0)
            }
            let found = try values("output", folder.appending(path: "cut.h5"))
            #expect(try found == values("output", folder.appending(path: "filled.h5")))
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            let file = try HDF5File(creating: folder.appending(path: "other.h5").path)
            try file.root.createDataset("x", [Float](repeating: 0, count: 30), shape: [3, 10])
            try file.root.createDataset("single", [Float(0)], shape: [])
            try file.close()
            let cases: [([String], Int32, String)] = [
                (
                    ["other.h5:x"], 65,
                    "'digits.h5': takes 'input' (12, 12, 1), but --inputs has x (10); set how they fit with "
                        + "--teacher-input digits=…"
                ),
                (
                    ["other.h5:single"], 65,
                    "'single' in 'other.h5': expected numbers of shape (examples, …), found float32 of shape ()"
                ),
                (["d.h5:nothing"], 65, "could not open '/nothing' in 'd.h5': there is no such object"),
                (["none.h5:x"], 66, "could not open 'none.h5': there is no such file"),
                (
                    ["d.h5:test/x", "d.h5:train/x"], 64,
                    "'digits.h5' takes 1 input, 'input' (12, 12, 1), but --inputs names 2 datasets"
                ),
            ]
            for (inputs, code, message) in cases {
                let run = try Program.run(
                    ["predict", "digits.h5", "--inputs"] + inputs + ["--output", "p.h5"], in: folder)
                #expect(run.code == code)
                #expect(run.errors == "error: \(message)\n")
            }
            #expect(try names(in: folder) == ["d.h5", "digits.h5", "other.h5"])
        }
    }

    /// Rows count from 0, positions within an example, too.
    @Test(arguments: [
        (Float.nan, 1.0, "NaN"), (-Float.infinity, 1.0, "a number beyond float32"),
        (1e30, 1e30, "a number beyond float32"),
    ])
    func refusesNumbersThatAreNotFinite(value: Float, scale: Double, found: String) throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path), count = 3000
            for (name, row) in [("first", 0), ("last", 2987)] {
                var x = [Float](repeating: 0, count: count * 144)
                x[row * 144 + 5 * 12 + 7] = value
                let dataset = try file.root.createDataset("\(name)/x", x, shape: [count, 12, 12])
                try dataset.attributes.write(scale, to: "scale")
            }
            try file.close()
            for (name, row) in [("first", 0), ("last", 2987)] {
                let run = try Program.run(
                    "predict", "digits.h5", "--inputs", "d.h5:\(name)/x", "--output", "p.h5", in: folder)
                #expect(run.code == 65)
                #expect(
                    run.errors == "error: '\(name)/x' in 'd.h5': expected finite numbers, found \(found) in row \(row) "
                        + "at (5, 7), both from 0. Replace it, or leave the row out\n")
                #expect(try names(in: folder) == ["d.h5", "digits.h5"])
            }
        }
    }

    @Test func takesNaNBehindTheTrueLength() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            var x = [Float](repeating: 1, count: 144)
            x[36] = .nan
            try file.root.createDataset("x", x, shape: [1, 12, 12])
            try file.root.createDataset("length", [Int32(3)], shape: [1])
            try file.close()
            let run = try Program.run("predict", "digits.h5", "--inputs", "d.h5:x", "--output", "p.h5", in: folder)
            #expect(run.code == 0, "\(run.errors)")
        }
    }

    @Test func refusesOutputsThatCannotBe() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            let cases: [(String, Int32, String)] = [
                ("no/p.h5", 73, "cannot create 'no/p.h5': there is no such folder"),
                (".", 73, "cannot create '.': it is a folder"),
                ("/dev/full", 73, "cannot create '/dev/full': it is no regular file"),
                ("/proc/p.h5", 73, "cannot create '/proc/p.h5': there is no such folder"),
                ("", 64, "--output is empty; name the file to write"),
                ("d.h5", 64, "'d.h5' is both an input and the output; choose another name for --output"),
            ]
            for (output, code, message) in cases {
                let run = try Program.run(
                    "predict", "digits.h5", "--inputs", "d.h5:test/x", "--output", output, in: folder)
                #expect(run.code == code)
                #expect(run.errors == "error: \(message)\n")
            }
            #expect(try names(in: folder) == ["d.h5", "digits.h5"])
        }
    }

    @Test func leavesNothingBehindOnAFullDisk() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"), test: 4000)
            // No file may grow beyond 64 blocks of 512 bytes; to a program that is a full disk.
            let run = try Program.shell(
                "ulimit -f 64; \"$compress\" predict digits.h5 --inputs d.h5:test/x --output p.h5", in: folder)
            #expect(run.code == 74)
            #expect(run.errors.hasPrefix("error: could not write "))
            #expect(run.errors.contains("'p.h5"))
            #expect(run.errors.split(separator: "\n").count <= 2)
            #expect(try names(in: folder) == ["d.h5", "digits.h5"])
        }
    }

    private func values(_ name: String, _ url: URL) throws -> [Float] {
        try HDF5File(opening: url.path).root.dataset(name).read()
    }
}
