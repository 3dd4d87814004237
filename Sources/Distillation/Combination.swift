import Foundation
import Kernels
public import Tensors

/// How several teachers' predictions for one example become one.
public enum Combination: String, Hashable, Sendable, CaseIterable {
    /// Σ wₖ softmax(zₖ / T): the mean of probabilities.
    case mean
    /// softmax(Σ wₖ zₖ / T): the normalised geometric mean, which is the mean of logits.
    case geometric
}

/// What a row of logits says: one class of several, or a probability for each label.
public enum Task: String, Hashable, Sendable {
    case oneClass, manyLabels
}

/// Probabilities of a row of logits at a temperature: softmax(z / T), or sigmoid(z / T).
public func probabilities(_ logits: Tensor, task: Task, temperature: Float, into result: Tensor) {
    switch task {
    case .oneClass: softmax(logits, temperature: temperature, into: result)
    case .manyLabels:
        scale(logits, by: 1 / temperature, into: result)
        activate(Activation(.sigmoid), result, into: result)
    }
}

/// Adds teachers one after another to a block of rows; `finish` makes probabilities of the sum.
public struct EnsembleSum: ~Copyable {
    public let combination: Combination
    public let task: Task
    public let temperature: Float
    /// Rows × classes.
    private let sum: Buffer
    private let scratch: Buffer
    public let shape: Shape

    public init(rows: Int, classes: Int, combination: Combination, task: Task, temperature: Float = 1) {
        (self.combination, self.task, self.temperature) = (combination, task, temperature)
        shape = [classes]
        sum = Buffer(zeros: rows * classes)
        scratch = Buffer(zeros: rows * classes)
    }

    private var count: Int { sum.count / max(shape.elementCount, 1) }

    /// Adds a teacher's logits for all rows.
    public func add(_ logits: Tensor, weight: Float) {
        let part = scratch.tensor(count: count, shape: shape)
        switch combination {
        case .mean: probabilities(logits, task: task, temperature: temperature, into: part)
        case .geometric: scale(logits, by: 1 / temperature, into: part)
        }
        addScaled(part, by: weight, to: sum.tensor)
    }

    /// Turns the sum into probabilities, and lends them.
    public func finish() -> Tensor {
        let rows = sum.tensor(count: count, shape: shape)
        if combination == .geometric { probabilities(rows, task: task, temperature: 1, into: rows) }
        return rows
    }
}
