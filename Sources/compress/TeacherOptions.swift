import ArgumentParser
import Foundation
import ModelFiles
import Models
import Storage
import Tensors

/// How inputs and outputs of models are converted that do not match the data.
struct TeacherOptions: ParsableArguments {
    static let help = """
        Where a model does not take the data as they are, --teacher-input NAME=RULES converts them. NAME is its file without \
        folder and extension, its path, or '*' for all. RULES are steps, from left to right, after the data's own scale and \
        offset:

          scale:0.00392157      times a number, or one for each channel: a/b/c
          offset:-0.5           plus a number, or one for each channel: a/b/c
          resize:224x224        images of that height and width, bilinear as in
                                Keras's Resizing; resize:224x224:nearest
          channels:2-1-0        channels by number; 0-0-0 makes gray images colored
          transpose:2-0-1       the axes of one example in that order
          reshape:28x28x1       the same numbers in another shape

        Before steps there may be a dataset beside x (train/rgb is rgb), or a part of its last axis (x[0..1024] has the \
        features 0 to 1023). A model with several inputs takes the datasets of their names, or those that RULES assign: \
        rgb:x[0..1024],audio:x[1024..1152],scale:2.
        """

    @Option(
        help: .init(
            "How a model's inputs are made from the data, such as conv=scale:0.00392157,resize:32x32 or '*=transpose:2-0-1'. May be repeated.",
            valueName: "name=rules"), transform: inputRules)
    var teacherInput: [Named<InputRules>] = []

    @Option(
        help: .init(
            "What a model outputs that ends in neither softmax nor sigmoid, or what predictions are: softmax, sigmoid or logits. "
                + "May be repeated. (default: detected from the outputs for the first training examples)",
            valueName: "name=what"), transform: outputReading)
    var teacherOutput: [Named<OutputReading>] = []

    @Option(
        help: .init(
            "A file with the names of a model's classes in the order of its outputs: one a line, perhaps behind its number "
                + "('0 cat'), or JSON; or order: and the output of each of the data's classes, such as conv=order:2-0-1. "
                + "May be repeated. (default: the attribute 'classes' or 'class_names' of its file, else the data's order)",
            valueName: "name=file|order:…"), transform: classesFile)
    var teacherClasses: [Named<String>] = []

    /// A setting of the model that a name means.
    struct Named<Value: Hashable & Sendable>: Hashable, Sendable {
        var name: String
        var value: Value
    }

    @OptionGroup var models: ModelOptions

    /// Whether inputs and outputs of models are taken as they are.
    var isEmpty: Bool { teacherInput.isEmpty && teacherOutput.isEmpty && teacherClasses.isEmpty }

    mutating func fill(from other: TeacherOptions) {
        if models.architectures.isEmpty { models.architectures = other.models.architectures }
        if teacherInput.isEmpty { teacherInput = other.teacherInput }
        if teacherOutput.isEmpty { teacherOutput = other.teacherOutput }
        if teacherClasses.isEmpty { teacherClasses = other.teacherClasses }
    }

    /// The rules of each model, by its path.
    ///
    /// - Throws: A `ValidationError` for a name that means no model or several; a `Failure` for a file that cannot be read.
    func rules(of paths: [String]) throws -> [String: TeacherRules] {
        let inputs = try Self.values(teacherInput, of: paths, "--teacher-input")
        let outputs = try Self.values(teacherOutput, of: paths, "--teacher-output")
        let files = try Self.values(teacherClasses.map { $0.split(among: paths) }, of: paths, "--teacher-classes")
        let architectures = try models.sources(of: paths)
        var rules: [String: TeacherRules] = [:]
        for path in paths {
            var own = TeacherRules()
            own.architecture = architectures[path]
            own.input = inputs[path]
            own.output = outputs[path]
            if let words = files[path] {
                own.order = try classOrder(words)
                if own.order == nil { own.classes = try Self.classList(words) }
            }
            if own != TeacherRules() { rules[path] = own }
        }
        return rules
    }

    /// The files that are read beside the models themselves.
    func files(of paths: [String]) -> [String] {
        teacherClasses.map { $0.split(among: paths).value }.filter { !isClassOrder($0) }
            + models.named(among: paths).map(\.value)
    }

    /// Which model has which value: a path goes before a name, and that before '*'.
    static func values<Value>(
        _ options: [Named<Value>], of paths: [String], _ option: String
    ) throws -> [String: Value] {
        var values: [String: (rank: Int, value: Value)] = [:]
        for named in options {
            let byName = paths.filter { TeacherSource($0).name == named.name }
            let (rank, meant) =
                paths.contains(named.name) ? (2, [named.name]) : named.name == "*" ? (0, paths) : (1, byName)
            guard !meant.isEmpty else {
                let known = paths.map { TeacherSource($0).name }
                throw ValidationError(
                    "\(option) names '\(named.name)', but the models are \(known.joined(separator: ", "))"
                        + didYouMean(named.name, known))
            }
            guard rank == 0 || Set(meant).count == 1 else {
                throw ValidationError(
                    "\(option) names '\(named.name)', which is \(meant.joined(separator: " and ")); give the path")
            }
            for path in Set(meant) {
                if let other = values[path], other.rank == rank {
                    throw ValidationError("\(option) is given twice for '\(named.name)'")
                }
                if rank >= values[path]?.rank ?? 0 { values[path] = (rank, named.value) }
            }
        }
        return values.mapValues(\.value)
    }

    private static func classList(_ path: String) throws -> TeacherRules.ClassList {
        let expected = "'\(path)': expected a text file with a class name in each line"
        let data: Data
        do throws(InputFile.Problem) {
            data = try InputFile.bytes(of: path)
        } catch {
            throw Failure(.noInput, "\(expected), but \(error)")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw Failure(.badInput, "\(expected), found no text in UTF-8")
        }
        return TeacherRules.ClassList(classNames(inText: text), path: path)
    }

    /// As a configuration file spells it, with the same meaning everywhere: models and files by their absolute paths.
    func members(_ paths: [String], absolute: (String) -> String) -> [JSON.Object.Member] {
        /// The setting of a path goes before that of its name.
        func member<Value>(
            _ key: String, _ values: [Named<Value>], _ text: (Value) -> String
        ) -> [JSON.Object.Member] {
            var object: JSON.Object = [:]
            for named in values.filter({ !paths.contains($0.name) }) + values.filter({ paths.contains($0.name) }) {
                let path =
                    paths.contains(named.name) ? named.name : paths.first { TeacherSource($0).name == named.name }
                object[path.map { TeacherSource($0).text(absolute) } ?? named.name] = .string(text(named.value))
            }
            return values.isEmpty ? [] : [.init(key, .object(object))]
        }
        return member("teacher-input", teacherInput) { "\($0)" } + member("teacher-output", teacherOutput, \.rawValue)
            + member("teacher-classes", teacherClasses.map { $0.split(among: paths) }) {
                isClassOrder($0) ? $0 : absolute($0)
            }
            + member("architecture", models.named(among: paths), absolute)
    }
}

extension TeacherOptions.Named<String> {
    /// The same, split behind the name of a model, where there is one: both its path and the file may hold the sign.
    func split(among paths: [String]) -> Self {
        let text = "\(name)=\(value)"
        let known = (paths + paths.map { TeacherSource($0).name }).filter { text.hasPrefix("\($0)=") }
        guard let name = known.max(by: { $0.count < $1.count }) else { return self }
        return Self(name: name, value: String(text.dropFirst(name.count + 1)))
    }
}

/// Splits `NAME=VALUE`; a path may hold the sign, a rule does not.
private func named(_ text: String, _ example: String) throws -> (name: String, value: String) {
    guard let sign = text.lastIndex(of: "="), sign != text.startIndex else {
        throw ValidationError(
            "expected the name of a model and its options, such as \(example), found '\(text)'")
    }
    return (String(text[..<sign]), String(text[sign...].dropFirst()))
}

@Sendable func inputRules(_ text: String) throws -> TeacherOptions.Named<InputRules> {
    let (name, value) = try named(text, "conv=resize:32x32")
    do {
        return TeacherOptions.Named(name: name, value: try InputRules(parsing: value))
    } catch {
        throw ValidationError("\(error)")
    }
}

@Sendable private func outputReading(_ text: String) throws -> TeacherOptions.Named<OutputReading> {
    let (name, value) = try named(text, "conv=logits")
    guard let reading = OutputReading(rawValue: value) else {
        throw ValidationError("expected softmax, sigmoid or logits, found '\(value)'")
    }
    return TeacherOptions.Named(name: name, value: reading)
}

@Sendable private func classesFile(_ text: String) throws -> TeacherOptions.Named<String> {
    guard let sign = text.firstIndex(of: "="), sign != text.startIndex, text.index(after: sign) < text.endIndex else {
        throw ValidationError("expected the name of a model and a file, such as conv=labels.txt, found '\(text)'")
    }
    let value = String(text[sign...].dropFirst())
    _ = try classOrder(value)
    return TeacherOptions.Named(name: String(text[..<sign]), value: value)
}

private func isClassOrder(_ text: String) -> Bool { text.hasPrefix("order:") }

/// Reads `order:2-0-1`; nil for the name of a file.
private func classOrder(_ text: String) throws -> [Int]? {
    guard isClassOrder(text) else { return nil }
    let places = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
    guard places.sorted() == Array(places.indices) else {
        throw ValidationError(
            "expected order: and the output of each of the data's classes, counted from 0 and each once, such as "
                + "order:2-0-1, found '\(text)'")
    }
    return places
}
