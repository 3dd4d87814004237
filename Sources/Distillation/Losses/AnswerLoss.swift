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
    func formula(_ task: Task, temperature: String) -> String
}

extension LossTerm.Measure {
    /// The loss, where the measure is one of predictions; nil for those of layers.
    var answerLoss: (any AnswerLoss)? {
        switch self {
        case .kl: DivergenceLoss()
        case .crossEntropy: CrossEntropyLoss()
        case .mse: LogitLoss()
        case .dkd(let alpha, let beta): DecoupledLoss(alpha: alpha, beta: beta)
        case .dist(let beta, let gamma): CorrelationLoss(beta: beta, gamma: gamma)
        case .rkd(let distance, let angle): RelationalLoss(distance: distance, angle: angle)
        case .fsp, .hint, .attention: nil
        }
    }

    /// Why a task does not allow it; nil where it does.
    func refusal(task: Task, classCount: Int) -> String? {
        switch self {
        case .dkd where task == .manyLabels:
            """
            decoupled KD divides the classes of each example into the true one and the others, and needs one class for \
            each example; here an example may have several labels: use kl
            """
        case .dkd where classCount < 3:
            """
            decoupled KD compares the classes that are not the true one with each other, and of \(classCount) classes \
            there are not enough of these: use kl
            """
        case .dist(let beta, _) where beta != 0 && classCount < 3:
            """
            DIST correlates the classes of each example, and with \(classCount) classes a correlation is always 1, −1 \
            or none: set beta to 0, or use kl
            """
        case .kl, .crossEntropy, .mse, .dkd, .dist, .rkd, .fsp, .hint, .attention: nil
        }
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
            if answers.task == .oneClass { for point in points { centerRows(point, into: point) } }
            return body(points[0], points[1])
        }
    }
}
