import Foundation
import HDF5
import ModelFiles
import Testing

@testable import compress

/// The main job out of a file.
@Suite struct ConfigurationTests {
    private static let student = """
        name: tiny
        input: [12, 12]
        layers:
          - Flatten: {}
          - Dense: {units: 8*width, activation: relu}
          - Dense: {units: classes, activation: softmax}
        """

    private static let run = """
        teachers: [digits.h5, digits-k2.h5]
        data: d.h5
        budget: 60kB
        output: s.h5
        student: tiny.yaml
        epochs: 2
        batch-size: 16
        lambda: linear:0:1@0.5,1
        teacher-weights: 0.75,0.25
        teacher-input: {digits: scale:1}

        """

    /// Lends a folder with two teachers, data, a student's architecture and a configuration file.
    private func withConfiguration(_ text: String = run, _ body: (URL) throws -> Void) throws {
        try withFolder { folder in
            for name in ["digits.h5", "digits-k2.h5"] { try copyFixture(name, to: folder) }
            try writeDigits(to: folder.appending(path: "d.h5"))
            try Self.student.write(to: folder.appending(path: "tiny.yaml"), atomically: true, encoding: .utf8)
            try text.write(to: folder.appending(path: "run.yaml"), atomically: true, encoding: .utf8)
            try body(folder)
        }
    }

    private func bytes(_ folder: URL, _ name: String) throws -> Data {
        try Data(contentsOf: folder.appending(path: name))
    }

    @Test func meansWhatTheCommandLineMeans() throws {
        try withConfiguration { folder in
            let filed = try Program.run("--configuration", "run.yaml", "--quiet", in: folder)
            #expect(filed.code == 0, "\(filed.errors)")
            let said = try Program.run(
                [
                    "--teachers", "digits.h5", "digits-k2.h5", "--data", "d.h5", "--budget", "60kB", "--output", "t.h5",
                    "--student", "tiny.yaml", "--epochs", "2", "--batch-size", "16", "--lambda", "linear:0:1@0.5,1",
                    "--teacher-weights", "0.75,0.25", "--teacher-input", "digits=scale:1", "--quiet",
                ], in: folder)
            #expect(said.code == 0, "\(said.errors)")
            #expect(try bytes(folder, "s.h5") == bytes(folder, "t.h5"))
        }
    }

    /// The file in the run directory has everything in force, and is a configuration file itself.
    @Test func keepsEverythingInForce() throws {
        try withConfiguration { folder in
            let run = try Program.run("--configuration", "run.yaml", "--epochs", "1", "--quiet", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            /// The file without its first line, which says whose it is.
            func configuration(_ run: String) throws -> String {
                let text = try String(contentsOf: folder.appending(path: "\(run)/configuration.yaml"), encoding: .utf8)
                let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
                #expect(lines[0].hasPrefix("# compress-run-"))
                return String(lines[1])
            }
            let kept = try configuration("s.run")
            #expect(
                kept
                    == """
                    teachers:
                      - \(folder.path)/digits.h5
                      - \(folder.path)/digits-k2.h5
                    teacher-input:
                      \(folder.path)/digits.h5: scale:1
                    data: \(folder.path)/d.h5
                    budget: 60000
                    output: \(folder.path)/s.h5
                    student: \(folder.path)/tiny.yaml
                    precision: auto
                    epochs: 1
                    batch-size: 16
                    optimizer: adam
                    learning-rate: auto
                    learning-rate-schedule: cosine:0.05
                    seed: 0
                    soft-targets: float32
                    generations: 1
                    seeds: 1
                    temperature: linear:1:4
                    lambda: linear:0:1@0.5,1
                    soft-weight: 1
                    losses:
                      - kl:
                          weight: 1
                    combine: mean
                    teacher-weights: "0.75,0.25"

                    """)
            let again = try Program.run(
                "--configuration", "s.run/configuration.yaml", "--output", "u.h5", "--quiet", in: folder)
            #expect(again.code == 0, "\(again.errors)")
            #expect(try bytes(folder, "s.h5") == bytes(folder, "u.h5"))
            #expect(try configuration("u.run") == kept.replacing("/s.h5", with: "/u.h5"))
            let resumed = try Program.run("--resume", "s.run", "--quiet", in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
            #expect(try bytes(folder, "s.h5") == bytes(folder, "u.h5"))
        }
    }

    private static let everything = """
        teachers:
          - /m/digits.h5
          - /m/rnn.h5
        teacher-input:
          "*": scale:2
          /m/rnn.h5: offset:-0.5
        teacher-output:
          /m/digits.h5: softmax
        teacher-classes:
          /m/digits.h5: /m/labels.txt
        architecture:
          "*": /m/digits.json
        data: /m/d.h5
        test: 0.1
        unlabeled: /m/more.h5
        budget: 60000
        budget-counts: parameters
        output: /m/s.h5
        student: /m/tiny.yaml
        width: 0.5
        max-multiply-adds: 5000000
        precision: float16
        stages: quantized-distillation
        allow-loss: 0.5
        epochs: 3
        batch-size: 16
        lanes: 8
        exchange: bfloat16
        optimizer: adamw
        learning-rate: 0.01
        learning-rate-schedule: linear:0.1
        global-clipnorm: 2.5
        ema-momentum: 0.999
        seed: 3
        augment: crop:4,flip
        early-stopping: 5
        keep-best: true
        views: 2
        soft-targets: top:2
        generations: 2
        seeds: 1
        preset: youtube8m-winners
        temperature: exponential:8:1
        lambda: 0.25
        soft-weight: linear:0:1@0.5,1
        losses:
          - dkd:
              alpha: 1.0
              beta: 4.5
              weight: 1
          - hint:
              pairs:
                - student: a
                  teacher: b
              teacher: rnn
              weight: cosine:1:0
        first-stage:
          epochs: 3
          losses:
            - fsp:
                pairs:
                  - student:
                      - a
                      - b
                    teacher:
                      - c
                      - d
                teacher: digits
                weight: 100
        combine: geometric
        teacher-weights: by-example
        baseline: true
        threads: 2
        checkpoint-every: "90s"

        """

    /// Nothing is lost or changed between a file, the job and the file in the run directory.
    @Test func keepsEveryOption() throws {
        try withFolder { folder in
            try "zero\none\n".write(to: folder.appending(path: "labels.txt"), atomically: true, encoding: .utf8)
            let text = Self.everything.replacing("/m/", with: folder.path + "/")
            let file = folder.appending(path: "run.yaml").path
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let options = try DistillCommand.parse(["--configuration", file]).options()
            #expect(options.configuration.yaml == text)
            let request = options.request
            #expect(request.mostMultiplyAdds == 5_000_000)
            #expect(request.precision == .float16 && request.byteStages == [.quantizedDistillation])
            #expect(request.allowedLoss == 0.5 && request.budgetCounts == .parameters)
            #expect(request.loss.terms.count == 2)
            #expect(request.firstStage?.epochs == 3)
            #expect(request.views == 2)
            #expect(request.softTargets == .top(2))
            #expect(request.generations == 2)
            #expect(request.preset == .youTube8MWinners)
            #expect(request.augmentation?.description == "crop:4,flip")
            #expect(request.hyperparameters.globalClipnorm == 2.5 && request.hyperparameters.lanes == 8)
            #expect(request.hyperparameters.exchange == .bfloat16 && request.hyperparameters.emaMomentum == 0.999)
            #expect(request.hyperparameters.patience == 5)
            #expect(request.hyperparameters.keepsBest)
            #expect(request.unlabeled == folder.path + "/more.h5" && request.testShare == 0.1)
            #expect(request.loss.temperature(1) == 1)
            #expect(request.teacherWeights == .byExample)

            // Every option of the command line is a key, but for those of one call.
            let help = try Program.run("help", "distill", in: folder).output
            let names = Set(help.matches(of: /(?m)^ +(?:-[qh], )?--(?:\[no-\])?([a-z-]+)/).map { String($0.1) })
            let keys = Set(text.matches(of: /(?m)^([a-z-]+):/).map { String($0.1) })
            #expect(
                names.subtracting(keys) == [
                    "run-directory", "configuration", "resume", "force", "dry-run", "verify-data", "json", "quiet",
                    "version", "help",
                ])
            #expect(keys.subtracting(names) == ["losses", "first-stage"])
        }
    }

    /// What a file switches on, the command line switches off, and views go with what they are views of.
    @Test func flagsSwitchOffWhatAFileSays() throws {
        try withFolder { folder in
            let file = folder.appending(path: "run.yaml").path
            let text = """
                {teachers: [a.h5], data: d.h5, budget: 1MB, output: s.h5, augment: flip, views: 2, unlabeled: u.h5, test: 0.2,
                  global-clipnorm: 1, ema-momentum: 0.9, baseline: true}
                """
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            func options(_ words: String...) throws -> DistillOptions {
                try DistillCommand.parse(["--configuration", file] + words).options()
            }
            let all = try options().request
            #expect(
                all.augmentation?.description == "flip" && all.views == 2 && all.unlabeled == "u.h5"
                    && all.testShare == 0.2)
            #expect(all.hyperparameters.globalClipnorm == 1 && all.hyperparameters.emaMomentum == 0.9)
            let off = try options(
                "--augment", "none", "--unlabeled", "none", "--no-baseline", "--global-clipnorm", "none",
                "--ema-momentum", "none", "--test", "none")
            let none = off.request
            #expect(none.testShare == nil)
            #expect(none.hyperparameters.globalClipnorm == nil && none.hyperparameters.emaMomentum == nil)
            #expect(none.augmentation == nil && none.views == nil && none.unlabeled == nil && none.baseline == false)
            #expect(!off.configuration.yaml.contains("augment") && !off.configuration.yaml.contains("views"))
            #expect(throws: (any Error).self) { try options("--augment", "none", "--views", "3") }
        }
    }

    /// In braces a comma ends a value, so what has commas may be a list.
    @Test func takesListsOfParts() throws {
        try withFolder { folder in
            let file = folder.appending(path: "run.yaml").path
            let text = """
                {teachers: [a.h5, b.h5], data: d.h5, budget: 1MB, output: s.h5, lambda: [linear:0:1@0.5, 1],
                 augment: [crop:4, flip], teacher-weights: [0.7, 0.3], teacher-input: {a: [scale:2, resize:8x8]}}
                """
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let options = try DistillCommand.parse(["--configuration", file]).options().request
            #expect(options.loss.lambda.description == "linear:0:1@0.5,1")
            #expect(options.augmentation?.description == "crop:4,flip")
            #expect(options.teacherWeights == .given([0.7, 0.3]))
            #expect(options.teacherRules["a.h5"]?.input?.description == "scale:2,resize:8x8")
            try "output: [a.h5, b.h5]".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(throws: ModelFileError.self) { try DistillCommand.parse(["--configuration", file]).options() }
        }
    }

    @Test func theExamplesOfThePagesAreRight() throws {
        let readme = try losses(of: "README.md")
        #expect(readme == [["kl", "dist"], []])
        let page = try losses(of: "docs/configuration.md")
        #expect(page == [["kl", "dkd", "dist", "rkd", "mse"], ["fsp", "hint", "attention"]])
    }

    /// The losses of the first configuration file on a page, and those of its first stage.
    private func losses(of page: String) throws -> [[String]] {
        let url = URL(filePath: #filePath).appending(path: "../../../\(page)").standardized
        let blocks = try String(contentsOf: url, encoding: .utf8).split(separator: "```")
        let text = try #require(blocks.first { $0.hasPrefix("yaml\n") }).dropFirst(5)
        var losses: [[String]] = []
        try withFolder { folder in
            let file = folder.appending(path: "run.yaml").path
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let request = try DistillCommand.parse(["--configuration", file]).options().request
            losses = [request.loss.terms, request.firstStage?.terms ?? []].map { $0.map(\.loss.name) }
        }
        return losses
    }

    /// What is said on the command line goes before the file; what neither says is chosen by the program.
    @Test func theCommandLineGoesBeforeTheFile() throws {
        try withFolder { folder in
            let file = folder.appending(path: "run.yaml").path
            let text = "teachers: [a.h5]\ndata: d.h5\nbudget: 1MB\noutput: s.h5\nepochs: 7\nseed: 7\nrun-directory: r\n"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let options = try DistillCommand.parse([
                "--configuration", file, "--teachers", "b.h5", "c.h5", "--epochs", "8",
            ]).options().request
            #expect(options.teachers == ["b.h5", "c.h5"])
            #expect(options.hyperparameters.epochs == 8)
            #expect(options.hyperparameters.seed == 7)
            #expect(options.automatic == [.batchSize, .learningRate])
            #expect(options.runDirectory == "r")
            #expect(options.student == .automatic)
        }
    }

    @Test func saysEverythingThatIsWrongAtOnce() throws {
        let text = """
            teachers: []
            data: {x: d.h5}
            budget: 1XB
            output: true
            learning_rate: 0.1
            temprature: 4
            temperature: linear:4:0
            lambda: liner:0:1
            epochs: 2.5
            baseline: maybe
            seed:
            teacher-input: {conv: {scale: 2}}
            resume: s.run
            json: true
            losses:
              - kl: {weight: -1}
              - hint
            first-stage: {losses: [mse]}
            """
        try withConfiguration(text) { folder in
            let before = try names(in: folder)
            let run = try Program.run("--configuration", "run.yaml", in: folder)
            #expect(run.code == 65)
            #expect(run.output.isEmpty)
            let problems = [
                "line 1: 'teachers': expected a list of texts, found []",
                "line 2: 'data': expected a text or a number, found {\"x\":\"d.h5\"}",
                "line 3: 'budget': expected a size such as 250kB, 1GB (10⁹ bytes) or 1GiB (2³⁰ bytes), found '1XB'",
                "line 4: 'output': expected a text or a number, found true",
                "line 5: there is no key 'learning_rate'; did you mean 'learning-rate'?",
                "line 6: there is no key 'temprature'; did you mean 'temperature'?",
                "line 7: 'temperature': a temperature must be above 0 throughout, found 'linear:4:0'",
                "line 8: 'lambda': there is no schedule 'liner' (schedules are numbers, constant, cosine, exponential, "
                    + "linear, step); did you mean 'linear'?",
                "line 9: 'epochs': expected a whole number of at least 1, found '2.5'",
                "line 10: 'baseline': expected true or false, found \"maybe\"",
                "line 11: 'seed': expected a text or a number, found nothing",
                "line 12: 'teacher-input': expected values by name, such as {conv: …}, or a list of texts, found "
                    + "{\"conv\":{\"scale\":2}}",
                "line 13: 'resume' belongs on the command line, as --resume",
                "line 14: 'json' belongs on the command line, as --json",
                "line 16: 'kl': 'weight': the weight of a loss may not become negative, found '-1'",
                "line 17: 'hint' needs 'pairs', such as [{student: block2, teacher: stage2}]",
                "line 18: 'first-stage' learns from layers alone (fsp, hint, attention), found 'mse'",
                "line 18: 'first-stage' needs 'epochs'",
            ]
            // As many as fit into a message that people read.
            let listed = problems.prefix(6).joined(separator: "; ")
            #expect(run.errors == "error: 'run.yaml': 18 problems: \(listed); and 12 more\n")
            #expect(try names(in: folder) == before)
        }
    }

    private static let badFiles: [(String, String)] = [
        ("[kl]", "'run.yaml': expected keys with values, such as 'budget: 1MB', found [\"kl\"]"),
        ("", "'run.yaml': is empty"),
        ("seed: 1\nseed: 2\n", "'run.yaml': line 1: says 'seed' twice"),
        (
            run + "losses: [hint: {pairs: [{student: a, teacher: b}]}]",
            "loss 'hint' must name the teacher whose layers it compares, with 'teacher' (the teachers are digits, digits-k2)"
        ),
        (
            run + "losses: [hint: {pairs: [{student: a, teacher: b}], teacher: digit}]",
            "loss 'hint' names the teacher 'digit', but the teachers are digits, digits-k2; did you mean 'digits'?"
        ),
        (
            "teachers: [a/x.h5, b/x.h5]\ndata: d\nbudget: 1MB\noutput: s.h5\n"
                + "losses: [hint: {pairs: [{student: a, teacher: b}], teacher: x}]",
            "loss 'hint' names the teacher 'x', which is a/x.h5 and b/x.h5; give one of them another name: --teachers NAME=b/x.h5"
        ),
        // A value is never another option.
        (
            run + "threads: --json",
            "'run.yaml': line 11: 'threads': expected a whole number of at least 1, found '--json'"
        ),
    ]

    @Test(arguments: badFiles)
    func refusesAFile(text: String, message: String) throws {
        try withConfiguration(text) { folder in
            let before = try names(in: folder)
            let run = try Program.run("--configuration", "run.yaml", in: folder)
            #expect(run.code == 65)
            #expect(run.errors == "error: \(message)\n")
            #expect(try names(in: folder) == before)
        }
    }

    @Test(
        arguments: [
            (["--configuration", "none.yaml"], 66, "'none.yaml': there is no such file\n"),
            (
                ["--configuration", "run.yaml", "--views", "2"], 64,
                "--views is the number of augmented views of each example; add --augment\n       See 'compress help "
                    + "distill'.\n"
            ),
            (
                ["--configuration", "run.yaml", "--lambda", "0", "--soft-weight", "linear:0:0"], 64,
                "--lambda and --soft-weight are both 0: there would be nothing to learn from\n       See 'compress help "
                    + "distill'.\n"
            ),
            (
                ["--configuration", "run.yaml", "--teachers", "digits.h5"], 64,
                "--teacher-weights has 2 shares for 1 --teachers\n       See 'compress help distill'.\n"
            ),
            (
                ["--configuration", "run.yaml", "--temperature", "step:4:0:0.5"], 64,
                "the value 'step:4:0:0.5' is invalid for '--temperature <schedule>': a temperature must be above 0 "
                    + "throughout, found 'step:4:0:0.5'\n       See 'compress help distill'.\n"
            ),
        ] as [([String], Int32, String)])
    func refusesWordsThatDoNotGoTogether(arguments: [String], code: Int32, message: String) throws {
        try withConfiguration { folder in
            let before = try names(in: folder)
            let run = try Program.run(arguments, in: folder)
            #expect(run.code == code)
            #expect(run.errors == "error: \(message)")
            #expect(try names(in: folder) == before)
        }
    }

    /// Paths that look like options, numbers or words of YAML are paths.
    @Test func takesPathsAsTheyAreWritten() throws {
        let text = "teachers: [007, '--json', \"no\"]\ndata: 0.10\nbudget: 60000\noutput: s.h5\nstudent: tiny.yaml\n"
        try withConfiguration(text) { folder in
            for name in ["007", "--json", "no"] {
                try FileManager.default.copyItem(
                    at: folder.appending(path: "digits.h5"), to: folder.appending(path: name))
            }
            try FileManager.default.moveItem(at: folder.appending(path: "d.h5"), to: folder.appending(path: "0.10"))
            let run = try Program.run("--configuration", "run.yaml", "--epochs", "1", "--json", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            #expect(try run.json()["teachers"]?.array?.map { $0["path"]?.string } == ["007", "--json", "no"])
            let again = try Program.run("--resume", "s.run", in: folder)
            #expect(again.code == 0, "\(again.errors)")
        }
    }
}

@Suite struct OwnFilesTests {
    /// Whatever the main job reads, it does not write over.
    @Test func outputsAreNoInputs() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try FileManager.default.copyItem(
                at: folder.appending(path: "digits.h5"), to: folder.appending(path: "student.h5"))
            try writeDigits(to: folder.appending(path: "d.h5"))
            try (0..<10).map { "\($0)\n" }.joined().write(
                to: folder.appending(path: "labels.txt"), atomically: true, encoding: .utf8)
            try "teachers: [digits.h5]\ndata: d.h5\nbudget: 1MB\n".write(
                to: folder.appending(path: "run.yaml"), atomically: true, encoding: .utf8)
            for name in ["digits.h5", "d.h5", "student.h5", "labels.txt", "run.yaml"] {
                let before = try Data(contentsOf: folder.appending(path: name))
                let run = try Program.run(
                    "--configuration", "run.yaml", "--student", "student.h5", "--teacher-classes", "digits=labels.txt",
                    "--output", name, in: folder)
                #expect(run.code == 64)
                #expect(
                    run.errors == "error: '\(name)' is both an input and the output; choose another name for --output\n"
                )
                #expect(try Data(contentsOf: folder.appending(path: name)) == before)
            }
        }
    }

    /// Some programs run others without a standard output or error.
    @Test func runsWithoutStandardDescriptors() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            let run = try Program.shell(
                "\"$compress\" predict digits.h5 --inputs d.h5:test/x --output p.h5 <&- >&- 2>&-", in: folder)
            #expect(run.code == 0)
            #expect(FileManager.default.fileExists(atPath: folder.appending(path: "p.h5").path))
        }
    }
}

/// Sweeps are wont to name their folders `lr=0.1`.
@Suite struct EqualSignTests {
    @Test func pathsMayHaveEqualSigns() throws {
        try withFolder { folder in
            let sweep = folder.appending(path: "lr=0.1")
            try FileManager.default.createDirectory(at: sweep, withIntermediateDirectories: false)
            try copyFixture("digits.h5", to: sweep)
            try writeDigits(to: folder.appending(path: "d.h5"))
            try (0..<10).map { "\($0)\n" }.joined().write(
                to: sweep.appending(path: "labels=all.txt"), atomically: true, encoding: .utf8)
            for name in ["digits", "lr=0.1/digits.h5"] {
                let run = try Program.run(
                    "--teachers", "lr=0.1/digits.h5", "--teacher-classes", "\(name)=lr=0.1/labels=all.txt", "--data",
                    "d.h5", "--budget", "1MB", "--student", "lr=0.1/digits.h5", "--output", "s.h5", "--epochs", "1",
                    "--force", "--quiet", in: folder)
                #expect(run.code == 0, "\(run.errors)")
                let again = try Program.run("--resume", "s.run", "--quiet", in: folder)
                #expect(again.code == 0, "\(again.errors)")
            }
        }
    }
}

@Suite struct DryRunTests {
    @Test func saysWhatWouldBeDoneAndDoesNothing() throws {
        try withFolder { folder in
            try copyFixture("digits.h5", to: folder)
            try writeDigits(to: folder.appending(path: "d.h5"))
            let arguments = [
                "--teachers", "digits.h5", "--data", "d.h5", "--student", "digits.h5", "--output", "s.h5", "--dry-run",
            ]
            let run = try Program.run(arguments + ["--budget", "100kB", "--json"], in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let json = try run.json()
            #expect(
                json.object?.keys == [
                    "student", "teachers", "loss", "baseline", "examples", "stages", "steps", "soft_target_bytes",
                    "soft_target_form", "memory_bytes", "seconds", "frontier", "warnings", "budget",
                ])
            #expect(
                json["student"]?.object?.keys == ["description", "parameters", "precision", "input", "predicted_bytes"])
            #expect(json["stages"]?.array?.map { $0["name"] } == ["student"])
            let several = try Program.run(
                arguments + ["--budget", "100kB", "--generations", "2", "--epochs", "3"], in: folder)
            #expect(several.output.contains("\nstages: generation 1 (3 epochs), generation 2 (3 epochs)\n"))
            #expect(json["budget"]?["fits"] == true)
            #expect(json["budget"]?["used"] == json["student"]?["predicted_bytes"])
            #expect(json["teachers"]?[0]?["path"] == "digits.h5")
            #expect(json["teachers"]?[0]?["output"] == "softmax of 10")
            let text = try Program.run(arguments + ["--budget", "100kB"], in: folder)
            #expect(text.output.hasPrefix("student: "))
            #expect(text.output.contains("\ndigits.h5  "))
            #expect(text.output.contains("\nbaseline: labels alone are tried, too (auto: training takes "))
            #expect(text.output.hasSuffix(" left\nnothing was written\n"), "\(text.output)")
            let refused = try Program.run(arguments + ["--budget", "1kB"], in: folder)
            #expect(refused.code == 1)
            #expect(try names(in: folder) == ["d.h5", "digits.h5"])
        }
    }
}
