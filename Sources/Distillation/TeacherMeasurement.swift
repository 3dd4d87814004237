import Datasets
import Foundation
public import Models
import Tensors

/// How good a teacher is on held-out examples, before a student learns from it.
public struct TeacherMeasurement: Sendable {
    public let path: String
    public let name: String
    /// How many held-out examples it was measured on.
    public let count: Int
    public let metrics: NamedMetrics
    public let skill: TeacherSkill
    /// What is wrong with it, in sentences, with what would mend it.
    public let warnings: [String]
}

/// Measures teachers on held-out examples, and looks for the causes where they know less than they should.
struct TeacherMeasuring {
    let teachers: [any Teacher]
    /// What is equal for teachers that are the same: a digest of each one's file and of how its inputs and outputs are converted.
    let keys: [String]
    let examples: HeldOutExamples
    /// Predictions of a teacher whose inputs are made by other rules, for some of the examples; nil where the rules
    /// do not fit or the predictions are not finite.
    let predict: (_ teacher: Int, _ rules: InputRules, _ examples: ExampleSplit) throws -> Tensor?
    /// What the data's numbers are like.
    let numbers: () throws -> InputCures.Numbers
    let classNames: [String]?

    /// How many examples each cure is tried on.
    static let trialCount = 256
    /// The characters of a warning, unless paths are long.
    private static let longest = 500
    /// A teacher that is so far on the way from chance to perfect, and to the best of them, needs no cure.
    private static let satisfying = (whole: 0.75, best: 0.9)

    /// - Parameter logits: Each teacher's, of all examples.
    func measure(_ logits: [Tensor]) throws -> [TeacherMeasurement] {
        guard examples.count > 0 else { return [] }
        let skills = logits.map { TeacherSkill($0, of: examples) }
        let best = skills.map(\.share).max() ?? 0
        return try teachers.indices.map { index in
            var warnings: [String] = []
            if let other = (0..<index).first(where: { isSame($0, index, logits) }) {
                warnings.append(twice(other, index))
            } else {
                let skill = skills[index]
                let isWeak = skill.share < Self.satisfying.whole || skill.share < Self.satisfying.best * best
                if let warning = try warning(index, skill, logits[index], isWeak: isWeak) { warnings.append(warning) }
            }
            if let warning = misreading(index, logits[index]) { warnings.append(warning) }
            return TeacherMeasurement(
                path: teachers[index].path, name: teachers[index].name, count: examples.count,
                metrics: examples.metrics(logits[index]),
                skill: skills[index], warnings: warnings)
        }
    }

    // MARK: One teacher

    private func warning(_ index: Int, _ skill: TeacherSkill, _ logits: Tensor, isWeak: Bool) throws -> String? {
        let found = facts(index, skill), cures = isWeak ? try self.cures(index, logits) : []
        let order = ClassOrder.found(
            examples.firstClasses(logits), of: examples,
            names: teachers[index].plan.classes.order == nil ? classNames : nil)
        if let order, order.hitRate > cures.first?.hitRate ?? 0 {
            return "\(found). Its classes seem to be in another order\(order.name.map { ", \($0)" } ?? ""): with "
                + "\(option(order, of: index)) it has \(four(order.hitRate)) on \(grouped(order.count)) examples from which "
                + "the order was not learned"
        }
        guard let first = cures.first else {
            guard skill.standing != .knowing else { return nil }
            guard teachers[index].model != nil else {
                return
                    "\(found). Are its rows in the order of the data's, the held-out ones among them? If they were shuffled "
                    + "or are of another data set, predict them again in that order"
            }
            return "\(found). Tried, and none of them mends it: \(InputCures.words), classes in another order. Compare "
                + "with how it was trained, or leave it out"
        }
        let text =
            "\(found). On \(grouped(min(Self.trialCount, examples.count))) of them it has \(four(first.value)) with "
            + option(first.rules, of: index)
        let others = cures.dropFirst().prefix(2).map { "; \(four($0.value)) with \(option($0.rules, of: index))" }
        return others.reduce(text) { ($0 + $1).count <= Self.longest ? $0 + $1 : $0 }
    }

    /// `teacher 'conv.h5' is no better than chance on held-out examples: accuracy 0.1003 (chance 0.1020)`
    private func facts(_ index: Int, _ skill: TeacherSkill) -> String {
        let metric = "\(examples.labelKind == .multiclass ? "accuracy" : "GAP@20") \(four(skill.value))"
        let chance = "(chance \(four(skill.chance)))", place = "on held-out examples"
        let judgment =
            switch skill.standing {
            case .knowing: "has \(metric) \(place) \(chance)"
            case .nearChance: "is hardly better than chance \(place): \(metric) \(chance)"
            case .chance: "is no better than chance \(place): \(metric) \(chance)"
            }
        let only = skill.onlyClass.map { label in
            let name = classNames.map { "'\($0[label])'" } ?? "class \(label)"
            return ", and it predicts \(name) for all \(grouped(examples.count))"
        }
        return "teacher '\(teachers[index].path)' \(judgment)\(only ?? "")"
    }

    private func four(_ value: Double) -> String { fixed(value, digits: 4) }

    // MARK: Cures

    private typealias Cure = (rules: InputRules, hitRate: Double, value: Double)

    /// Rules that make the teacher's predictions better, the best first, with the metric that they would give.
    private func cures(_ index: Int, _ logits: Tensor) throws -> [Cure] {
        let some = try HeldOutExamples(examples.split, atMost: Self.trialCount), hits = examples.hits(logits)
        let now = sampledRows(of: examples.count, atMost: Self.trialCount).map { hits[$0] }
        guard let given = teachers[index].model?.rules else { return [] }
        var tried: Set<InputRules> = [given], found: [(cure: Cure, hits: [Bool])] = []
        /// Tries rules, and keeps them if they are better than what there was.
        func attempt(_ rules: InputRules, than hits: [Bool]) throws {
            guard tried.insert(rules).inserted, let predictions = try predict(index, rules, some.split) else { return }
            let trial = some.hits(predictions)
            // Of some fifty attempts none may seem better by accident.
            guard isBetter(trial, than: hits, deviations: 3.5) else { return }
            let rate = Double(trial.count { $0 }) / Double(trial.count)
            found.append(((rules, rate, some.metrics(predictions)[0].value), trial))
        }
        /// The best first; of equal ones the simpler, which was tried first.
        func ranked() -> [(cure: Cure, hits: [Bool])] {
            found.enumerated().sorted { ($1.element.cure.value, $0.offset) < ($0.element.cure.value, $1.offset) }
                .map(\.element)
        }
        let steps = InputCures(Shape(examples.split.exampleShape), try numbers()).steps
        // Perhaps the user's own rules are what is wrong.
        for steps in [[]] + steps { try attempt(given.replacingSteps(with: steps), than: now) }
        for steps in steps { try attempt(given.adding(steps), than: now) }
        // One of each kind may be needed.
        if let first = ranked().first {
            for steps in steps { try attempt(first.cure.rules.adding(steps), than: first.hits) }
            for steps in steps { try attempt(first.cure.rules.adding(steps, atEnd: true), than: first.hits) }
        }
        return ranked().map(\.cure)
    }

    // MARK: Options

    private func name(_ index: Int) -> String {
        let name = teachers[index].name
        return Set(teachers.filter { $0.name == name }.map(\.path)).count == 1 ? name : teachers[index].path
    }

    /// How rules are written, in full, or in words where they have a number for each of many channels.
    private func option(_ rules: InputRules, of index: Int) -> String {
        if rules == InputRules() { return "no --teacher-input" }
        let text = "--teacher-input \(name(index))=\(rules)"
        return text.count <= 120 ? text : "each feature standardized in the data file: (x − mean) / deviation"
    }

    private func option(_ order: ClassOrder, of index: Int) -> String {
        let old = teachers[index].plan.classes.order ?? Array(0..<order.places.count)
        let places = order.places.map { old[$0] }.map(String.init).joined(separator: "-")
        return places.count <= 100
            ? "--teacher-classes \(name(index))=order:\(places)"
            : "--teacher-classes \(name(index))=FILE, its class names in the order of its outputs,"
    }
}

// MARK: - Several teachers, and what their numbers are

extension TeacherMeasuring {
    /// Whether two teachers are one file, used alike, or predict the same for every example.
    private func isSame(_ one: Int, _ other: Int, _ logits: [Tensor]) -> Bool {
        guard keys[one] != keys[other] else { return true }
        return logits[one].withSpan { a in
            logits[other].withSpan { b in
                a.indices.allSatisfy { abs(a[$0] - b[$0]) <= 1e-4 * max(1, abs(a[$0])) }
            }
        }
    }

    private func twice(_ one: Int, _ other: Int) -> String {
        let (first, second) = (teachers[one].path, teachers[other].path)
        let fact =
            first == second
            ? "teacher '\(first)' is given twice"
            : keys[one] == keys[other]
                ? "teachers '\(first)' and '\(second)' are the same file"
                : "teachers '\(first)' and '\(second)' predict the same for every held-out example"
        return "\(fact): one model, which counts twice in the ensemble. Leave one of them out"
    }

    /// Numbers that are read as logits, and are probabilities: the softmax of those is nearly the same for all classes.
    private func misreading(_ index: Int, _ logits: Tensor) -> String? {
        guard let output = teachers[index].model?.output, output.canBeGiven, output.reading == .logits,
            examples.count >= 20
        else { return nil }
        guard reading(of: logits, labelKind: examples.labelKind) != .logits else { return nil }
        let what = examples.labelKind == .multiclass ? "softmax" : "sigmoid"
        return
            "teacher '\(teachers[index].path)' is read as logits, but all its outputs are probabilities. Pass "
            + "--teacher-output \(name(index))=\(what)"
    }
}
