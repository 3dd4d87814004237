import Datasets
import Foundation
public import ModelFiles
public import Models
import Networks
import Storage
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
    /// How the weights are stored.
    public var precision = Precision.float32
    public var hyperparameters: Hyperparameters
    /// What of the recipe is chosen once data and model are known.
    public var automatic: AutomaticHyperparameters = []
    /// How examples are changed while the model learns from them; nil for not at all.
    public var augmentation: Augmentation?
    /// Where metrics and checkpoints are kept; nil keeps none.
    public var runDirectory: String?
    /// Whether to go on from the checkpoint in the run directory.
    public var isResuming = false
    /// Whether an earlier run in the run directory may be replaced.
    public var replacesRun = false
    public var threads: Int?

    /// The files that are read.
    var inputs: [String] { [architecture, data] }

    public init(architecture: String, data: String, output: String, hyperparameters: Hyperparameters) {
        (self.architecture, self.data, self.output, self.hyperparameters) = (
            architecture, data, output, hyperparameters
        )
    }
}

/// A trained model and how good it is on the test split.
public struct TrainedModel: Sendable {
    public let size: SizeReport
    public let bytes: ByteCount
    public let test: NamedMetrics
    public let seconds: Double
}

/// Trains a model on the true labels, and writes it.
///
/// - Throws: What is wrong with output, architecture and data, before any training; `CheckpointError` where there is none to go
///   on from, or one of another run; `CancellationError` when interrupted.
public func trainModel(
    _ request: TrainingRequest, isInterrupted: @escaping () -> Bool = { false },
    tell: @escaping (CompressionEvent) -> Void
) throws -> TrainedModel {
    let start = Date(), inputs = WatchedFiles(request.inputs)
    let format = try ModelFormats.named(by: request.output)
    let data = try ExampleFile(opening: request.data)
    let plan = try StudentPlan(
        CompressionRequest.Student(named: request.architecture), width: request.width, budget: nil, data: data,
        labelKind: data.labelKind, format: format, precision: request.precision)
    let problems = request.augmentation?.refusals(of: data) ?? []
    if !problems.isEmpty { throw LossError(problems: problems) }
    let threads = request.threads ?? ProcessInfo.processInfo.activeProcessorCount
    let graph = plan.built.graph, splits = [data.train, data.test]
    let measuring = splits.map { inferenceMemory(graph, of: $0) + Predictor.memory(graph, threads: threads).bytes }
    try MemoryError.check(
        Trainer.memory(graph, request.hyperparameters, threads: threads).bytes + (measuring.max() ?? 0),
        threads: threads,
        advice: MemoryError.trainingAdvice)
    let workers = Workers(request.threads, isInterrupted: isInterrupted)
    defer { workers.close() }
    tell(.message(plan.sentence("model", budget: nil)))
    for warning in data.warnings { tell(.warning(warning)) }
    if let warning = try plan.inputWarning(data) { tell(.warning(warning)) }
    let (train, validation) = data.trainAndValidation()
    var request = request
    request.hyperparameters.choose(
        request.automatic, examples: train.count, parameters: plan.built.graph.layout.trainableParameterCount)
    if let line = request.hyperparameters.sentence(request.automatic, examples: train.count) { tell(.message(line)) }
    let hyperparameters = request.hyperparameters
    for split in [train, validation, data.test] { try checkWords(of: plan.built.graph, in: split) }
    let fingerprint = RunFingerprint(
        request, data: request.runDirectory == nil ? "" : try sha256(ofFile: request.data), model: plan.digest)
    try inputs.check()
    let directory = try request.openRunDirectory(fingerprint)
    let lock = directory == nil ? try FileLock(output: request.output) : nil
    // They hold the locks to the end.
    defer { withExtendedLifetime((directory, lock)) {} }
    let network = try plan.train(hyperparameters) { part in
        let session = TrainingSession(
            name: part.title(plan.built.architecture.name), key: part.key("model"), directory: directory,
            fingerprint: fingerprint.digest, inputs: inputs, isResuming: request.isResuming,
            workers: workers, tell: tell)
        let views = request.augmentation.map { Views($0, seed: part.hyperparameters.seed) }
        let trainer = try session.train(
            part.graph, part.hyperparameters, minimizing: LabelLoss(data.labelKind),
            on: BatchLoader(train, views: views, hyperparameters: part.hyperparameters, workers: workers), train,
            validation)
        return TrainedNetwork(trainer)
    }

    // Examples that cannot be read leave no model behind.
    let weights = try plan.export.rounded(network.weights, for: request.output)
    let test = try evaluate(network.graph, weights: weights, on: data.test, workers: workers)
    try inputs.check()
    let bytes = try plan.export.write(weights, to: request.output)
    return TrainedModel(
        size: plan.export.size, bytes: bytes, test: test, seconds: Date().timeIntervalSince(start))
}

extension TrainingRequest {
    /// The run directory, locked, begun or found to be that of the same run; nil where none is wanted.
    fileprivate func openRunDirectory(_ fingerprint: RunFingerprint) throws -> RunDirectory? {
        guard let runDirectory else { return nil }
        if isResuming, !RunDirectory.hasCheckpoint(runDirectory) { throw NoCheckpointError(directory: runDirectory) }
        let directory = try RunDirectory(runDirectory, inputs: inputs, output: output)
        if isResuming {
            try directory.resume(fingerprint)
        } else {
            try directory.begin(fingerprint, configuration: nil, replacing: replacesRun)
        }
        return directory
    }
}

extension Augmentation {
    /// What of it does not suit a file's examples.
    func refusals(of data: ExampleFile) -> [String] {
        refusals(shape: data.exampleShape, hasLengths: data.train.hasFrameCounts)
    }
}
