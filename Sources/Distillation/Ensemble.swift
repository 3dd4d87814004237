import Datasets
import Kernels
import Tensors
import Training

/// Several teachers and their shares, looked at on held-out rows.
struct Ensemble {
    /// How the student's teachers are mixed.
    let mixture: Mixture
    let teacherValidation: [CompressionReport.Metrics]
    let validation: CompressionReport.Metrics
    /// The same teachers with equal shares, where theirs are others.
    let uniformValidation: CompressionReport.Metrics?
    let messages: [CompressionEvent]

    var weights: [Double] { mixture.weights }

    /// - Parameters:
    ///   - paths: The teachers' files.
    ///   - logits: Each teacher's logits for the held-out rows, rows × classes.
    ///   - labels: Those of the held-out rows, rows × classes.
    init(
        _ paths: [String], _ logits: [Tensor], labels: Tensor, task: Task, combination: Combination,
        weights choice: TeacherWeights
    ) {
        let names = paths.map(Teacher.name)
        let count = labels.elementCount / max(labels.shape.elementCount, 1)
        func together(_ weights: [Double]) -> Tensor {
            mix(logits, weights: weights, combination: combination, task: task)
        }
        func measured(_ scores: Tensor) -> CompressionReport.Metrics {
            count == 0 ? [] : metrics(scores, labels: labels, task: task)
        }
        func loss(_ scores: Tensor) -> Double { crossEntropy(scores, labels: labels, task: task) }
        func only(_ index: Int) -> [Double] { names.indices.map { $0 == index ? 1 : 0 } }

        let uniform = names.map { _ in 1 / Double(names.count) }
        let weights =
            switch choice {
            case .uniform, .byExample: uniform
            case .given(let shares): shares.map { $0 / shares.reduce(0, +) }
            case .learned: learnWeights(logits, labels: labels, combination: combination, task: task)
            }
        mixture = Mixture(combination, task, weights: weights, isByExample: choice == .byExample)
        teacherValidation = names.indices.map { measured(together(only($0))) }
        let all = together(weights)
        validation = measured(all)
        uniformValidation = weights == uniform ? nil : measured(together(uniform))

        var messages: [CompressionEvent] = []
        let name = validation.first?.name.replacing("_", with: " ") ?? ""
        if let best = teacherValidation.compactMap({ $0.first?.value }).max(), let value = validation.first?.value,
            names.count > 1
        {
            let parts = zip(names, teacherValidation).map { "\($0) \(fixed($1.first?.value ?? 0, digits: 4))" }
            let shares = zip(names, weights).map { "\($0) \(fixed($1, digits: 2))" }.joined(separator: ", ")
            let equal = uniformValidation?.first.map { ", with equal weights \(fixed($0.value, digits: 4))" } ?? ""
            messages.append(
                .message(
                    "held-out \(name): \(parts.joined(separator: ", ")); ensemble \(fixed(value, digits: 4)) (\(combination == .mean ? "mean" : "geometric mean"), weights \(shares))\(equal)"
                ))
            if value < best {
                messages.append(
                    .warning(
                        "on held-out rows the ensemble (\(fixed(value, digits: 4))) is worse than its best teacher (\(fixed(best, digits: 4))). Leave weak teachers out, or use --teacher-weights learned"
                    ))
            }
            for (index, path) in paths.enumerated() where names.count > 2 && weights[index] > 0.01 {
                let others = weights.enumerated().map { $0 == index ? 0 : $1 }
                let total = others.reduce(0, +)
                let without = together(others.map { $0 / total })
                guard let rest = measured(without).first?.value, rest > value, loss(without) < loss(all) else {
                    continue
                }
                messages.append(
                    .warning(
                        "teacher '\(path)' makes the ensemble worse on held-out rows: \(fixed(value, digits: 4)) with it, \(fixed(rest, digits: 4)) without. Leave it out, or use --teacher-weights learned"
                    ))
            }
        }
        self.messages = messages
    }
}

/// The probabilities that teachers say together, rows × classes.
func mix(_ logits: [Tensor], weights: [Double], combination: Combination, task: Task) -> Tensor {
    let result = Buffer(zeros: logits[0].elementCount).tensor.viewed(count: logits[0].count, shape: logits[0].shape)
    Mixture(combination, task, weights: weights).mix(
        logits, labels: nil, known: 0, temperature: 1, into: result, kernels: KernelContext())
    probabilities(result, task: task, temperature: 1, into: result)
    return result
}
