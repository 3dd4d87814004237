import Kernels
public import Networks
public import Ranks
public import Tensors

/// Minimizes an objective over a data set, a batch at a time.
///
/// A step is the gradient of each shard of a batch (`ShardGradient`), their sum in the order of the shards (`GradientSum`),
/// and what it does to the weights (`WeightUpdate`). The result depends on the recipe alone.
public final class Trainer {
    public let graph: LayerGraph
    public let hyperparameters: Hyperparameters
    public let weights: ParameterVector
    /// What it computes with.
    public let workers: Workers
    /// The number of steps made.
    public private(set) var step = 0

    private let shards: Shards
    private let gradient: any GradientSum
    private let update: WeightUpdate
    private var scores: BestWeights
    private let rounded: RoundedWeights?

    /// What one step came to.
    public struct StepReport: Sendable {
        /// The mean of each of the objective's terms over the batch.
        public let terms: [Double]
        public let learningRate: Double
        /// The norm of the gradient before clipping; nil unless clipping measures it.
        public let gradientNorm: Double?
        public var loss: Double { terms.reduce(0, +) }
    }

    /// - Parameters:
    ///   - weights: The first weights, which the trainer takes over.
    ///   - rounding: How the weights that the network computes with are rounded, a function of the weights at the beginning
    ///     of an epoch (`beginEpoch`) and its number; nil for not at all. Those that learn, their moments and their average never are.
    ///     The recipe must not keep the best weights, which would belong to the rounding of another epoch.
    public convenience init(
        _ graph: LayerGraph, weights: consuming ParameterVector, hyperparameters: Hyperparameters, workers: Workers,
        rounding: ((_ weights: Tensor, _ epoch: Int) throws -> WeightRounding)? = nil
    ) {
        self.init(
            graph, weights: weights, hyperparameters: hyperparameters, workers: workers, rounding: rounding,
            gradient: Self.gradientSum(graph, hyperparameters, workers))
    }

    private static func gradientSum(
        _ graph: LayerGraph, _ hyperparameters: Hyperparameters, _ workers: Workers
    ) -> any GradientSum {
        let shards = Shards(graph, hyperparameters), order = SumOrder(hyperparameters, workers.peers)
        return workers.peers.count > 1
            ? RankedGradientSum(graph, shards, workers, order) : LocalGradientSum(graph, shards, workers, order)
    }

    /// Why a network is not trained by several processes, if it is not, and what to do.
    public static func refusal(
        _ graph: LayerGraph, _ hyperparameters: Hyperparameters, _ peers: any Peers
    ) -> String? {
        guard peers.count > 1 else { return nil }
        return RankedGradientSum.refusal(
            graph, Shards(graph, hyperparameters), lanes: hyperparameters.lanes, peers)
    }

    /// What the most of some processes can be that have something to do in a step.
    public static func usefulProcesses(_ graph: LayerGraph, _ hyperparameters: Hyperparameters) -> Int {
        let shards = Shards(graph, hyperparameters).mostCount
        return hyperparameters.lanes > 1 ? min(hyperparameters.lanes, shards) : shards
    }

    /// The most that a process sends of gradients and weights a step, and how long that takes, measured. All processes call it
    /// together.
    public static func exchange(
        _ graph: LayerGraph, _ hyperparameters: Hyperparameters, _ peers: any Peers
    ) -> (bytes: Int, seconds: Double) {
        RankedGradientSum.exchange(
            graph, Shards(graph, hyperparameters), SumOrder(hyperparameters, peers), peers)
    }

    /// - Parameter gradient: How gradients of shards are computed and added.
    init(
        _ graph: LayerGraph, weights: consuming ParameterVector, hyperparameters: Hyperparameters, workers: Workers,
        rounding: RoundedWeights.Find? = nil, gradient: any GradientSum
    ) {
        precondition(
            rounding == nil || !hyperparameters.keepsBest, "the best weights would be rounded as those of another epoch"
        )
        (self.graph, self.hyperparameters, self.workers, self.gradient) = (graph, hyperparameters, workers, gradient)
        shards = Shards(graph, hyperparameters)
        update = WeightUpdate(
            weights.layout, weights: weights.tensor, hyperparameters: hyperparameters, workers: workers)
        scores = BestWeights(weights.layout, hyperparameters: hyperparameters)
        rounded = rounding.map { RoundedWeights(graph.layout, workers, $0) }
        self.weights = weights
    }

    /// The memory that a trainer takes.
    ///
    /// - Parameter rounds: Whether it computes with rounded weights.
    public static func memory(
        _ graph: LayerGraph, _ hyperparameters: Hyperparameters, threads: Int, peers: any Peers = Alone(),
        rounds: Bool = false
    ) -> ByteCount {
        let shards = Shards(graph, hyperparameters), order = SumOrder(hyperparameters, peers)
        let gradients =
            peers.count > 1
            ? RankedGradientSum.memory(graph, shards, order, threads: threads, peers)
            : LocalGradientSum.memory(graph, shards, order, rank: 0, threads: threads)
        let vectors = 1 + BestWeights.vectorCount(hyperparameters) + (rounds ? RoundedWeights.vectorCount : 0)
        let elements =
            vectors * graph.layout.extent
            + WeightUpdate.elementCount(graph.layout, hyperparameters, Blocks(graph.layout, peers))
        return ByteCount(elements * MemoryLayout<Float>.stride + gradients)
    }

    // MARK: - Steps

    /// The share of training that is over: 0 at the first step, 1 at the last.
    public func progress(of totalSteps: Int) -> Double { Double(step) / Double(max(totalSteps - 1, 1)) }

    /// The learning rate of a step, counted from 0.
    func learningRate(ofStep step: Int, of totalSteps: Int) -> Double {
        hyperparameters.learningRate * hyperparameters.learningRateSchedule(step: step, of: totalSteps)
    }

    /// Says that the steps of an epoch follow, counted from 0: how weights are rounded is found for the present ones.
    ///
    /// - Throws: What finding it throws.
    public func beginEpoch(_ epoch: Int) throws { try rounded?.find(for: weights.tensor, epoch: epoch) }

    /// The same for one that began before the checkpoint that was restored.
    func continueEpoch(_ epoch: Int) throws { try rounded?.findAgain(epoch: epoch) }

    /// Makes one step on a batch.
    ///
    /// - Parameter totalSteps: The number of steps of the whole training.
    /// - Throws: `ValueFault` for an example that the network cannot compute with; the weights are then as before.
    public func train<Examples: Batch>(
        on batch: Examples, minimizing objective: some Objective<Examples>, totalSteps: Int
    ) throws(ValueFault) -> StepReport {
        let shard = ShardGradient(
            graph: graph, weights: rounded?.round(weights.tensor) ?? weights.tensor, statistics: update.statistics,
            batch: batch, objective: objective, progress: progress(of: totalSteps),
            key: RandomKey(seed: hyperparameters.seed)[step])
        let sums = try gradient.add(shards.cut(batch.count)) { shard.compute($0, $1, in: $2, into: $3) }
        let rate = learningRate(ofStep: step, of: totalSteps)
        let norm = update.apply(gradient.total, to: weights.tensor, learningRate: rate, step: step)
        step += 1
        let terms = objective.terms.indices.map { term in
            sums.reduce(0) { $0 + $1[term] } / Double(batch.count)
        }
        return StepReport(terms: terms, learningRate: rate, gradientNorm: norm)
    }

    /// The element of the last step's gradient that is farthest from 0, or is no number: where, and what it is. All processes
    /// ask together.
    public func largestGradient() -> (parameter: String, value: Float)? {
        let peers = workers.peers
        let found = update.blocks.moved.compactMap(largestGradient).reduce(nil) { Self.larger($0, $1) }
        guard update.blocks.areOwned else { return found }
        let all = peers.gather(Array((found.map { "\($0.value.bitPattern) \($0.parameter)" } ?? "").utf8))
        return all.compactMap { bytes -> (parameter: String, value: Float)? in
            let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
            guard words.count == 2, let bits = UInt32(words[0]) else { return nil }
            return (String(words[1]), Float(bitPattern: bits))
        }.reduce(nil) { Self.larger($0, $1) }
    }

    private func largestGradient(in range: Range<Int>) -> (parameter: String, value: Float)? {
        var found: (parameter: String, value: Float)?
        for entry in graph.layout.entries where entry.spec.role == .trainable {
            let part = (entry.offset..<entry.offset + entry.spec.shape.elementCount).clamped(to: range)
            let values = gradient.total.slice(at: part.lowerBound, count: part.count).values
            guard let value = values.first(where: { !$0.isFinite }) ?? values.max(by: { abs($0) < abs($1) }) else {
                continue
            }
            found = Self.larger(found, ("\(entry.layer)/\(entry.spec.name)", value))
        }
        return found
    }

    /// The first one unless only the second is no number, or it is farther from 0.
    private static func larger(
        _ first: (parameter: String, value: Float)?, _ second: (parameter: String, value: Float)
    ) -> (parameter: String, value: Float) {
        guard let first, !first.value.isFinite || second.value.isFinite && abs(first.value) >= abs(second.value) else {
            return second
        }
        return first
    }

    // MARK: - What was learned

    /// The moving average of the weights, if the recipe wants one.
    public var average: VectorBox? { update.average }
    public var moments: [VectorBox] { update.moments }
    /// Which elements of the moments this process keeps.
    var blocks: Blocks { update.blocks }

    /// What has been learned so far: the average where there is one, else the weights.
    public var latest: Tensor { average?.vector.tensor ?? weights.tensor }

    /// The same as it is measured: rounded, where the network computes with rounded weights. It is valid until the next step.
    public var measured: Tensor { rounded?.round(latest) ?? latest }

    /// The weights that the rounding in force was found for; nil without rounding.
    var roundingOrigin: Tensor? { rounded?.origin.vector.tensor }

    /// What training is for: the best weights where they are kept, else the latest.
    public var result: Tensor { result(by: hyperparameters) }

    /// What training is for by another recipe that differs in `keepsBest` and `prefersLast` alone.
    public func result(by hyperparameters: Hyperparameters) -> Tensor {
        keepsBestScore(by: hyperparameters) ? best?.vector.tensor ?? latest : latest
    }

    /// The weights of the epoch with the best score, if the recipe wants them.
    public var best: VectorBox? { scores.vector }
    /// The best score on validation examples, and the epoch after which it was reached, counted from 1.
    public var bestScore: (value: Double, epoch: Int)? { scores.best }

    /// Whether the result is the weights of the best score.
    public var keepsBestScore: Bool { keepsBestScore(by: hyperparameters) }

    public func keepsBestScore(by hyperparameters: Hyperparameters) -> Bool { scores.areKept(by: hyperparameters) }

    /// Whether the score has not risen for as many epochs as the recipe allows.
    public func hasStalled(epoch: Int) -> Bool { scores.hasStalled(epoch: epoch, hyperparameters) }

    /// Notes the score on validation examples after an epoch.
    public func note(_ score: Double, epoch: Int) { scores.note(score, epoch: epoch, weights: latest) }

    /// Notes at the end how much better the best weights are than the last ones on the same validation examples.
    func note(advantage: MetricDifference) { scores.advantage = advantage }

    /// Goes on as if `step` steps had been made; weights, average, moments and the best weights have been restored.
    public func resume(at step: Int, bestScore: (value: Double, epoch: Int)?) {
        self.step = step
        scores.best = bestScore
    }
}
