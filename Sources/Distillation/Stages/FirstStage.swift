import Datasets
public import ModelFiles
import Networks
import Training

/// Training on feature losses alone, before the prediction loss (Romero et al., 2015).
public struct FirstStage: Hashable, Sendable {
    public var epochs: Int
    public var terms: [LossTerm]

    public init(epochs: Int, terms: [LossTerm]) { (self.epochs, self.terms) = (epochs, terms) }

    /// What is minimized: the terms alone, with no ground truth.
    func loss(temperature: Schedule) -> LossSettings {
        LossSettings(terms, temperature: temperature, softWeight: .constant(1), lambda: .constant(0))
    }

    /// As a configuration file has it.
    public var json: JSON { ["epochs": .integer(epochs), "losses": .array(terms.map(\.json))] }
}

extension FirstStage: Stage {
    var name: String { "first stage" }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        var cost = StageCost()
        (cost.epochs, cost.asksTeachers) = (epochs, true)
        return cost
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        [[RunSteps.Phase.training(titled(name))]]
    }

    /// Trains the student's layers; those for training alone stay, since the training that follows may have them, too.
    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard let layers = context.firstLayers else { preconditionFailure("a first stage without its layers") }
        let loss = DistillationLoss(
            loss(temperature: context.request.loss.temperature), mixture: context.mixture, places: layers.places,
            teacherNames: context.predictions.names)
        var hyperparameters = context.hyperparameters
        (hyperparameters.epochs, hyperparameters.patience, hyperparameters.keepsBest) = (epochs, nil, false)
        context.tellOnce("loss of the first stage: \(loss.formulaInLines)")
        let part = TrainingPart(member: nil, graph: layers.student, hyperparameters: hyperparameters, isFirst: true)
        let trainer = try context.distil(
            name, part, part.graph, minimizing: loss, context.predictions, layers,
            heldOut: context.validation.selecting([], name: "validation"), from: student.network)
        return Student(network: TrainedNetwork(trainer))
    }
}
