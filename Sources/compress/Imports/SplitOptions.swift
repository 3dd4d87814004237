import ArgumentParser
import Datasets

/// Formats whose examples are undivided, or lie in files or folders of their own.
struct SplitOptions: ParsableArguments {
    @Option(
        help: .init(
            "The test examples: a share of each class, such as 0.1, or a file or folder of their own. (default: 0.2)",
            valueName: "share|path"), completion: .file(),
        transform: splitOrigin)
    var test: SplitOrigin?

    @Option(
        help: .init(
            "The validation examples: a share of each class, or a file or folder of their own. (default: none)",
            valueName: "share|path"), completion: .file(),
        transform: splitOrigin)
    var validation: SplitOrigin?

    @Option(help: .init("Another seed chooses other examples for the shares. (default: 0)", valueName: "n"))
    var seed = 0

    /// The files and folders among them.
    var paths: [String] {
        [test, validation].compactMap { if case .path(let path) = $0 { path } else { nil } }
    }

    func validate() throws {
        var sum = 0.0
        for case .share(let share)? in [test ?? .share(0.2), validation] { sum += share }
        guard sum < 1 else {
            throw ValidationError("the shares of --test and --validation leave nothing to train with")
        }
        guard seed >= 0 else { throw ValidationError("--seed is a whole number from 0 on, found \(seed)") }
    }
}

/// Reads a share between 0 and 1, or takes the text for a path.
@Sendable private func splitOrigin(_ text: String) throws -> SplitOrigin {
    guard let number = Double(text) else { return .path(text) }
    return .share(try share(number, text))
}

/// Reads a share between 0 and 1.
@Sendable func share(_ text: String) throws -> Double { try share(Double(text) ?? .nan, text) }

private func share(_ number: Double, _ text: String) throws -> Double {
    guard number > 0, number < 1 else {
        throw ValidationError("expected a share between 0 and 1, such as 0.1, found '\(text)'")
    }
    return number
}

/// Reads one of the words that a type has.
func choice<Choice: CaseIterable & RawRepresentable<String>>(_ text: String, of option: String) throws -> Choice {
    guard let choice = Choice(rawValue: text) else {
        let all = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        throw ValidationError("\(option) is one of \(all), found '\(text)'")
    }
    return choice
}

/// Reads what labels are.
@Sendable func labelTask(_ text: String) throws -> LabelKind { try choice(text, of: "--task") }
