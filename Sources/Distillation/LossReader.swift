public import ModelFiles
import Tensors
import Training

/// Reads the terms of the prediction loss in a configuration file, and notes everything that is wrong.
///
///     losses:
///       - kl                                   a loss with its own settings
///       - dkd: {alpha: 1, beta: 8, weight: linear:0:1}
///       - hint: {pairs: [{student: block2, teacher: stage2}], teacher: resnet}
public struct LossReader {
    /// What is wrong, with the lines of the file.
    public private(set) var problems: [(line: Int, text: String)] = []

    public init() {}

    /// The numbers of the losses that compare answers, each with the one of its paper.
    private static let numbers: [String: [(key: String, value: Double)]] = [
        "kl": [], "cross-entropy": [], "mse": [], "dkd": [("alpha", 1), ("beta", 8)],
        "dist": [("beta", 2), ("gamma", 2)],
        "rkd": [("distance", 25), ("angle", 50)],
    ]
    /// The losses that compare layers.
    private static let layerLosses = ["fsp", "hint", "attention"]
    private static let names = (numbers.keys + layerLosses).sorted()

    /// Reads the value of `losses`.
    public mutating func terms(_ value: YAMLValue) -> [LossTerm] {
        guard let elements = value.elements, !elements.isEmpty else {
            fail(value, "expected a list of losses such as [kl], found \(Self.words(value))")
            return []
        }
        return elements.compactMap { term($0) }
    }

    /// Reads the value of `first-stage`.
    public mutating func firstStage(_ value: YAMLValue) -> FirstStage? {
        guard let members = members(value, of: "first-stage", among: ["epochs", "losses"]) else { return nil }
        var epochs: Int?, terms: [LossTerm] = []
        for member in members {
            if member.key == "losses" {
                terms = self.terms(member.value)
                for term in terms where !term.measure.comparesLayers {
                    fail(
                        member.value,
                        "'first-stage' learns from layers alone (\(Self.layerLosses.joined(separator: ", "))), "
                            + "found '\(term.measure.name)'")
                }
            } else {
                epochs = member.value.json.integer.flatMap { $0 >= 1 ? $0 : nil }
                if epochs == nil {
                    fail(
                        member.value,
                        "'epochs': expected a whole number of at least 1, found \(Self.words(member.value))")
                }
            }
        }
        for key in ["epochs", "losses"] where value[key] == nil { fail(value, "'first-stage' needs '\(key)'") }
        return epochs.map { FirstStage(epochs: $0, terms: terms) }
    }

    private mutating func fail(_ value: YAMLValue, _ problem: String) {
        problems.append((value.line, problem))
    }

    private static func words(_ value: YAMLValue) -> String { value.isNull ? "nothing" : "\(value.json)" }

    /// The members of an object, those with unknown keys left out; nil for what is no object.
    private mutating func members(
        _ value: YAMLValue, of name: String, among known: [String]
    ) -> [YAMLValue.Member]? {
        guard let members = value.members else {
            let example = known.map { "\($0): …" }.joined(separator: ", ")
            fail(value, "'\(name)': expected {\(example)}, found \(Self.words(value))")
            return nil
        }
        return members.filter { member in
            if known.contains(member.key) { return true }
            let keys = known.joined(separator: ", ")
            fail(
                member.value,
                "'\(name)' has no key '\(member.key)'\(didYouMean(member.key, known)) (its keys are \(keys))")
            return false
        }
    }

    // MARK: - One term

    /// Reads `kl`, or `dkd: {beta: 4}`.
    private mutating func term(_ value: YAMLValue) -> LossTerm? {
        let member = value.members.flatMap { $0.count == 1 ? $0[0] : nil }
        guard let name = value.string ?? member?.key else {
            fail(value, "expected one loss, such as kl or dkd: {beta: 8}, found \(Self.words(value))")
            return nil
        }
        guard Self.names.contains(name) else {
            fail(
                value,
                "there is no loss '\(name)'\(didYouMean(name, Self.names)) (losses are "
                    + "\(Self.names.joined(separator: ", ")))")
            return nil
        }
        let comparesLayers = Self.layerLosses.contains(name), numbers = Self.numbers[name] ?? []
        let keys = comparesLayers ? ["pairs", "teacher"] : numbers.map(\.key)
        var options: [YAMLValue.Member] = []
        if let given = member?.value, !given.isNull {
            guard let members = members(given, of: name, among: keys + ["weight"]) else { return nil }
            options = members
        }
        func option(_ key: String) -> YAMLValue? { options.first { $0.key == key }?.value }

        let weight = option("weight").map { self.weight($0, of: name) } ?? .constant(1)
        if comparesLayers {
            guard let pairs = option("pairs") else {
                fail(value, "'\(name)' needs 'pairs', such as \(Self.example(name))")
                return nil
            }
            guard let measure = measure(name, pairs), let weight else { return nil }
            var term = LossTerm(measure, weight: weight)
            if let teacher = option("teacher") { term.teacher = self.name(teacher, "'\(name)': 'teacher'") }
            return term
        }
        let values = numbers.map { number in
            option(number.key).map { self.number($0, "'\(name)': '\(number.key)'") } ?? number.value
        }
        let known = values.compactMap(\.self)
        guard known.count == values.count, let weight else { return nil }
        guard known.isEmpty || known.contains(where: { $0 > 0 }) else {
            fail(value, "'\(name)': \(numbers.map(\.key).joined(separator: " and ")) are both 0; leave the loss out")
            return nil
        }
        return LossTerm(Self.measure(name, known), weight: weight)
    }

    private static func measure(_ name: String, _ values: [Double]) -> LossTerm.Measure {
        switch name {
        case "cross-entropy": .crossEntropy
        case "mse": .mse
        case "dkd": .dkd(alpha: values[0], beta: values[1])
        case "dist": .dist(beta: values[0], gamma: values[1])
        case "rkd": .rkd(distance: values[0], angle: values[1])
        default: .kl
        }
    }

    private mutating func weight(_ value: YAMLValue, of name: String) -> Schedule? {
        // A schedule of parts may be a list of them.
        let texts = (value.elements ?? [value]).map { $0.isNull ? nil : $0.text }.compactMap(\.self)
        guard !texts.isEmpty, texts.count == value.elements?.count ?? 1 else {
            fail(value, "'\(name)': 'weight': expected a number or a schedule, found \(Self.words(value))")
            return nil
        }
        do throws(ScheduleError) {
            return try Schedule(weight: texts.joined(separator: ","))
        } catch {
            fail(value, "'\(name)': 'weight': \(error)")
            return nil
        }
    }

    private mutating func number(_ value: YAMLValue, _ place: String) -> Double? {
        guard let number = value.json.number, number.isFinite, number >= 0 else {
            fail(value, "\(place): expected a number of at least 0, found \(Self.words(value))")
            return nil
        }
        return number
    }

    /// Reads the name of a layer or of a teacher.
    private mutating func name(_ value: YAMLValue, _ place: String) -> String? {
        guard let text = value.text, !text.isEmpty, !value.isNull, value.json.bool == nil else {
            fail(value, "\(place): expected a name, found \(Self.words(value))")
            return nil
        }
        return text
    }

    // MARK: - Pairs of layers

    private static func example(_ name: String) -> String {
        name == "fsp"
            ? "[{student: [stem, block1], teacher: [stem, stage1]}]" : "[{student: block2, teacher: stage2}]"
    }

    private mutating func measure(_ name: String, _ value: YAMLValue) -> LossTerm.Measure? {
        guard let elements = value.elements, !elements.isEmpty else {
            fail(value, "'\(name)': 'pairs': expected a list such as \(Self.example(name)), found \(Self.words(value))")
            return nil
        }
        let count = name == "fsp" ? 2 : 1, before = problems.count
        let pairs = elements.map { pair($0, of: name, count: count) }
        guard problems.count == before else { return nil }
        switch name {
        case "fsp": return .fsp(pairs.map { LossTerm.FlowPair(first: $0[0], second: $0[1]) })
        case "hint": return .hint(pairs.map { $0[0] })
        default: return .attention(pairs.map { $0[0] })
        }
    }

    /// Reads `{student: block2, teacher: stage2}`: of each a layer, or as many as are asked for.
    private mutating func pair(_ value: YAMLValue, of name: String, count: Int) -> [LossTerm.LayerPair] {
        guard let members = members(value, of: "\(name)/pairs", among: ["student", "teacher"]) else { return [] }
        let layers = ["student", "teacher"].map { side -> [String] in
            guard let layers = members.first(where: { $0.key == side })?.value else {
                fail(value, "'\(name)': a pair needs '\(side)', such as \(Self.example(name))")
                return []
            }
            return self.layers(layers, "'\(name)': '\(side)'", count: count)
        }
        return zip(layers[0], layers[1]).map { LossTerm.LayerPair(student: $0, teacher: $1) }
    }

    private mutating func layers(_ value: YAMLValue, _ place: String, count: Int) -> [String] {
        if count == 1 { return name(value, place).map { [$0] } ?? [] }
        guard let elements = value.elements, elements.count == count else {
            fail(value, "\(place): expected a list of \(count) layers, found \(Self.words(value))")
            return []
        }
        return elements.compactMap { name($0, place) }
    }
}

// MARK: - Writing

extension LossTerm.Measure {
    /// As a configuration file calls it.
    public var name: String {
        switch self {
        case .kl: "kl"
        case .crossEntropy: "cross-entropy"
        case .mse: "mse"
        case .dkd: "dkd"
        case .dist: "dist"
        case .rkd: "rkd"
        case .fsp: "fsp"
        case .hint: "hint"
        case .attention: "attention"
        }
    }

    /// Whether it compares layers, rather than answers.
    public var comparesLayers: Bool {
        switch self {
        case .fsp, .hint, .attention: true
        case .kl, .crossEntropy, .mse, .dkd, .dist, .rkd: false
        }
    }

    fileprivate var options: JSON.Object {
        switch self {
        case .kl, .crossEntropy, .mse: [:]
        case .dkd(let alpha, let beta): ["alpha": .number(alpha), "beta": .number(beta)]
        case .dist(let beta, let gamma): ["beta": .number(beta), "gamma": .number(gamma)]
        case .rkd(let distance, let angle): ["distance": .number(distance), "angle": .number(angle)]
        case .hint(let pairs), .attention(let pairs):
            ["pairs": .array(pairs.map { ["student": .string($0.student), "teacher": .string($0.teacher)] })]
        case .fsp(let pairs):
            [
                "pairs": .array(
                    pairs.map { pair in
                        [
                            "student": [.string(pair.first.student), .string(pair.second.student)],
                            "teacher": [.string(pair.first.teacher), .string(pair.second.teacher)],
                        ]
                    })
            ]
        }
    }
}

extension LossTerm {
    /// As a configuration file says it, with all its settings.
    public var json: JSON {
        var options = measure.options
        if let teacher { options["teacher"] = .string(teacher) }
        options["weight"] = weight.json
        return .object([measure.name: .object(options)])
    }
}

extension FirstStage {
    /// As a configuration file says it.
    public var json: JSON { ["epochs": .integer(epochs), "losses": .array(terms.map(\.json))] }
}
