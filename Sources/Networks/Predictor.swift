import Kernels
import Synchronization
public import Tensors

/// Runs a network over many examples on several threads, without learning.
public final class Predictor {
    public let graph: LayerGraph
    /// The most examples that go through the network at once.
    public let shardSize: Int
    private let weights: Tensor
    public let workers: Workers
    private let workspaces: [Workspace]

    /// - Parameter weights: A run of floats with the graph's layout.
    public init(_ graph: LayerGraph, weights: Tensor, workers: Workers, shardSize: Int? = nil) {
        self.graph = graph
        self.weights = weights
        self.workers = workers
        let size = shardSize ?? Self.shardSize(for: graph)
        self.shardSize = size
        workspaces = (0..<workers.count).map { _ in Workspace(graph, batchSize: size, mode: .inference) }
    }

    /// As many examples as keep a network's values in a processor's own cache, within reason; fewer where their values
    /// are large beside the weights, which every shard reads anew.
    public static func shardSize(for graph: LayerGraph) -> Int {
        let bytes = max(MemoryPlan(graph, batchSize: 1, mode: .inference).byteCount.bytes, 1)
        let wanted = min(max((2 << 20) / bytes / 16 * 16, 32), 128)
        let most = max(1, (valuesLimit + graph.layout.extent * MemoryLayout<Float>.stride / 16) / bytes)
        return wanted <= most ? wanted : most < 16 ? most : most / 16 * 16
    }

    /// The most that one worker's values take, beside a part of the weights.
    private static let valuesLimit = 64 << 20

    /// The memory that a predictor takes, without weights.
    public static func memory(_ graph: LayerGraph, threads: Int) -> ByteCount {
        let plan = MemoryPlan(graph, batchSize: shardSize(for: graph), mode: .inference)
        return ByteCount(plan.byteCount.bytes * threads)
    }

    /// Predicts examples 0 ..< count. Both closures run on several threads, each on examples of its own.
    ///
    /// - Parameters:
    ///   - fill: Writes the inputs of a range of examples.
    ///   - take: Reads what the network made of them, by `Workspace.value`.
    /// - Throws: `ValueFault` of the first example with a number that a layer cannot compute with.
    public func run(
        _ count: Int, fill: @Sendable (Range<Int>, [Tensor]) -> Void, take: @Sendable (Range<Int>, Workspace) -> Void
    ) throws(ValueFault) {
        let (size, weights, workspaces) = (shardSize, weights, workspaces)
        let fault = Mutex<ValueFault?>(nil)
        workers.run((count + size - 1) / size) { worker, shard in
            let range = (shard * size)..<min((shard + 1) * size, count), workspace = workspaces[worker]
            fill(range, workspace.graph.inputs.indices.map { workspace.input($0, count: range.count) })
            workspace.forward(weights: weights, count: range.count)
            guard var found = workspace.fault else { return take(range, workspace) }
            found.example += range.lowerBound
            fault.withLock { $0.note(found) }
        }
        if let fault = fault.withLock({ $0 }) { throw fault }
    }
}
