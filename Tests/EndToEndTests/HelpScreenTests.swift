import Foundation
import Testing

/// What the program says of itself.
@Suite struct HelpScreenTests {
    private static let commands = [
        "distill", "teach", "train", "evaluate", "predict", "inspect", "report", "convert", "layers", "import",
    ]
    private static let formats = ["csv", "images", "npz", "idx", "cifar10", "cifar100", "youtube8m"]

    /// 24 lines with the shell's own, of 80 columns; each option is one of the command's.
    @Test(arguments: commands)
    func shortHelpFitsAScreen(command: String) throws {
        try withFolder { folder in
            let short = try Program.run(command, "-h", in: folder), all = try Program.run(command, "--help", in: folder)
            #expect(short.code == 0 && short.errors.isEmpty)
            #expect(all.code == 0 && all.errors.isEmpty)
            let lines = short.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.count <= 23)
            for line in lines { #expect(line.count <= 80, "\(line)") }
            func options(_ text: String) -> Set<String> {
                Set(text.matches(of: /--(?:\[no-\])?([a-z][a-z-]+)/).map { String($0.1) })
            }
            #expect(options(short.output).subtracting(["help"]).isSubset(of: options(all.output)))
            #expect(lines.first?.hasPrefix("usage: compress") == true)
            #expect(short.output.contains("--help"))
        }
    }

    @Test func theMainJobIsTheProgramsOwnHelp() throws {
        try withFolder { folder in
            let short = try Program.run("-h", in: folder)
            #expect(try short.output == Program.run("distill", "-h", in: folder).output)
            // The required ones come first.
            let names = short.output.matches(of: /(?m)^ +--([a-z-]+)/).map { String($0.1) }
            #expect(names.prefix(4) == ["teachers", "data", "budget", "output"])
            let all = try Program.run("--help", in: folder).output
            #expect(try all == Program.run("help", in: folder).output)
            for command in Self.commands { #expect(all.contains("\n  \(command)  ")) }
            #expect(all.contains("Exit codes: "))
            for line in all.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
        }
    }

    /// Every option stands under a topic, and none is lost on the way from the parser.
    @Test(arguments: commands.filter { $0 != "import" } + formats.map { "import \($0)" })
    func helpHasEveryOptionByTopic(command: String) throws {
        try withFolder { folder in
            let words = command.split(separator: " ").map(String.init)
            let text = try Program.run(["help"] + words, in: folder).output
            #expect(try text == Program.run(words + ["--help"], in: folder).output)
            #expect(text.contains("\nUSAGE: compress \(command) "))
            let dump = try Program.run(words + ["--experimental-dump-help"], in: folder).output
            let names = Set(
                dump.matches(of: /"preferredName"\s*:\s*\{[^}]*"name"\s*:\s*"([a-z-]+)"/).map { String($0.1) })
            #expect(names.contains("json"))
            for name in names where !name.hasPrefix("no-") && name != "generate-completion-script" {
                #expect(text.contains("--\(name)") || text.contains("--[no-]\(name)"), "\(name)")
            }
            let titles = text.matches(of: /(?m)^([A-Z][A-Z ]+):$/).map { String($0.1) }
            #expect(titles.count == Set(titles).count)
            #expect(titles.last == "EVERY COMMAND")
            if command == "distill" {
                #expect(titles.prefix(4) == ["REQUIRED", "STUDENT", "ENSEMBLE", "LOSS"])
                #expect(!titles.contains("OPTIONS"))
            }
        }
    }

    @Test func importListsFormatsAndEachItsOwnOptions() throws {
        try withFolder { folder in
            let all = try Program.run("import", "--help", in: folder).output
            for format in Self.formats {
                #expect(all.contains("\n  \(format)  "))
                let own = try Program.run("import", "--output", "d.h5", format, "--help", in: folder).output
                #expect(own.contains("--frames") == (format == "youtube8m"))
                let value = ["csv": "share|path", "images": "share|path", "youtube8m": "path"][format] ?? "n"
                #expect(own.contains("--validation <\(value)>"))
                #expect(try Program.run("import", format, "-h", in: folder).output.hasPrefix("usage: compress import "))
            }
        }
    }

    @Test func suggestsTheCommandThatWasMeant() throws {
        try withFolder { folder in
            let run = try Program.run("trian", in: folder)
            #expect(run.code == 64)
            #expect(
                run.errors
                    == "error: unexpected argument 'trian'; did you mean 'train'?\n       See 'compress help distill'.\n"
            )
        }
    }

    @Test func aloneItShowsHowToBegin() throws {
        try withFolder { folder in
            let run = try Program.run([], in: folder)
            #expect(run.code == 64)
            #expect(run.output.isEmpty)
            #expect(run.errors.contains("compress --teachers a.h5 b.keras --data digits.npz --budget 100kB"))
            let lines = run.errors.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 15)
            for line in lines { #expect(line.count <= 80, "\(line)") }
        }
    }
}
