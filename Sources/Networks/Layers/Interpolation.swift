import Foundation
public import Kernels

/// How images are resized; Keras's words, which are TensorFlow's.
///
/// Centres of pixels are at halves. The formulas and their order are those of TensorFlow's kernels (`resize_bilinear_op`,
/// `resize_bicubic_op`, `resize_area_op`, `scale_and_translate_op`), in single precision.
public enum Interpolation: String, Hashable, Sendable, CaseIterable {
    case nearest, bilinear, bicubic, lanczos3, lanczos5, area, gaussian, mitchellcubic

    /// The samples that make `outputs` cells out of `inputs`.
    ///
    /// - Parameter antialias: Whether every input has a part when an image shrinks.
    public func sampling(from inputs: Int, to outputs: Int, antialias: Bool = false) -> AxisSampling {
        let step = Float(inputs) / Float(outputs)
        return AxisSampling(
            (0..<outputs).map { output in
                let center = (Float(output) + 0.5) * step
                switch (self, antialias) {
                case (.nearest, _): return (min(Int(center), inputs - 1), [1])
                case (.area, _): return area(from: Float(output) * step, to: Float(output + 1) * step, inputs: inputs)
                case (.bilinear, false): return bilinear(at: center - 0.5, inputs)
                case (.bicubic, false): return bicubic(at: center - 0.5, inputs)
                default: return kernelSamples(around: center, antialias ? max(step, 1) : 1, inputs)
                }
            })
    }

    private func bilinear(at position: Float, _ inputs: Int) -> (first: Int, weights: [Float]) {
        let below = position.rounded(.down)
        let low = max(Int(below), 0), high = min(Int(position.rounded(.up)), inputs - 1)
        return low == high ? (low, [1]) : (low, [1 - (position - below), position - below])
    }

    /// Four neighbours; the weights of those outside go to the others.
    private func bicubic(at position: Float, _ inputs: Int) -> (first: Int, weights: [Float]) {
        let below = position.rounded(.down)
        // TensorFlow looks the weights up in a table of 1,024.
        let offset = ((position - below) * 1024).rounded(.toNearestOrEven) / 1024
        let cells = (-1...2).map { Int(below) + $0 }
        let weights = zip(cells, [1 + offset, offset, 1 - offset, 2 - offset]).map { cell, distance in
            (0..<inputs).contains(cell) ? Self.cubic(distance) : 0
        }
        return normalized(cells[0], weights, inputs)
    }

    /// The cells between two places, those at the ends in part.
    private func area(from start: Float, to end: Float, inputs: Int) -> (first: Int, weights: [Float]) {
        let first = Int(start), last = min(Int(end.rounded(.up)), inputs)
        return (
            first,
            (first..<max(last, first + 1)).map { (min(Float($0 + 1), end) - max(Float($0), start)) / (end - start) }
        )
    }

    /// The cells under a kernel stretched by `stretch`.
    private func kernelSamples(
        around center: Float, _ stretch: Float, _ inputs: Int
    ) -> (first: Int, weights: [Float]) {
        let first = max(Int((center - radius * stretch - 0.5).rounded(.up)), 0)
        let last = min(Int((center + radius * stretch - 0.5).rounded(.down)), inputs - 1)
        let weights = (first..<max(last + 1, first + 1)).map { kernel(abs(Float($0) + 0.5 - center) / stretch) }
        return normalized(first, weights, inputs)
    }

    /// Weights that sum to 1, without those of cells outside.
    private func normalized(_ first: Int, _ weights: [Float], _ inputs: Int) -> (first: Int, weights: [Float]) {
        let outside = max(-first, 0), inside = min(first + weights.count, inputs) - first
        let kept = Array(weights[min(outside, inside)..<inside])
        let sum = kept.reduce(0, +)
        return (first + outside, abs(sum) < 1000 * .leastNormalMagnitude ? kept : kept.map { $0 / sum })
    }

    private var radius: Float {
        switch self {
        case .lanczos3: 3
        case .lanczos5: 5
        case .bicubic, .mitchellcubic: 2
        case .gaussian: 1.5
        case .nearest, .bilinear, .area: 1
        }
    }

    private func kernel(_ x: Float) -> Float {
        switch self {
        case .lanczos3, .lanczos5:
            if x > radius { return 0 }
            return x <= 1e-3 ? 1 : radius * sin(.pi * x) * sin(.pi * x / radius) / (.pi * .pi * x * x)
        case .bicubic: return Self.cubic(x)
        case .mitchellcubic:
            if x >= 2 { return 0 }
            return x >= 1
                ? ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9 : (7 / 6 * x - 2) * x * x + 8 / 9
        case .gaussian: return x >= radius ? 0 : exp(-x * x / (2 * (radius / 3) * (radius / 3)))
        case .nearest, .bilinear, .area: return max(1 - x, 0)
        }
    }

    /// Keys, 1981, with a = −½.
    private static func cubic(_ x: Float) -> Float {
        if x >= 2 { return 0 }
        return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1
    }
}
