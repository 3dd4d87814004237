public import Datasets
import Foundation
public import Kernels
public import Tensors
public import Training

/// x log x, and 0 at 0.
func logarithmTerm(_ x: Double) -> Double { x > 0 ? x * log(x) : 0 }

/// How far a student's predictions are from the teachers' and from the labels (Hinton, Vinyals, Dean, 2015).
///
///     w(t) · T² · KL(q ‖ softmax(z / T)) + λ(t) · CE(y, softmax(z))
///
/// where q are the soft targets at temperature T. Several labels have Bernoulli divergences, summed over classes, and
/// binary cross-entropy instead. Both are sums over classes and means over examples. The gradient at the logits is
/// w · T · (softmax(z / T) − q) + λ · (softmax(z) − y).
public struct DistillationLoss: Objective {
    public let softTargets: SoftTargets
    public let softWeight: Schedule
    public let lambda: Schedule
    private let labelLoss: LabelLoss

    public init(_ softTargets: SoftTargets, softWeight: Schedule, lambda: Schedule) {
        self.softTargets = softTargets
        self.softWeight = softWeight
        self.lambda = lambda
        labelLoss = LabelLoss(softTargets.task == .oneClass ? .oneClass : .manyLabels)
    }

    public var terms: [String] { ["prediction", "ground truth"] }

    /// The formula in force, as it is told before training.
    public var formula: String {
        Self.formula(softTargets.task, temperature: softTargets.temperature, softWeight: softWeight, lambda: lambda)
    }

    /// The formula before there are soft targets.
    static func formula(_ task: Task, temperature: Float, softWeight: Schedule, lambda: Schedule) -> String {
        let T = temperature == 1 ? "" : "\(trimmed(temperature))² · "
        let at = temperature == 1 ? "" : " at T = \(trimmed(temperature))"
        let (soft, hard) =
            task == .oneClass
            ? ("KL(ensemble ‖ student)\(at)", "cross-entropy(labels)")
            : ("Σ Bernoulli KL(ensemble ‖ student)\(at)", "Σ binary cross-entropy(labels)")
        return "\(softWeight) · \(T)\(soft) + \(lambda) · \(hard)"
    }

    public func evaluate(
        _ logits: Tensor, _ batch: ExampleBatch, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        let w = softWeight(progress), λ = lambda(progress), T = softTargets.temperature
        var soft = 0.0
        if w == 0 {
            gradient.fill(with: 0)
        } else {
            soft = w * Double(T * T) * divergence(logits, batch, examples, gradient: gradient, kernels: kernels)
            Kernels.scale(gradient, by: Float(w) * T * scale, into: gradient)
        }
        guard λ != 0 else { return [soft, 0] }
        let hard = labelLoss.add(
            logits, batch, examples, scale: Float(λ) * scale, to: gradient, isFirst: false, kernels: kernels)
        return [soft, λ * hard]
    }

    /// Σ KL over the examples; leaves p − q in `gradient`.
    private func divergence(
        _ logits: Tensor, _ batch: ExampleBatch, _ examples: Range<Int>, gradient: Tensor, kernels: KernelContext
    ) -> Double {
        let classes = logits.shape.channels, T = softTargets.temperature
        return kernels.withScratch(logits.elementCount) { q in
            var divergence = 0.0
            for (position, example) in examples.enumerated() {
                let row = batch.row(example)
                q.slice(at: position * classes, count: classes).copy(from: softTargets[row])
                divergence += softTargets.negativeEntropy(row: row)
            }
            switch softTargets.task {
            case .oneClass:
                divergence -= softCrossEntropy(logits, targets: q, temperature: T, probabilities: gradient)
            case .manyLabels:
                for index in 0..<logits.elementCount {
                    let z = Double(logits[index] / T)
                    divergence -= Double(q[index]) * z - (log1p(exp(-abs(z))) + max(z, 0))
                }
                probabilities(logits, task: .manyLabels, temperature: T, into: gradient)
            }
            addScaled(q, by: -1, to: gradient)
            return divergence
        }
    }
}

/// A number without a needless fraction.
func trimmed(_ value: Float) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
