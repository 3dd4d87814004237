import ArgumentParser
import Datasets
import Distillation
import ModelFiles

/// What shells complete, each kind of file and word once.
extension CompletionKind {
    /// Files that models are read from.
    static var models: CompletionKind { .file(extensions: modelSuffixes) }
    /// Models, and predictions in the place of models.
    static var teachers: CompletionKind { .file(extensions: modelSuffixes + ["npz", "npy", "csv"]) }
    /// Networks in words, and models whose architecture is taken.
    static var architectures: CompletionKind { .file(extensions: ["yaml", "yml"] + modelSuffixes) }
    /// What can be looked at: networks, models and examples.
    static var inspected: CompletionKind { .file(extensions: ["yaml", "yml", "npz"] + modelSuffixes) }
    /// Pages for a browser.
    static var pages: CompletionKind { .file(extensions: ["html"]) }
    /// Files that models are written to.
    static var written: CompletionKind { .file(extensions: ModelFormats.all.flatMap(\.suffixes)) }
    /// Files of examples.
    static var data: CompletionKind { .file(extensions: ["h5", "hdf5", "npz"]) }

    static func words(_ words: String...) -> CompletionKind { .list(words) }

    static var precisions: CompletionKind { .words("float32", "float16", "float8", "float6", "float4", "int8") }

    private static var modelSuffixes: [String] { ModelFormats.all.filter(\.isReadable).flatMap(\.suffixes) }
}

/// What teaches a shell to complete command lines.
///
/// The parser's script knows the options of the main job as those of `distill`. Here a line that begins with an option is
/// completed as if `distill` stood before it, as the program reads it.
enum CompletionScript {
    private static let option = "--generate-completion-script"

    /// The script that a command line requests; nil if it requests none.
    ///
    /// - Throws: `Failure` for a shell that is not known.
    static func asked(by arguments: [String]) throws(Failure) -> String? {
        guard let first = arguments.first, first == option || first.hasPrefix(option + "=") else { return nil }
        let name = first == option ? arguments.dropFirst().first : String(first.dropFirst(option.count + 1))
        let known = CompletionShell.allCases.map(\.rawValue)
        guard let name, let shell = CompletionShell(rawValue: name) else {
            throw Failure(
                .usage,
                "\(option) takes one of \(known.joined(separator: ", ")), found \(name.map { "'\($0)'" } ?? "nothing")")
        }
        return text(for: shell)
    }

    static func text(for shell: CompletionShell) -> String {
        let script = Compress.completionScript(for: shell), several = severalValued
        let options = Set(several.map { "--\($0.name)" }).sorted()
        let files = Set(several.filter(\.takesFiles).map { "--\($0.name)" }).sorted()
        switch shell {
        case .bash:
            return inserted(
                """
                    # Options without a command are those of the main job.
                    if [[ "${COMP_WORDS[1]}" == -* ]]; then
                        COMP_LINE="${COMP_LINE/ / distill }"
                        ((COMP_POINT += 8))
                        COMP_WORDS=("${COMP_WORDS[0]}" distill "${COMP_WORDS[@]:1}")
                        ((COMP_CWORD += 1))
                    fi
                    # Every value of an option that takes several is completed as the first one is.
                    if [[ "${2}" != -* ]]; then
                        local -i place="$((COMP_CWORD - 1))"
                        while [[ "${place}" -gt 1 && "${COMP_WORDS[place]}" != -* ]]; do place+=-1; done
                        case "${COMP_WORDS[place]}" in
                        \(options.joined(separator: "|"))) set -- "${1}" "${2}" "${COMP_WORDS[place]}" ;;
                        esac
                    fi

                """, in: script, behind: "\n_compress() {\n")
        case .zsh:
            let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                let isOne = options.contains { line.contains("'\($0)[") }
                return isOne ? String(line.replacing("]:", with: "]:*-*:", maxReplacements: 1)) : String(line)
            }
            return inserted(
                """
                    # Options without a command are those of the main job.
                    if [[ "${words[2]}" == -* ]]; then
                        words=("${words[1]}" distill "${(@)words[2,-1]}")
                        (( CURRENT += 1 ))
                    fi

                """, in: lines.joined(separator: "\n"), behind: "\n_compress() {\n")
        default:
            return inserted(
                """
                    # Options without a command are those of the main job.
                    if test (count $unparsed_tokens) -gt 1
                        set -f first $unparsed_tokens[2]
                    else
                        set -f first (commandline -ct)
                    end
                    if string match -q -- '-*' "$first"
                        set unparsed_tokens $unparsed_tokens[1] distill $unparsed_tokens[2..]
                    end

                """, in: script, behind: "\n    set -l unparsed_tokens (__compress_tokens -pc)\n")
                    + """

                    # Every value of an option that takes several is a file.
                    function __compress_continues_files
                        string match -q -- '-*' (commandline -ct); and return 1
                        set -l options (string match -- '-*' (commandline -opc))
                        contains -- "$options[-1]" \(files.joined(separator: " "))
                    end
                    complete -c compress -n __compress_continues_files -F

                    """
        }
    }

    /// The options that take several values after one name, such as `--teachers`.
    private static var severalValued: [Help.Option] {
        let commands = Compress.configuration.subcommands
        let paths =
            commands.map { [$0] }
            + commands.flatMap { command in
                command.configuration.subcommands.map { [command, $0] }
            }
        return paths.flatMap { Help($0).sections }.flatMap(\.options).filter(\.takesSeveral)
    }

    private static func inserted(_ text: String, in script: String, behind anchor: String) -> String {
        script.replacing(anchor, with: anchor + text, maxReplacements: 1)
    }
}
