/// How several teachers' predictions for one example become one.
public enum Combination: String, Hashable, Sendable, CaseIterable {
    /// Σ wₖ softmax(zₖ / T): the mean of probabilities.
    case mean
    /// softmax(Σ wₖ zₖ / T): the normalised geometric mean, which is the mean of logits.
    case geometric
}
