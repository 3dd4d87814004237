import Kernels
import Networks
import Tensors

/// How a batch is cut into shards, each of which one worker computes at a time.
///
/// Hyperparameters and network alone decide, never the number of workers: results are the same on every machine.
struct Shards: Sendable {
    /// Examples in a shard; the last one of a batch may have fewer.
    let size: Int
    /// The most shards of a batch.
    let mostCount: Int

    /// The size that the recipe names, or a half, a quarter or an eighth of it where a shard takes much memory: 300 frames
    /// of 8,192 words are 2.5 million numbers an example, several times over.
    init(_ graph: LayerGraph, _ hyperparameters: Hyperparameters) {
        let limit = Self.valuesLimit + graph.layout.extent * MemoryLayout<Float>.stride / 8
        var size = min(hyperparameters.shardSize, hyperparameters.batchSize)
        while size / 2 >= Self.leastSize, Self.plan(graph, size).byteCount.bytes > limit { size /= 2 }
        self.size = size
        mostCount = (hyperparameters.batchSize + size - 1) / size
    }

    /// The most that one worker's values take, beside an eighth of the weights, if shards can be cut so small.
    private static let valuesLimit = 512 << 20
    private static let leastSize = 8

    /// The examples of each shard of a batch.
    func cut(_ count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }

    /// The memory of a workspace that computes a shard.
    func plan(_ graph: LayerGraph) -> MemoryPlan { Self.plan(graph, size) }

    private static func plan(_ graph: LayerGraph, _ size: Int) -> MemoryPlan {
        MemoryPlan(graph, batchSize: size, mode: .training, defersKernels: true)
    }
}
