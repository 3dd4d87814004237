import ArgumentParser
import Foundation

/// The page that `man compress` shows: all that `--help` says, of every command, in man(7)'s macros.
struct ManualPage {
    private static let option = "--generate-manual-page"

    /// The page, if a command line requests it.
    static func asked(by arguments: [String]) -> String? { arguments == [option] ? ManualPage().text : nil }

    private var lines: [String] = []

    var text: String {
        var page = self
        let whole = Compress.configuration, main = Help([DistillCommand.self])
        page.lines = [
            ".\\\" Made by compress \(Self.option)",
            ".TH COMPRESS 1 \"\" \"compress \(whole.version)\" \"User Commands\"", ".nh", ".ad l",
        ]
        page.section("Name")
        page.paragraph("compress - " + whole.abstract.prefix(1).lowercased() + whole.abstract.dropFirst().dropLast())
        page.section("Synopsis")
        page.synopsis("compress", main.usage)
        for command in whole.subcommands where command != DistillCommand.self {
            let help = Help([command])
            page.synopsis("compress \(help.name)", help.configuration.usage ?? help.usage)
        }
        page.section("Description")
        page.prose(whole.discussion)
        page.section("Options")
        page.paragraph(main.configuration.abstract)
        page.options(main)
        page.prose(main.configuration.discussion)
        page.section("Commands")
        for command in whole.subcommands where command != DistillCommand.self {
            page.command([command])
            for part in command.configuration.subcommands { page.command([command, part]) }
        }
        return page.lines.joined(separator: "\n") + "\n"
    }

    // MARK: - Parts

    private mutating func command(_ path: [any ParsableCommand.Type]) {
        let help = Help(path)
        lines.append(".SS compress \(Self.escaped(help.name))")
        paragraph(help.configuration.abstract)
        options(help)
        prose(help.configuration.discussion)
    }

    private mutating func section(_ title: String) { lines.append(".SH \(title.uppercased())") }

    private mutating func paragraph(_ text: String) { lines += [".PP", Self.escaped(text)] }

    private mutating func synopsis(_ command: String, _ usage: String) {
        lines += [".PP", "\\fB\(Self.escaped(command))\\fR \(Self.escaped(usage))"]
    }

    private mutating func options(_ help: Help) {
        for (title, options) in help.sections {
            lines += [".PP", "\\fI\(Self.escaped(title))\\fR"]
            for option in options {
                lines += [".TP", "\\fB\(Self.escaped(option.heading))\\fR", Self.escaped(option.text)]
            }
        }
    }

    /// Paragraphs, and in them lines that are indented, which stay as they are.
    private mutating func prose(_ text: String) {
        for paragraph in text.components(separatedBy: "\n\n") where !paragraph.isEmpty {
            lines.append(".PP")
            var isExample = false
            for line in paragraph.split(separator: "\n", omittingEmptySubsequences: false) {
                let isIndented = line.hasPrefix("  ")
                if isIndented != isExample { lines.append(isIndented ? ".RS 2\n.nf" : ".fi\n.RE") }
                isExample = isIndented
                lines.append(Self.escaped(isIndented ? String(line.dropFirst(2)) : String(line)))
            }
            if isExample { lines.append(".fi\n.RE") }
        }
    }

    /// Text that roff prints as it is: `-` is a hyphen to it, and a `.` or `'` at the beginning of a line a request.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
