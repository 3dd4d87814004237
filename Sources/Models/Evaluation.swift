public import Datasets
import Kernels
public import Networks
import Tensors
import Training

/// Models looked at one after another, and what they say together.
///
/// Nothing grows with examples × classes: each model's predictions are measured batch by batch. Their sum is kept for a
/// block of examples, of which every model has its turn before the next block.
public struct Evaluation {
    /// How good models are, in their order, and together.
    public struct Scores: Sendable {
        public let models: [NamedMetrics]
        /// Nil unless the models were evaluated together.
        public let ensemble: NamedMetrics?
    }

    private let split: ExampleSplit
    private let models: [any Teacher]
    private let blockBytes: Int
    private var each: [RunningMetrics]
    private var together: RunningMetrics?

    /// - Parameters:
    ///   - isTogether: Whether the models are evaluated together, too.
    ///   - blockBytes: The most memory for the sum of predictions, unless one batch needs more.
    public init(_ split: ExampleSplit, _ models: [any Teacher], together isTogether: Bool, blockBytes: Int = 128 << 20)
    {
        (self.split, self.models, self.blockBytes) = (split, models, blockBytes)
        each = models.map { _ in RunningMetrics(split.labelKind, classCount: split.classCount) }
        together = isTogether ? RunningMetrics(split.labelKind, classCount: split.classCount) : nil
    }

    /// The examples after which the next model has its turn: whole batches, so that each is what it is without blocks.
    private var blocks: [Range<Int>] {
        let count = split.count, batch = split.countReadTogether(multipleOf: 128)
        let batchBytes = batch * split.classCount * MemoryLayout<Float>.stride
        let size = together == nil ? max(count, 1) : max(blockBytes / max(batchBytes, 1), 1) * batch
        return stride(from: 0, to: max(count, 1), by: size).map { $0..<min($0 + size, count) }
    }

    /// About the most memory that it takes; none of it is taken.
    public func memory(threads: Int) -> Int {
        let models = models.map { $0.memory(of: split, threads: threads) }
        let metrics = RunningMetrics.memory(split.labelKind, exampleCount: split.count)
        let sum = together == nil ? 0 : (blocks.first?.count ?? 0) * split.classCount * MemoryLayout<Float>.stride
        return (models.max() ?? 0) + each.count * metrics + sum
    }

    /// Evaluates the models.
    ///
    /// - Throws: What reading models and examples throws.
    public mutating func run(workers: Workers, tell: (ProgressEvent) -> Void) throws -> Scores {
        let blocks = blocks
        var found: [NamedMetrics] = []
        for block in blocks {
            let sum = together == nil ? nil : Buffer(zeros: block.count * split.classCount).tensor
            for (index, model) in models.enumerated() {
                let part = blocks.count == 1 ? "" : " on examples \(block.lowerBound + 1) to \(block.upperBound)"
                tell(.began("evaluating \(model.path)\(part)", total: block.count))
                try add(index, split.selecting(Array(block), name: split.name), to: sum, workers, tell)
                tell(.ended)
                guard block.upperBound == split.count else { continue }
                found.append(each[index].values())
                each[index] = RunningMetrics(split.labelKind, classCount: split.classCount)
            }
        }
        return Scores(models: found, ensemble: together?.values())
    }

    /// Measures a model on some examples, and adds what it says to the sum of all.
    private mutating func add(
        _ index: Int, _ examples: ExampleSplit, to sum: Tensor?, _ workers: Workers,
        _ tell: (ProgressEvent) -> Void
    ) throws {
        let model = models[index], count = models.count, labelKind = split.labelKind
        var first = 0
        try model.open().predict(examples, changing: nil, workers: workers) { batch, scores in
            tell(.advanced(batch.count))
            probabilities(scores, labelKind: labelKind, temperature: 1, into: scores)
            each[index].add(scores, of: batch)
            guard let sum else { return }
            let rows = sum.slice(at: first, count: scores.elementCount)
            addScaled(scores, by: 1 / Float(count), to: rows)
            first += scores.elementCount
            if index == count - 1 { together?.add(rows, of: batch) }
        }
    }
}
