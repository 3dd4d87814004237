import Datasets
import Kernels
import Tensors

/// Cross-entropy with the softened predictions ("Distilling the knowledge in a neural network", Hinton, Vinyals, Dean,
/// 2015).
///
///     T² · CE(q, p)   p = softmax(z / T), q = softmax(v / T);   gradient  T · (p − q)
///
/// For multi-label data p and q are sigmoids, and there is a binary cross-entropy for each class, summed.
/// It is the divergence and T² times the ensemble's entropy, which no student can change: the gradient is the same, and
/// the value is that of papers that minimize cross-entropies.
struct CrossEntropyLoss: ResponseLoss {
    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        let T = responses.temperature, z = responses.student
        return kernels.withBlocks(2, count: z.count, columns: z.shape.channels) { blocks in
            let q = blocks[0], p = blocks[1]
            var sum = 0.0
            switch responses.labelKind {
            case .multiclass:
                softmax(responses.teacher, temperature: 1, into: q)
                sum = -softCrossEntropy(z, targets: q, temperature: T, probabilities: p)
                addScaled(q, by: -1, to: p)
                addScaled(p, by: T * scale, to: gradient)
            case .multilabel:
                activate(Activation(.sigmoid), responses.teacher, into: q)
                sum = binaryCrossEntropy(z, targets: q, temperature: T, scale: T * scale, to: gradient)
            }
            return Double(T * T) * sum
        }
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        softened(
            labelKind == .multiclass ? "cross-entropy(ensemble)" : "Σ binary cross-entropy(ensemble)",
            temperature: temperature
        )
    }
}

extension Loss {
    public static let crossEntropy = Loss(
        "cross-entropy", compares: "kl plus the ensemble's entropy",
        paper: "Hinton, Vinyals, Dean, 2015",
        { _ in CrossEntropyLoss() })
}

extension LossTerm.Measure {
    public static let crossEntropy = Self(.crossEntropy)
}
