public import Datasets
import Kernels
public import Networks
public import Tensors

/// A network's logits for every example of a split, rows × classes, in the split's order.
///
/// - Parameter weights: Those to run with, if not the network's own.
/// - Throws: What reading the examples throws.
public func predictLogits(
    _ graph: LayerGraph, weights: Tensor, of split: ExampleSplit, workers: Workers
) throws -> Buffer {
    let classes = graph.isOneUnit(for: split) ? 2 : graph.shape(of: graph.logits).elementCount
    let result = Buffer(zeros: split.count * classes)
    try predictLogits(graph, weights: weights, of: split, workers: workers) { rows, logits in
        result.tensor(at: rows.lowerBound * classes, count: rows.count, shape: logits.shape).copy(from: logits)
    }
    return result
}

/// Hands over a network's logits for every example of a split, some rows × classes at a time, in the split's order.
///
/// A network with one unit for two classes has the logit z of the second class; that of the first is 0, since
/// softmax(0, z) = (1 − sigmoid(z), sigmoid(z)).
///
/// - Parameters:
///   - weights: Those to run with, if not the network's own.
///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
///   - take: Is handed rows and their logits, in memory that is used again.
/// - Throws: What reading the examples and `take` throw; `CancellationError` when `isInterrupted` says so.
public func predictLogits(
    _ graph: LayerGraph, weights: Tensor, of split: ExampleSplit, workers: Workers,
    fill: @escaping @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) },
    isInterrupted: () -> Bool = { false }, take: (_ rows: Range<Int>, _ logits: Tensor) throws -> Void
) throws {
    let graph = graph.untapped, predictor = Predictor(graph, weights: weights, workers: workers)
    let logits = graph.logits, isOneUnit = graph.isOneUnit(for: split)
    let classes = isOneUnit ? 2 : graph.shape(of: logits).elementCount
    let reader = ExampleReader(split, batchSize: split.blockSize, order: .sequential)
    let memory = Buffer(zeros: min(reader.batchSize, split.count) * classes)
    var first = 0
    for step in 0..<reader.stepsPerEpoch {
        if isInterrupted() { throw CancellationError() }
        let batch = try reader.batch(epoch: 0, step: step)
        let block = memory.tensor(count: batch.count, shape: [classes])
        predictor.run(batch.count) { range, inputs in
            fill(batch, range, inputs)
        } take: { range, workspace in
            copyLogits(
                workspace.value(logits, count: range.count), isOneUnit: isOneUnit,
                to: block.slice(at: range.lowerBound * classes, count: range.count * classes))
        }
        try take(first..<(first + batch.count), block)
        first += batch.count
    }
}

/// Copies a network's logits, those of one unit for two classes as (0, z).
public func copyLogits(_ logits: Tensor, isOneUnit: Bool, to rows: Tensor) {
    guard isOneUnit else { return rows.copy(from: logits) }
    for row in 0..<logits.elementCount { (rows[2 * row], rows[2 * row + 1]) = (0, logits[row]) }
}

extension ExampleSplit {
    /// Rows × classes: 1 for each label of each example.
    public func allLabels() throws -> Buffer {
        let labels = Buffer(zeros: count * classCount)
        let reader = ExampleReader(self, batchSize: blockSize, order: .sequential)
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

/// The share of rows whose largest prediction is a label; ties go to the first.
public func accuracy(_ predictions: Tensor, labels: Tensor) -> Double {
    let classes = labels.shape.channels, rows = labels.rowCount
    let right = (0..<rows).count { row in labels[row * classes + largest(predictions, row, classes)] > 0 }
    return rows == 0 ? 0 : Double(right) / Double(rows)
}

/// The share of rows for which two predictions have the same largest class.
public func agreement(_ a: Tensor, _ b: Tensor) -> Double {
    let classes = a.shape.channels, rows = a.rowCount
    let same = (0..<rows).count { largest(a, $0, classes) == largest(b, $0, classes) }
    return rows == 0 ? 0 : Double(same) / Double(rows)
}

private func largest(_ x: Tensor, _ row: Int, _ classes: Int) -> Int {
    var best = 0
    for column in 1..<max(classes, 1) where x[row * classes + column] > x[row * classes + best] { best = column }
    return best
}
