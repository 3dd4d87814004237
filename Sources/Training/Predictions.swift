public import Datasets
import Foundation
public import Networks
public import Tensors

/// What a network, or an ensemble, says of every example of a split: a row of probabilities for each.
public final class Predictions: Sendable {
    public let count: Int
    public let classCount: Int
    private let buffer: Buffer

    public init(zeros count: Int, classCount: Int) {
        self.count = count
        self.classCount = classCount
        buffer = Buffer(zeros: count * classCount)
    }

    /// The rows. They live as long as the predictions.
    public var tensor: Tensor { buffer.tensor(count: count, shape: [classCount]) }

    /// Runs a network that ends in one vector of as many numbers as the split has classes.
    ///
    /// - Parameter progress: Is told how many examples are done, and may throw to stop.
    public convenience init(
        of predictor: Predictor, over split: ExampleSplit, workers: Int, progress: (Int) throws -> Void = { _ in }
    ) throws {
        self.init(zeros: split.count, classCount: split.classCount)
        let output = predictor.graph.outputs[0], classes = classCount, rows = tensor
        let reader = ExampleReader(split, batchSize: predictor.shardSize * workers * 4, order: .sequential)
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step), first = step * reader.batchSize
            predictor.run(batch.count) { examples, inputs in
                batch.readInputs(examples, into: inputs[0])
            } take: { examples, workspace in
                rows.slice(at: (first + examples.lowerBound) * classes, count: examples.count * classes)
                    .copy(from: workspace.value(output, count: examples.count))
            }
            try progress(first + batch.count)
        }
        if predictor.graph.head == .none { takeHead(split.labelKind) }
    }

    /// Makes probabilities of what are evidently logits: a model may leave its last softmax or sigmoid to its loss.
    private func takeHead(_ kind: LabelKind) {
        let rows = tensor
        guard (0..<rows.elementCount).contains(where: { rows[$0] < 0 || rows[$0] > 1 }) else { return }
        if kind == .oneClass {
            for row in 0..<count {
                let row = rows.slice(at: row * classCount, count: classCount)
                let values = row.values, largest = values.max() ?? 0
                let powers = values.map { exp($0 - largest) }, sum = powers.reduce(0, +)
                row.copy(from: powers.map { $0 / sum })
            }
        } else {
            for index in 0..<rows.elementCount { rows[index] = sigmoid(rows[index]) }
        }
    }

    /// Adds the predictions of another model, times its weight in the ensemble.
    public func add(_ other: Predictions, weight: Float) {
        precondition(other.count == count && other.classCount == classCount, "predictions of other examples")
        let (sum, part) = (tensor, other.tensor)
        for index in 0..<sum.elementCount { sum[index] += weight * part[index] }
    }
}
