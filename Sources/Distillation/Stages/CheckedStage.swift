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
        cost.heldOutPasses += 2
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
        if student.exact == nil, let network = student.network { before.exact = try context.scores(network) }
        let changed = try stage.run(before, context)
        var result = changed, outcome: StageOutcome
        (outcome, result.scores) = try measure(changed, context)
        if role != .required, let after = result.scores, first(after) < first(try scores(of: before, context)) {
            (outcome, result) = (outcome.takenBack, before)
        }
        result.outcomes.append(outcome)
        context.tell(.message("\(context.title(name)): \(outcome)\(outcome.isKept ? "" : "; taken back")"))
        return result
    }

    /// What a student has become as its file would have it.
    private func measure(_ student: Student, _ context: StageContext) throws -> (StageOutcome, Evaluation.Scores?) {
        guard let (export, network) = try student.written(context.plan, to: context.request.output) else {
            preconditionFailure("no stage has trained the student")
        }
        let size = StageOutcome.Size(export, network)
        guard let scores = try context.scores(network), let exact = student.exact else {
            return (StageOutcome(name, size), nil)
        }
        return (StageOutcome(name, size, scores.metrics, scores.minus(exact).first), scores)
    }

    /// Those of a student before this stage, which the stage before may have measured.
    private func scores(of student: Student, _ context: StageContext) throws -> Evaluation.Scores? {
        if let scores = student.scores { return scores }
        let written = try student.written(context.plan, to: context.request.output)
        return try written.flatMap { try context.scores($0.network) }
    }

    private func first(_ scores: Evaluation.Scores?) -> Double { scores?.metrics.first?.value ?? 0 }
}

extension StageContext {
    /// What a network comes to on held-out examples; nil where none are held out.
    fileprivate func scores(_ network: TrainedNetwork) throws -> Evaluation.Scores? {
        guard validation.count > 0 else { return nil }
        var evaluation = Evaluation(validation, shares: [[1]], options: .init(hasSamples: true))
        try evaluation.add(
            validation, from: [],
            [LogitsPredictor(network.graph, weights: network.weights, for: validation, workers: workers)])
        return evaluation.scores().first
    }
}
