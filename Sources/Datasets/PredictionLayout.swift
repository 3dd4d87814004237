/// Which examples predictions are for: the rows of a group of a data file, or those of a file of unlabeled examples.
public enum PredictedPart: String, CaseIterable, Hashable, Sendable {
    /// All rows of `train`, those that are held out included.
    case train
    case validation, test, unlabeled

    /// What it may be called in the names of arrays.
    static let words: [String: PredictedPart] = [
        "train": .train, "training": .train, "oof": .train, "validation": .validation, "valid": .validation,
        "val": .validation, "test": .test, "unlabeled": .unlabeled, "unlabelled": .unlabeled,
    ]
}

/// Which arrays of a file are the predictions for which part of the data.
///
///     train, test, validation, unlabeled        oof for train, val for validation
///     KIND/train, train/KIND, KIND_train, …     KIND: probs, logits, the name of a model, …
///     any name                                  one array alone: the caller knows of which part it is
///
/// Where arrays are of several kinds, as in `conv/train` and `rnn/train`, one kind has to be named.
struct PredictionLayout: Equatable {
    private(set) var arrays: [PredictedPart: String] = [:]
    /// The only array, where its name does not say what it is for.
    private(set) var single: String?

    /// What was expected, what was found, and what to do.
    struct Problem: Error, Equatable {
        let expected: String
        let found: String
        let advice: String
    }

    /// Kinds of predictions, where a file has arrays of other kinds, too.
    private static let kinds: Set = [
        "predictions", "prediction", "preds", "pred", "probabilities", "probability", "probs", "prob", "proba",
        "logits",
        "output", "outputs", "y_pred", "y_prob", "y_proba",
    ]
    /// What a data file has.
    private static let otherKinds: Set = ["x", "y", "X", "Y", "length", "images", "labels", "data", "targets"]

    /// - Parameters:
    ///   - names: The paths of all arrays that may be predictions.
    ///   - object: What the user named of them: an array, a group, or a kind.
    init(of names: [String], object: String?) throws(Problem) {
        let named = names.map { (name: $0, place: Self.place($0)) }
        var chosen = named.filter { $0.place.part != nil && !Self.otherKinds.contains($0.place.kind) }
        if let object {
            let place = Self.place(object), isArray = names.contains(object)
            guard !isArray || place.part != nil else {
                single = object
                return
            }
            let kind = isArray ? place.kind : object
            chosen = named.filter { $0.place.part != nil && $0.place.kind == kind }
            guard !chosen.isEmpty else {
                let below = names.filter { $0.hasPrefix(object + "/") }
                guard !below.isEmpty else {
                    throw Problem(
                        expected: "an array or a group '\(object)'", found: Self.list(names),
                        advice: "Name one that is there.")
                }
                let inner = try Self(of: below.map { String($0.dropFirst(object.count + 1)) }, object: nil)
                arrays = inner.arrays.mapValues { "\(object)/\($0)" }
                single = inner.single.map { "\(object)/\($0)" }
                return
            }
        }
        let kinds = Set(chosen.map(\.place.kind)), known = kinds.intersection(Self.kinds)
        guard let kind = kinds.contains("") ? "" : kinds.count == 1 ? kinds.first : known.count == 1 ? known.first : nil
        else {
            guard chosen.isEmpty else { throw Self.severalKinds(kinds) }
            let others = names.filter { !Self.otherKinds.contains($0) && !$0.contains("/") }
            guard others.count == 1 else {
                throw Problem(
                    expected: "predictions in arrays 'train', 'test', …", found: Self.list(names),
                    advice: "Save them as np.savez('p.npz', train=…, test=…), a row for each example.")
            }
            single = others[0]
            return
        }
        for (name, place) in chosen where place.kind == kind {
            guard let part = place.part else { continue }
            if let other = arrays[part] {
                throw Problem(
                    expected: "one array for '\(part.rawValue)'", found: "'\(other)' and '\(name)'",
                    advice: "Leave one of them out.")
            }
            arrays[part] = name
        }
    }

    /// What a file of several kinds is refused with.
    static let oneKind = "predictions of one kind"

    private static func severalKinds(_ kinds: Set<String>) -> Problem {
        let kinds = kinds.sorted()
        return Problem(
            expected: oneKind, found: Self.list(kinds),
            advice: "Name one of them behind the file, as in FILE:\(kinds[0]).")
    }

    /// What a name says: of which part of the data an array is, and what else is in the name.
    private static func place(_ name: String) -> (kind: String, part: PredictedPart?) {
        let steps = name.split(separator: "/").map(String.init)
        func without(_ index: Int, _ rest: String? = nil) -> String {
            (steps[..<index] + (rest.map { [$0] } ?? []) + steps[(index + 1)...]).joined(separator: "/")
        }
        if let index = steps.lastIndex(where: { PredictedPart.words[$0] != nil }) {
            return (without(index), PredictedPart.words[steps[index]])
        }
        for (index, step) in steps.enumerated().reversed() {
            for (word, part) in PredictedPart.words.sorted(by: { $0.key < $1.key }) {
                if step.hasPrefix(word + "_") { return (without(index, String(step.dropFirst(word.count + 1))), part) }
                if step.hasSuffix("_" + word) { return (without(index, String(step.dropLast(word.count + 1))), part) }
            }
        }
        return (name, nil)
    }

    /// Some names, with a limit.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(8).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
        return names.isEmpty
            ? "no array of numbers in rows and columns"
            : names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
    }
}
