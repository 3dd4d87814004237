import Datasets
import Kernels
import Tensors

/// A distance between the predictions of the student and of the ensemble for some examples (a response-based loss, in the
/// words of Gou, Yu, Maybank, Tao: "Knowledge distillation: a survey", 2021).
///
/// In the formulas z are the student's logits and v the ensemble's times the temperature T, so that neither is divided
/// by it yet; there are B examples and C classes. Values are sums over the examples: the caller divides by the batch.
protocol ResponseLoss: Sendable {
    /// Adds `scale` times the gradient of the sum over the examples at the student's logits to `gradient`, and returns
    /// that sum.
    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    /// The formula at a temperature, as the plan prints it: "4² · KL(ensemble ‖ student) (T = 4)".
    func formula(_ labelKind: LabelKind, temperature: String) -> String
    /// Why such labels do not allow it; nil where they do.
    func refusal(labelKind: LabelKind, classCount: Int) -> String?
    /// Whether unlabeled examples have no part in it.
    var needsLabels: Bool { get }
}

extension ResponseLoss {
    func refusal(labelKind: LabelKind, classCount: Int) -> String? { nil }
    var needsLabels: Bool { false }
}

/// A loss of predictions at a temperature, times its square, in words; the loss alone where the temperature is 1.
func softened(_ loss: String, temperature: String) -> String {
    guard temperature != "1" else { return loss }
    let factor = Double(temperature) == nil ? "T²" : "\(temperature)²"
    return "\(factor) · \(loss)\(atTemperature(temperature))"
}

/// " (T = 4)", and nothing where the temperature is 1.
func atTemperature(_ temperature: String) -> String { temperature == "1" ? "" : " (T = \(temperature))" }

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
    func withPoints<Result>(_ responses: Responses, _ body: (_ z: Tensor, _ v: Tensor) -> Result) -> Result {
        let z = responses.student
        return withBlocks(2, count: z.count, columns: z.shape.channels) { points in
            points[0].copy(from: z)
            scale(responses.teacher, by: responses.temperature, into: points[1])
            if responses.labelKind == .multiclass { for point in points { centerRows(point, into: point) } }
            return body(points[0], points[1])
        }
    }
}
