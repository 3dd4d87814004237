import Kernels
public import Networks
import Synchronization
public import Tensors

/// Minimizes an objective over a data set.
///
/// A batch is cut into shards; workers compute the shards' gradients; the gradients are added in the order of the
/// shards, whoever was first; the optimizer then moves the weights. The result depends on the recipe alone.
///
/// There is one gradient for all workers of a kernel that is large, see `DeferredKernel`: weights of a gigabyte are trained
/// in four times their memory, and not in one more for each worker.
public final class Trainer {
    public let graph: LayerGraph
    public let recipe: Recipe
    public let weights: ParameterVector
    /// The moving average of the weights, if the recipe wants one.
    public let average: Moment?
    public let moments: [Moment]
    /// The weights of the epoch with the best score, if the recipe wants them.
    public let best: Moment?
    /// The best score on validation examples, and the epoch after which it was reached, counted from 1.
    public private(set) var bestScore: (value: Double, epoch: Int)?
    /// The last score on validation examples, and how many these are.
    public private(set) var lastScore: (value: Double, examples: Int)?
    /// The number of steps made.
    public private(set) var step = 0

    private let layout: ParameterLayout
    private let workers: Workers
    private let shardSize: Int
    private let workspaces: [Workspace]
    /// The first is the sum; the others take the shards of one round, and deferred kernels take no memory there.
    private let gradients: [Moment]
    private let deferredKernels: [DeferredKernel]
    /// What multiplies for each worker, whichever shards it has computed.
    private let kernels: [WorkerKernels]
    private let statistics: [ParameterLayout.Entry]

    /// A vector that an array can hold.
    public final class Moment: Sendable {
        public let vector: ParameterVector
        init(_ layout: ParameterLayout) { vector = ParameterVector(zeros: layout) }
    }

    /// What one step came to.
    public struct StepReport: Sendable {
        /// The mean of each of the objective's terms over the batch.
        public let terms: [Double]
        public let learningRate: Double
        /// The norm of the gradient before clipping; nil unless clipping measures it.
        public let gradientNorm: Double?
        public var loss: Double { terms.reduce(0, +) }
    }

    /// - Parameter weights: The first weights, which the trainer takes over.
    public init(_ graph: LayerGraph, weights: consuming ParameterVector, recipe: Recipe, workers: Workers) {
        self.graph = graph
        self.recipe = recipe
        self.workers = workers
        let layout = weights.layout
        self.layout = layout
        statistics = layout.entries.filter { $0.spec.role != .trainable }
        let shardSize = Self.shardSize(graph, recipe), shards = Self.shards(recipe, shardSize)
        let working = min(workers.count, shards)
        self.shardSize = shardSize
        workspaces = (0..<working).map { _ in
            Workspace(graph, batchSize: shardSize, mode: .training, defersKernels: true)
        }
        gradients = (0..<(shards > working ? working + 1 : working)).map { _ in Moment(layout) }
        deferredKernels = workspaces[0].deferredKernels
        kernels = (0..<workers.count).map { _ in WorkerKernels() }
        moments = (0..<recipe.optimizer.momentCount).map { _ in Moment(layout) }
        best = recipe.keepsBest ? Moment(layout) : nil
        if recipe.averageDecay != nil {
            let average = Moment(layout)
            average.vector.copy(from: weights)
            self.average = average
        } else {
            average = nil
        }
        self.weights = weights
    }

    /// The memory that a trainer takes.
    public static func memory(_ graph: LayerGraph, _ recipe: Recipe, threads: Int) -> ByteCount {
        let shardSize = shardSize(graph, recipe), shards = shards(recipe, shardSize)
        let working = min(threads, shards), others = shards > working ? working : working - 1
        let plan = plan(graph, shardSize), size = MemoryLayout<Float>.stride
        let vectors =
            2 + recipe.optimizer.momentCount + (recipe.averageDecay == nil ? 0 : 1) + (recipe.keepsBest ? 1 : 0)
        let ofOneWorker = graph.layout.extent - plan.deferredElementCount
        return ByteCount(
            (vectors * graph.layout.extent + others * ofOneWorker) * size + plan.byteCount.bytes * working)
    }

    /// The most that one worker's values take, beside an eighth of the weights, if shards can be cut so small.
    private static let valuesLimit = 512 << 20
    private static let leastShardSize = 8

    /// As the recipe says, or a half, a quarter or an eighth of it where a shard takes much memory: 300 frames of 8,192
    /// words are 2.5 million numbers an example, several times over.
    static func shardSize(_ graph: LayerGraph, _ recipe: Recipe) -> Int {
        let limit = valuesLimit + graph.layout.extent * MemoryLayout<Float>.stride / 8
        var size = min(recipe.shardSize, recipe.batchSize)
        while size / 2 >= leastShardSize, plan(graph, size).byteCount.bytes > limit { size /= 2 }
        return size
    }

    private static func shards(_ recipe: Recipe, _ size: Int) -> Int { (recipe.batchSize + size - 1) / size }

    private static func plan(_ graph: LayerGraph, _ shardSize: Int) -> MemoryPlan {
        MemoryPlan(graph, batchSize: shardSize, mode: .training, defersKernels: true)
    }

    /// What has been learned so far: the average where there is one, else the weights.
    public var latest: Tensor { average?.vector.tensor ?? weights.tensor }

    /// What training is for: the best weights where they are kept, else the latest.
    public var result: Tensor { result(by: recipe) }

    /// What training is for by another recipe that differs in `keepsBest` and `prefersLast` alone.
    public func result(by recipe: Recipe) -> Tensor {
        keepsBestScore(by: recipe) ? best?.vector.tensor ?? latest : latest
    }

    /// Whether the result is the weights of the best score.
    public var keepsBestScore: Bool { keepsBestScore(by: recipe) }

    public func keepsBestScore(by recipe: Recipe) -> Bool {
        guard recipe.keepsBest, let bestScore else { return false }
        guard recipe.prefersLast, let lastScore else { return true }
        // The score is nearly a share of the examples, whose variance is p(1 − p)/n.
        let variance = max(lastScore.value * (1 - lastScore.value), 0) / Double(max(lastScore.examples, 1))
        return bestScore.value - lastScore.value > variance.squareRoot()
    }

    /// Goes on as if `step` steps had been made; weights, average, moments and the best weights have been restored.
    public func resume(
        at step: Int, bestScore: (value: Double, epoch: Int)?, lastScore: (value: Double, examples: Int)?
    ) {
        self.step = step
        self.bestScore = bestScore
        self.lastScore = lastScore
    }

    /// Notes the score on validation examples after an epoch.
    public func note(_ score: Double, epoch: Int, examples: Int) {
        lastScore = (score, examples)
        if let bestScore, bestScore.value >= score { return }
        bestScore = (score, epoch)
        best?.vector.tensor.copy(from: latest)
    }

    /// Whether the score has not risen for as many epochs as the recipe allows.
    public func hasStalled(epoch: Int) -> Bool {
        guard let patience = recipe.patience, let bestScore else { return false }
        return epoch - bestScore.epoch >= patience
    }

    /// The element of the last step's gradient that is farthest from 0, or is no number: where, and what it is.
    public func largestGradient() -> (parameter: String, value: Float)? {
        var found: (parameter: String, value: Float)?
        for entry in layout.entries where entry.spec.role == .trainable {
            let values = gradients[0].vector[entry].values
            guard let value = values.first(where: { !$0.isFinite }) ?? values.max(by: { abs($0) < abs($1) }) else {
                continue
            }
            let parameter = "\(entry.layer)/\(entry.spec.name)"
            if !value.isFinite { return (parameter, value) }
            if abs(value) > abs(found?.value ?? 0) { found = (parameter, value) }
        }
        return found
    }

    /// The share of training that is over: 0 at the first step, 1 at the last.
    public func progress(of totalSteps: Int) -> Double { Double(step) / Double(max(totalSteps - 1, 1)) }

    /// Makes one step on a batch.
    ///
    /// - Parameter totalSteps: The number of steps of the whole training.
    /// - Throws: `ValueFault` for an example that the network cannot compute with; the weights are then as before.
    public func train<Examples: Batch>(
        on batch: Examples, minimizing objective: some Objective<Examples>, totalSteps: Int
    ) throws(ValueFault) -> StepReport {
        let progress = progress(of: totalSteps)
        let rate = recipe.learningRate * recipe.learningRateSchedule(step: step, of: totalSteps)
        let terms = try computeGradient(batch, objective, progress: progress)
        var norm: Double?, factor: Float = 1
        if let limit = recipe.clipNorm {
            let length = sumOfSquares().squareRoot()
            norm = length
            if length > limit { factor = Float(limit / length) }
        }
        update(learningRate: Float(rate), gradientFactor: factor)
        step += 1
        return StepReport(terms: terms, learningRate: rate, gradientNorm: norm)
    }

    /// Leaves the sum of the shards' gradients in the first gradient, and returns the terms' means.
    private func computeGradient<Examples: Batch>(
        _ batch: Examples, _ objective: some Objective<Examples>, progress: Double
    ) throws(ValueFault) -> [Double] {
        let size = shardSize, shards = (batch.count + size - 1) / size
        let sums = Mutex([[Double]](repeating: [], count: shards)), fault = Mutex<ValueFault?>(nil)
        let key = RandomKey(seed: recipe.seed)[step]
        let total = batch.count
        var first = 0
        while first < shards {
            // The first round's first shard writes the sum; every other shard has a vector of its own.
            let round = first..<min(first + workspaces.count, shards), isFirstRound = first == 0
            let (graph, weights, workspaces, gradients) = (graph, weights.tensor, workspaces, gradients)
            let statistics = statistics
            workers.run(round.count) { worker, index in
                let shard = round.lowerBound + index, workspace = workspaces[index]
                let examples = (shard * size)..<min((shard + 1) * size, total), count = examples.count
                let gradient = gradients[isFirstRound ? index : index + 1].vector.tensor
                batch.readInputs(examples, into: workspace.input(0, count: count))
                workspace.forward(weights: weights, count: count, key: key[shard])
                if let found = workspace.fault { fault.withLock { $0 = $0 ?? found } }
                guard let logitsGradient = workspace.gradient(graph.logits, count: count) else {
                    preconditionFailure("the network has no trainable parameter")
                }
                let taps = graph.taps.map { value in
                    Tap(
                        value: workspace.value(value, count: count), gradient: workspace.gradient(value, count: count))
                }
                let logits = workspace.value(graph.logits, count: count)
                let terms = objective.evaluate(
                    logits, taps: taps, batch, examples, progress: progress, scale: 1 / Float(total),
                    gradient: logitsGradient, kernels: workspace.kernels)
                let areNumbers = isFinite(logits) && isFinite(logitsGradient)
                sums.withLock { $0[shard] = areNumbers ? terms : terms.map { _ in .nan } }
                workspace.backward(weights: weights, gradient: gradient, count: count, key: key[shard])
                for entry in statistics {
                    let values = gradient.slice(at: entry.offset, count: entry.spec.shape.elementCount)
                    scale(values, by: Float(count) / Float(total), into: values)
                }
            }
            if let fault = fault.withLock({ $0 }) { throw fault }
            let others = isFirstRound ? 1..<round.count : 1..<(round.count + 1)
            if !others.isEmpty {
                eachStretch(of: summed) { start, count in
                    let sum = gradients[0].vector.tensor.slice(at: start, count: count)
                    for other in others {
                        addScaled(gradients[other].vector.tensor.slice(at: start, count: count), by: 1, to: sum)
                    }
                }
            }
            addDeferred(round.map { min(size, total - $0 * size) }, adding: !isFirstRound)
            first = round.upperBound
        }
        return sums.withLock { sums in
            objective.terms.indices.map { term in sums.reduce(0) { $0 + $1[term] } / Double(total) }
        }
    }

    /// Adds the shards of a round to the gradients of deferred kernels.
    ///
    /// - Parameter counts: How many examples each shard has.
    private func addDeferred(_ counts: [Int], adding: Bool) {
        let parts = deferredKernels.flatMap { kernel in kernel.parts.map { (kernel, $0) } }
        let sum = gradients[0].vector.tensor
        let (workspaces, kernels) = (workspaces, kernels)
        workers.run(parts.count) { worker, part in
            let (kernel, features) = parts[part]
            for (shard, count) in counts.enumerated() {
                workspaces[shard].computeGradient(
                    of: kernel, features, count: count, into: sum, adding: adding || shard > 0,
                    kernels[worker].context)
            }
        }
    }

    /// The elements of a gradient that every worker computes by itself.
    private var summed: [Range<Int>] {
        var ranges: [Range<Int>] = [], start = 0
        for kernel in deferredKernels.sorted(by: { $0.offset < $1.offset }) {
            ranges.append(start..<kernel.offset)
            start = kernel.elements.upperBound
        }
        return ranges + [start..<layout.extent]
    }

    private func sumOfSquares() -> Double {
        let length = Self.stretch, extent = layout.trainableExtent
        let parts = Mutex([Double](repeating: 0, count: (extent + length - 1) / length))
        let gradient = gradients[0].vector.tensor
        eachStretch(of: extent) { start, count in
            let sum = Kernels.sumOfSquares(gradient.slice(at: start, count: count))
            parts.withLock { $0[start / length] = sum }
        }
        return parts.withLock { $0.reduce(0, +) }
    }

    private func update(learningRate: Float, gradientFactor: Float) {
        let (gradient, weights, optimizer, step) = (gradients[0].vector.tensor, weights.tensor, recipe.optimizer, step)
        let moments = moments, average = average?.vector.tensor, decay = Float(recipe.averageDecay ?? 0)
        eachStretch(of: layout.trainableExtent) { start, count in
            let part = gradient.slice(at: start, count: count), target = weights.slice(at: start, count: count)
            if gradientFactor != 1 { scale(part, by: gradientFactor, into: part) }
            optimizer.apply(
                target, gradient: part, moments: moments.map { $0.vector.tensor.slice(at: start, count: count) },
                learningRate: learningRate, step: step)
            if let average { averageStep(average.slice(at: start, count: count), target, decay: decay) }
        }
        for entry in statistics {
            guard case .statistic(let momentum) = entry.spec.role else { continue }
            let count = entry.spec.shape.elementCount
            averageStep(
                weights.slice(at: entry.offset, count: count), gradient.slice(at: entry.offset, count: count),
                decay: momentum)
            average?.slice(at: entry.offset, count: count).copy(
                from: weights.slice(at: entry.offset, count: count))
        }
    }

    /// Elements that one worker updates at a time.
    private static let stretch = 1 << 16

    /// Calls `body` for each stretch of a vector, on all workers.
    private func eachStretch(of extent: Int, _ body: @Sendable (_ start: Int, _ count: Int) -> Void) {
        eachStretch(of: [0..<extent], body)
    }

    private func eachStretch(of ranges: [Range<Int>], _ body: @Sendable (_ start: Int, _ count: Int) -> Void) {
        let length = Self.stretch
        let stretches = ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: length).map {
                (start: $0, count: min(length, range.upperBound - $0))
            }
        }
        workers.run(stretches.count) { _, index in body(stretches[index].start, stretches[index].count) }
    }
}

/// Kernels that one worker uses at a time.
private final class WorkerKernels: @unchecked Sendable {
    let context = KernelContext()
}
