import Tensors

/// How a model is fed, in the words of `--teacher-input`: where each input's examples come from, and what is done to them.
///
///     scale:0.00392157,resize:32x32              steps, from left to right, to what the model's inputs are fed with
///     rgb,scale:0.1                              another dataset than x
///     rgb:x[0..1024],audio:x[1024..1152]         for several inputs, by name: parts of the last axis
///     scale:0.1,rgb,audio                        by position; steps before the first dataset are for all inputs
public struct InputRules: Hashable, Sendable {
    /// What one input is fed with.
    public struct Binding: Hashable, Sendable {
        /// The name of the model's input; nil for the one at this position.
        public var input: String?
        public var dataset: String
        /// The part of the last axis; nil for all of it.
        public var part: Part?
        public var steps: [InputStep] = []
    }

    /// From a place up to, not including, another one; nil for the axis's own ends.
    public struct Part: Hashable, Sendable {
        public var from: Int?
        public var to: Int?
    }

    /// What is done to the examples of every input, before its own steps.
    public var steps: [InputStep] = []
    /// Empty where the datasets are those that suit the model.
    public var bindings: [Binding] = []

    public init() {}

    /// - Throws: `InputRulesError` for what is no rule, with what it was probably meant to be.
    public init(parsing text: String) throws(InputRulesError) {
        guard !text.isEmpty else { throw InputRulesError("expected rules such as \(Self.example), found nothing") }
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if InputStep.forms[words[0]] != nil {
                let step = try InputStep(words[0], words.count > 1 ? words[1] : "")
                if bindings.isEmpty { steps.append(step) } else { bindings[bindings.count - 1].steps.append(step) }
            } else {
                bindings.append(try Binding(words))
            }
        }
        let named = bindings.count { $0.input != nil }
        guard named == 0 || named == bindings.count else {
            throw InputRulesError("name the model's inputs for all datasets or for none, found '\(text)'")
        }
    }

    static let example = "scale:0.00392157,resize:32x32"

    /// The same after other steps, for every input, or behind those for every input.
    public func adding(_ others: [InputStep], atEnd: Bool = false) -> InputRules {
        var rules = self
        rules.steps = atEnd ? steps + others : others + steps
        return rules
    }

    /// The same datasets with other steps.
    public func replacingSteps(with steps: [InputStep]) -> InputRules {
        var rules = self
        rules.steps = steps
        for index in bindings.indices { rules.bindings[index].steps = [] }
        return rules
    }
}

/// A text that is no rule.
public struct InputRulesError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

extension InputRules.Binding {
    /// Reads `rgb`, `x[0..1024]`, `audio:x[1024..1152]`.
    fileprivate init(_ words: [String]) throws(InputRulesError) {
        let item = words.joined(separator: ":"), source = words[words.count - 1]
        let (name, bracket) = (source.prefix { $0 != "[" }, source.drop { $0 != "[" })
        let isName = name.first.map { $0.isLetter || $0 == "_" } ?? false
        guard isName, !words[0].isEmpty, !words[0].contains("[") || words.count == 1 else {
            if item.contains("[") { throw Self.noPart(item) }
            let known = InputStep.forms.keys.sorted()
            throw InputRulesError(
                words.count > 1
                    ? "there is no step '\(words[0])'\(didYouMean(words[0], known)) "
                        + "(steps are \(known.joined(separator: ", ")))"
                    : "expected steps such as \(InputRules.example), or a dataset, found '\(item)'")
        }
        self.init(input: words.count > 1 ? words[0] : nil, dataset: String(name))
        guard !bracket.isEmpty else { return }
        let bounds = bracket.dropFirst().dropLast().split(separator: "..", omittingEmptySubsequences: false)
        let places = bounds.map { Int($0) }
        let part = places.count == 2 ? InputRules.Part(from: places[0], to: places[1]) : nil
        guard let part, bracket.last == "]", zip(bounds, places).allSatisfy({ $0.isEmpty || $1 != nil }),
            (part.from ?? 0) >= 0, (part.to ?? .max) > part.from ?? 0
        else {
            throw Self.noPart(item)
        }
        self.part = part
    }

    private static func noPart(_ item: String) -> InputRulesError {
        InputRulesError("expected a part of the last axis such as x[0..1024] (0 to 1023), found '\(item)'")
    }
}

extension InputStep {
    /// Each step, and how it is written.
    static let forms = [
        "scale": "a number, or one for each channel, such as scale:0.00392157 or scale:4.367/4.464/4.444",
        "offset": "a number, or one for each channel, such as offset:-0.5 or offset:-0.485/-0.456/-0.406",
        "resize": "a height and a width, such as resize:224x224 or resize:224x224:nearest",
        "transpose": "the axes of one example in their new order, such as transpose:2-0-1",
        "reshape": "a shape, such as reshape:28x28x1",
        "channels": "channels from 0, such as channels:2-1-0, or channels:0-0-0 for three equal ones",
    ]

    fileprivate init(_ name: String, _ value: String) throws(InputRulesError) {
        func list<Number>(_ separator: Character, _ read: (Substring) -> Number?) -> [Number]? {
            let numbers = value.split(separator: separator, omittingEmptySubsequences: false).map(read)
            let found = numbers.compactMap(\.self)
            return found.count == numbers.count ? found : nil
        }
        func numbers() -> [Float]? { list("/") { Float($0).flatMap { $0.isFinite ? $0 : nil } } }
        let isNumber = name == "scale" || name == "offset"
        if isNumber, let large = value.split(separator: "/").first(where: { Float($0)?.isInfinite == true }) {
            throw InputRulesError("'\(name)' takes numbers up to 3.4e38, as float32 has them, found '\(large)'")
        }
        func places(_ separator: Character) -> [Int]? { list(separator) { Int($0).flatMap { $0 >= 0 ? $0 : nil } } }
        func extents(_ text: String) -> [Int]? {
            let axes = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            let isPossible = axes.reduce(1.0) { $0 * Double($1) } <= Double(Self.valueLimit)
            return isPossible && axes.allSatisfy { $0 > 0 } ? axes : nil
        }
        let step: InputStep? =
            switch name {
            case "scale": numbers().map { .scale($0) }
            case "offset": numbers().map { .offset($0) }
            case "transpose": places("-").map { .transpose($0) }
            case "reshape": extents(value).map { .reshape(Shape($0)) }
            case "channels": places("-").map { .channels($0) }
            default:
                extents(value.hasSuffix(":nearest") ? String(value.dropLast(8)) : value).flatMap { axes in
                    axes.count == 2
                        ? .resize(height: axes[0], width: axes[1], isNearest: value.hasSuffix(":nearest")) : nil
                }
            }
        guard let step else {
            throw InputRulesError("'\(name)' takes \(Self.forms[name] ?? "a value"), found '\(name):\(value)'")
        }
        self = step
    }
}

// MARK: - In words

extension InputRules: CustomStringConvertible {
    /// As it is written.
    public var description: String {
        let fed = bindings.flatMap { binding in
            [(binding.input.map { "\($0):" } ?? "") + binding.source] + binding.steps.map(\.description)
        }
        return (steps.map(\.description) + fed).joined(separator: ",")
    }
}

extension InputRules.Binding {
    /// `x`, or `x[0..1024]`.
    var source: String { dataset + (part?.description ?? "") }
}

extension InputRules.Part: CustomStringConvertible {
    public var description: String { "[\(from.map(String.init) ?? "")..\(to.map(String.init) ?? "")]" }
}
