import Datasets
import Kernels
import Models
import Tensors

/// DIST: "Knowledge distillation from a stronger teacher" (Huang, You, Wang, Qian, Xu, 2022).
///
///     T² · (β · inter + γ · intra)        ρ: Pearson's correlation;  p = softmax(z / T), q = softmax(v / T)
///     inter = mean over examples of 1 − ρ(p_i, q_i)      relations between the classes of an example
///     intra = mean over classes of 1 − ρ(p_·c, q_·c)     relations between the examples, in the eyes of a class
///
/// T² is not in the paper's formula but in its authors' program. Both means are times the number of examples here, like
/// every loss. For multi-label data p and q are sigmoids: the relations are those of probabilities,
/// whatever they add up to.
///
/// A batch is computed in shards (`Hyperparameters.shardSize`, 64 examples), and intra relates the examples of a shard. A
/// correlation with numbers that are all equal is 0, and has no gradient: so is intra's of one example alone.
struct CorrelationLoss: ResponseLoss {
    let beta, gamma: Double

    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        let z = responses.student, T = responses.temperature, count = z.count, classes = z.shape.channels
        let share = gamma * Double(count) / Double(classes)
        return kernels.withBlocks(3, count: count, columns: classes) { rows in
            kernels.withBlocks(3, count: classes, columns: count) { columns in
                let (p, q, dp) = (rows[0], rows[1], rows[2])
                probabilities(z, labelKind: responses.labelKind, temperature: T, into: p)
                probabilities(responses.teacher, labelKind: responses.labelKind, temperature: 1, into: q)
                for (row, column) in zip([p, q], columns) {
                    swapAxes(row, outer: 1, a: count, b: classes, inner: 1, into: column)
                }
                columns[2].fill(with: 0)
                let intra = correlationDistance(columns[0], columns[1], scale: Float(share), to: columns[2])
                swapAxes(columns[2], outer: 1, a: classes, b: count, inner: 1, into: dp)
                let inter = correlationDistance(p, q, scale: Float(beta), to: dp)
                switch responses.labelKind {
                case .multiclass: softmaxGradient(p, outputGradient: dp, into: dp)
                case .multilabel: activateGradient(Activation(.sigmoid), value: p, outputGradient: dp, into: dp)
                }
                addScaled(dp, by: T * scale, to: gradient)
                return Double(T * T) * (beta * inter + share * intra)
            }
        }
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        softened(
            """
            (\(trimmed(beta)) · (1 − ρ over classes) + \(trimmed(gamma)) · (1 − ρ over examples))(ensemble, student)
            """, temperature: temperature)
    }

    func refusal(labelKind: LabelKind, classCount: Int) -> String? {
        guard beta != 0, classCount < 3 else { return nil }
        return """
            DIST correlates the classes of each example, and with \(classCount) classes a correlation is always 1, −1 \
            or none: set beta to 0, or use kl
            """
    }
}

extension Loss {
    public static let dist = Loss(
        "dist", compares: "correlations of classes and of examples", paper: "Huang et al., 2022",
        parameters: [("beta", 2), ("gamma", 2)],
        { CorrelationLoss(beta: $0[0], gamma: $0[1]) })
}

extension LossTerm.Measure {
    public static func dist(beta: Double, gamma: Double) -> Self { Self(.dist, numbers: [beta, gamma]) }
}
