import ModelFiles
import Networks
import Tensors
import Training

/// A short training with rounded weights after those of the request, on what its teachers predict: the loss is the request's
/// with the weights and the temperature of its end, but for terms of layers. Members that learned one after another learn
/// together, since they share one file.
struct FineTuning: Hashable, Sendable {
    /// How many epochs it has, as a share of the student's; one at least.
    var epochShare: Double
    /// Its first learning rate, as a share of the student's. It ends at 0.
    var rateShare: Double

    /// The student's recipe for few epochs, without what needs many. Averages and the weights of an earlier epoch would be
    /// rounded as no epoch has rounded them.
    func hyperparameters(_ hyperparameters: Hyperparameters) -> Hyperparameters {
        var hyperparameters = hyperparameters
        hyperparameters.epochs = max(1, Int((epochShare * Double(hyperparameters.epochs)).rounded()))
        hyperparameters.learningRate *= rateShare
        hyperparameters.learningRateSchedule = LearningRateSchedule(.cosine)
        (hyperparameters.emaMomentum, hyperparameters.patience, hyperparameters.keepsBest) = (nil, nil, false)
        return hyperparameters
    }

    func cost(_ hyperparameters: Hyperparameters) -> StageCost {
        var cost = StageCost()
        cost.epochs = self.hyperparameters(hyperparameters).epochs
        (cost.heldOutPasses, cost.asksTeachers) = (cost.epochs, true)
        return cost
    }

    /// What it depends on.
    ///
    /// - Parameter stage: The beginning of their keys.
    func settings(of stage: String) -> [Setting] {
        [
            Setting("\(stage)-epoch-share", .number(epochShare), in: [.fingerprint, .provenance]),
            Setting("\(stage)-rate-share", .number(rateShare), in: [.fingerprint, .provenance]),
        ]
    }

    /// Trains a student.
    ///
    /// - Parameters:
    ///   - name: What the training is called, but for the run.
    ///   - rounding: As for `Trainer`.
    func train(
        _ student: TrainedNetwork, as name: String, _ context: StageContext,
        rounding: @escaping (_ weights: Tensor, _ epoch: Int) throws -> WeightRounding
    ) throws -> Trainer {
        let graph = context.plan.built.graph
        let loss = DistillationLoss(
            loss(context.request.loss), mixture: context.mixture, teacherNames: context.predictions.names)
        context.tellOnce("loss of \(name): \(loss.formulaInLines)")
        let part = TrainingPart(
            member: nil, graph: graph, hyperparameters: hyperparameters(context.hyperparameters), isFirst: true)
        return try context.distil(
            name, part, graph, minimizing: loss, context.predictions, nil, heldOut: context.validation, from: student,
            rounding: rounding)
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
