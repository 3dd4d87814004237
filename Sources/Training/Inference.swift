public import Datasets
import Kernels
public import Networks
public import Tensors

/// A network's logits for every example of a split, rows × classes, in the split's order.
///
/// A network with one unit for two classes has the logit z of the second class; that of the first is 0, since
/// softmax(0, z) = (1 − sigmoid(z), sigmoid(z)).
///
/// - Parameters:
///   - weights: Those to run with, if not the network's own.
///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
///   - advance: Called with the number of examples done since the last call.
/// - Throws: What reading the examples throws; `CancellationError` when `isInterrupted` says so.
public func predictLogits(
    _ graph: LayerGraph, weights: Tensor, of split: ExampleSplit, workers: Workers,
    fill: @escaping @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) },
    advance: (Int) -> Void = { _ in }, isInterrupted: () -> Bool = { false }
) throws -> Buffer {
    let graph = graph.untapped, predictor = Predictor(graph, weights: weights, workers: workers)
    let reader = ExampleReader(
        split, batchSize: split.countReadTogether(multipleOf: predictor.shardSize), order: .sequential)
    let logits = graph.logits, isOneUnit = graph.isOneUnit(for: split)
    let classes = isOneUnit ? 2 : graph.shape(of: logits).elementCount
    let result = Buffer(zeros: split.count * classes)
    let all = result.tensor
    var first = 0
    for step in 0..<reader.stepsPerEpoch {
        if isInterrupted() { throw CancellationError() }
        let batch = try reader.batch(epoch: 0, step: step), start = first
        predictor.run(batch.count) { range, inputs in
            fill(batch, range, inputs)
        } take: { range, workspace in
            copyLogits(
                workspace.value(logits, count: range.count), isOneUnit: isOneUnit,
                to: all.slice(at: (start + range.lowerBound) * classes, count: range.count * classes))
        }
        first += batch.count
        advance(batch.count)
    }
    return result
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
