import Datasets
import ModelFiles
import Networks
import Storage
import Tensors
import Training

/// Trains the student of a request: on what teachers say, and on labels alone for comparison.
struct StudentTraining {
    let request: CompressionRequest
    let plan: StudentPlan
    let labelKind: LabelKind
    let directory: RunDirectory
    /// What the run depends on.
    let fingerprint: String
    /// What is read.
    let inputs: WatchedFiles
    let train: ExampleSplit
    let validation: ExampleSplit
    let unlabeled: ExampleSplit?
    let views: Views?
    /// The terms of layers of the student's loss, and of the first stage's.
    let layers: LayerTerms
    let firstLayers: LayerTerms?
    let workers: Workers
    let tell: (CompressionEvent) -> Void

    /// A student of these teachers.
    ///
    /// - Parameters:
    ///   - generation: 1 learns from the teachers of the request, each other one from the student before it.
    ///   - run: Counts runs with seeds of their own, from 0.
    func student(_ predictions: TeacherPredictions, _ mixture: Mixture, generation: Int, run: Int = 0) throws
        -> TrainedNetwork
    {
        var recipe = request.recipe
        recipe.seed &+= generation - 1 + run
        return try plan.train(recipe) { part in
            try train(part, predictions, mixture, generation: generation, run: run)
        }
    }

    /// The student on labels alone: the same recipe, and the same changes of its examples.
    func baseline(run: Int = 0) throws -> LabelsAlone {
        var recipe = request.recipe
        (recipe.keepsBest, recipe.prefersLast) = (true, false)
        recipe.seed &+= run
        let trained = try plan.parts(recipe).map { part -> LabelsAlone.Part in
            let reader = BatchLoader(train, views: views, recipe: part.recipe, workers: workers)
            let trainer = try session(request.title("baseline", run: run), part).train(
                part.graph, part.recipe, minimizing: LabelLoss(labelKind), on: reader, train, validation)
            return LabelsAlone.Part(
                last: TrainedNetwork(graph: part.graph, weights: trainer.result(by: request.recipe)),
                best: TrainedNetwork(trainer),
                bestEpoch: trainer.bestScore?.epoch,
                isLastBest: trainer.keepsBestScore(by: request.recipe)
                    || trainer.bestScore.map { $0.epoch * reader.stepsPerEpoch } == trainer.step)
        }
        return LabelsAlone(trained, plan)
    }

    private func train(
        _ part: TrainingPart, _ predictions: TeacherPredictions, _ mixture: Mixture, generation: Int, run: Int
    ) throws -> TrainedNetwork {
        let name = request.title(request.generations == 1 ? "student" : "generation \(generation)", run: run)
        // The layers of the first teachers are not those of a generation, nor the student's those of a member.
        let layers = generation == 1 && part.member == nil ? layers : nil
        let loss = DistillationLoss(
            generation == 1 ? request.loss : request.loss.withoutLayers, mixture: mixture,
            places: layers?.places ?? [], teacherNames: predictions.names)
        let reader = BatchLoader(train, unlabeled: unlabeled, views: views, recipe: part.recipe, workers: workers)
        var first: TrainedNetwork?
        if generation == 1, let stage = request.firstStage, let firstLayers {
            first = try trainFirstStage(stage, firstLayers, predictions, mixture, reader, run: run)
        }
        if part.isFirst, run == 0 { tell(.message("loss: \(loss.formulaInLines)")) }
        let trainer = try session(name, part).train(
            layers?.student ?? part.graph, part.recipe, minimizing: loss,
            on: try predictions.batches(reader, train, layers), train, validation, from: first)
        return TrainedNetwork(trainer, as: part.graph)
    }

    /// Trains the student's layers before it learns to answer; returns its weights.
    private func trainFirstStage(
        _ stage: FirstStage, _ layers: LayerTerms, _ predictions: TeacherPredictions, _ mixture: Mixture,
        _ reader: BatchLoader,
        run: Int
    ) throws -> TrainedNetwork {
        let loss = DistillationLoss(
            stage.loss(temperature: request.loss.temperature), mixture: mixture, places: layers.places,
            teacherNames: predictions.names)
        var recipe = request.recipe
        recipe.epochs = stage.epochs
        recipe.seed &+= run
        (recipe.patience, recipe.keepsBest) = (nil, false)
        if run == 0 { tell(.message("loss of the first stage: \(loss.formulaInLines)")) }
        let trainer = try session(request.title("first stage", run: run)).train(
            layers.student, recipe, minimizing: loss, on: try predictions.batches(reader, train, layers), train,
            validation.selecting([], name: "validation"))
        return TrainedNetwork(trainer)
    }

    private func session(_ name: String, _ part: TrainingPart? = nil) -> TrainingSession {
        TrainingSession(
            name: part?.title(name) ?? name, key: part?.key(name) ?? name, directory: directory,
            fingerprint: fingerprint, inputs: inputs, isResuming: request.isResuming, workers: workers,
            tell: tell)
    }
}
