import Datasets
import Kernels
import Networks
import Tensors

extension LayerGraph {
    /// Whether one unit distinguishes the two classes of examples.
    func isBinaryLogit(for split: ExampleSplit) -> Bool {
        split.labelKind == .multiclass && split.classCount == 2 && shape(of: logits).elementCount == 1
    }
}

/// An objective of two classes for a network with one unit, the logit z of the second class.
///
/// The logits are (0, z), and the gradient at z is that at the second of them. Cross-entropy becomes binary cross-entropy:
///
///     −log softmax(0, z)_y = softplus(z) − y z
struct BinaryLogitObjective<Whole: Objective>: Objective {
    let whole: Whole

    var terms: [String] { whole.terms }
    func settings(at progress: Double) -> [(name: String, value: Double)] { whole.settings(at: progress) }
    func remark(on batch: Whole.Examples) -> String? { whole.remark(on: batch) }

    func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: Whole.Examples, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        let count = logits.elementCount
        return kernels.withScratch(4 * count) { memory in
            let both = memory.slice(at: 0, count: 2 * count).viewed(count: count, shape: [2])
            let slope = memory.slice(at: 2 * count, count: 2 * count).viewed(count: count, shape: [2])
            for row in 0..<count { (both[2 * row], both[2 * row + 1]) = (0, logits[row]) }
            let terms = whole.evaluate(
                both, taps: taps, batch, examples, progress: progress, scale: scale, gradient: slope, kernels: kernels)
            for row in 0..<count { gradient[row] = slope[2 * row + 1] }
            return terms
        }
    }
}
