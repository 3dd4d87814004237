import Datasets
import Kernels
import Tensors

/// A distance between what the student and the ensemble say of some examples.
///
/// In the formulas z are the student's logits and v the ensemble's times the temperature T, so that neither is divided
/// by it yet; there are B examples and C classes. Values are sums over the examples: the caller divides by the batch.
protocol AnswerLoss: Sendable {
    /// Adds `scale` times the gradient of the sum over the examples at the student's logits to `gradient`, and returns
    /// that sum.
    func add(_ answers: Answers, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    /// The formula at a temperature, as told before training: "4² · KL(ensemble ‖ student) at T = 4".
    func formula(_ labelKind: LabelKind, temperature: String) -> String
    /// Why such labels do not allow it; nil where they do.
    func refusal(labelKind: LabelKind, classCount: Int) -> String?
    /// Whether it compares nothing where no class of an example is known.
    var needsLabels: Bool { get }
}

extension AnswerLoss {
    func refusal(labelKind: LabelKind, classCount: Int) -> String? { nil }
    var needsLabels: Bool { false }
}

extension LossTerm.Measure {
    /// The loss, where the measure is one of predictions; nil for those of layers.
    var answerLoss: (any AnswerLoss)? {
        switch kind {
        case .kl: DivergenceLoss()
        case .crossEntropy: CrossEntropyLoss()
        case .mse: LogitLoss()
        case .dkd: DecoupledLoss(alpha: numbers[0], beta: numbers[1])
        case .dist: CorrelationLoss(beta: numbers[0], gamma: numbers[1])
        case .rkd: RelationalLoss(distance: numbers[0], angle: numbers[1])
        case .fsp, .hint, .attention: nil
        }
    }

    /// Why such labels do not allow it; nil where they do.
    func refusal(labelKind: LabelKind, classCount: Int) -> String? {
        answerLoss?.refusal(labelKind: labelKind, classCount: classCount)
    }
}

/// A loss of predictions at a temperature, times its square, in words; the loss alone where the temperature is 1.
func softened(_ loss: String, temperature: String) -> String {
    guard temperature != "1" else { return loss }
    let factor = Double(temperature) == nil ? "T²" : "\(temperature)²"
    return "\(factor) · \(loss)\(atTemperature(temperature))"
}

/// " at T = 4", and nothing where the temperature is 1.
func atTemperature(_ temperature: String) -> String { temperature == "1" ? "" : " at T = \(temperature)" }

/// A number without a needless fraction.
func trimmed(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

extension KernelContext {
    /// Lends blocks of `count` rows, contents undefined, for the duration of `body`.
    func withBlocks<Result>(_ number: Int, count: Int, columns: Int, _ body: ([Tensor]) -> Result) -> Result {
        withScratch(number * count * columns) { memory in
            body(
                (0..<number).map {
                    memory.slice(at: $0 * count * columns, count: count * columns).viewed(
                        count: count, shape: [columns])
                })
        }
    }

    /// Lends the logits z and v as points: less their mean over the classes where softmax does not see it.
    func withPoints<Result>(_ answers: Answers, _ body: (_ z: Tensor, _ v: Tensor) -> Result) -> Result {
        let z = answers.student
        return withBlocks(2, count: z.count, columns: z.shape.channels) { points in
            points[0].copy(from: z)
            scale(answers.teacher, by: answers.temperature, into: points[1])
            if answers.labelKind == .oneClass { for point in points { centerRows(point, into: point) } }
            return body(points[0], points[1])
        }
    }
}
