import Datasets
import Kernels
import Tensors

/// Decoupled knowledge distillation (Zhao, Cui, Song, Qiu, Liang, 2022).
///
///     T² · (α · TCKD + β · NCKD)
///     TCKD = KL((q_t, 1 − q_t) ‖ (p_t, 1 − p_t))     of the true class t against all others
///     NCKD = KL(q̂ ‖ p̂)                               p̂, q̂: softmax over the others alone
///
/// KL(q ‖ p) is TCKD + (1 − q_t) · NCKD: what the ensemble knows of the other classes counts little where it is sure.
/// Here it counts β, in every example; the paper has α = 1 and β = 8 for CIFAR-100.
///
/// TCKD is computed from the log-odds s = z_t / T − log Σ_{c ≠ t} exp(z_c / T), whose sigmoid is p_t: it is exact where
/// p_t is 1 but for rounding. Its gradient is T · (p_t − q_t) at z_t, and −p̂_c times that at the others; that of NCKD
/// is T · (p̂ − q̂). An example of which no class is known has neither; mixed labels count as the class of the largest
/// share.
struct DecoupledLoss: ResponseLoss {
    let alpha, beta: Double

    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        let T = responses.temperature, targets = targets(responses.labels), count = targets.count
        let classes = responses.student.shape.channels
        guard count > 0 else { return 0 }
        return kernels.withBlocks(3, count: count, columns: classes - 1) { others in
            kernels.withBlocks(3, count: count, columns: 1) { odds in
                for part in others + odds { part.fill(with: 0) }
                split(responses.student, targets, temperature: T, others: others[0], odds: odds[0])
                split(responses.teacher, targets, temperature: 1, others: others[1], odds: odds[1])
                let target = binaryDivergence(
                    odds[0], from: odds[1], temperature: T, scale: Float(alpha) * T * scale, to: odds[2])
                let rest = divergence(
                    others[0], from: others[1], temperature: T, scale: Float(beta) * T * scale, to: others[2])
                softmax(others[0], temperature: T, into: others[0])
                scaleRows(others[0], by: odds[2], into: others[0])
                addScaled(others[0], by: -1, to: others[2])
                join(others[2], odds[2], targets, to: gradient)
                return Double(T * T) * (alpha * target + beta * rest)
            }
        }
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        softened(
            "(\(trimmed(alpha)) · TCKD + \(trimmed(beta)) · NCKD)(ensemble ‖ student)", temperature: temperature)
    }

    func refusal(labelKind: LabelKind, classCount: Int) -> String? {
        if labelKind == .multilabel {
            return """
                decoupled KD divides the classes of each example into the true one and the others, and needs one class \
                for each example; the labels are multi-label: use kl
                """
        }
        guard classCount < 3 else { return nil }
        return """
            decoupled KD compares the classes that are not the true one with each other, and of \(classCount) classes \
            there are not enough of these: use kl
            """
    }

    var needsLabels: Bool { true }

    /// The true class of an example.
    private typealias Target = (row: Int, index: Int)

    /// The examples of which a class is known.
    private func targets(_ labels: Tensor) -> [Target] {
        let classes = labels.shape.channels
        return labels.withSpan { labels in
            (0..<(labels.count / classes)).compactMap { row in
                var best = 0
                for index in 1..<classes where labels[row * classes + index] > labels[row * classes + best] {
                    best = index
                }
                return labels[row * classes + best] > 0 ? (row, best) : nil
            }
        }
    }

    /// Takes the logits of the true classes away from the others, and makes log-odds of them, times the temperature.
    private func split(_ logits: Tensor, _ targets: [Target], temperature: Float, others: Tensor, odds: Tensor) {
        let classes = logits.shape.channels
        logits.withSpan { logits in
            others.withMutableSpan { others in
                for (place, target) in targets.enumerated() {
                    let from = target.row * classes, to = place * (classes - 1)
                    for index in 0..<target.index { others[to + index] = logits[from + index] }
                    for index in (target.index + 1)..<classes { others[to + index - 1] = logits[from + index] }
                }
            }
        }
        logSumExp(others, temperature: temperature, into: odds)
        for (place, target) in targets.enumerated() {
            odds[place] = logits[target.row * classes + target.index] - temperature * odds[place]
        }
    }

    /// Adds the gradients of what `split` took apart to that of the logits.
    private func join(_ others: Tensor, _ odds: Tensor, _ targets: [Target], to gradient: Tensor) {
        let classes = gradient.shape.channels
        for (place, target) in targets.enumerated() { gradient[target.row * classes + target.index] += odds[place] }
        others.withSpan { others in
            gradient.withMutableSpan { gradient in
                for (place, target) in targets.enumerated() {
                    let from = place * (classes - 1), to = target.row * classes
                    for index in 0..<target.index { gradient[to + index] += others[from + index] }
                    for index in (target.index + 1)..<classes { gradient[to + index] += others[from + index - 1] }
                }
            }
        }
    }
}

extension Loss {
    public static let dkd = Loss(
        "dkd", compares: "true and other classes separately", paper: "Zhao et al., 2022",
        parameters: [("alpha", 1), ("beta", 8)],
        { DecoupledLoss(alpha: $0[0], beta: $0[1]) })
}

extension LossTerm.Measure {
    public static func dkd(alpha: Double, beta: Double) -> Self { Self(.dkd, numbers: [alpha, beta]) }
}
