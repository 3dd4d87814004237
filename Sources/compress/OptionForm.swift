import ArgumentParser
import ModelFiles

/// What stands behind an option.
enum OptionForm {
    case nothing, value, list
    /// A value for each of several names: `--teacher-input NAME=RULES`.
    case names

    /// The long options of a command without their dashes, as the parser of the command line knows them.
    static func all(of command: any ParsableCommand.Type) -> [String: OptionForm] {
        let arguments = try? JSON(parsing: command._dumpHelp())["command"]?["arguments"]?.array
        var forms: [String: OptionForm] = [:]
        for argument in arguments ?? [] {
            guard let name = argument["preferredName"]?["name"]?.string, !name.hasPrefix("no-") else { continue }
            let isRepeating = argument["isRepeating"] == true
            forms[name] =
                argument["kind"] == "flag"
                ? .nothing
                : argument["parsingStrategy"] == "upToNextOption" ? .list : isRepeating ? .names : .value
        }
        return forms
    }
}
