import Foundation
import Tensors
import Training

/// What of a recipe the program chooses, by the number of examples and the size of the network: `auto`.
///
/// The rules are measured in `Tools/experiments/defaults`. They use nothing but these two numbers, so the same job has the
/// same recipe on every machine.
public struct AutomaticHyperparameters: OptionSet, Hashable, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let epochs = AutomaticHyperparameters(rawValue: 1)
    public static let batchSize = AutomaticHyperparameters(rawValue: 2)
    public static let learningRate = AutomaticHyperparameters(rawValue: 4)
    public static let all: AutomaticHyperparameters = [.epochs, .batchSize, .learningRate]

    /// Fewer examples make smaller batches, so that an epoch has enough steps.
    static func batchSize(examples: Int) -> Int {
        switch examples {
        case ..<5_000: 32
        case ..<20_000: 64
        default: 128
        }
    }

    /// 40 epochs, or as many as a network needs to make 4,000 steps, but no more than 1,000.
    static func epochs(examples: Int, batchSize: Int) -> Int {
        let stepsPerEpoch = max(1, (examples + batchSize - 1) / batchSize)
        return min(max(40, (4_000 + stepsPerEpoch - 1) / stepsPerEpoch), 1_000)
    }

    /// 0.01 up to 131,072 parameters, and less with the cube root of more.
    static func learningRate(parameters: Int) -> Double {
        let rate = 0.01 * min(1, cbrt(131_072 / Double(max(parameters, 1))))
        // Two digits are read more easily, and are as good.
        let unit = pow(10, floor(log10(rate)) - 1)
        return (rate / unit).rounded() * unit
    }
}

extension Hyperparameters {
    /// Fills in what is left to the program.
    ///
    /// - Parameters:
    ///   - examples: Those of an epoch.
    ///   - parameters: The network's trainable parameters.
    mutating func choose(_ automatic: AutomaticHyperparameters, examples: Int, parameters: Int) {
        if automatic.contains(.batchSize) { batchSize = AutomaticHyperparameters.batchSize(examples: examples) }
        if automatic.contains(.epochs) {
            epochs = AutomaticHyperparameters.epochs(examples: examples, batchSize: batchSize)
        }
        if automatic.contains(.learningRate) {
            learningRate = AutomaticHyperparameters.learningRate(parameters: parameters)
        }
    }
}

extension Hyperparameters {
    /// What was chosen, in a sentence; nil if the user set it all.
    func sentence(_ automatic: AutomaticHyperparameters, examples: Int) -> String? {
        guard !automatic.isEmpty else { return nil }
        func chosen(_ part: AutomaticHyperparameters) -> String { automatic.contains(part) ? " (auto)" : "" }
        let steps = (examples + batchSize - 1) / batchSize * epochs
        return "recipe: \(grouped(epochs)) epochs\(chosen(.epochs)) of batches of \(batchSize)\(chosen(.batchSize))"
            + (lanes > 1 ? " in \(lanes) lanes\(exchange == .float32 ? "" : " of \(exchange.rawValue)"), " : ", ")
            + "\(grouped(steps)) steps, learning rate \(Float(learningRate))\(chosen(.learningRate))"
    }
}
