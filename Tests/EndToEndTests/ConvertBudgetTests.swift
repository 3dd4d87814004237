import Foundation
import ModelFiles
import Testing

/// `convert --budget`: any model in the bytes that there are.
@Suite struct ConvertBudgetTests {
    @Test(arguments: ["s.h5", "s.keras"])
    func fillsTheBudget(output: String) throws {
        try withFolder { folder in
            let model = URL(filePath: #filePath).appending(path: "../../../Weights/fashion-mnist/conv.h5").standardized
                .path
            let run = try Program.run("convert", model, "--budget", "96KB", "--output", output, "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let json = try JSON(parsing: run.output)
            let size =
                try FileManager.default.attributesOfItem(atPath: folder.appending(path: output).path)[.size] as? Int
            #expect(json["bytes"] == size.map { .integer($0) } && json["budget"] == .integer(96_000))
            #expect(try (95_000...96_000).contains(#require(size)))
            let inspected = try Program.run("inspect", output, in: folder)
            #expect(inspected.code == 0 && inspected.output.contains("float8 (1-2-5)"))
        }
    }

    @Test func measuresOnDataWhatBitsAreWorth() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "data.h5"))
            let run = try Program.run(
                "convert", "digits.h5", "--budget", "15KB", "--data", "data.h5", "--output", "s.h5", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains("data.h5, validation: 6 examples\n"))
            #expect(run.output.contains("digits.h5 ") && run.output.contains("\ns.h5 "))
            for arguments in [["--data", "data.h5"], ["--budget", "15KB", "--teacher-output", "*=softmax"]] {
                let run = try Program.run(["convert", "digits.h5", "--output", "t.h5"] + arguments, in: folder)
                #expect(run.code == 64 && run.errors.contains("--data"))
            }
        }
    }

    @Test func refusesWhatCannotFit() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run("convert", "digits.h5", "--budget", "1KB", "--output", "s.h5", in: folder)
            #expect(run.code == 1)
            #expect(run.errors.contains("takes at least ") && run.errors.contains("Raise --budget"))
            #expect(try names(in: folder) == ["digits.h5"])
        }
    }

    @Test func takesABudgetOrAPrecision() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            let run = try Program.run(
                "convert", "digits.h5", "--budget", "10KB", "--precision", "float8", "--output", "s.h5", in: folder)
            #expect(run.code == 64 && run.errors.contains("not both"))
            #expect(try Program.run("convert", "digits.h5", "--budget", "0", "--output", "s.h5", in: folder).code == 64)
        }
    }
}
