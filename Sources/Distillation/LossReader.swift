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
                let kinds = Loss.all.filter(\.comparesLayers).map(\.name)
                for term in terms where !term.loss.comparesLayers {
                    fail(
                        member.value,
                        "'first-stage' learns from layers alone (\(kinds.joined(separator: ", "))), "
                            + "found '\(term.loss.name)'")
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
        guard let loss = Loss.named(name) else {
            let names = Loss.all.map(\.name).sorted()
            fail(
                value,
                "there is no loss '\(name)'\(didYouMean(name, names)) (losses are \(names.joined(separator: ", ")))")
            return nil
        }
        var options: [YAMLValue.Member] = []
        if let given = member?.value, !given.isNull {
            guard let members = members(given, of: name, among: Self.keys(loss)) else { return nil }
            options = members
        }
        func option(_ key: String) -> YAMLValue? { options.first { $0.key == key }?.value }

        let weight = option("weight").map { self.weight($0, of: name) } ?? .constant(1)
        let numbers = readNumbers(of: loss, option, value)
        let pairs = loss.layersOfPair.map { readPairs($0, of: name, option, value) } ?? []
        guard let weight, let numbers, let pairs else { return nil }
        var term = LossTerm(LossTerm.Measure(loss, numbers: numbers, pairs: pairs), weight: weight)
        if let teacher = option("teacher") { term.teacher = self.name(teacher, "'\(name)': 'teacher'") }
        return term
    }

    /// What may stand behind a loss's name.
    private static func keys(_ loss: Loss) -> [String] {
        (loss.comparesLayers ? ["pairs", "teacher"] : loss.parameters.map(\.key)) + ["weight"]
    }

    /// Reads the parameters of a loss; those that are not given are its paper's.
    private mutating func readNumbers(
        of loss: Loss, _ option: (String) -> YAMLValue?, _ place: YAMLValue
    ) -> [Double]? {
        var values: [Double] = []
        for parameter in loss.parameters {
            guard let given = option(parameter.key) else {
                values.append(parameter.value)
                continue
            }
            if let value = number(given, "'\(loss.name)': '\(parameter.key)'") { values.append(value) }
        }
        guard values.count == loss.parameters.count else { return nil }
        guard values.isEmpty || values.contains(where: { $0 > 0 }) else {
            let keys = loss.parameters.map(\.key).joined(separator: " and ")
            fail(place, "'\(loss.name)': \(keys) are both 0; leave the loss out")
            return nil
        }
        return values
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

    /// Reads `pairs`, each of `count` layers of the student and as many of a teacher.
    private mutating func readPairs(
        _ count: Int, of name: String, _ option: (String) -> YAMLValue?, _ loss: YAMLValue
    ) -> [[LossTerm.LayerPair]]? {
        guard let value = option("pairs") else {
            fail(loss, "'\(name)' needs 'pairs', such as \(Loss.examplePairs(count))")
            return nil
        }
        guard let elements = value.elements, !elements.isEmpty else {
            fail(
                value,
                "'\(name)': 'pairs': expected a list such as \(Loss.examplePairs(count)), found \(Self.words(value))")
            return nil
        }
        let before = problems.count, pairs = elements.map { pair($0, of: name, count: count) }
        return problems.count == before ? pairs : nil
    }

    /// Reads `{student: block2, teacher: stage2}`: of each a layer, or as many as the loss compares.
    private mutating func pair(_ value: YAMLValue, of name: String, count: Int) -> [LossTerm.LayerPair] {
        guard let members = members(value, of: "\(name)/pairs", among: ["student", "teacher"]) else { return [] }
        let layers = ["student", "teacher"].map { side -> [String] in
            guard let layers = members.first(where: { $0.key == side })?.value else {
                fail(value, "'\(name)': a pair needs '\(side)', such as \(Loss.examplePairs(count))")
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
