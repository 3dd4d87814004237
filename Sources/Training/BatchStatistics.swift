public import Datasets
import Kernels
public import Networks
import Ranks
import Synchronization
public import Tensors

/// The statistics of batch normalization, computed for weights that were changed after training.
///
/// Rounded weights shift and shrink what the layers behind them get. Statistics that follow take back most of what that
/// costs, and need neither labels nor gradients (as in Sun et al., 2019, "Hybrid 8-bit floating point training and
/// inference", and Nagel et al., 2019, "Data-free quantization through weight equalization and bias correction").
public final class BatchStatistics {
    private let graph: LayerGraph
    private let weights: Tensor
    private let examples: ExampleSplit
    private let workers: Workers
    private let fill: @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void
    /// The moments with the known weights, as far as they were needed.
    private var known: [LayerGraph.BatchNormalizationUse: BatchMoments] = [:]

    /// - Parameters:
    ///   - weights: Those that the statistics belong to, a run of floats with the graph's layout.
    ///   - examples: Training examples.
    ///   - fill: Writes examples of a batch into the network's inputs; reads them into the only one, unless given.
    public init(
        _ graph: LayerGraph, weights: Tensor, on examples: ExampleSplit, workers: Workers,
        fill: @escaping @Sendable (ExampleBatch, Range<Int>, [Tensor]) -> Void = { $0.readInputs($1, into: $2[0]) }
    ) {
        (self.graph, self.weights, self.examples, self.workers, self.fill) = (
            graph.untapped, weights, examples, workers, fill
        )
    }

    /// Whether no batch normalization is right behind a layer, whose statistics would follow it.
    public func isIdle(behind layer: String) -> Bool { graph.batchNormalizations(behind: layer).isEmpty }

    /// Changes the statistics of layers in place so that what they say of the examples keeps its moments.
    ///
    /// With m and v the moments of what a layer gets with the known weights, m′ and v′ with these, and μ and σ² its known
    /// statistics: μ′ = m′ − (m − μ) √(v′ / v) and σ′² = σ² v′ / v. Weights that did not change leave them as they are.
    ///
    /// - Parameters:
    ///   - altered: Weights with the statistics of the known ones, whose other parameters were changed.
    ///   - layer: Only the layers right behind this one, which alone was changed; nil for all layers, each computed with the
    ///     statistics before it already changed.
    /// - Throws: What reading the examples throws.
    public func follow(_ altered: Tensor, changing layer: String? = nil) throws {
        for use in layer.map(graph.batchNormalizations(behind:)) ?? graph.batchNormalizations {
            let before = try known[use] ?? moments(use, weights), after = try moments(use, altered)
            known[use] = before
            guard let mean = graph.layout.entry(use.layer, "moving_mean"),
                let variance = graph.layout.entry(use.layer, "moving_variance")
            else { continue }
            for channel in before.mean.indices {
                // A channel that never varied has no ratio.
                let ratio = before.variance[channel] > 0 ? after.variance[channel] / before.variance[channel] : 1
                let known = Double(weights[mean.offset + channel]), root = ratio.squareRoot()
                let shift = after.mean[channel] - root * before.mean[channel]
                altered[mean.offset + channel] = Float(root * known + shift)
                altered[variance.offset + channel] = Float(Double(weights[variance.offset + channel]) * ratio)
            }
        }
    }

    /// The moments of what a layer gets, over all examples.
    private func moments(_ use: LayerGraph.BatchNormalizationUse, _ weights: Tensor) throws -> BatchMoments {
        let predictor = Predictor(graph.ending(at: use), weights: weights, workers: workers)
        let channels = graph.layout.entry(use.layer, "moving_mean")?.spec.shape.elementCount ?? 0
        let reader = ExampleReader(
            examples, batchSize: examples.countReadTogether(multipleOf: predictor.shardSize), order: .sequential)
        var all = BatchMoments(channels: channels)
        for step in 0..<reader.stepsPerEpoch {
            try workers.checkAgreement()
            let batch = try reader.batch(epoch: 0, step: step)
            for part in try moments(batch, predictor) { all.merge(part) }
        }
        return all
    }

    /// The moments of each shard of a batch, in their order. Each process of a job computes a run of them.
    private func moments(_ batch: ExampleBatch, _ predictor: Predictor) throws(ExampleValueError) -> [BatchMoments] {
        let size = predictor.shardSize, peers = workers.peers, fill = fill
        let shards = peers.share(of: (batch.count + size - 1) / size)
        let own = (shards.lowerBound * size)..<max(shards.lowerBound * size, min(shards.upperBound * size, batch.count))
        // By their first examples: the order of threads does not change a bit.
        let parts = Mutex<[Int: BatchMoments]>([:])
        var error: ExampleValueError?
        do throws(ValueFault) {
            try predictor.run(own.count) { range, inputs in
                fill(batch, (own.lowerBound + range.lowerBound)..<(own.lowerBound + range.upperBound), inputs)
            } take: { range, workspace in
                guard let moments = workspace.batchMoments(count: range.count) else { return }
                parts.withLock { $0[range.lowerBound] = moments }
            }
        } catch let fault {
            error = ExampleValueError(fault, at: own.lowerBound + fault.example, of: batch)
        }
        if let error = peers.agree(on: error) { throw error }
        let found = parts.withLock { $0 }.sorted { $0.key < $1.key }.map(\.value)
        guard peers.count > 1 else { return found }
        let text = found.map(\.text).joined(separator: "\n")
        return peers.gather(Array(text.utf8)).flatMap { bytes in
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { BatchMoments(text: $0) }
        }
    }
}
