import ArgumentParser
import Foundation
import ModelFiles
import Tensors

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a data file of other people's files.",
        usage: "<format> <source> … --output <path> [options]",
        discussion: """
            The data file (HDF5) has train/x, train/y, test/x, test/y, and with --validation also validation/x and \
            validation/y. Every format takes --output, --validation, --class-names, --json and --quiet; of tables (csv) and \
            images, --test and --validation are shares of each class, such as 0.1, or files of their own. 'compress help \
            import FORMAT' has all of the options.

            Examples:
              compress import csv iris.csv --label species --output iris.h5
              compress import images flowers/ --resize 96x96 --output flowers.h5
              compress import idx fashion-mnist/ --output fashion.h5
              compress import idx mnist/ --validation 5000 --output mnist.h5
              compress import cifar10 cifar-10-batches-bin/ --output cifar10.h5
              compress import npz mnist.npz --output mnist.h5
              compress import youtube8m yt8m/train*.tfrecord yt8m/validate*.tfrecord \\
                --output yt8m.h5
            """,
        subcommands: [
            CSVCommand.self, ImagesCommand.self, NPZCommand.self, IDXCommand.self, CIFAR10Command.self,
            CIFAR100Command.self, YouTube8MCommand.self,
        ])

    static var formats: [String] { configuration.subcommands.compactMap { $0.configuration.commandName } }

    func run() throws {
        throw ValidationError("missing the format: one of \(Self.formats.joined(separator: ", "))")
    }
}

extension ImportCommand {
    /// The same words with the format directly behind `import`: options may come before it.
    static func formatFirst(_ arguments: [String]) -> [String] {
        guard arguments.first == configuration.commandName else { return arguments }
        let forms = forms
        var place = 1
        while place < arguments.count, arguments[place].hasPrefix("-"), arguments[place] != "--" {
            let form = arguments[place].contains("=") ? nil : forms[String(arguments[place].drop { $0 == "-" })]
            place += 1
            switch form {
            case .value, .names: place += 1
            case .list: while place < arguments.count, !arguments[place].hasPrefix("-") { place += 1 }
            case .nothing, nil: break
            }
        }
        guard place > 1, place < arguments.count, arguments[place] != "--" else { return arguments }
        return ["import", arguments[place]] + arguments[1..<place] + arguments[(place + 1)...]
    }

    /// - Throws: `Failure` where the word behind `import` is no format, or an option is another format's.
    static func checkFormat(_ arguments: [String]) throws(Failure) {
        guard arguments.count > 1, arguments[0] == configuration.commandName else { return }
        let word = arguments[1], all = "one of \(formats.joined(separator: ", "))"
        guard let format = configuration.subcommands.first(where: { $0.configuration.commandName == word }) else {
            if !word.hasPrefix("-") {
                throw refusal("expected a format, \(all), found '\(word)'\(didYouMean(word, formats))")
            }
            if forms[String(word.dropFirst(2))] != nil { throw refusal("missing the format: \(all)") }
            return
        }
        let own = OptionForm.all(of: format)
        for argument in arguments.prefix(while: { $0 != "--" }) where argument.hasPrefix("--") {
            let name = String(argument.dropFirst(2).prefix { $0 != "=" })
            guard own[name] == nil else { continue }
            let others = configuration.subcommands.filter { OptionForm.all(of: $0)[name] != nil }
            if let other = others.first?.configuration.commandName {
                throw refusal("--\(name) is for \(other), not for \(word)", see: " \(word)")
            }
        }
    }

    /// The options of all formats together.
    private static var forms: [String: OptionForm] {
        configuration.subcommands.reduce(into: [:]) { $0.merge(OptionForm.all(of: $1)) { first, _ in first } }
    }

    private static func refusal(_ text: String, see format: String = "") -> Failure {
        Failure(.usage, "\(text)\nSee 'compress help import\(format)'.")
    }
}
