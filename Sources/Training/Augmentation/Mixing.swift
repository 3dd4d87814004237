import Foundation
import Kernels
public import Tensors

/// How the examples of a batch are mixed: each with a partner of the same batch (Zhang et al., 2018, "mixup").
///
///     x̃ᵢ = λ xᵢ + (1 − λ) xⱼ        ỹᵢ = λ yᵢ + (1 − λ) yⱼ        λ ~ Beta(α, α)
///
/// As in the authors' program, λ is one for the batch, and j comes from a random permutation of it. An example may be
/// its own partner; it then stays as it is.
public struct Mixing: Hashable, Sendable {
    /// λ, what an example keeps of itself.
    public let share: Float
    /// j for each example.
    public let partners: [Int]

    public init(count: Int, alpha: Double, key: RandomKey) {
        share = Float(betaNumber(alpha: alpha, key: key[0]))
        partners = key[1].permutation(of: count)
    }

    /// Mixes examples, labels, or whatever else has a row for each example.
    public func apply(to rows: Tensor) {
        precondition(rows.count == partners.count, "\(rows.count) rows for \(partners.count) examples")
        let size = rows.shape.elementCount, memory = Buffer(zeros: size), first = memory.tensor
        func row(_ index: Int) -> Tensor { rows.slice(at: index * size, count: size) }
        // Along each cycle of the permutation a row is read before it is written, but for the first, which is kept.
        var isMixed = [Bool](repeating: false, count: partners.count)
        for start in partners.indices where !isMixed[start] && partners[start] != start {
            first.copy(from: row(start))
            var index = start
            while !isMixed[index] {
                let partner = partners[index], mixed = row(index)
                scale(mixed, by: share, into: mixed)
                addScaled(partner == start ? first : row(partner), by: 1 - share, to: mixed)
                isMixed[index] = true
                index = partner
            }
        }
    }
}

extension Augmentation {
    /// How the examples of a batch are to be mixed; nil where they are not.
    public func mixing(count: Int, key: RandomKey) -> Mixing? {
        alpha.map { Mixing(count: count, alpha: $0, key: key) }
    }

    /// Mixes the examples of a batch and their labels, if `mixes`.
    ///
    /// Sequences are mixed frame by frame. The longer one's length is that of both together, and where the shorter one
    /// has no frame any more, it takes part with `zero`.
    ///
    /// - Parameters:
    ///   - inputs: B × the shape of an example.
    ///   - labels: B × C: 1 for each label; afterwards the share of each.
    ///   - lengths: How many frames of each example are real, before and afterwards; nil where all are.
    ///   - key: One for the batch.
    ///   - zero: What 0 in the data file is among these numbers: its offset, one for all channels or one for each.
    public func mix(_ inputs: Tensor, labels: Tensor, lengths: inout [Int]?, key: RandomKey, zero: [Float] = [0]) {
        guard let mixing = mixing(count: inputs.count, key: key) else { return }
        if let before = lengths {
            let size = inputs.shape.elementCount
            for (index, length) in before.enumerated() {
                let example = Example(inputs, at: index * size, length: length, zero: zero)
                example.blank(length..<example.frameCount)
            }
            lengths = before.indices.map { max(before[$0], before[mixing.partners[$0]]) }
        }
        mixing.apply(to: inputs)
        mixing.apply(to: labels)
    }
}

/// A number of the distribution Beta(α, α), whose density is proportional to (λ (1 − λ))^(α − 1): X / (X + Y) with X
/// and Y of the distribution Gamma(α, 1).
func betaNumber(alpha: Double, key: RandomKey) -> Double {
    1 / (1 + exp(logarithmOfGammaNumber(alpha: alpha, key: key[1]) - logarithmOfGammaNumber(alpha: alpha, key: key[0])))
}

/// log X of a number X of the distribution Gamma(α, 1); the number itself may be too small for floating point.
///
///     X = U^(1 / α) · d v        d = α + 2/3, v = (1 + n / √(9 d))³, n normal, U uniform
///
/// with the v that pass log U′ < n² / 2 + d − d v + d log v (Marsaglia and Tsang, 2000, for α + 1, with their remark on
/// α < 1, which holds for every α).
private func logarithmOfGammaNumber(alpha: Double, key: RandomKey) -> Double {
    let d = alpha + 2 / 3.0, c = 1 / (9 * d).squareRoot()
    var attempt = 0
    while true {
        let n = key[attempt].normals(0).0, root = 1 + c * n, v = root * root * root
        if v > 0, log(1 - key[attempt].uniform(2)) < n * n / 2 + d - d * v + d * log(v) {
            return log(1 - key.uniform(0)) / alpha + log(d * v)
        }
        attempt += 1
    }
}
