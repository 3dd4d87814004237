public import Datasets
public import Tensors

/// A batch as a network is trained on it: examples as they are or changed, with what is known of each.
///
/// Whoever asks for an example reads it, and changes it, straight into its own memory. Only examples that are mixed with
/// each other are made beforehand.
public final class TrainingBatch: LabeledBatch {
    /// Which version of its examples this is, where they are changed.
    public let view: Int
    private let known: ExampleBatch
    private let unknown: ExampleBatch?
    private let change: ExampleChange?
    /// The labeled examples, where they are mixed.
    private let mixed: BatchMemory?

    public var labeledCount: Int { known.count }
    public var count: Int { known.count + (unknown?.count ?? 0) }

    /// - Parameters:
    ///   - known: The labeled examples.
    ///   - unknown: Those of which nothing is known, which come last.
    ///   - change: What becomes of an example when it is read.
    public convenience init(
        _ known: ExampleBatch, _ unknown: ExampleBatch? = nil, view: Int = 0, changing change: ExampleChange? = nil
    ) {
        self.init(known, unknown, view: view, change, mixed: nil)
    }

    init(
        _ known: ExampleBatch, _ unknown: ExampleBatch?, view: Int, _ change: ExampleChange?, mixed: BatchMemory?
    ) {
        (self.known, self.unknown, self.view, self.change, self.mixed) = (known, unknown, view, change, mixed)
    }

    public var exampleShape: Shape { Shape(known.split.exampleShape) }
    public var classCount: Int { known.split.classCount }

    /// The row that an example has in its file.
    public func row(_ example: Int) -> Int {
        guard example >= known.count, let unknown else { return known.row(example) }
        return unknown.row(example - known.count)
    }

    public func readInputs(_ examples: Range<Int>, into input: Tensor) {
        let size = input.elementCount / max(examples.count, 1)
        let labeled = examples.clamped(to: 0..<known.count), others = examples.clamped(to: known.count..<count)
        func part(_ some: Range<Int>) -> Tensor {
            input.slice(at: (some.lowerBound - examples.lowerBound) * size, count: some.count * size)
        }
        if !labeled.isEmpty {
            if let mixed {
                mixed.copy(\.inputs, labeled, to: part(labeled))
            } else {
                read(known, labeled, part(labeled))
            }
        }
        if let unknown, !others.isEmpty {
            read(unknown, (others.lowerBound - known.count)..<(others.upperBound - known.count), part(others))
        }
    }

    private func read(_ batch: ExampleBatch, _ examples: Range<Int>, _ inputs: Tensor) {
        batch.readInputs(examples, into: inputs)
        change?(batch, examples, inputs.viewed(count: examples.count, shape: Shape(batch.split.exampleShape)))
    }

    public func readLabels(_ examples: Range<Int>, into labels: Tensor) {
        let labeled = examples.clamped(to: 0..<known.count), classes = known.split.classCount
        let part = labels.slice(at: 0, count: labeled.count * classes)
        if let mixed {
            mixed.copy(\.labels, labeled, to: part)
        } else {
            part.withMutableSpan { known.readLabels(labeled, into: &$0) }
        }
        labels.slice(at: labeled.count * classes, count: (examples.count - labeled.count) * classes).fill(with: 0)
    }
}

/// Labeled examples in memory, to be mixed with each other.
struct BatchMemory: Sendable {
    /// Examples × the shape of one.
    let inputs: Tensor
    /// Examples × classes.
    let labels: Tensor

    init(_ count: Int, _ split: ExampleSplit) {
        let shape = Shape(split.exampleShape), classes: Shape = [split.classCount]
        inputs = Buffer(zeros: count * shape.elementCount).tensor.viewed(count: count, shape: shape)
        labels = Buffer(zeros: count * classes.elementCount).tensor.viewed(count: count, shape: classes)
    }

    /// Some examples of inputs or labels.
    func part(_ values: KeyPath<BatchMemory, Tensor>, _ examples: Range<Int>) -> Tensor {
        let values = self[keyPath: values], size = values.shape.elementCount
        return values.slice(at: examples.lowerBound * size, count: examples.count * size)
    }

    func copy(_ values: KeyPath<BatchMemory, Tensor>, _ examples: Range<Int>, to result: Tensor) {
        result.copy(from: part(values, examples))
    }
}
