public import Datasets
public import Networks
import Tensors

/// Where the batches of a training come from.
public protocol BatchSource<Element>: Sendable {
    associatedtype Element: Batch

    /// How many examples an epoch has, and in how many batches.
    var count: Int { get }
    var stepsPerEpoch: Int { get }

    /// The batch of a step, a function of (epoch, step).
    func batch(epoch: Int, step: Int) throws -> Element
}

/// Reads the examples of a split, and perhaps others of which nothing is known, in a new order in every epoch.
///
/// Unlabeled examples are spread evenly: of the first p examples of an epoch, ⌊p · labeled / all⌋ have labels, so that
/// every batch has the same share of them but for one. They come last in it.
public struct BatchLoader: BatchSource {
    public let count: Int
    public let stepsPerEpoch: Int
    private let labeled: ExampleReader
    private let unlabeled: ExampleReader?
    private let workers: Workers
    private let shardSize: Int
    private let views: Views?

    public init(
        _ split: ExampleSplit, unlabeled other: ExampleSplit? = nil, views: Views? = nil,
        hyperparameters: Hyperparameters,
        workers: Workers
    ) {
        self.views = views
        func reader(_ split: ExampleSplit, _ seed: Int) -> ExampleReader {
            ExampleReader(
                split, batchSize: hyperparameters.batchSize, order: .shuffled(seed: UInt64(bitPattern: Int64(seed))))
        }
        labeled = reader(split, hyperparameters.seed)
        unlabeled = other.map { reader($0, hyperparameters.seed) }
        count = split.count + (other?.count ?? 0)
        self.workers = workers
        shardSize = hyperparameters.shardSize
        stepsPerEpoch = (count + hyperparameters.batchSize - 1) / hyperparameters.batchSize
    }

    public func batch(epoch: Int, step: Int) throws -> TrainingBatch {
        precondition((0..<stepsPerEpoch).contains(step), "step \(step) of \(stepsPerEpoch)")
        let first = step * labeled.batchSize, end = min(first + labeled.batchSize, count)
        let known = (first * labeled.split.count / count)..<(end * labeled.split.count / count)
        return make(
            try labeled.examples(known, epoch: epoch),
            try unlabeled?.examples((first - known.lowerBound)..<(end - known.upperBound), epoch: epoch), epoch, step)
    }

    private func make(_ known: ExampleBatch, _ unknown: ExampleBatch?, _ epoch: Int, _ step: Int) -> TrainingBatch {
        guard let views else { return TrainingBatch(known, unknown) }
        let view = views.view(ofEpoch: epoch), change = views.change(view)
        guard views.augmentation.mixes else { return TrainingBatch(known, unknown, view: view, changing: change) }
        let memory = BatchMemory(known.count, known.split), plain = TrainingBatch(known, view: view, changing: change)
        let size = shardSize
        workers.run((known.count + size - 1) / size) { _, shard in
            let examples = (shard * size)..<min((shard + 1) * size, known.count)
            plain.readInputs(examples, into: memory.part(\.inputs, examples))
            plain.readLabels(examples, into: memory.part(\.labels, examples))
        }
        views.mix(known, memory.inputs, labels: memory.labels, epoch: epoch, step: step)
        return TrainingBatch(known, unknown, view: view, change, mixed: memory)
    }
}
