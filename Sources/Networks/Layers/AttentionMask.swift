import Kernels
import Tensors

/// Which keys a query may look at, whatever the values: Keras's `use_causal_mask` and `sliding_window`.
public struct AttentionPattern: Hashable, Sendable {
    /// Whether query t sees only the keys s ≤ t.
    public let isCausal: Bool
    /// Query t sees only the keys with |t − s| < window.
    public let window: Int?

    public init(isCausal: Bool = false, window: Int? = nil) {
        self.isCausal = isCausal
        self.window = window
    }

    package var isEverything: Bool { !isCausal && window == nil }

    /// The keys, of `count`, that query `t` sees.
    package func keys(of query: Int, count: Int) -> Range<Int> {
        let first = window.map { max(0, query - $0 + 1) } ?? 0
        let end = min(isCausal ? query + 1 : count, window.map { query + $0 } ?? count, count)
        return min(first, end)..<end
    }
}

/// Which of the T × S pairs of queries and keys count, for one example.
struct AttentionMask {
    let pattern: AttentionPattern
    /// One number for each query or key of a batch, 0 for padding.
    let query: Tensor?
    let keys: [Tensor]
    let queryCount, keyCount: Int

    var isEverything: Bool { pattern.isEverything && query == nil && keys.isEmpty }

    /// Writes 1 where query t of an example sees key s, else 0, into (T, S).
    func fill(_ allowed: Tensor, example: Int) {
        for t in 0..<queryCount {
            let row = allowed.slice(at: t * keyCount, count: keyCount)
            if let query, query[example * queryCount + t] == 0 {
                row.fill(with: 0)
                continue
            }
            row.fill(with: 1)
            for mask in keys { multiplyElements(row, mask.slice(at: example * keyCount, count: keyCount), into: row) }
            let seen = pattern.keys(of: t, count: keyCount)
            row.slice(at: 0, count: seen.lowerBound).fill(with: 0)
            row.slice(at: seen.upperBound, count: keyCount - seen.upperBound).fill(with: 0)
        }
    }
}

/// Leaves scores as they are where `allowed` is 1, and makes them so low that nothing remains of them where it is 0.
///
/// A row without a single 1 becomes uniform, as in Keras.
func hideScores(_ scores: Tensor, _ allowed: Tensor, scratch: Tensor) {
    let lowest: Float = 3e38
    scale(allowed, by: lowest, adding: -lowest, into: scratch)
    add(scores, scratch, into: scores)
}
