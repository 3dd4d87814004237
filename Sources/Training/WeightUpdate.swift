import Kernels
import Networks
import Synchronization
import Tensors

/// What a step does to the weights once their gradient is known: clipping, the optimizer, statistics, the average.
struct WeightUpdate: Sendable {
    let moments: [VectorBox]
    /// The moving average of the weights, if the recipe has one.
    let average: VectorBox?
    private let hyperparameters: Hyperparameters
    private let trainableExtent: Int
    /// Parameters that are measured while training, such as the moments of batch normalization.
    let statistics: [ParameterLayout.Entry]
    private let workers: Workers

    /// - Parameter weights: The first weights, where the average begins.
    init(_ layout: ParameterLayout, weights: Tensor, hyperparameters: Hyperparameters, workers: Workers) {
        (self.hyperparameters, self.workers, trainableExtent) = (hyperparameters, workers, layout.trainableExtent)
        statistics = layout.entries.filter { $0.spec.role != .trainable }
        moments = (0..<hyperparameters.optimizer.momentCount).map { _ in VectorBox(layout) }
        average = hyperparameters.emaMomentum.map { _ in VectorBox(layout) }
        average?.vector.tensor.copy(from: weights)
    }

    /// How many vectors it keeps.
    static func vectorCount(_ hyperparameters: Hyperparameters) -> Int {
        hyperparameters.optimizer.momentCount + (hyperparameters.emaMomentum == nil ? 0 : 1)
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
        return norm
    }

    private func move(_ weights: Tensor, _ gradient: Tensor, factor: Float, rate: Float, step: Int) {
        let (optimizer, moments) = (hyperparameters.optimizer, moments)
        let average = average?.vector.tensor, decay = Float(hyperparameters.emaMomentum ?? 0)
        workers.eachStretch(of: [0..<trainableExtent]) { start, count in
            let part = gradient.slice(at: start, count: count), target = weights.slice(at: start, count: count)
            if factor != 1 { scale(part, by: factor, into: part) }
            optimizer.apply(
                target, gradient: part, moments: moments.map { $0.vector.tensor.slice(at: start, count: count) },
                learningRate: rate, step: step)
            if let average { averageStep(average.slice(at: start, count: count), target, decay: decay) }
        }
    }

    private func moveStatistics(_ weights: Tensor, _ gradient: Tensor) {
        for entry in statistics {
            guard case .statistic(let momentum) = entry.spec.role else { continue }
            let count = entry.spec.shape.elementCount, target = weights.slice(at: entry.offset, count: count)
            averageStep(target, gradient.slice(at: entry.offset, count: count), decay: momentum)
            average?.vector.tensor.slice(at: entry.offset, count: count).copy(from: target)
        }
    }

    private func sumOfSquares(_ gradient: Tensor) -> Double {
        let length = Workers.stretch, extent = trainableExtent
        let parts = Mutex([Double](repeating: 0, count: (extent + length - 1) / length))
        workers.eachStretch(of: [0..<extent]) { start, count in
            let sum = Kernels.sumOfSquares(gradient.slice(at: start, count: count))
            parts.withLock { $0[start / length] = sum }
        }
        return parts.withLock { $0.reduce(0, +) }
    }
}
