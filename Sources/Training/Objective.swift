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

/// A quantity to minimize, the mean over examples of a sum of terms, with its gradient at the logits.
public protocol Objective<Examples>: Sendable {
    associatedtype Examples: Batch

    /// The names of its terms, in the order in which `evaluate` gives them.
    var terms: [String] { get }

    /// Writes `scale` times the gradient of the sum over some of the batch's examples, and returns each term's sum,
    /// times its weight.
    ///
    /// - Parameters:
    ///   - logits: A row for each of `examples`.
    ///   - progress: The share of training that is over, for terms whose weight is scheduled.
    func evaluate(
        _ logits: Tensor, _ batch: Examples, _ examples: Range<Int>, progress: Double, scale: Float, gradient: Tensor,
        kernels: KernelContext
    ) -> [Double]
}

/// The loss of the true labels: cross-entropy for one class, binary cross-entropy, summed over classes, for several.
///
///     −log softmax(z)_y                        gradient  softmax(z) − onehot(y)
///     Σ_c softplus(z_c) − y_c z_c              gradient  sigmoid(z) − y
public struct LabelLoss: Objective {
    public let kind: LabelKind

    public init(_ kind: LabelKind) { self.kind = kind }

    public var terms: [String] { ["ground truth"] }

    public func evaluate(
        _ logits: Tensor, _ batch: ExampleBatch, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        [add(logits, batch, examples, scale: scale, to: gradient, isFirst: true, kernels: kernels)]
    }

    /// Adds, or writes if first, the gradient, and returns the sum of the losses.
    public func add(
        _ logits: Tensor, _ batch: ExampleBatch, _ examples: Range<Int>, scale: Float, to gradient: Tensor,
        isFirst: Bool, kernels: KernelContext
    ) -> Double {
        let classes = logits.shape.channels
        return kernels.withScratch(logits.elementCount) { scratch in
            let part = isFirst ? gradient : scratch.viewed(count: logits.count, shape: logits.shape)
            var sum = 0.0
            switch kind {
            case .oneClass:
                var labels = [Int32](repeating: 0, count: examples.count)
                var span = labels.mutableSpan
                batch.readClasses(examples, into: &span)
                softmax(logits, into: part)
                for (row, label) in labels.enumerated() {
                    let place = row * classes + Int(label)
                    sum -= Double(logOfProbability(part[place], logits, row: row, place: place))
                    part[place] -= 1
                }
            case .manyLabels:
                part.withMutableSpan { batch.readLabels(examples, into: &$0) }
                for element in 0..<logits.elementCount {
                    let z = logits[element], y = part[element]
                    sum += Double(softplus(z) - y * z)
                    part[element] = sigmoid(z) - y
                }
            }
            Kernels.scale(part, by: scale, into: part)
            if !isFirst { addScaled(part, by: 1, to: gradient) }
            return sum
        }
    }

    /// log p, from the logits where p is too small for its logarithm to be exact.
    private func logOfProbability(_ p: Float, _ logits: Tensor, row: Int, place: Int) -> Float {
        if p > 1e-30 { return log(p) }
        let classes = logits.shape.channels
        let row = logits.slice(at: row * classes, count: classes).values, largest = row.max() ?? 0
        return logits[place] - largest - log(row.reduce(0) { $0 + exp($1 - largest) })
    }
}
