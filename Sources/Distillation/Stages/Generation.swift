import Datasets
import ModelFiles
import Models
import Networks
import Ranks
import Storage
import Training

/// Training on the predictions of teachers: of those of the request for the first generation, and for each other one of the
/// student before it (Furlanello et al., 2018).
struct Generation: Stage {
    /// Counted from 1.
    let number: Int
    let count: Int

    init(number: Int, of count: Int) { (self.number, self.count) = (number, count) }

    var name: String { count == 1 ? "student" : "generation \(number)" }

    func cost(_ plan: StudentPlan, _ hyperparameters: Hyperparameters) -> StageCost {
        var cost = StageCost(training: plan, hyperparameters)
        cost.asksTeachers = number == 1
        return cost
    }

    func steps(_ plan: StudentPlan, _ hyperparameters: Hyperparameters, titled: (String) -> String) -> [[String]] {
        (number == 1 ? [] : [[RunSteps.Phase.predicting("generation-\(number - 1)")]])
            + plan.steps(ofTraining: titled(name), hyperparameters)
    }

    func run(_ student: Student, _ context: StageContext) throws -> Student {
        guard number > 1, let teacher = student.network else {
            let network = try train(
                context.request.loss, context.layers, context.predictions, context.mixture, from: student.network,
                context)
            return Student(network: network)
        }
        let predictions = try context.predictions(of: teacher, generation: number - 1)
        // The layers of the first teachers are not those of a generation.
        let network = try train(
            context.request.loss.withoutLayers, nil, predictions,
            EnsembleMixture(context.request.combination, context.labelKind, weights: [1]), from: nil, context)
        return Student(network: network, predecessors: student.predecessors + [teacher])
    }

    private func train(
        _ settings: LossSettings, _ layers: LayerTerms?, _ predictions: TeacherPredictions, _ mixture: EnsembleMixture,
        from first: TrainedNetwork?, _ context: StageContext
    ) throws -> TrainedNetwork {
        var hyperparameters = context.hyperparameters
        hyperparameters.seed &+= number - 1
        return try context.plan.train(hyperparameters) { part in
            // Nor are the student's layers those of a member.
            let layers = part.member == nil ? layers : nil
            let loss = DistillationLoss(
                settings, mixture: mixture, places: layers?.places ?? [], teacherNames: predictions.names)
            if part.isFirst { context.tellOnce("loss: \(loss.formulaInLines)") }
            let trainer = try context.distil(
                name, part, layers?.student ?? part.graph, minimizing: loss, predictions, layers,
                heldOut: context.validation, from: first)
            return TrainedNetwork(trainer, as: part.graph)
        }
    }
}

extension StageContext {
    /// What a generation predicts, which is kept in the run directory, as it is itself.
    fileprivate func predictions(of student: TrainedNetwork, generation: Int) throws -> TeacherPredictions {
        let path = RunDirectory.student(directory.path, ofGeneration: generation)
        // Where a student comes from is known at the end; those on the way are the run's own.
        let notes = ExportPlan.Notes(["run": directory.mark], classNames: data.classNames)
        if workers.peers.isFirst {
            try ExportPlan(plan.built, format: RunDirectory.format, notes: notes).write(student.weights, to: path)
        }
        workers.peers.meet()
        let predictions = predictions.of(
            [try ModelTeacher(path, data: data)], digests: [try sha256(ofFile: path)])
        try clock.measuring(\.teach) {
            try predictions.prepare(train, validation, live: predictions.isLive ? [0] : [])
        }
        return predictions
    }
}
