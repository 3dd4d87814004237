public import Datasets
import Kernels
public import Networks
import Ranks
public import Tensors

/// Runs a network on the examples of a split, and lends the logits of each batch, B × classes, in the split's order. Each
/// process of a job computes a share; all call it together, and all get everything.
///
/// A network with one unit for two classes has the logit z of the second class; that of the first is 0, since
/// softmax(0, z) = (1 − sigmoid(z), sigmoid(z)).
///
/// - Parameters:
///   - weights: Those to run with, if not the network's own.
///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
///   - take: Borrows the logits of a batch, which may be written over, until it returns.
/// - Throws: What reading the examples throws, and `take`; `ExampleValueError` for an example that the network cannot
///   compute with.
public func predictLogits(
    _ graph: LayerGraph, weights: Tensor, of split: ExampleSplit, workers: Workers,
    fill: @escaping @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) },
    take: (ExampleBatch, Tensor) throws -> Void
) throws {
    let network = LogitsPredictor(graph, weights: weights, for: split, workers: workers, fill: fill)
    let batches = PredictedBatches(
        split, [network], batchSize: split.countReadTogether(multipleOf: network.shardSize))
    while let (batch, logits) = try batches.next() { try take(batch, logits[0]) }
}

/// The bytes that predicting a split takes beside the network: the examples that are read, the predictions for a
/// batch, and what measuring them keeps.
public func inferenceMemory(_ graph: LayerGraph, of split: ExampleSplit) -> Int {
    let batch = min(split.countReadTogether(multipleOf: Predictor.shardSize(for: graph)), split.count)
    return split.readingMemory + (batch + min(labelsTogether, batch)) * split.classCount * MemoryLayout<Float>.stride
        + RunningMetrics.memory(split.labelKind, exampleCount: split.count)
}

/// Of so many examples the labels are in memory at a time.
private let labelsTogether = 256

/// Predicts the logits of batches of examples.
public final class LogitsPredictor {
    /// The logits of an example; two for one unit that distinguishes two classes.
    public let classCount: Int
    private let predictor: Predictor
    private let isBinaryLogit: Bool
    private let fill: @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void

    /// The most examples that go through the network at once.
    var shardSize: Int { predictor.shardSize }
    var peers: any Peers { predictor.workers.peers }

    /// - Parameters:
    ///   - weights: A run of floats with the graph's layout.
    ///   - split: Examples like those that it will predict.
    ///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
    public init(
        _ graph: LayerGraph, weights: Tensor, for split: ExampleSplit, workers: Workers,
        fill: @escaping @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) }
    ) {
        let graph = graph.untapped
        predictor = Predictor(graph, weights: weights, workers: workers)
        isBinaryLogit = graph.isBinaryLogit(for: split)
        classCount = isBinaryLogit ? 2 : graph.shape(of: graph.logits).elementCount
        self.fill = fill
    }

    /// Writes the logits of a batch, B × classes.
    ///
    /// - Throws: `ExampleValueError` for an example that the network cannot compute with.
    public func predict(_ batch: ExampleBatch, into block: Tensor) throws(ExampleValueError) {
        let (logits, classes, isBinaryLogit, fill) = (predictor.graph.logits, classCount, isBinaryLogit, fill)
        do throws(ValueFault) {
            try predictor.run(batch.count) { range, inputs in
                fill(batch, range, inputs)
            } take: { range, workspace in
                copyLogits(
                    workspace.value(logits, count: range.count), isBinaryLogit: isBinaryLogit,
                    to: block.slice(at: range.lowerBound * classes, count: range.count * classes))
            }
        } catch {
            throw ExampleValueError(error, at: error.example, of: batch)
        }
    }
}

/// A network's logits for every example of a split, rows × classes, in the split's order.
///
/// - Parameter weights: Those to run with, if not the network's own.
/// - Throws: What reading the examples throws.
public func predictLogits(
    _ graph: LayerGraph, weights: Tensor, of split: ExampleSplit, workers: Workers
) throws -> Buffer {
    let classes = graph.isBinaryLogit(for: split) ? 2 : graph.shape(of: graph.logits).elementCount
    let result = Buffer(zeros: split.count * classes), all = result.tensor
    var first = 0
    try predictLogits(graph, weights: weights, of: split, workers: workers) { _, logits in
        all.slice(at: first, count: logits.elementCount).copy(from: logits)
        first += logits.elementCount
    }
    return result
}

/// How good a network is on a split: `metrics` of its predictions, of which only those of a batch are there at a time.
///
/// - Throws: What `predictLogits` throws; `CancellationError` when the workers are to stop.
public func evaluate(
    _ graph: LayerGraph, weights: Tensor, on split: ExampleSplit, workers: Workers
) throws -> [(name: String, value: Double)] {
    var metrics = try runningMetrics(graph, weights: weights, on: split, workers: workers)
    return metrics.values()
}

/// The metrics of a network's predictions for a split.
///
/// - Parameter isSampled: Whether it is known what each metric is made of.
/// - Throws: What `predictLogits` throws; `CancellationError` when the workers are to stop.
func runningMetrics(
    _ graph: LayerGraph, weights: Tensor, on split: ExampleSplit, workers: Workers, isSampled: Bool = false
) throws -> RunningMetrics {
    var metrics = RunningMetrics(split.labelKind, classCount: split.classCount, isSampled: isSampled)
    try predictLogits(graph, weights: weights, of: split, workers: workers) { batch, scores in
        try workers.checkAgreement()
        // Logits rank as their probabilities do, but for sigmoids whose sign matters to a metric.
        if split.labelKind == .multilabel { activate(Activation(.sigmoid), scores, into: scores) }
        metrics.add(scores, of: batch)
    }
    return metrics
}

extension RunningMetrics {
    /// Adds examples with the labels of the data.
    ///
    /// - Parameter scores: B × C, a row for each example of the batch.
    public mutating func add(_ scores: Tensor, of batch: ExampleBatch) {
        let classes = batch.split.classCount, some = labelsTogether
        let memory = Buffer(zeros: min(some, batch.count) * classes).tensor
        for first in stride(from: 0, to: batch.count, by: some) {
            let examples = first..<min(first + some, batch.count), count = examples.count * classes
            let labels = memory.slice(at: 0, count: count)
            labels.withMutableSpan { batch.readLabels(examples, into: &$0) }
            add(scores.slice(at: first * classes, count: count), labels: labels)
        }
    }
}

/// Copies a network's logits, those of one unit for two classes as (0, z).
public func copyLogits(_ logits: Tensor, isBinaryLogit: Bool, to rows: Tensor) {
    guard isBinaryLogit else { return rows.copy(from: logits) }
    for row in 0..<logits.elementCount { (rows[2 * row], rows[2 * row + 1]) = (0, logits[row]) }
}

extension ExampleSplit {
    /// Rows × classes: 1 for each label of each example.
    public func allLabels() throws -> Buffer {
        let labels = Buffer(zeros: count * classCount)
        let reader = ExampleReader(reading([]), batchSize: 4096, order: .sequential)
        var first = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step)
            let rows = labels.tensor.slice(at: first * classCount, count: batch.count * classCount)
            rows.withMutableSpan { batch.readLabels(0..<batch.count, into: &$0) }
            first += batch.count
        }
        return labels
    }
}

/// The number of rows for which two predictions have the same largest class.
public func agreements(_ a: Tensor, _ b: Tensor) -> Int {
    let classes = a.shape.channels
    return (0..<a.rowCount).count { largest(a, $0, classes) == largest(b, $0, classes) }
}

private func largest(_ x: Tensor, _ row: Int, _ classes: Int) -> Int {
    var best = 0
    for column in 1..<max(classes, 1) where x[row * classes + column] > x[row * classes + best] { best = column }
    return best
}
