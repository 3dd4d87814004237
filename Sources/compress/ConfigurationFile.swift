import ArgumentParser
import Distillation
import Foundation
import ModelFiles
import Tensors

/// The main job in a file: each long option of `distill` is a key, its value what would stand behind the option.
///
///     teachers: [conv.h5, rnn.h5]
///     budget: 256kB
///     baseline: true
///     teacher-input: {conv: scale:0.00392157}
///     losses: [kl, dkd: {beta: 4}]
///
/// The losses have no option: a list of them does not fit one line.
struct ConfigurationFile {
    let path: String
    /// The options, as if they had been given on the command line.
    private(set) var command: DistillCommand
    private(set) var losses: [LossTerm]?
    private(set) var firstStage: FirstStage?

    /// - Throws: `ModelFileError` with everything that is wrong, for a file that is not there or has mistakes.
    init(reading path: String) throws {
        self.path = path
        command = try DistillCommand.parse([])
        let root = try YAMLValue(reading: path)
        guard let members = root.members else {
            throw ModelFileError(
                .refused, path, ["expected keys with values, such as 'budget: 1MB', found \(root.json)"])
        }
        var problems: [(line: Int, text: String)] = [], reader = LossReader()
        for member in members {
            switch member.key {
            case "losses": losses = reader.terms(member.value)
            case "first-stage": firstStage = reader.firstStage(member.value)
            default:
                do throws(Problem) {
                    try take(member)
                } catch {
                    problems.append(error.place)
                }
            }
        }
        problems = (problems + reader.problems).sorted { $0.line < $1.line }
        guard problems.isEmpty else {
            throw ModelFileError(.refused, path, problems.map { "line \($0.line): \($0.text)" })
        }
    }

    private struct Problem: Error {
        let place: (line: Int, text: String)

        init(_ member: YAMLValue.Member, _ text: String) { place = (member.value.line, text) }
    }

    /// Takes over the value of an option, which its parser reads.
    private mutating func take(_ member: YAMLValue.Member) throws(Problem) {
        let words = try words(member)
        let said: DistillCommand
        do {
            said = try DistillCommand.parse(words)
        } catch {
            throw Problem(member, "'\(member.key)': \(Self.reason(DistillCommand.message(for: error), member.key))")
        }
        command.fill(from: said)
    }

    /// What is wrong with a value, out of `The value 'x' is invalid for '--key <name>': expected …`.
    private static func reason(_ message: String, _ key: String) -> String {
        guard let option = message.range(of: " is invalid for '--\(key) <"),
            let end = message.range(of: ">': ", range: option.upperBound..<message.endIndex)
        else { return message }
        return String(message[end.upperBound...])
    }
}

// MARK: - Together with the command line

extension ConfigurationFile {
    /// A line for each loss.
    private static let losses = Loss.all.map { loss in
        let entry = "    - \(loss.example)"
        return loss.comparesLayers ? entry : entry.padding(toLength: 38, withPad: " ", startingAt: 0) + loss.summary
    }.joined(separator: "\n")

    static let help = """
        A configuration file (--configuration) is YAML: every long option is a key, and its value what the option takes; \
        several values are a list, values with commas may be one, options for a model are a map, and a flag is true or \
        false. Paths are relative to the working directory. Two keys have no option:

          losses:                     the terms of the prediction loss (default: kl)
        \(losses)
          first-stage:                feature losses alone, before the rest of training
            epochs: 5
            losses: [hint: {pairs: [{student: block2, teacher: stage2}]}]

        Each loss may have a 'weight', a number or a schedule; feature losses name the 'teacher' where there are several. \
        The run directory has the file 'configuration.yaml' with everything in force.
        """
}

// MARK: - Keys

extension ConfigurationFile {
    /// What belongs to one call of the program, not to a job.
    private static let calls = ["resume", "force", "configuration", "dry-run", "verify-data", "json", "quiet", "help"]

    /// Options whose values are parts with commas between them, which may be a list in a file.
    private static let composed = [
        "teacher-input", "augment", "temperature", "lambda", "soft-weight", "teacher-weights",
    ]

    /// The options of `distill`, as the parser of the command line knows them.
    private static let forms = OptionForm.all(of: DistillCommand.self)

    /// Every key that a file may have.
    private static let keys = (forms.keys.filter { !calls.contains($0) } + ["losses", "first-stage"]).sorted()

    /// The same as words of a command line; a word never looks like another option.
    private func words(_ member: YAMLValue.Member) throws(Problem) -> [String] {
        let key = member.key, value = member.value
        guard !Self.calls.contains(key) else {
            throw Problem(member, "'\(key)' belongs on the command line, as --\(key)")
        }
        guard let form = Self.forms[key] else {
            let isLoss = Loss.named(key) != nil
            throw Problem(
                member,
                "there is no key '\(key)'\(isLoss ? "; losses stand under 'losses'" : didYouMean(key, Self.keys))")
        }
        var texts: [String] = []
        switch form {
        case .nothing:
            guard let isSet = value.json.bool else { throw mismatch(member, "true or false") }
            return ["--\(isSet ? "" : "no-")\(key)"]
        case .value: texts = [try text(value, of: member, "a text or a number")]
        case .list, .names:
            let expected = form == .list ? "a list of texts" : "values by name, such as {conv: …}, or a list of texts"
            if form == .names, let members = value.members {
                for named in members { texts.append("\(named.key)=\(try text(named.value, of: member, expected))") }
            } else {
                for element in value.elements ?? [value] { texts.append(try text(element, of: member, expected)) }
            }
            guard !texts.isEmpty else { throw mismatch(member, expected) }
        }
        return texts.map { "--\(key)=\($0)" }
    }

    /// A text as it is written: of `0.10` and `007` nothing is lost.
    private func text(_ value: YAMLValue, of member: YAMLValue.Member, _ expected: String) throws(Problem) -> String {
        if let parts = value.elements, !parts.isEmpty, Self.composed.contains(member.key) {
            var texts: [String] = []
            for part in parts where part.elements == nil { texts.append(try text(part, of: member, expected)) }
            guard texts.count == parts.count else { throw mismatch(member, expected) }
            return texts.joined(separator: ",")
        }
        guard let text = value.text, !text.isEmpty, !value.isNull, value.json.bool == nil else {
            throw mismatch(member, expected)
        }
        return text
    }

    private func mismatch(_ member: YAMLValue.Member, _ expected: String) -> Problem {
        let found = member.value.isNull ? "nothing" : "\(member.value.json)"
        return Problem(member, "'\(member.key)': expected \(expected), found \(found)")
    }
}
