import Foundation

/// A value that changes over training, such as a loss's weight: a number, or a curve over progress from 0 to 1.
///
/// Written `0.5`, `constant:0.5`, `linear:0:1`, `cosine:0:1` (half a cosine wave) or `step:0:1:0.5` (from 0 to 1 at
/// half of training).
public enum Schedule: Hashable, Sendable, CustomStringConvertible {
    case constant(Double)
    case linear(from: Double, to: Double)
    case cosine(from: Double, to: Double)
    case step(from: Double, to: Double, at: Double)

    /// Nil where the text is no schedule or one of its numbers is not finite.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let name = Double(parts[0]) == nil ? parts[0] : "constant"
        let numbers = (Double(parts[0]) == nil ? Array(parts.dropFirst()) : parts).map(Double.init)
        let values = numbers.compactMap { $0 }
        guard values.count == numbers.count, values.allSatisfy(\.isFinite) else { return nil }
        switch (name, values.count) {
        case ("constant", 1): self = .constant(values[0])
        case ("linear", 2): self = .linear(from: values[0], to: values[1])
        case ("cosine", 2): self = .cosine(from: values[0], to: values[1])
        case ("step", 3) where (0...1).contains(values[2]): self = .step(from: values[0], to: values[1], at: values[2])
        default: return nil
        }
    }

    /// The value at `progress`, 0 before the first step and 1 after the last.
    public func callAsFunction(_ progress: Double) -> Double {
        let t = min(max(progress, 0), 1)
        switch self {
        case .constant(let value): return value
        case .linear(let from, let to): return from + (to - from) * t
        case .cosine(let from, let to):
            let share: Double = (1 - cos(.pi * t)) / 2
            return from + (to - from) * share
        case .step(let from, let to, let at): return t < at ? from : to
        }
    }

    /// The smallest value it takes.
    public var minimum: Double {
        switch self {
        case .constant(let value): value
        case .linear(let from, let to), .cosine(let from, let to), .step(let from, let to, _): min(from, to)
        }
    }

    /// Whether it is 0 throughout.
    public var isZero: Bool { [0, 0.25, 0.5, 0.75, 1].allSatisfy { self($0) == 0 } }

    public var description: String {
        func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
        return switch self {
        case .constant(let value): text(value)
        case .linear(let from, let to): "linear:\(text(from)):\(text(to))"
        case .cosine(let from, let to): "cosine:\(text(from)):\(text(to))"
        case .step(let from, let to, let at): "step:\(text(from)):\(text(to)):\(text(at))"
        }
    }
}

/// How the learning rate changes over training: a factor of its peak, after a linear rise from 0.
public struct LearningRateSchedule: Hashable, Sendable, CustomStringConvertible {
    public enum Shape: String, Hashable, Sendable, CaseIterable { case constant, linear, cosine }

    public var shape: Shape
    /// The share of all steps spent rising.
    public var warmup: Double

    public init(_ shape: Shape, warmup: Double = 0) {
        self.shape = shape
        self.warmup = warmup
    }

    /// Reads `cosine` or `cosine:0.05`: a shape, and the share of training that is warm-up.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let shape = Shape(rawValue: parts[0]) else { return nil }
        let warmup = parts.count == 2 ? Double(parts[1]) : 0
        guard let warmup, (0..<1).contains(warmup) else { return nil }
        self.init(shape, warmup: warmup)
    }

    /// The factor for the step that begins at `progress`; the last step's is above 0.
    public func callAsFunction(step: Int, of total: Int) -> Double {
        let rising = Int((warmup * Double(total)).rounded())
        if step < rising { return Double(step + 1) / Double(rising + 1) }
        let t = Double(step - rising) / Double(max(total - rising, 1))
        switch shape {
        case .constant: return 1
        case .linear: return 1 - t
        case .cosine: return (1 + cos(.pi * t)) / 2
        }
    }

    public var description: String { warmup == 0 ? shape.rawValue : "\(shape.rawValue):\(warmup)" }
}
