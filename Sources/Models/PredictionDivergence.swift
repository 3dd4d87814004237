public import Datasets
import Foundation
import Kernels
import ModelFiles
public import Networks
public import Tensors
public import Training

/// How far a model's predictions move when its weights do: the mean over examples of KL(p ‖ q), in nats.
///
/// Softmax and sigmoid are of the exponential family, so that with p the model's own probabilities, a its logits and b those
/// of the other weights KL(p ‖ q) = A(b) − A(a) − Σ p (b − a), where A is the log-sum-exp of an example of one class, and
/// the sum of log(1 + exp z) of a multi-label one.
public struct PredictionDivergence {
    /// Lends the logits of weights batch by batch, B × classes, which may be written over.
    private typealias Prediction = (_ weights: Tensor, _ take: (ExampleBatch, Tensor) throws -> Void) throws -> Void

    private let predict: Prediction
    private let examples: ExampleSplit
    private let layout: ParameterLayout
    /// Of the model's own weights: logits and probabilities, rows × classes, and A of each row.
    private let logits: Tensor
    private let own: Tensor
    private let normalizers: [Double]
    public var exampleCount: Int { examples.count }
    /// Those of the model on the examples.
    public let statistics: BatchStatistics

    /// Predicts examples with the model's own weights.
    ///
    /// - Parameters:
    ///   - network: What the model's `network()` returned.
    ///   - examples: Some training examples: no labels are looked at, but held-out ones are for the checks.
    /// - Throws: What reading examples throws; `ModelFileError` for predictions that are no numbers.
    public init(_ model: ModelTeacher, _ network: Network, on examples: ExampleSplit, workers: Workers) throws {
        let reading = try model.reading(network, workers)
        try self.init(
            network.graph.layout, network.weights.tensor, examples,
            model.batchStatistics(network, on: examples, workers: workers)
        ) { weights, take in
            try model.logits(model.built.network(weights), as: reading, of: examples, workers: workers, take: take)
        }
    }

    /// The same of a network whose only input is x.
    ///
    /// - Parameter weights: A run of floats with the graph's layout.
    public init(_ graph: LayerGraph, _ weights: Tensor, on examples: ExampleSplit, workers: Workers) throws {
        try self.init(
            graph.layout, weights, examples,
            BatchStatistics(graph, weights: weights, on: examples, workers: workers)
        ) { weights, take in
            try predictLogits(graph, weights: weights, of: examples, workers: workers, take: take)
        }
    }

    private init(
        _ layout: ParameterLayout, _ weights: Tensor, _ examples: ExampleSplit, _ statistics: BatchStatistics,
        _ predict: @escaping Prediction
    ) throws {
        (self.layout, self.examples, self.statistics, self.predict) = (layout, examples, statistics, predict)
        let count = examples.count, classes: Shape = [examples.classCount]
        let logits = Buffer(zeros: count * examples.classCount).tensor(count: count, shape: classes)
        let own = Buffer(zeros: count * examples.classCount).tensor(count: count, shape: classes)
        var first = 0
        try predict(weights) { _, rows in
            logits.slice(at: first, count: rows.elementCount).copy(from: rows)
            first += rows.elementCount
        }
        probabilities(logits, labelKind: examples.labelKind, temperature: 1, into: own)
        (self.logits, self.own) = (logits, own)
        normalizers = Self.normalizers(logits, examples.labelKind)
    }

    /// The divergence of other weights, 0 or more; infinite where they predict no numbers.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the network's layout.
    ///   - layer: The one that was changed last: the statistics of the batch normalization right behind it follow. Nil where
    ///     all statistics belong to these weights.
    public func callAsFunction(_ weights: Tensor, changing layer: String? = nil) throws -> Double {
        var altered = weights
        if let layer, !statistics.isIdle(behind: layer) {
            altered = Buffer(zeros: layout.extent).tensor
            altered.copy(from: weights)
            try statistics.follow(altered, changing: layer)
        }
        var sum = 0.0, row = 0
        let classes = examples.classCount
        do {
            try predict(altered) { batch, others in
                let normalizers = Self.normalizers(others, examples.labelKind)
                for place in 0..<batch.count {
                    let start = (row + place) * classes
                    var product = 0.0
                    for index in 0..<classes {
                        let difference = others[place * classes + index] - logits[start + index]
                        product += Double(own[start + index] * difference)
                    }
                    sum += normalizers[place] - self.normalizers[row + place] - product
                }
                row += batch.count
            }
        } catch let error as ModelFileError where error.kind == .refused {
            return .infinity
        }
        return sum.isFinite ? max(0, sum / Double(max(row, 1))) : .infinity
    }

    /// A of each row of logits.
    private static func normalizers(_ rows: Tensor, _ labelKind: LabelKind) -> [Double] {
        let classes = rows.shape.channels
        return (0..<rows.rowCount).map { row in
            switch labelKind {
            case .multiclass:
                var largest = -Float.infinity, sum = 0.0
                for index in 0..<classes { largest = max(largest, rows[row * classes + index]) }
                for index in 0..<classes { sum += Double(exp(rows[row * classes + index] - largest)) }
                return Double(largest) + log(sum)
            case .multilabel:
                return (0..<classes).reduce(0.0) { sum, index in
                    let z = rows[row * classes + index]
                    return sum + Double(max(z, 0) + log1p(exp(-abs(z))))
                }
            }
        }
    }
}

extension ExampleSplit {
    /// Examples from everywhere that show what the bits of a network's weights are worth: 2,048, or fewer of a large network,
    /// since every parameter is measured several times on them.
    public func sample(measuring graph: LayerGraph) -> ExampleSplit {
        let most = min(max(50_000_000_000 / max(graph.multiplyAddsPerExample, 1), 256), 2048)
        guard count > most else { return self }
        return selecting((0..<most).map { $0 * count / most }, name: name)
    }
}

extension ModelTeacher {
    /// How good the model is with some weights.
    ///
    /// - Parameters:
    ///   - weights: A run of floats with the network's layout.
    ///   - network: What `network()` returned: what its predictions are is decided by these.
    /// - Throws: What reading examples throws; `ModelFileError` for predictions that are no numbers.
    public func metrics(
        _ weights: Tensor, _ network: Network, on split: ExampleSplit, workers: Workers
    ) throws -> NamedMetrics {
        var metrics = RunningMetrics(split.labelKind, classCount: split.classCount)
        try logits(
            built.network(weights), as: try reading(network, workers), of: split, workers: workers
        ) { batch, rows in
            probabilities(rows, labelKind: split.labelKind, temperature: 1, into: rows)
            metrics.add(rows, of: batch)
        }
        return metrics.values()
    }
}

extension BuiltArchitecture {
    /// The network with a copy of weights.
    fileprivate func network(_ weights: Tensor) -> Network {
        let copy = ParameterVector(zeros: graph.layout)
        copy.tensor.copy(from: weights)
        return Network(graph, weights: copy)
    }
}
