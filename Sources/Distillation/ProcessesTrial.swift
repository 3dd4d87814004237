import Foundation
import ModelFiles
import Networks
import Ranks
import Tensors
import Training

/// What several processes gain over one, and what they pay for it, measured before anyone waits for it.
public struct ProcessesTrial: Sendable {
    /// How many there are, on which hosts and by what means.
    public let words: String
    public let count: Int
    /// How many of them have something to do.
    public let usefulCount: Int
    /// The most bytes of gradients and weights that a process sends a step.
    public let bytesPerStep: Int
    /// How long a step takes all of them, and how long one by itself.
    public let stepSeconds: Double
    public let aloneSeconds: Double
    /// The part of a step in which they exchange gradients.
    public let exchangeSeconds: Double

    /// How many times as fast as one process they train.
    public var speedup: Double { aloneSeconds / max(stepSeconds, .leastNormalMagnitude) }

    /// What speaks against them; empty where they are worth it.
    public var advice: [String] { [idle, slow].compactMap(\.self) }

    private var idle: String? { idleProcesses(count: count, useful: usefulCount) }

    private var slow: String? {
        guard speedup < Self.leastSpeedup else { return nil }
        return
            "\(count) processes train \(fixed(speedup, digits: 2)) times as fast as one; a larger --batch-size gives them more to do "
            + "between two exchanges, else use one, with all threads of its host"
    }

    /// Less is within what a trial of a few steps can tell.
    private static let leastSpeedup = 1.1
}

/// What to do about processes that have no part in a step; nil where all have.
func idleProcesses(count: Int, useful: Int) -> String? {
    guard useful < count else { return nil }
    return
        "only \(useful) of \(count) processes have a part in a step: start so many, or raise --lanes, if it is set, or --batch-size"
}

extension Compressor {
    /// Tries a step on all processes beside one on the first alone; all call it together.
    ///
    /// - Parameters:
    ///   - perExample: The seconds that training takes all of them for an example.
    ///   - alone: Measures the same on one process.
    /// - Returns: nil for one process by itself.
    func processesTrial(perExample: Double, alone: () throws -> Double) throws -> ProcessesTrial? {
        guard let words = peers.words else { return nil }
        let batch = Double(request.hyperparameters.batchSize)
        // The others wait meanwhile.
        let one = Double(try peers.ofFirst { "\(try alone())" }) ?? 0
        let exchange = Trainer.exchange(plan.built.graph, request.hyperparameters, peers)
        return ProcessesTrial(
            words: words, count: peers.count,
            usefulCount: Trainer.usefulProcesses(plan.built.graph, request.hyperparameters),
            bytesPerStep: exchange.bytes, stepSeconds: perExample * batch,
            aloneSeconds: one * batch, exchangeSeconds: exchange.seconds)
    }
}
