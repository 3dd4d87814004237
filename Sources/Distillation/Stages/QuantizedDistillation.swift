import Foundation
import ModelFiles
import Networks
import Tensors
import Training

/// Training of the student as its file will hold it: with rounded weights, on what the teachers predict (Polino et al., 2018,
/// "Model compression via distillation and quantization").
///
/// Encodings are found anew for the weights at the beginning of each epoch; those of the last one are the file's. Statistics
/// of batch normalization are measured while the student learns, with its rounded weights.
struct QuantizedDistillation: Stage {
    /// Finds encodings whose file fits the budget, a function of the weights, which have the layout of the plan's network, and of
    /// the student before the stage.
    typealias Solver =
        @Sendable (_ weights: Tensor, _ student: Student, _ context: StageContext) throws -> WeightEncodings

    let solve: Solver
    var training = FineTuning(epochShare: 0.125, rateShare: 0.1)
    /// Whether it is the second one, for a student that has lost more than it may.
    var isAgain = false

    var name: String { isAgain ? "quantized distillation again" : "quantized distillation" }
    var trainsRounded: Bool { true }

    var settings: [Setting] { isAgain ? [] : training.settings(of: "quantized") }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        training.cost(hyperparameters)
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        [[RunSteps.Phase.training(titled(name))]]
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let first = student.network else { preconditionFailure("no stage has trained the student") }
        let layout = context.plan.built.graph.layout, solve = solve
        var encodings: WeightEncodings?
        let trainer = try training.train(first, as: name, context) { weights, _ in
            let found = try solve(weights, student, context)
            encodings = found
            return WeightRounding(layout) { entry in
                weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
                    .withSpan(found[entry].rounding(fitting:))
            }
        }
        var changed = student
        changed.network = TrainedNetwork(trainer)
        changed.encodings = try encodings.map { try fit($0, trainer.result, student, context) }
        return changed
    }

    /// Encodings with the bytes that they need for trained weights: on other levels where these bytes are too many.
    private func fit(
        _ encodings: WeightEncodings, _ weights: Tensor, _ student: Student, _ context: StageContext
    ) throws -> WeightEncodings {
        let counted = encodings.counted(for: weights, of: context.plan.built.graph.layout)
        let size = try context.plan.export.storing(counted).size.file
        return size <= context.plan.export.size.file ? counted : try solve(weights, student, context)
    }
}
