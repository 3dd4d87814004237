import CVector
public import Tensors

/// Sums of neighbours along one axis: output `o` is Σ weight[o, t] · input[first[o] + t].
public struct AxisSampling: Hashable, Sendable {
    /// The input that the first weight of each output is for.
    public let first: [Int]
    /// The weights of each output, `taps` for all of them.
    public let weights: [Float]
    public let taps: Int

    /// - Parameter outputs: The first input and the weights of each output.
    public init(_ outputs: [(first: Int, weights: [Float])]) {
        let taps = outputs.map(\.weights.count).max() ?? 0
        self.taps = taps
        first = outputs.map(\.first)
        weights = outputs.flatMap { $0.weights + Array(repeating: 0, count: taps - $0.weights.count) }
    }

    public var outputCount: Int { first.count }

    /// Σ weight[o, t] of each output.
    public var totals: [Float] {
        first.indices.map { weights[($0 * taps)..<(($0 + 1) * taps)].reduce(0, +) }
    }

    fileprivate func check(inputs: Int) {
        for output in first.indices {
            for tap in 0..<taps where weights[output * taps + tap] != 0 {
                precondition((0..<inputs).contains(first[output] + tap), "a sample outside of \(inputs) inputs")
            }
        }
    }
}

/// y (outer, outputs, inner) = samples of x (outer, inputs, inner).
public func resample(_ sampling: AxisSampling, _ x: Tensor, outer: Int, inputs: Int, inner: Int, into y: Tensor) {
    precondition(x.elementCount == outer * inputs * inner)
    precondition(y.elementCount == outer * sampling.outputCount * inner)
    sampling.check(inputs: inputs)
    unsafe cv_resample(
        outer, inputs, sampling.outputCount, inner, sampling.taps, sampling.first, sampling.weights, x.base, y.base)
}

/// dx (outer, inputs, inner), overwritten, from dy (outer, outputs, inner).
public func resampleGradient(
    _ sampling: AxisSampling, outputGradient dy: Tensor, outer: Int, inputs: Int, inner: Int, into dx: Tensor
) {
    precondition(dx.elementCount == outer * inputs * inner)
    precondition(dy.elementCount == outer * sampling.outputCount * inner)
    sampling.check(inputs: inputs)
    unsafe cv_resample_gradient(
        outer, inputs, sampling.outputCount, inner, sampling.taps, sampling.first, sampling.weights, dy.base, dx.base)
}

/// (outer, a, b, inner) to (outer, b, a, inner).
public func swapAxes(_ x: Tensor, outer: Int, a: Int, b: Int, inner: Int, into y: Tensor) {
    precondition(x.elementCount == outer * a * b * inner && y.elementCount == x.elementCount)
    unsafe cv_swap_axes(outer, a, b, inner, x.base, y.base)
}
