import Foundation
import ModelFiles
import Testing

/// What is installed beside the program: completion of command lines, and the manual page.
@Suite struct InstalledTextTests {
    /// What bash offers for a line, in a folder with some files.
    private func offers(for line: String) throws -> Set<String> {
        var offered: Set<String> = []
        try withFolder { folder in
            for name in ["a.h5", "b.keras", "n.npz", "s.yaml", "other.txt"] {
                try Data().write(to: folder.appending(path: name))
            }
            let lines = """
                source <("$compress" --generate-completion-script bash)
                COMP_LINE='\(line)' COMP_POINT=\(line.utf8.count)
                read -ra COMP_WORDS <<<"$COMP_LINE"
                [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=("")
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _compress compress "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            try lines.write(to: folder.appending(path: "line.bash"), atomically: true, encoding: .utf8)
            let run = try Program.shell("exec bash line.bash", in: folder)
            offered = Set(run.output.split(separator: "\n").map(String.init))
        }
        return offered
    }

    @Test(arguments: [
        ("compress --teachers ", ["a.h5", "b.keras", "n.npz"]), ("compress --teachers a.h5 b", ["b.keras"]),
        ("compress --data ", ["a.h5", "n.npz"]), ("compress distill --data n", ["n.npz"]),
        ("compress --combine ", ["geometric", "mean"]), ("compress --budget-c", ["--budget-counts"]),
        ("compress trai", ["train"]), ("compress train --architecture s", ["s.yaml"]),
        ("compress import cs", ["csv"]), ("compress predict --inp", ["--inputs"]),
    ])
    func bashCompletesFilesAndWords(line: String, expected: [String]) throws {
        #expect(try offers(for: line) == Set(expected))
    }

    /// What names a file or a folder completes to some.
    @Test func everyPathIsCompleted() throws {
        func check(_ command: JSON, _ name: String) {
            for argument in command["arguments"]?.array ?? [] {
                let value = argument["valueName"]?.string ?? ""
                let words = value.split { "|[]=:,".contains($0) }
                guard !Set(words).isDisjoint(with: ["path", "dir", "run", "file"]), value != "file|parameters" else {
                    continue
                }
                let isNamed = ["name=file|order:…"].contains(value)
                #expect(argument["completionKind"] != nil || isNamed, "\(name) <\(value)>")
            }
            for part in command["subcommands"]?.array ?? [] {
                check(part, "\(name) \(part["commandName"]?.string ?? "")")
            }
        }
        try withFolder { folder in
            let dump = try Program.run("--experimental-dump-help", in: folder).output
            check(try #require(try JSON(parsing: dump)["command"]), "compress")
        }
    }

    /// Each script has what was added to the parser's own.
    @Test(arguments: ["bash", "zsh", "fish"])
    func everyShellTakesOptionsWithoutACommandAsTheMainJobs(shell: String) throws {
        try withFolder { folder in
            let script = try Program.run("--generate-completion-script", shell, in: folder)
            #expect(script.code == 0)
            #expect(script.output.contains("# Options without a command are those of the main job."))
            #expect(try Program.run("--generate-completion-script=\(shell)", in: folder).output == script.output)
        }
    }

    @Test func refusesAShellThatIsNotKnown() throws {
        try withFolder { folder in
            let run = try Program.run("--generate-completion-script", "tcsh", in: folder)
            #expect(run.code == 64)
            #expect(
                run.errors == "error: --generate-completion-script takes one of zsh, bash, fish, found 'tcsh'\n")
        }
    }

    /// The page has everything that `--help` has, in macros of man(7) alone.
    @Test func theManualPageHasEveryCommandAndOption() throws {
        try withFolder { folder in
            let page = try Program.run("--generate-manual-page", in: folder).output
            let macros = Set(page.split(separator: "\n").filter { $0.hasPrefix(".") }.map { $0.prefix { $0 != " " } })
            #expect(macros == [".\\\"", ".TH", ".SH", ".SS", ".PP", ".TP", ".RS", ".RE", ".nf", ".fi", ".nh", ".ad"])
            #expect(page.components(separatedBy: "\n.nf\n").count == page.components(separatedBy: "\n.fi\n").count)
            let plain = page.replacing("\\-", with: "-")
            let commands = ["", "train", "evaluate", "predict", "inspect", "convert", "layers", "import csv"]
            for command in commands {
                let help = try Program.run(command.split(separator: " ").map(String.init) + ["--help"], in: folder)
                for option in help.output.matches(of: /(?m)^  (?:-[a-z], )?(--[^ ]+)/) {
                    #expect(plain.contains("\\fB\(option.1)") || plain.contains(", \(option.1)"), "\(option.1)")
                }
                #expect(plain.contains("\n.SS compress \(command)\n") || command.isEmpty)
            }
        }
    }
}
