import Datasets
import ModelFiles
import Models
import Networks
import Storage
import Tensors
import Training

/// What a stage works with: the job, its data, and the teachers' predictions.
struct StageContext {
    let request: CompressionRequest
    let plan: StudentPlan
    let data: ExampleFile
    let train: ExampleSplit
    let validation: ExampleSplit
    let unlabeled: ExampleSplit?
    /// How examples are changed.
    let views: Views?
    /// The terms of layers of the student's loss, and of the first stage's.
    let layers: LayerTerms
    let firstLayers: LayerTerms?
    /// What the teachers of the request predict, and how their predictions become one.
    let predictions: TeacherPredictions
    let mixture: EnsembleMixture
    let directory: RunDirectory
    /// What the run depends on.
    let fingerprint: String
    let clock: WorkClock
    /// Counts runs with seeds of their own, from 0.
    var run = 0

    var labelKind: LabelKind { data.labelKind }
    var workers: Workers { predictions.workers }
    var tell: (CompressionEvent) -> Void { predictions.tell }

    /// What is done, as the progress and the names of files call it in this run.
    func title(_ name: String) -> String { request.title(name, run: run) }

    /// The recipe with the seed of this run.
    var hyperparameters: Hyperparameters {
        var hyperparameters = request.hyperparameters
        hyperparameters.seed &+= run
        return hyperparameters
    }

    /// Tells something that is the same in every run, once.
    func tellOnce(_ message: String) { if run == 0 { tell(.message(message)) } }
}

// MARK: - Trainings

extension StageContext {
    /// Trains a network on what teachers predict.
    ///
    /// - Parameters:
    ///   - name: What the training is called, but for the run.
    ///   - part: What of the student is trained.
    ///   - graph: Its layers, with those that its losses need.
    ///   - layers: The terms of layers among the losses, whose teachers run beside the student; nil for none.
    ///   - first: Where the weights begin, by layer and name; those of other layers are drawn.
    ///   - rounding: How the weights that the network computes with are rounded (`Trainer`); nil for not at all.
    func distil(
        _ name: String, _ part: TrainingPart, _ graph: LayerGraph, minimizing loss: DistillationLoss,
        _ predictions: TeacherPredictions, _ layers: LayerTerms?, heldOut: ExampleSplit, from first: TrainedNetwork?,
        rounding: ((Tensor, _ epoch: Int) throws -> WeightRounding)? = nil
    ) throws -> Trainer {
        let loader = BatchLoader(
            train, unlabeled: unlabeled, views: views, hyperparameters: part.hyperparameters, workers: workers)
        return try session(name, part).train(
            graph, part.hyperparameters, minimizing: loss, on: try predictions.batches(loader, train, layers), train,
            heldOut,
            from: first, rounding: rounding)
    }

    /// A training of this run: its name, its files, and how it goes on.
    func session(_ name: String, _ part: TrainingPart) -> TrainingSession {
        let name = title(name)
        return TrainingSession(
            name: part.title(name), key: part.key(name), directory: directory, fingerprint: fingerprint,
            inputs: predictions.inputs, isResuming: request.isResuming,
            checkpointInterval: request.checkpointInterval ?? TrainingRun.defaultCheckpointInterval,
            workers: workers, tell: tell)
    }
}
