import Datasets
import Foundation
public import ModelFiles
import Networks
public import Tensors
public import Training

/// One model to be trained on the true labels: a teacher, or a student to compare with.
public struct TrainingRequest: Sendable {
    /// An architecture (`.yaml`), or a Keras model whose architecture is taken (`.h5`).
    public var architecture: String
    public var data: String
    public var output: String
    /// The multiplier of the architecture's widths; nil for 1.
    public var width: Double?
    public var recipe: Recipe
    /// How examples are changed while the model learns from them; nil for not at all.
    public var augmentation: Augmentation?
    /// Where metrics and checkpoints are kept; nil keeps none.
    public var runDirectory: String?
    /// Whether to go on from the checkpoint in the run directory.
    public var isResuming = false
    public var threads: Int?

    public init(architecture: String, data: String, output: String, recipe: Recipe) {
        (self.architecture, self.data, self.output, self.recipe) = (architecture, data, output, recipe)
    }
}

/// A trained model and how good it is on the test split.
public struct TrainedModel: Sendable {
    public let size: SizeReport
    public let bytes: ByteCount
    public let test: CompressionReport.Metrics
    public let seconds: Double
}

/// Trains a model on the true labels, and writes it.
///
/// - Throws: What is wrong with architecture and data, before any training; `CheckpointError` where there is none to go
///   on from, or one of another run; `CancellationError` when interrupted.
public func trainModel(
    _ request: TrainingRequest, isInterrupted: @escaping () -> Bool = { false },
    tell: @escaping (CompressionEvent) -> Void
) throws -> TrainedModel {
    let start = Date()
    let data = try ExampleFile(opening: request.data)
    let plan = try StudentPlan(
        .file(request.architecture), width: request.width, budget: nil, data: data, labelKind: data.labelKind,
        format: ExportPlan.Format(of: request.output))
    let problems = request.augmentation?.refusals(of: data) ?? []
    if !problems.isEmpty { throw LossError(problems: problems) }
    let workers = Workers(request.threads)
    defer { workers.close() }
    tell(.message(plan.sentence("model", budget: nil)))
    let (train, validation) = data.trainAndValidation()
    for split in [train, validation, data.test] { try checkWords(of: plan.built.graph, in: split) }
    var fingerprint = ""
    if let directory = request.runDirectory {
        if request.isResuming {
            guard RunDirectory.hasCheckpoint(directory) else { throw NoCheckpointError(directory: directory) }
        } else {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            RunDirectory.clear(directory)
        }
        let changes = request.augmentation.map { "; \($0)" } ?? ""
        fingerprint = "\(request.recipe); data \(try sha256(ofFile: request.data)); \(plan.digest)\(changes)"
    }
    let network = try plan.train(request.recipe) { part in
        let session = TrainingSession(
            name: part.title(plan.built.architecture.name), key: part.key("model"), directory: request.runDirectory,
            fingerprint: fingerprint, isResuming: request.isResuming, isInterrupted: isInterrupted, tell: tell)
        let views = request.augmentation.map { Views($0, seed: part.recipe.seed) }
        let trainer = try session.train(
            part.graph, part.recipe, minimizing: LabelLoss(data.labelKind),
            on: LessonReader(train, views: views, recipe: part.recipe, workers: workers), train, validation, workers)
        return TrainedNetwork(trainer)
    }

    let bytes = try plan.export.write(network.weights, to: request.output)
    let test = try evaluate(network.graph, weights: network.weights, on: data.test, workers: workers)
    return TrainedModel(
        size: plan.export.size, bytes: bytes, test: test, seconds: Date().timeIntervalSince(start))
}

extension Augmentation {
    /// What of it does not suit a file's examples.
    func refusals(of data: ExampleFile) -> [String] {
        refusals(shape: data.exampleShape, hasLengths: data.train.hasFrameCounts)
    }
}
