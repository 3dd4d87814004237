public import Datasets
public import Networks
public import Tensors

/// A batch as a network is trained on it: examples in memory, perhaps changed, with what is known of each.
public final class Lesson: LabeledBatch {
    /// Where an example comes from.
    public struct Place: Hashable, Sendable {
        /// The row of its file.
        public let row: Int
        /// Which version of it this is, where examples are changed.
        public let view: Int
    }

    public let labeledCount: Int
    /// Where each example comes from; rows of the unlabeled file come last.
    public let places: [Place]
    /// Examples × the shape of one.
    public let inputs: Tensor
    /// Examples × classes: the share of each class in an example's truth; zeros for those of which nothing is known.
    public let labels: Tensor

    public var count: Int { places.count }

    init(places: [Place], labeledCount: Int, inputs: Tensor, labels: Tensor) {
        (self.places, self.labeledCount, self.inputs, self.labels) = (places, labeledCount, inputs, labels)
    }

    /// Examples as they are in their file.
    public convenience init(_ batch: ExampleBatch) {
        let memory = LessonMemory(batch.count, batch.split)
        memory.read(batch, 0..<batch.count, to: 0)
        self.init(
            places: (0..<batch.count).map { Place(row: batch.row($0), view: 0) }, labeledCount: batch.count,
            inputs: memory.inputs, labels: memory.labels)
    }

    public func readInputs(_ examples: Range<Int>, into input: Tensor) { copy(inputs, examples, into: input) }
    public func readLabels(_ examples: Range<Int>, into labels: Tensor) { copy(self.labels, examples, into: labels) }

    private func copy(_ values: Tensor, _ examples: Range<Int>, into result: Tensor) {
        let size = values.shape.elementCount
        result.copy(from: values.slice(at: examples.lowerBound * size, count: examples.count * size))
    }
}

/// Memory for the examples of a lesson.
struct LessonMemory: Sendable {
    let inputs: Tensor
    let labels: Tensor

    init(_ count: Int, _ split: ExampleSplit) {
        let shape = Shape(split.exampleShape), classes: Shape = [split.classCount]
        inputs = Buffer(zeros: count * shape.elementCount).tensor.viewed(count: count, shape: shape)
        labels = Buffer(zeros: count * classes.elementCount).tensor.viewed(count: count, shape: classes)
    }

    /// Reads some examples of a batch to the places from `first` on.
    func read(_ batch: ExampleBatch, _ examples: Range<Int>, to first: Int) {
        part(inputs, first, examples.count).withMutableSpan { batch.readInputs(examples, into: &$0) }
        if !batch.split.isUnlabeled {
            part(labels, first, examples.count).withMutableSpan { batch.readLabels(examples, into: &$0) }
        }
    }

    /// Some examples of inputs or labels.
    func part(_ values: Tensor, _ first: Int, _ count: Int) -> Tensor {
        let size = values.shape.elementCount
        return values.slice(at: first * size, count: count * size).viewed(count: count, shape: values.shape)
    }
}

/// Where the batches of a training come from.
public protocol LessonSource<Lessons>: Sendable {
    associatedtype Lessons: Batch

    /// How many examples an epoch has, and in how many batches.
    var count: Int { get }
    var stepsPerEpoch: Int { get }

    /// The batch of a step, a function of (epoch, step).
    func lesson(epoch: Int, step: Int) throws -> Lessons
}

/// Reads the examples of a split, and perhaps others of which nothing is known, in a new order in every epoch.
///
/// Unlabeled examples are spread evenly: of the first p examples of an epoch, ⌊p · labeled / all⌋ have labels, so that
/// every batch has the same share of them but for one. They come last in it.
public struct LessonReader: LessonSource {
    public let count: Int
    public let stepsPerEpoch: Int
    private let labeled: ExampleReader
    private let unlabeled: ExampleReader?
    private let workers: Workers
    private let shardSize: Int
    private let views: Views?

    public init(
        _ split: ExampleSplit, unlabeled other: ExampleSplit? = nil, views: Views? = nil, recipe: Recipe,
        workers: Workers
    ) {
        self.views = views
        func reader(_ split: ExampleSplit, _ seed: Int) -> ExampleReader {
            ExampleReader(
                split, batchSize: recipe.batchSize, order: .shuffled(seed: UInt64(bitPattern: Int64(seed))))
        }
        labeled = reader(split, recipe.seed)
        unlabeled = other.map { reader($0, recipe.seed) }
        count = split.count + (other?.count ?? 0)
        self.workers = workers
        shardSize = recipe.shardSize
        stepsPerEpoch = (count + recipe.batchSize - 1) / recipe.batchSize
    }

    public func lesson(epoch: Int, step: Int) throws -> Lesson {
        precondition((0..<stepsPerEpoch).contains(step), "step \(step) of \(stepsPerEpoch)")
        let first = step * labeled.batchSize, end = min(first + labeled.batchSize, count)
        let known = (first * labeled.split.count / count)..<(end * labeled.split.count / count)
        return make(
            try labeled.examples(known, epoch: epoch),
            try unlabeled?.examples((first - known.lowerBound)..<(end - known.upperBound), epoch: epoch), epoch, step)
    }

    private func make(_ known: ExampleBatch, _ unknown: ExampleBatch?, _ epoch: Int, _ step: Int) -> Lesson {
        let view = views?.view(ofEpoch: epoch) ?? 0
        let memory = LessonMemory(known.count + (unknown?.count ?? 0), known.split)
        read(known, view, memory, from: 0)
        if let unknown { read(unknown, view, memory, from: known.count) }
        views?.mix(
            known, memory.part(memory.inputs, 0, known.count), labels: memory.part(memory.labels, 0, known.count),
            epoch: epoch, step: step)
        let batches = [known] + (unknown.map { [$0] } ?? [])
        let places = batches.flatMap { batch in
            (0..<batch.count).map { Lesson.Place(row: batch.row($0), view: view) }
        }
        return Lesson(places: places, labeledCount: known.count, inputs: memory.inputs, labels: memory.labels)
    }

    /// Reads a batch on all workers, and makes views of its examples.
    private func read(_ batch: ExampleBatch, _ view: Int, _ memory: LessonMemory, from first: Int) {
        let size = shardSize, change = views?.change(view)
        workers.run((batch.count + size - 1) / size) { _, shard in
            let examples = (shard * size)..<min((shard + 1) * size, batch.count)
            memory.read(batch, examples, to: first + examples.lowerBound)
            change?(batch, examples, memory.part(memory.inputs, first + examples.lowerBound, examples.count))
        }
    }
}
