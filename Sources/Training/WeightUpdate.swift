import Kernels
import Networks
import Synchronization
import Tensors

/// What a step does to the weights once their gradient is known: clipping, the optimizer, statistics, the average.
///
/// Where processes own blocks, each moves its own, and all have all weights afterwards.
struct WeightUpdate: Sendable {
    let moments: [VectorBox]
    /// The moving average of the weights, if the recipe has one.
    let average: VectorBox?
    private let hyperparameters: Hyperparameters
    private let trainableExtent: Int
    /// Parameters that are measured while training, such as the moments of batch normalization.
    let statistics: [ParameterLayout.Entry]
    private let workers: Workers
    let blocks: Blocks

    /// - Parameter weights: The first weights, where the average begins.
    init(_ layout: ParameterLayout, weights: Tensor, hyperparameters: Hyperparameters, workers: Workers) {
        (self.hyperparameters, self.workers, trainableExtent) = (hyperparameters, workers, layout.trainableExtent)
        blocks = Blocks(layout, workers.peers)
        statistics = layout.entries.filter { $0.spec.role != .trainable }
        let areOwned = blocks.areOwned
        moments = (0..<hyperparameters.optimizer.momentCount).map { _ in VectorBox(layout, inPieces: areOwned) }
        average = hyperparameters.emaMomentum.map { _ in VectorBox(layout) }
        average?.vector.tensor.copy(from: weights)
    }

    /// The elements that it keeps.
    static func elementCount(_ layout: ParameterLayout, _ hyperparameters: Hyperparameters, _ blocks: Blocks) -> Int {
        let moved = blocks.areOwned ? blocks.mostCount : layout.extent
        return hyperparameters.optimizer.momentCount * moved + (hyperparameters.emaMomentum == nil ? 0 : layout.extent)
    }

    /// Moves the weights.
    ///
    /// - Parameters:
    ///   - gradient: Of the trainable parameters; of statistics, their values in this batch. It is written over.
    ///   - step: The number of steps made before this one.
    /// - Returns: The norm of the gradient before clipping; nil unless clipping measures it.
    func apply(_ gradient: Tensor, to weights: Tensor, learningRate: Double, step: Int) -> Double? {
        var norm: Double?, factor: Float = 1
        if let limit = hyperparameters.globalClipnorm {
            let length = sumOfSquares(gradient).squareRoot()
            norm = length
            if length > limit { factor = Float(limit / length) }
        }
        move(weights, gradient, factor: factor, rate: Float(learningRate), step: step)
        moveStatistics(weights, gradient)
        if blocks.areOwned {
            blocks.gather(weights)
            follow(weights, in: trainable(blocks.others))
        }
        if let average = average?.vector.tensor {
            average.copy(trainableExtent..<weights.elementCount, of: weights, to: trainableExtent)
        }
        return norm
    }

    /// The trainable weights that this process moves.
    private var moved: [Range<Int>] { trainable(blocks.moved) }

    private func trainable(_ ranges: [Range<Int>]) -> [Range<Int>] {
        ranges.map { $0.clamped(to: 0..<trainableExtent) }
    }

    private func move(_ weights: Tensor, _ gradient: Tensor, factor: Float, rate: Float, step: Int) {
        let (optimizer, moments) = (hyperparameters.optimizer, moments)
        let average = average?.vector.tensor, decay = Float(hyperparameters.emaMomentum ?? 0)
        workers.eachStretch(of: moved) { start, count in
            let part = gradient.slice(at: start, count: count), target = weights.slice(at: start, count: count)
            if factor != 1 { scale(part, by: factor, into: part) }
            optimizer.apply(
                target, gradient: part, moments: moments.map { $0.vector.tensor.slice(at: start, count: count) },
                learningRate: rate, step: step)
            if let average { averageStep(average.slice(at: start, count: count), target, decay: decay) }
        }
    }

    /// Has the average follow weights that others have moved.
    private func follow(_ weights: Tensor, in ranges: [Range<Int>]) {
        guard let average = average?.vector.tensor, let decay = hyperparameters.emaMomentum else { return }
        workers.eachStretch(of: ranges) { start, count in
            averageStep(
                average.slice(at: start, count: count), weights.slice(at: start, count: count), decay: Float(decay))
        }
    }

    private func moveStatistics(_ weights: Tensor, _ gradient: Tensor) {
        for entry in statistics {
            guard case .statistic(let momentum) = entry.spec.role else { continue }
            let all = entry.offset..<entry.offset + entry.spec.shape.elementCount
            for part in blocks.moved.map({ all.clamped(to: $0) }) where !part.isEmpty {
                averageStep(
                    weights.slice(at: part.lowerBound, count: part.count),
                    gradient.slice(at: part.lowerBound, count: part.count), decay: momentum)
            }
        }
    }

    /// Of the whole gradient: the sums of stretches, which each process knows for its own, are added in their order.
    private func sumOfSquares(_ gradient: Tensor) -> Double {
        let length = Workers.stretch
        let parts = Mutex([Double](repeating: 0, count: (trainableExtent + length - 1) / length))
        workers.eachStretch(of: moved) { start, count in
            let sum = Kernels.sumOfSquares(gradient.slice(at: start, count: count))
            parts.withLock { $0[start / length] = sum }
        }
        let own = parts.withLock { $0 }
        return (blocks.areOwned ? blocks.gather(sumsOfStretches: own) : own).reduce(0, +)
    }
}
