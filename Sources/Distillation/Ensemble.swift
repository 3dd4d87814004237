import Datasets
import Kernels
import Tensors
import Training

/// Several teachers and their shares, looked at on held-out rows.
struct Ensemble {
    let combination: Combination
    let task: Task
    let weights: [Double]
    let teacherValidation: [CompressionReport.Metrics]
    let validation: CompressionReport.Metrics
    let messages: [CompressionEvent]
    /// The labels of the held-out rows.
    let labels: SharedBuffer
    /// What the teachers' logits are kept under.
    private let keys: [String]
    private let classCount: Int

    init(
        _ teachers: [Teacher], keys: [String], _ store: TeacherStore, validation split: ExampleSplit, task: Task,
        combination: Combination, weights choice: TeacherWeights
    ) throws {
        self.combination = combination
        self.task = task
        self.keys = keys
        classCount = split.classCount
        let shape: Shape = [split.classCount], count = split.count
        labels = SharedBuffer(try split.allLabels())
        let labels = labels.buffer.tensor(count: count, shape: shape)
        let logits = try keys.map { key in
            SharedBuffer(try Self.stored(store, key, split))
        }
        let rows = logits.map { $0.buffer.tensor(count: count, shape: shape) }

        func together(_ weights: [Double]) -> SharedBuffer {
            let sum = EnsembleSum(rows: count, classes: shape.channels, combination: combination, task: task)
            for (tensor, weight) in zip(rows, weights) where weight > 0 { sum.add(tensor, weight: Float(weight)) }
            let result = SharedBuffer(count * shape.channels)
            result.tensor.copy(from: sum.finish())
            return result
        }
        func measured(_ scores: SharedBuffer) -> CompressionReport.Metrics {
            count == 0 ? [] : metrics(scores.buffer.tensor(count: count, shape: shape), labels: labels, task: task)
        }
        func loss(_ scores: SharedBuffer) -> Double {
            crossEntropy(scores.buffer.tensor(count: count, shape: shape), labels: labels, task: task)
        }
        func only(_ index: Int) -> [Double] { teachers.indices.map { $0 == index ? 1 : 0 } }

        switch choice {
        case .uniform, .byExample: weights = teachers.map { _ in 1 / Double(teachers.count) }
        case .given(let shares): weights = shares.map { $0 / shares.reduce(0, +) }
        case .learned: weights = learnWeights(rows, labels: labels, combination: combination, task: task)
        }
        teacherValidation = teachers.indices.map { measured(together(only($0))) }
        let all = together(weights)
        validation = measured(all)

        var messages: [CompressionEvent] = []
        let name = validation.first?.name.replacing("_", with: " ") ?? ""
        if let best = teacherValidation.compactMap({ $0.first?.value }).max(), let value = validation.first?.value {
            let parts = zip(teachers, teacherValidation).map { "\($0.name) \(fixed($1.first?.value ?? 0, digits: 4))" }
            let shares = zip(teachers, weights).map { "\($0.name) \(fixed($1, digits: 2))" }.joined(separator: ", ")
            messages.append(
                .message(
                    "held-out \(name): \(parts.joined(separator: ", ")); ensemble \(fixed(value, digits: 4)) (\(combination == .mean ? "mean" : "geometric mean"), weights \(shares))"
                ))
            if value < best {
                messages.append(
                    .warning(
                        "on held-out rows the ensemble (\(fixed(value, digits: 4))) is worse than its best teacher (\(fixed(best, digits: 4))). Leave weak teachers out, or use --teacher-weights learned"
                    ))
            }
            for (index, teacher) in teachers.enumerated() where teachers.count > 2 && weights[index] > 0.01 {
                let others = weights.enumerated().map { $0 == index ? 0 : $1 }
                let total = others.reduce(0, +)
                let without = together(others.map { $0 / total })
                guard let rest = measured(without).first?.value, rest > value, loss(without) < loss(all) else {
                    continue
                }
                messages.append(
                    .warning(
                        "teacher '\(teacher.path)' makes the ensemble worse on held-out rows: \(fixed(value, digits: 4)) with it, \(fixed(rest, digits: 4)) without. Leave it out, or use --teacher-weights learned"
                    ))
            }
        }
        self.messages = messages
    }

    /// A teacher's logits as they are in the store.
    func logits(_ index: Int, _ split: ExampleSplit, _ store: TeacherStore) throws -> SharedBuffer {
        SharedBuffer(try Self.stored(store, keys[index], split))
    }

    private static func stored(_ store: TeacherStore, _ key: String, _ split: ExampleSplit) throws -> Buffer {
        guard split.count > 0 else { return Buffer(zeros: 0) }
        guard let values = try store.logits(of: key, split: split) else {
            throw LostPredictionsError(directory: store.directory)
        }
        return values
    }

    /// The ensemble's predictions for every row of a split, softened.
    func softTargets(_ split: ExampleSplit, _ store: TeacherStore, temperature: Float) throws -> SoftTargets {
        let sum = EnsembleSum(
            rows: split.count, classes: classCount, combination: combination, task: task, temperature: temperature)
        for (key, weight) in zip(keys, weights) where weight > 0 {
            let logits = try Self.stored(store, key, split)
            sum.add(logits.tensor(count: split.count, shape: [classCount]), weight: Float(weight))
        }
        return SoftTargets(sum.finish(), rows: split.rows, task: task, temperature: temperature)
    }
}

/// Predictions that were kept a moment ago are gone.
public struct LostPredictionsError: Error, CustomStringConvertible {
    let directory: String
    public var description: String { "'\(directory)': a teacher's predictions disappeared during the run. Run again" }
}
