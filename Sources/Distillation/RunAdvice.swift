import Foundation
import Tensors

/// What a run measured of itself, from which follows what to try next. What is not known is nil.
public struct RunFacts: Sendable {
    /// The deciding metric, such as accuracy, from 0 to 1. All figures below are of it, on validation examples unless they
    /// say otherwise.
    public var metric = "accuracy"
    /// How many validation examples there are.
    public var validationCount = 0
    public var epochs = 0
    /// As many as the program would choose.
    public var automaticEpochs = 0
    /// The student's after each epoch; empty where not all epochs are known.
    public var scores: [Double] = []
    public var student: Double?
    public var ensemble: Double?
    /// The student's on labels alone.
    public var baseline: Double?
    /// The student's on training examples.
    public var training: Double?
    /// T at the beginning of training.
    public var firstTemperature = 1.0
    /// The share of the budget that the student's file takes, from 0 to 1.
    public var budgetUse = 1.0
    public var isAugmented = false
    /// Whether a warning explains already why the student cannot learn from its inputs.
    public var isFedBadly = false

    public init() {}

    /// What to try, the most promising first; nothing where no difference is beyond the noise.
    public var advice: [String] {
        guard let student, validationCount > 0 else { return [] }
        var advice: [String] = []
        let noise = noise(student), isImproving = isImproving
        if isImproving, let last = scores.last {
            let before = scores[scores.count - 1 - recentEpochs]
            advice.append(
                "the student was still improving (\(metric) \(text(before)) after epoch \(epochs - recentEpochs), "
                    + "\(text(last)) after epoch \(epochs)): try --epochs "
                    + (isShort ? "auto, which is \(automaticEpochs)" : "\(2 * epochs)"))
        }
        if let baseline, baseline - student > noise {
            let words = "labels alone are better (\(metric) \(text(baseline)), the student \(text(student)))"
            if let ensemble, ensemble - baseline <= noise {
                advice.append("\(words), and the ensemble (\(text(ensemble))) is not: better teachers are needed")
            } else if firstTemperature > 1 {
                advice.append(
                    "\(words): try --temperature linear:1:4, which begins with the teachers' plain predictions")
            } else if !isImproving {
                advice.append("\(words): try --lambda 1, which weighs labels fully from the start, or more --epochs")
            }
        }
        if let ensemble, let training, !isImproving, !isFedBadly, ensemble - student > max(2 * noise, 0.01) {
            advice.append(contentsOf: cures(ensemble, student, training, noise))
        }
        return Array(advice.prefix(2))
    }

    /// What helps a student that is far from the ensemble: more room where it cannot even learn its training examples,
    /// more examples where it knows these much better than others.
    private func cures(_ ensemble: Double, _ student: Double, _ training: Double, _ noise: Double) -> [String] {
        let words = "the student (\(metric) \(text(student))) is far from the ensemble (\(text(ensemble)))"
        if isShort { return ["\(words) after \(epochs) epochs: try --epochs auto, which is \(automaticEpochs)"] }
        if training - student > max(3 * noise, 0.05) {
            let way = isAugmented ? "--unlabeled with more examples" : "--augment, or --unlabeled with more examples"
            return ["\(words), and knows its training examples better (\(text(training))): try \(way)"]
        }
        guard training < ensemble else { return [] }
        if training < ensemble / 2 {
            return [
                "\(words), and hardly learns its training examples (\(text(training))): try another --learning-rate"
            ]
        }
        if budgetUse < 0.5 {
            let share = Int((budgetUse * 100).rounded())
            return ["\(words), and takes \(share) % of the budget: try a wider one, such as --student auto"]
        }
        return ["\(words), also on training examples (\(text(training))): try a larger --budget"]
    }

    /// Whether training had less than half of the epochs that the program would choose.
    private var isShort: Bool { 2 * epochs < automaticEpochs }

    /// The last fifth of the epochs.
    private var recentEpochs: Int { max(1, epochs / 5) }

    private var isImproving: Bool {
        guard epochs > 1, scores.count == epochs, let last = scores.last else { return false }
        return last - scores[epochs - 1 - recentEpochs] > max(noise(last), 0.002)
    }

    /// The standard error of a figure by so many examples, as of an accuracy.
    private func noise(_ score: Double) -> Double {
        let count = Double(max(validationCount, 1))
        return max(score * (1 - score), 1 / count).squareRoot() / count.squareRoot()
    }

    private func text(_ score: Double) -> String { fixed(score, digits: 4) }
}
