import Foundation
import ModelFiles
import Networks
import Tensors
import Training

/// Gradual magnitude pruning (Zhu and Gupta, 2018, "To prune, or not to prune"): a short training in which a growing share of
/// the weights is 0,
///
///     share(e) = S · (1 − (1 − p)³),   p from 0 to 1 in the first three quarters of the epochs.
///
/// Weights that are 0 go on learning behind the scenes and may come back, as with other rounded weights. Which are 0 is found at the
/// beginning of each epoch (`MagnitudePruning`). S is what leaves room for the others in the bits that are planned.
struct Pruning: Stage {
    var training = FineTuning(epochShare: 0.25, rateShare: 0.3)

    var name: String { "pruning" }
    var trainsRounded: Bool { true }
    var settings: [Setting] { training.settings(of: "pruning") }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        share(plan) > 0 ? training.cost(hyperparameters) : StageCost()
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        share(plan) > 0 ? [[RunSteps.Phase.training(titled(name))]] : []
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let first = student.network else { preconditionFailure("no stage has trained the student") }
        let share = share(context.plan), epochs = training.hyperparameters(context.hyperparameters).epochs
        guard share > 0 else { return student }
        let layout = context.plan.built.graph.layout, encodings = context.plan.export.encodings
        func pruned(_ weights: Tensor, _ share: Double) -> MagnitudePruning {
            MagnitudePruning(layout, weights, share: share) { encodings[$0].plannedBits != nil }
        }
        let trainer = try training.train(first, as: name, context) { weights, epoch in
            let pruning = pruned(weights, Self.share(of: share, epoch: epoch, of: epochs))
            return WeightRounding(layout, pruning.rounding)
        }
        var changed = student
        let result = trainer.result
        changed.network = TrainedNetwork(graph: trainer.graph, weights: pruned(result, share).prune(result))
        return changed
    }

    /// What is pruned in an epoch, counted from 0.
    static func share(of final: Double, epoch: Int, of epochs: Int) -> Double {
        let rest = max(0, 1 - Double(epoch + 1) / (0.75 * Double(epochs)).rounded(.up))
        return final * (1 - rest * rest * rest)
    }

    /// How many of the weights that get their share of the planned bits are 0 at the end.
    private func share(_ plan: StudentPlan) -> Double {
        var bits = 0.0, count = 0.0
        for entry in plan.built.graph.layout.entries {
            guard let planned = plan.export.encodings[entry].plannedBits else { continue }
            bits += planned * Double(entry.spec.shape.elementCount)
            count += Double(entry.spec.shape.elementCount)
        }
        return count > 0 ? Self.zeros(leaving: bits / count) : 0
    }

    /// Under so many bits a weight pruning is worth its training: the coarsest levels take hardly less by themselves.
    static let mostBits = 1.5
    /// What a weight takes that is not 0, its sign and some 8 magnitudes, and by how much coded bytes exceed the entropy.
    private static let (others, excess) = (3.5, 1.1)

    /// The smallest share s of zeros with which weights take no more than so many bits each,
    ///
    ///     1.1 · (H(s) + (1 − s) · 3.5) ≤ bits,
    ///
    /// where H is the entropy of which are 0.
    static func zeros(leaving bits: Double) -> Double {
        func needed(_ share: Double) -> Double {
            let rest = 1 - share
            return excess * (-share * log2(share) - rest * log2(rest) + rest * others)
        }
        // From there on it falls.
        var (low, high) = (0.1, 0.999)
        guard needed(low) > bits else { return 0 }
        guard needed(high) <= bits else { return high }
        for _ in 0..<40 {
            let middle = (low + high) / 2
            if needed(middle) > bits { low = middle } else { high = middle }
        }
        return high
    }
}
