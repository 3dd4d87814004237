import Datasets
import ModelFiles
import Models
import Networks
import Tensors
import Training

/// A stage that makes the student's file smaller, and the self-check after it: the student as its file would have it is measured on
/// held-out examples beside what its trainings had made of it. The test split is not looked at.
struct CheckedStage: Stage {
    enum Role {
        /// Without it the file does not fit: kept whatever it costs.
        case required
        /// Taken back where the student was better before.
        case optional
        /// The same, and left out where the student has lost no more than it may.
        case secondTry
    }

    let stage: any Stage
    let role: Role

    init(_ stage: any Stage, _ role: Role = .optional) { (self.stage, self.role) = (stage, role) }

    var name: String { stage.name }
    var settings: [Setting] { stage.settings }
    var trainsRounded: Bool { stage.trainsRounded }

    func encodings(after given: WeightEncodings, of layout: ParameterLayout) -> WeightEncodings {
        stage.encodings(after: given, of: layout)
    }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        guard !isIdle(plan, hyperparameters) else { return StageCost() }
        var cost = stage.cost(plan, hyperparameters)
        cost.heldOutPasses += 3
        return cost
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        plan.export.encodings.areExact ? [] : stage.steps(plan, hyperparameters, titled: titled)
    }

    /// Whether there is nothing to do, since the file holds every bit of the weights, say.
    private func isIdle(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> Bool {
        steps(plan, hyperparameters, titled: { $0 }).isEmpty
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard !isIdle(context.plan, context.hyperparameters) else { return student }
        if role == .secondTry, student.outcome?.passes(allowing: context.request.allowedLoss) ?? true { return student }
        var before = student
        before.exact = student.exact ?? student.network
        let changed = try stage.run(before, context)
        let (outcome, wasBetter) = try measure(changed, before, context)
        let isKept = role == .required || !wasBetter
        var result = isKept ? changed : before
        result.outcomes.append(outcome.kept(isKept))
        context.tell(.message("\(context.title(name)): \(outcome)\(isKept ? "" : "; taken back")"))
        return result
    }

    /// What a student has become, and whether it was better before, in the first metric on held-out examples.
    private func measure(
        _ student: Student, _ before: Student, _ context: StageContext
    ) throws -> (StageOutcome, wasBetter: Bool) {
        let output = context.request.output
        guard let (export, network) = try student.written(context.plan, to: output), let exact = before.exact else {
            preconditionFailure("no stage has trained the student")
        }
        let size = StageOutcome.Size(export, network)
        guard context.validation.count > 0 else { return (StageOutcome(name, size), false) }
        let earlier = try before.written(context.plan, to: output).map { [$0.network] } ?? []
        let scores = try context.scores([network, exact] + earlier)
        let difference = scores[0].minus(scores[1]).first
        let wasBetter = scores.count > 2 && first(scores[2]) > first(scores[0])
        return (StageOutcome(name, size, scores[0].metrics, difference), wasBetter)
    }

    private func first(_ scores: Evaluation.Scores) -> Double { scores.metrics.first?.value ?? 0 }
}

extension StageContext {
    /// What networks come to on held-out examples.
    fileprivate func scores(_ networks: [TrainedNetwork]) throws -> [Evaluation.Scores] {
        let predictors = networks.map {
            LogitsPredictor($0.graph, weights: $0.weights, for: validation, workers: workers)
        }
        var evaluation = Evaluation(
            validation, shares: networks.indices.map { Evaluation.only($0, of: networks.count) },
            options: .init(hasSamples: true))
        try evaluation.add(validation, from: predictors)
        return evaluation.scores()
    }
}
