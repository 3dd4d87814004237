import Networks
import Tensors

/// The scores on validation examples after each epoch, and the weights of the best one.
struct BestWeights {
    /// The weights of the epoch with the best score, if the recipe keeps them.
    let vector: VectorBox?
    /// The best score, and the epoch after which it was reached, counted from 1.
    var best: (value: Double, epoch: Int)?
    /// How much better the best weights are than the last ones on the same examples; nil where they are the last, or training
    /// is not over.
    var advantage: MetricDifference?

    init(_ layout: ParameterLayout, hyperparameters: Hyperparameters) {
        vector = hyperparameters.keepsBest ? VectorBox(layout) : nil
    }

    /// How many vectors it keeps.
    static func vectorCount(_ hyperparameters: Hyperparameters) -> Int { hyperparameters.keepsBest ? 1 : 0 }

    /// Notes the score after an epoch, and keeps the weights if it is the best so far.
    mutating func note(_ score: Double, epoch: Int, weights: Tensor) {
        if let best, best.value >= score { return }
        best = (score, epoch)
        vector?.vector.tensor.copy(from: weights)
    }

    /// Whether the score has not risen for as many epochs as the recipe allows.
    func hasStalled(epoch: Int, _ hyperparameters: Hyperparameters) -> Bool {
        guard let patience = hyperparameters.patience, let best else { return false }
        return epoch - best.epoch >= patience
    }

    /// Whether a recipe returns the weights of the best score, not the last ones.
    func areKept(by hyperparameters: Hyperparameters) -> Bool {
        guard hyperparameters.keepsBest, best != nil else { return false }
        guard hyperparameters.prefersLast else { return true }
        return advantage.map { $0.value > 0 && !$0.isNoise } ?? false
    }
}
