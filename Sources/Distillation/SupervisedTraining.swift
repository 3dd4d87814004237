import Datasets
import Foundation
public import ModelFiles
public import Models
import Networks
public import Ranks
import Storage
public import Tensors
public import Training

/// One model to be trained on the true labels: a teacher, or a student to compare with.
public struct TrainingRequest: Sendable {
    /// An architecture (`.yaml`), or a Keras model whose architecture is taken (`.h5`).
    public var architecture: String
    public var data: String
    /// Which share of the training examples is for testing, in data without test examples; nil where it has some.
    public var testShare: Double?
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
    /// How many models are trained, each without one part of the training rows; nil for one model of all (`trainFolds`).
    public var folds: Int?
    /// Examples without labels that these models predict.
    public var unlabeled: String?
    /// A checkpoint is written where the last one is older.
    public var checkpointInterval = TrainingRun.defaultCheckpointInterval
    /// Whether the data is read for its digest, even where the run directory has that of a file of its size and time of change.
    public var verifiesData = false
    /// Whether to go on from the checkpoint in the run directory; where no run has begun there, one does.
    public var isResuming = false
    /// Whether an earlier run in the run directory may be replaced.
    public var replacesRun = false
    public var threads: Int?

    /// The files that are read.
    public var inputs: [String] { [architecture, data] + (unlabeled.map { [$0] } ?? []) }

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
    _ request: TrainingRequest, peers: any Peers = Alone(), isInterrupted: @escaping () -> Bool = { false },
    tell: @escaping (CompressionEvent) -> Void
) throws -> TrainedModel {
    let start = Date(), format = try ModelFormats.named(by: request.output)
    var job = try LabelTraining(request, format: format, peers)
    let workers = Workers(request.threads, peers: peers, isInterrupted: isInterrupted)
    defer { workers.close() }
    let data = job.data, plan = job.plan, (train, validation) = data.trainAndValidation()
    if let words = peers.words { tell(.message(words)) }
    try job.introduce(examples: train.count, tell)
    let useful = Trainer.usefulProcesses(plan.built.graph, job.request.hyperparameters)
    if let warning = idleProcesses(count: peers.count, useful: useful) { tell(.warning(warning)) }
    for split in [train, validation, data.test] { try checkWords(of: plan.built.graph, in: split) }
    let fingerprint = try job.fingerprint(workers)
    try job.inputs.check()
    try fingerprint.refuseOthers(peers)
    let directory = try job.request.openRunDirectory(fingerprint, peers)
    let lock = directory == nil && peers.isFirst ? try FileLock(output: request.output) : nil
    // They hold the locks to the end.
    defer { withExtendedLifetime((directory, lock)) {} }
    let network = try job.fit(
        train, validation, name: plan.built.architecture.name, key: "model", directory, fingerprint, workers, tell)

    // Examples that cannot be read leave no model behind.
    let weights = try plan.export.rounded(network.weights, for: request.output)
    let test = try evaluate(network.graph, weights: weights, on: data.test, workers: workers)
    try job.inputs.check()
    let bytes = peers.isFirst ? try plan.export.write(weights, to: request.output) : plan.export.size.file
    return TrainedModel(
        size: plan.export.size, bytes: bytes, test: test, seconds: Date().timeIntervalSince(start))
}

/// A model that is to learn from labels: planned and checked, before anything is trained or written.
struct LabelTraining {
    /// With the recipe that was chosen, once it was introduced.
    private(set) var request: TrainingRequest
    let inputs: WatchedFiles
    let data: ExampleFile
    let plan: StudentPlan

    /// - Parameter format: How the model is written.
    /// - Throws: What is wrong with architecture and data; `MemoryError`.
    init(_ request: TrainingRequest, format: any ModelFormat, _ peers: any Peers = Alone()) throws {
        self.request = request
        inputs = WatchedFiles(request.inputs)
        data = try ExampleFile(opening: request.data, testShare: request.testShare)
        plan = try StudentPlan(
            CompressionRequest.Student(named: request.architecture), width: request.width, budget: nil, data: data,
            labelKind: data.labelKind, format: format, precision: request.precision)
        let problems = request.augmentation?.refusals(of: data) ?? []
        if !problems.isEmpty { throw LossError(problems: problems) }
        var recipe = request.hyperparameters
        recipe.choose(
            request.automatic, examples: data.trainAndValidation().train.count,
            parameters: plan.built.graph.layout.trainableParameterCount)
        if let reason = Trainer.refusal(plan.built.graph, recipe, peers) {
            throw LossError(problems: ["the model cannot be trained by several processes: \(reason)"])
        }
        let threads = request.threads ?? ProcessInfo.processInfo.activeProcessorCount
        let graph = plan.built.graph, splits = [data.train, data.test]
        let measuring = splits.map {
            inferenceMemory(graph, of: $0) + Predictor.memory(graph, threads: threads).bytes
        }
        try MemoryError.check(
            Trainer.memory(graph, recipe, threads: threads, peers: peers).bytes
                + (measuring.max() ?? 0),
            threads: threads, advice: MemoryError.trainingAdvice)
    }

    /// Chooses what of the recipe is left to the program, and tells what is known before any work.
    mutating func introduce(examples: Int, _ tell: (CompressionEvent) -> Void) throws {
        tell(.message(plan.sentence("model", budget: nil)))
        for warning in data.warnings { tell(.warning(warning)) }
        if let warning = try plan.inputWarning(data) { tell(.warning(warning)) }
        request.hyperparameters.choose(
            request.automatic, examples: examples, parameters: plan.built.graph.layout.trainableParameterCount)
        if let line = request.hyperparameters.sentence(request.automatic, examples: examples) { tell(.message(line)) }
    }

    /// - Throws: `CancellationError`; what reading the data throws.
    func fingerprint(_ workers: Workers) throws -> RunFingerprint {
        guard let directory = request.runDirectory else { return RunFingerprint(request, data: "", model: plan.digest) }
        if !request.verifiesData { KeptDigests.recall(in: directory) }
        let digest = try workers.peers.ofFirst {
            try FileDigests.digest(ofFile: request.data) { workers.isInterrupted }
        }
        return RunFingerprint(request, data: digest, model: plan.digest)
    }

    /// Trains the model, or goes on with its training.
    ///
    /// - Parameters:
    ///   - name: The training as the progress shows it.
    ///   - key: The same in the names of files and figures.
    ///   - seed: What is added to the recipe's seed.
    func fit(
        _ train: ExampleSplit, _ validation: ExampleSplit, name: String, key: String, seed: Int = 0,
        _ directory: RunDirectory?, _ fingerprint: RunFingerprint, _ workers: Workers,
        _ tell: @escaping (CompressionEvent) -> Void
    ) throws -> TrainedNetwork {
        var hyperparameters = request.hyperparameters
        hyperparameters.seed &+= seed
        return try plan.train(hyperparameters) { part in
            let session = TrainingSession(
                name: part.title(name), key: part.key(key), directory: directory, fingerprint: fingerprint.digest,
                inputs: inputs, isResuming: request.isResuming, checkpointInterval: request.checkpointInterval,
                workers: workers, tell: tell)
            let views = request.augmentation.map { Views($0, seed: part.hyperparameters.seed) }
            let trainer = try session.train(
                part.graph, part.hyperparameters, minimizing: LabelLoss(data.labelKind),
                on: BatchLoader(train, views: views, hyperparameters: part.hyperparameters, workers: workers), train,
                validation)
            return TrainedNetwork(trainer)
        }
    }
}

extension TrainingRequest {
    /// The run directory, locked, begun or found to be that of the same run; nil where none is wanted.
    func openRunDirectory(_ fingerprint: RunFingerprint, _ peers: any Peers) throws -> RunDirectory? {
        guard let runDirectory else { return nil }
        guard peers.isFirst else {
            peers.meet()
            return try RunDirectory(of: runDirectory)
        }
        let directory = try RunDirectory(runDirectory, inputs: inputs, output: output)
        try directory.begin(fingerprint, configuration: nil, isResuming: isResuming, replacing: replacesRun)
        try KeptDigests.keep(of: [data], in: directory)
        peers.meet()
        return directory
    }
}

extension Augmentation {
    /// What of it does not suit a file's examples.
    func refusals(of data: ExampleFile) -> [String] {
        refusals(shape: data.exampleShape, hasLengths: data.train.hasFrameCounts)
    }
}
