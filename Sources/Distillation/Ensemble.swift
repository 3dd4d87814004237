import Datasets
import Models
import Networks
import Tensors
import Training

/// Several teachers and their shares, looked at on held-out rows.
struct Ensemble {
    /// How the student's teachers are mixed.
    let mixture: EnsembleMixture
    let teacherScores: [Evaluation.Scores]
    let validation: NamedMetrics
    /// The same teachers with equal shares, where theirs are others.
    let uniformValidation: NamedMetrics?
    /// Whether its shares were learned on held-out rows.
    let areLearned: Bool
    /// How its shares were chosen, in a sentence; nil if the user chose them, or has one teacher.
    let choice: String?
    let messages: [CompressionEvent]

    var weights: [Double] { mixture.weights }

    /// - Parameters:
    ///   - targets: Each one's predictions for the held-out rows.
    init(
        _ teachers: [any Teacher], _ targets: [SoftTargets], of validation: ExampleSplit, combination: Combination,
        weights choice: TeacherWeights
    ) throws {
        let names = teachers.map(\.name), labelKind = validation.labelKind, count = names.count
        let trial =
            choice == .automatic && count > 1
            ? try WeightTrial(targets, of: validation, combination: combination) : nil
        self.choice = trial?.sentence
        areLearned = choice == .learned || trial?.prefersLearned == true
        let uniform = Evaluation.equal(0..<count, of: count)
        let weights =
            switch choice {
            case .automatic where trial?.prefersLearned != true, .uniform, .byExample: uniform
            case .given(let shares): shares.map { $0 / shares.reduce(0, +) }
            case .automatic, .learned:
                try Self.learned(targets, of: validation, combination: combination, else: uniform)
            }
        mixture = EnsembleMixture(combination, labelKind, weights: weights, isByExample: choice == .byExample)
        // Teachers whose ensemble may be better without them.
        let doubtful = names.indices.filter { count > 2 && weights[$0] > 0.01 && weights[$0] < 1 }
        let without = doubtful.map { index in
            let others = weights.enumerated().map { $0 == index ? 0 : $1 }, total = others.reduce(0, +)
            return others.map { $0 / total }
        }
        var evaluation = Evaluation(
            validation,
            shares: [weights, uniform] + names.indices.map { Evaluation.only($0, of: count) } + without,
            combination: combination, options: .init(hasSamples: true, hasLoss: true))
        try evaluation.add(validation, from: targets)
        let scores = evaluation.scores()
        let all = scores[0]
        teacherScores = Array(scores[2..<(2 + count)])
        self.validation = all.metrics
        uniformValidation = weights == uniform ? nil : scores[1].metrics

        messages =
            Self.messages(
                teachers, choice, combination, weights, scores, teacherScores: teacherScores,
                without: Array(zip(doubtful, scores[(2 + count)...]))) + (trial.map { [.message($0.sentence)] } ?? [])
    }

    /// How good teachers and ensemble are on held-out examples, and what may be wrong with it.
    ///
    /// - Parameters:
    ///   - scores: Of the ensemble, and of the one with equal shares.
    ///   - others: Of the ensemble without one teacher, for some of them.
    private static func messages(
        _ teachers: [any Teacher], _ choice: TeacherWeights, _ combination: Combination, _ weights: [Double],
        _ scores: [Evaluation.Scores], teacherScores: [Evaluation.Scores], without others: [(Int, Evaluation.Scores)]
    ) -> [CompressionEvent] {
        guard let first = scores[0].metrics.first else { return [] }
        func value(_ scores: Evaluation.Scores) -> Double { scores.metrics.first?.value ?? 0 }
        func four(_ value: Double) -> String { fixed(value, digits: 4) }
        let names = teachers.map(\.name), paths = teachers.map(\.path), all = scores[0], equal = scores[1]
        let parts = zip(names, teacherScores).map { "\($0) \(four(value($1)))" }.joined(separator: ", ")
        let figure = "held-out \(first.name.replacing("_", with: " "))"
        guard paths.count > 1 else { return [.message("\(figure): \(parts)")] }
        let shares = zip(names, weights).map { "\($0) \(fixed($1, digits: 2))" }.joined(separator: ", ")
        let way = combination == .mean ? "mean" : "geometric mean"
        var text = "\(figure): \(parts); "
        text += "ensemble \(four(first.value)) (\(way), weights \(shares))"
        if weights != Evaluation.equal(0..<paths.count, of: paths.count) {
            text += ", with equal weights \(four(value(equal)))"
            // What learned weights minimise may be at odds with the figure above.
            if [.automatic, .learned].contains(choice) {
                text += "; cross-entropy \(four(all.loss)), with equal weights \(four(equal.loss))"
            }
        }
        var messages = [CompressionEvent.message(text)]
        let advice = [.automatic, .learned].contains(choice) ? "" : ", or use --teacher-weights auto"
        let best = teacherScores.indices.max { value(teacherScores[$0]) < value(teacherScores[$1]) } ?? 0
        if let lead = teacherScores[best].minus(all).first, lead.isClearlyAbove {
            messages.append(
                .warning(
                    "teacher '\(paths[best])' is better than the ensemble on held-out rows by \(lead.points): "
                        + "\(four(value(teacherScores[best]))), the ensemble \(four(first.value)). Leave weak teachers out, give it "
                        + "alone\(advice)"))
        }
        for (index, rest) in others {
            guard let score = rest.metrics.first?.value, score > first.value, rest.loss < all.loss else { continue }
            messages.append(
                .warning(
                    "teacher '\(paths[index])' makes the ensemble worse on held-out rows: \(four(first.value)) with it, "
                        + "\(four(score)) without. Leave it out\(advice)"))
        }
        return messages
    }

    /// How many numbers of each teacher shares are learned from, at most.
    private static let mostNumbers = 16 << 20

    /// Shares that are learned on the held-out rows, or on as many of them, evenly spread, as fit into memory; equal ones
    /// where there are none.
    private static func learned(
        _ targets: [SoftTargets], of validation: ExampleSplit, combination: Combination, else uniform: [Double]
    ) throws -> [Double] {
        guard validation.count > 0 else { return uniform }
        let count = min(validation.count, max(mostNumbers / validation.classCount, 1))
        let rows = (0..<count).map { $0 * validation.count / count }
        let labels = try validation.selecting(rows, name: validation.name).allLabels()
        let shape: Shape = [validation.classCount]
        let logits = targets.map { targets in
            let some = Buffer(zeros: count * validation.classCount).tensor(count: count, shape: shape)
            for (place, row) in rows.enumerated() {
                targets.read(
                    row..<(row + 1), into: some.slice(at: place * validation.classCount, count: validation.classCount))
            }
            return some
        }
        return learnWeights(
            logits, labels: labels.tensor(count: count, shape: shape), combination: combination,
            labelKind: validation.labelKind)
    }
}
