import Datasets
import ModelFiles
import Networks
import Tensors
import Training

/// A stage of rounded weights that is taken back where the student, as its file would have it, is worse on held-out examples
/// than before. Where the file holds every bit of the weights, there is nothing to do.
struct CheckedStage: Stage {
    let stage: any Stage

    init(_ stage: any Stage) { self.stage = stage }

    var name: String { stage.name }
    var settings: [Setting] { stage.settings }
    var trainsRounded: Bool { stage.trainsRounded }

    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings {
        stage.encodings(after: given, of: layout)
    }

    func cost(_ plan: StudentPlan, _ recipe: Recipe) -> StageCost {
        guard !plan.export.encodings.areExact else { return StageCost() }
        var cost = stage.cost(plan, recipe)
        cost.heldOutPasses += 2
        return cost
    }

    func steps(_ plan: StudentPlan, _ recipe: Recipe, titled: (String) -> String) -> [[String]] {
        plan.export.encodings.areExact ? [] : stage.steps(plan, recipe, titled: titled)
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard !context.plan.export.encodings.areExact else { return student }
        let changed = try stage.run(student, context)
        guard let before = try score(student, context), let after = try score(changed, context) else { return changed }
        let figures =
            "held-out \(after.name.replacing("_", with: " ")) \(fixed(after.value, digits: 4)), "
            + "\(fixed(before.value, digits: 4)) before"
        guard after.value < before.value else {
            context.tell(.message("\(context.title(name)): \(figures)"))
            return changed
        }
        context.tell(.message("\(context.title(name)): \(figures); taken back"))
        return student
    }

    /// The first metric on held-out examples; nil where none are held out.
    private func score(_ student: Student, _ context: StageContext) throws -> (name: String, value: Double)? {
        guard context.validation.count > 0,
            let (_, network) = try student.written(context.plan, to: context.request.output)
        else { return nil }
        return try evaluate(
            network.graph, weights: network.weights, on: context.validation, workers: context.workers
        ).first
    }
}
