public import Datasets
import Foundation
public import Kernels
public import Tensors

/// Examples that can be written into a network's input by several threads at once.
public protocol Batch: Sendable {
    var count: Int { get }
    /// Writes the inputs of some of the examples, one after the other.
    func readInputs(_ examples: Range<Int>, into input: Tensor)
}

extension ExampleBatch: Batch {
    public func readInputs(_ examples: Range<Int>, into input: Tensor) {
        input.withMutableSpan { readInputs(examples, into: &$0) }
    }
}

/// Examples with their labels, those of which nothing is known last.
public protocol LabeledBatch: Batch {
    /// How many have labels: the first ones.
    var labeledCount: Int { get }

    /// Writes a row for each of some examples: the share of each class in its truth, mostly 0 or 1.
    func readLabels(_ examples: Range<Int>, into labels: Tensor)
}

/// A value of the network beside its logits that an objective looks at, one of `LayerGraph.taps`.
public struct Tap {
    /// A row for each example.
    public let value: Tensor
    /// Where its gradient goes, to be overwritten; nil where nothing before it learns.
    public let gradient: Tensor?

    public init(value: Tensor, gradient: Tensor?) { (self.value, self.gradient) = (value, gradient) }
}

/// A quantity to minimize, the mean over examples of a sum of terms, with its gradient at the logits and taps.
public protocol Objective<Examples>: Sendable {
    associatedtype Examples: Batch

    /// The names of its terms, in the order in which `evaluate` gives them.
    var terms: [String] { get }

    /// Writes `scale` times the gradient of the sum over some of the batch's examples, and returns each term's sum,
    /// times its weight.
    ///
    /// - Parameters:
    ///   - logits: A row for each of `examples`.
    ///   - taps: The network's taps; their gradients are written like that of the logits.
    ///   - progress: The share of training that is over, for terms whose weight is scheduled.
    func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: Examples, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double]

    /// What is scheduled and has a name, such as λ, at some progress of training.
    func settings(at progress: Double) -> [(name: String, value: Double)]

    /// What a reader should know of a batch whose loss is not a number.
    func remark(on batch: Examples) -> String?
}

extension Objective {
    public func settings(at progress: Double) -> [(name: String, value: Double)] { [] }
    public func remark(on batch: Examples) -> String? { nil }
}

/// The loss of the true labels: cross-entropy for one class, binary cross-entropy, summed over classes, for several.
///
///     −Σ_c y_c log softmax(z)_c                gradient  softmax(z) − y
///     Σ_c softplus(z_c) − y_c z_c              gradient  sigmoid(z) − y
///
/// With one class, y is 1 for it, or the shares of several where examples were mixed. An example of which nothing is known
/// costs nothing.
public struct LabelLoss: Objective {
    public let kind: LabelKind

    public init(_ kind: LabelKind) { self.kind = kind }

    public var terms: [String] { ["ground truth"] }

    public func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: TrainingBatch, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        [
            kernels.withScratch(logits.elementCount) { labels in
                let labels = labels.viewed(count: logits.count, shape: logits.shape)
                batch.readLabels(examples, into: labels)
                let known = max(0, min(examples.upperBound, batch.labeledCount) - examples.lowerBound)
                return write(logits, labels: labels, known: known, scale: scale, to: gradient)
            }
        ]
    }

    /// Writes the gradient, and returns the sum of the losses.
    ///
    /// - Parameter known: How many examples have labels; those after them cost nothing.
    public func write(_ logits: Tensor, labels: Tensor, known: Int, scale: Float, to gradient: Tensor) -> Double {
        let classes = logits.shape.channels
        let rows = logits.elementCount / max(classes, 1), some = known * classes
        if known < rows { gradient.slice(at: some, count: (rows - known) * classes).fill(with: 0) }
        guard known > 0 else { return 0 }
        let z = logits.slice(at: 0, count: some).viewed(count: known, shape: [classes])
        let y = labels.slice(at: 0, count: some).viewed(count: known, shape: [classes])
        let part = gradient.slice(at: 0, count: some).viewed(count: known, shape: [classes])
        switch kind {
        case .multiclass:
            let sum = -softCrossEntropy(z, targets: y, temperature: 1, probabilities: part)
            addScaled(y, by: -1, to: part)
            Kernels.scale(part, by: scale, into: part)
            return sum
        case .multilabel:
            part.fill(with: 0)
            return binaryCrossEntropy(z, targets: y, temperature: 1, scale: scale, to: part)
        }
    }
}
