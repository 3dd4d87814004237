import Datasets
import Kernels
import Tensors

/// Divergence of the softened predictions ("Distilling the knowledge in a neural network", Hinton, Vinyals, Dean,
/// 2015).
///
///     T² · KL(q ‖ p)   p = softmax(z / T), q = softmax(v / T);   gradient  T · (p − q)
///
/// For multi-label data p and q are sigmoids, and there is a Bernoulli divergence for each class,
/// summed. The factor T² keeps the gradient's size while T grows: T² · KL tends to Σ (z − v)² / 2C of centered logits.
struct DivergenceLoss: ResponseLoss {
    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        let T = responses.temperature
        let sum =
            switch responses.labelKind {
            case .multiclass:
                divergence(responses.student, from: responses.teacher, temperature: T, scale: T * scale, to: gradient)
            case .multilabel:
                binaryDivergence(
                    responses.student, from: responses.teacher, temperature: T, scale: T * scale, to: gradient)
            }
        return Double(T * T) * sum
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        softened(
            labelKind == .multiclass ? "KL(ensemble ‖ student)" : "Σ Bernoulli KL(ensemble ‖ student)",
            temperature: temperature)
    }
}

extension Loss {
    public static let kl = Loss(
        "kl", compares: "softened predictions", paper: "Hinton, Vinyals, Dean, 2015",
        { _ in DivergenceLoss() })
}

extension LossTerm.Measure {
    public static let kl = Self(.kl)
}
