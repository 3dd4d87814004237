import Foundation
import ModelFiles
import Networks
import Tensors
import Training

/// Training of the student as its file will hold it: with rounded weights, on what the teachers say (Polino et al., 2018, "Model
/// compression via distillation and quantization").
///
/// The loss is the request's with the weights and the temperature of its end, but for terms of layers. The teachers are those of
/// the request after any number of generations, and members that learned one after another learn together: they share one file.
/// Encodings are found anew for the weights at the beginning of each epoch; those of the last one are the file's. Statistics
/// of batch normalization are measured while the student learns, with its rounded weights.
struct QuantizedDistillation: Stage {
    /// Finds encodings whose file fits the budget, a function of the weights alone, which have the layout of the plan's network.
    typealias Solver = @Sendable (_ weights: Tensor, _ context: StageContext) throws -> WeightEncodings

    let solve: Solver
    /// How many epochs it has, as a share of the student's; one at least.
    var epochShare = 0.125
    /// Its first learning rate, as a share of the student's. It ends at 0.
    var rateShare = 0.1

    var name: String { "quantized distillation" }
    var trainsRounded: Bool { true }

    var settings: [Setting] {
        [
            Setting("quantized-epoch-share", .number(epochShare), in: [.fingerprint, .provenance]),
            Setting("quantized-rate-share", .number(rateShare), in: [.fingerprint, .provenance]),
        ]
    }

    func cost(_ plan: StudentPlan, _ recipe: Recipe) -> StageCost {
        var cost = StageCost()
        cost.epochs = self.recipe(recipe).epochs
        (cost.heldOutPasses, cost.asksTeachers) = (cost.epochs, true)
        return cost
    }

    func steps(_ plan: StudentPlan, _ recipe: Recipe, titled: (String) -> String) -> [[String]] {
        [[RunSteps.Phase.training(titled(name))]]
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let first = student.network else { preconditionFailure("no stage has trained the student") }
        let graph = context.plan.built.graph, solve = solve
        let loss = DistillationLoss(
            loss(context.request.loss), mixture: context.mixture, teacherNames: context.predictions.names)
        context.tellOnce("loss of quantized distillation: \(loss.formulaInLines)")
        var encodings: WeightEncodings?
        let part = TrainingPart(member: nil, graph: graph, recipe: recipe(context.recipe), isFirst: true)
        let trainer = try context.distil(
            name, part, graph, minimizing: loss, context.predictions, nil, heldOut: context.validation, from: first
        ) { weights in
            let found = try solve(weights, context)
            encodings = found
            return WeightRounding(graph.layout) { entry in
                weights.slice(at: entry.offset, count: entry.spec.shape.elementCount)
                    .withSpan(found[entry].rounding(fitting:))
            }
        }
        var changed = student
        changed.network = TrainedNetwork(trainer)
        changed.encodings = try encodings.map { try fit($0, trainer.result, context) }
        return changed
    }

    /// Encodings with the bytes that they need for trained weights: on other levels where these bytes are too many.
    private func fit(
        _ encodings: WeightEncodings, _ weights: Tensor, _ context: StageContext
    ) throws -> WeightEncodings {
        let counted = encodings.counted(for: weights, of: context.plan.built.graph.layout)
        let size = try context.plan.export.storing(counted).size.file
        return size <= context.plan.export.size.file ? counted : try solve(weights, context)
    }

    /// The student's recipe for few epochs, without what needs many. Averages and the weights of an earlier epoch would be
    /// rounded as no epoch has rounded them.
    func recipe(_ recipe: Recipe) -> Recipe {
        var recipe = recipe
        recipe.epochs = max(1, Int((epochShare * Double(recipe.epochs)).rounded()))
        recipe.learningRate *= rateShare
        recipe.learningRateSchedule = LearningRateSchedule(.cosine)
        (recipe.averageDecay, recipe.patience, recipe.keepsBest) = (nil, nil, false)
        return recipe
    }

    private func loss(_ settings: LossSettings) -> LossSettings {
        func atEnd(_ schedule: Schedule) -> Schedule { .constant(schedule(1)) }
        let terms = settings.withoutLayers.terms.map { term in
            LossTerm(term.measure, weight: atEnd(term.weight), teacher: term.teacher)
        }
        return LossSettings(
            terms, temperature: atEnd(settings.temperature), softWeight: atEnd(settings.softWeight),
            lambda: atEnd(settings.lambda))
    }
}
