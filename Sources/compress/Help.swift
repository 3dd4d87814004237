import ArgumentParser
import Foundation
import ModelFiles
import Reports

/// What `--help` prints: everything about a command, its options grouped by topic.
///
/// `-h` prints `ShortHelp` instead, which fits one screen.
struct Help {
    /// Options under a heading.
    struct Topic {
        let title: String
        /// The long names of the options, in the order in which they are listed.
        let options: [String]
    }

    /// The help that a command line requests; nil if it requests none.
    static func asked(by arguments: [String], width: Int) -> String? {
        let words = arguments.prefix { $0 != "--" }
        let path = Self.path(of: words.first == "help" ? words.dropFirst() : words)
        if words.contains("-h") {
            return ShortHelp.text(of: path.first?.configuration.commandName ?? "distill", width: width)
        }
        let isAsked = words.contains("--help") || words.first == "help" && (!path.isEmpty || words.count == 1)
        guard isAsked else { return nil }
        return path.isEmpty ? Help([DistillCommand.self]).overview(width: width) : Help(path).text(width: width)
    }

    /// The command that words begin with, behind those that it is a part of.
    static func path(of words: ArraySlice<String>) -> [any ParsableCommand.Type] {
        var path: [any ParsableCommand.Type] = [], known = Compress.configuration.subcommands
        for word in words {
            guard let command = known.first(where: { $0.configuration.commandName == word }) else { break }
            path.append(command)
            known = command.configuration.subcommands
        }
        return path
    }

    /// How it is called: `import idx`.
    let name: String
    let configuration: CommandConfiguration
    private let options: [Option]

    /// - Parameter path: A command behind those that it is a part of.
    init(_ path: [any ParsableCommand.Type]) {
        let names = path.compactMap { $0.configuration.commandName }
        name = names.joined(separator: " ")
        configuration = path.last?.configuration ?? Compress.configuration
        let whole = try? JSON(parsing: Compress._dumpHelp())["command"]
        let own = names.reduce(whole) { command, name in
            command?["subcommands"]?.array?.first { $0["commandName"]?.string == name }
        }
        options = Option.all(own?["arguments"]?.array ?? [])
    }

    /// All of one command: how it is called, its options by topic, then its notes and examples.
    func text(width: Int) -> String {
        wrapped(configuration.abstract, width: width) + "\n\n"
            + call("\(name) \(configuration.usage ?? usage)", width) + "\n\n"
            + (configuration.subcommands.isEmpty ? "" : "FORMATS:\n" + Self.commands(configuration, width) + "\n")
            + topics(width: width) + wrapped(configuration.discussion, width: width) + "\n"
    }

    /// What the program can do, and all of the main job.
    private func overview(width: Int) -> String {
        let whole = Compress.configuration
        return wrapped(whole.abstract, width: width) + "\n\n" + call("\(usage)\n       compress COMMAND …", width)
            + "\n\nCOMMANDS (distill, the main job, is the one without a name):\n" + Self.commands(whole, width) + "\n"
            + topics(width: width) + wrapped(whole.discussion, width: width) + "\n"
    }

    /// How it is called; what goes on below is indented.
    private func call(_ words: String, _ width: Int) -> String {
        "USAGE: compress \(words)".split(separator: "\n")
            .map { wrapped(String($0), width: width, indentation: 9) }.joined(separator: "\n")
    }

    private static func commands(_ whole: CommandConfiguration, _ width: Int) -> String {
        whole.subcommands.map { entry($0.configuration.commandName ?? "", $0.configuration.abstract, width) }.joined()
    }

    /// The arguments without which there is nothing to do.
    var usage: String {
        let required = options.filter { titles[$0.name] == Self.required }
        return (required.map(\.synopsis) + ["[options]"]).joined(separator: " ")
    }

    private func topics(width: Int) -> String {
        sections.map { title, options in
            title.uppercased() + ":\n" + options.map { Self.entry($0.heading, $0.text, width) }.joined() + "\n"
        }.joined()
    }

    // MARK: - Topics

    private static let required = "Required", every = "Every command", rest = "Options"

    /// The topics of the main job; the options of other commands are few.
    static let topics = [
        Topic(title: required, options: ["teachers", "data", "budget", "output"]),
        Topic(
            title: "Student",
            options: [
                "student", "width", "precision", "stages", "allow-loss", "budget-counts", "max-multiply-adds",
            ]),
        Topic(title: "Ensemble", options: ["teacher-weights", "combine", "soft-targets"]),
        Topic(title: "Loss", options: ["temperature", "lambda", "soft-weight", "preset"]),
        Topic(title: "Training options", options: ["epochs", "batch-size", "learning-rate", "optimizer"]),
        Topic(title: "Examples", options: ["test", "augment", "views", "unlabeled"]),
        Topic(title: "Comparison and repetition", options: ["baseline", "seeds", "generations"]),
        Topic(
            title: "Run",
            options: [
                "dry-run", "run-directory", "resume", "force", "configuration", "checkpoint-every", "verify-data",
            ]),
    ]

    private var isMainJob: Bool { configuration.commandName == "distill" }

    /// The options of each topic that has some.
    var sections: [(title: String, options: [Option])] {
        let titles = titles
        return orderedTitles.compactMap { title in
            let options = options.filter { titles[$0.name] == title }.sorted { order($0, title) < order($1, title) }
            return options.isEmpty ? nil : (title, options)
        }
    }

    /// The topic of each option.
    private var titles: [String: String] {
        var titles: [String: String] = [:]
        for option in options {
            let topic = isMainJob ? Self.topics.first { $0.options.contains(option.name) } : nil
            titles[option.name] =
                topic?.title ?? option.section
                ?? (["json", "quiet", "threads", "version", "help"].contains(option.name)
                    ? Self.every : option.isRequired ? Self.required : Self.rest)
        }
        return titles
    }

    private var orderedTitles: [String] {
        var all = isMainJob ? Self.topics.map(\.title) : [Self.required, Self.rest]
        for option in options { if let section = option.section, !all.contains(section) { all.append(section) } }
        if isMainJob { all.append(Self.rest) }
        return all + [Self.every]
    }

    /// The place of an option in its topic: that of the table, else that of the declaration.
    private func order(_ option: Option, _ title: String) -> Int {
        let listed = isMainJob ? Self.topics.first { $0.title == title }?.options ?? [] : []
        return listed.firstIndex(of: option.name) ?? listed.count + option.place
    }

    /// A name, and behind or below it what it does.
    private static func entry(_ heading: String, _ text: String, _ width: Int) -> String {
        let column = 26, indent = String(repeating: " ", count: column)
        let lines = wrapped(text, width: max(width - column, 30)).split(
            separator: "\n", omittingEmptySubsequences: false)
        let start = "  " + heading
        let first =
            start.count < column
            ? start + String(repeating: " ", count: column - start.count) : start + "\n" + indent
        return first + lines.joined(separator: "\n" + indent) + "\n"
    }
}

extension Help {
    /// An option or argument, as the parser knows it.
    struct Option {
        /// The long name, or what stands for a value without one.
        let name: String
        let heading: String
        /// How it is called.
        let synopsis: String
        let text: String
        let section: String?
        let isRequired: Bool
        /// Whether several values follow one name.
        let takesSeveral: Bool
        /// Whether shells complete its values to files.
        let takesFiles: Bool
        let place: Int

        /// - Parameter arguments: What `_dumpHelp` prints for a command.
        static func all(_ arguments: [JSON]) -> [Option] {
            let names = arguments.compactMap { $0["preferredName"]?["name"]?.string }
            return arguments.enumerated().compactMap { place, argument in
                let name = argument["preferredName"]?["name"]?.string
                // A flag and its opposite are one entry.
                if let name, name.hasPrefix("no-"), names.contains(String(name.dropFirst(3))) { return nil }
                return Option(argument, name, place, isSwitch: name.map { names.contains("no-\($0)") } ?? false)
            }
        }

        private init(_ argument: JSON, _ name: String?, _ place: Int, isSwitch: Bool) {
            let value = argument["valueName"]?.string ?? ""
            let takesSeveral = argument["isRepeating"] == true && argument["parsingStrategy"] == "upToNextOption"
            let letters = (argument["names"]?.array ?? []).filter { $0["kind"] == "short" }
                .compactMap { $0["name"]?.string.map { "-\($0), " } }.joined()
            let long = name.map { isSwitch ? "--[no-]\($0)" : "--\($0)" }
            let isFlag = argument["kind"] == "flag"
            self.name = name ?? value
            synopsis =
                long.map { isFlag ? $0 : "\($0) <\(value)>\(takesSeveral ? " …" : "")" }
                ?? "<\(value)>" + (argument["isRepeating"] == true ? " …" : "")
            heading = letters + synopsis
            text = Self.text(argument, isFlag: isFlag, name)
            section = argument["sectionTitle"]?.string
            isRequired = argument["isOptional"] == false
            self.takesSeveral = takesSeveral
            takesFiles = argument["completionKind"]?["file"] != nil
            self.place = place
        }

        private static func text(_ argument: JSON, isFlag: Bool, _ name: String?) -> String {
            var text = argument["abstract"]?.string ?? ""
            if name == "help" { return "-h: the most used options on one screen. --help: everything." }
            guard !isFlag else { return text }
            let values =
                argument["allValueStrings"]?.array?.compactMap(\.string)
                ?? argument["allValues"]?.array?.compactMap(\.string)
            if let values, !values.isEmpty { text += " (\(values.joined(separator: ", ")))" }
            if let usual = argument["defaultValue"]?.string { text += " (default: \(usual))" }
            return text
        }
    }
}
