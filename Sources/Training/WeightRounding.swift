public import Networks
import Tensors

/// What the numbers of parameters are rounded to, each by itself: those that a file would hold.
public struct WeightRounding: Sendable {
    private struct Part: Sendable {
        let start: Int
        let count: Int
        /// Nil for numbers that are copied.
        let round: Rounding?
    }

    /// Rounds numbers of a parameter in place; it may get them in any pieces.
    public typealias Rounding = @Sendable (_ numbers: inout MutableSpan<Float>) -> Void

    private let parts: [Part]

    /// - Parameter rounding: Of a trainable parameter; nil for one that is not rounded. Statistics, which are measured and not
    ///   learned, never are.
    public init(_ layout: ParameterLayout, _ rounding: (ParameterLayout.Entry) throws -> Rounding?) rethrows {
        parts = try layout.entries.flatMap { entry in
            let round = entry.spec.role == .trainable ? try rounding(entry) : nil
            let count = entry.spec.shape.elementCount
            return stride(from: 0, to: count, by: Workers.stretch).map {
                Part(start: entry.offset + $0, count: min(Workers.stretch, count - $0), round: round)
            }
        }
    }

    /// Writes weights, rounded.
    ///
    /// - Parameter rounded: A run of floats with the same layout.
    func round(_ weights: Tensor, into rounded: Tensor, _ workers: Workers) {
        let parts = parts
        workers.run(parts.count) { _, index in
            let part = parts[index], numbers = rounded.slice(at: part.start, count: part.count)
            numbers.copy(from: weights.slice(at: part.start, count: part.count))
            if let round = part.round { numbers.withMutableSpan { round(&$0) } }
        }
    }
}

/// Weights as a file would hold them, which a network computes with while those behind them learn: the straight-through
/// estimator (Bengio et al., 2013; Courbariaux et al., 2015).
///
///     w ← w − η · g(round(w))
///
/// Steps that are too small to reach the next number add up in w. How weights are rounded is found anew at the beginning of
/// each epoch, and stays until its end.
final class RoundedWeights {
    /// The weights that the rounding in force was found for.
    let origin: VectorBox
    private let rounded: VectorBox
    private let find: Find
    private var rounding: WeightRounding?
    private let workers: Workers

    /// Finds how the weights at the beginning of an epoch, counted from 0, are rounded in it: a function of these alone.
    typealias Find = (_ weights: Tensor, _ epoch: Int) throws -> WeightRounding

    init(_ layout: ParameterLayout, _ workers: Workers, _ find: @escaping Find) {
        (origin, rounded) = (VectorBox(layout), VectorBox(layout))
        (self.find, self.workers) = (find, workers)
    }

    static let vectorCount = 2

    /// Finds how weights are rounded from now on.
    func find(for weights: Tensor, epoch: Int) throws {
        origin.vector.tensor.copy(from: weights)
        try findAgain(epoch: epoch)
    }

    /// Finds again what was found for `origin`.
    func findAgain(epoch: Int) throws { rounding = try find(origin.vector.tensor, epoch) }

    /// The weights rounded, until the next call.
    func round(_ weights: Tensor) -> Tensor {
        guard let rounding else { preconditionFailure("no epoch has begun") }
        rounding.round(weights, into: rounded.vector.tensor, workers)
        return rounded.vector.tensor
    }
}
