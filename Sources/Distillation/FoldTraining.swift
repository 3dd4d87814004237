import Datasets
import Foundation
import Kernels
import ModelFiles
public import Models
import Networks
public import Ranks
import Storage
public import Tensors
import Training

/// Models that were each trained without one part of the training rows, and what they predicted.
public struct FoldedTraining: Sendable {
    public struct Fold: Sendable {
        /// Where the model is.
        public let path: String
        public let size: TeacherSize
        /// How many rows it was not trained on, and how good it is on these.
        public let count: Int
        public let metrics: NamedMetrics
    }

    public let folds: [Fold]
    /// The size of the file of predictions.
    public let bytes: ByteCount
    /// How good the predictions are: on training rows, each by the model that was not trained on it, and on the test split, where
    /// they are the models' mean.
    public let train: NamedMetrics
    public let test: NamedMetrics
    public let seconds: Double
}

/// Trains K models of one architecture, each without one part of the training rows, and writes what they predict: for each
/// training row the prediction of the model that was not trained on it (out of fold), for all other rows the mean of the
/// models' probabilities.
///
/// Model k learns from the rows of the other parts with the recipe's seed plus k, k from 0. Where the data have no validation
/// split, a tenth of these rows is held out as for any model. It is kept in the run directory as `fold-1.h5` and so on.
///
/// - Parameter request: With `folds` and a run directory.
/// - Throws: What `trainModel` throws.
public func trainFolds(
    _ request: TrainingRequest, peers: any Peers = Alone(), isInterrupted: @escaping () -> Bool = { false },
    tell: @escaping (CompressionEvent) -> Void
) throws -> FoldedTraining {
    guard let count = request.folds, request.runDirectory != nil else {
        preconditionFailure("folds are trained in a run directory")
    }
    let start = Date()
    var job = try LabelTraining(request, format: RunDirectory.format, peers)
    let workers = Workers(request.threads, peers: peers, isInterrupted: isInterrupted)
    defer { workers.close() }
    let data = job.data, folds = try data.folds(count, seed: request.hyperparameters.seed)
    let unlabeled = try request.unlabeled.map(data.unlabeled), splits = folds.map { data.without($0) }
    let predicted = [data.train, data.test] + (data.validation.map { [$0] } ?? []) + (unlabeled.map { [$0] } ?? [])
    try MemoryError.check(
        FoldedTeacher.memory(job.plan.built.graph, count, predicted, threads: workers.count), threads: workers.count)
    if let words = peers.words { tell(.message(words)) }
    try job.introduce(examples: splits[0].train.count, tell)
    for split in predicted {
        try checkWords(of: job.plan.built.graph, in: split)
    }
    let fingerprint = try job.fingerprint(workers)
    try job.inputs.check()
    try fingerprint.refuseOthers(peers)
    guard let directory = try job.request.openRunDirectory(fingerprint, peers) else {
        preconditionFailure("a run directory was requested and not opened")
    }
    defer { withExtendedLifetime(directory) {} }
    let models = try splits.enumerated().map { index, split in
        let network = try job.fit(
            split.train, split.validation, name: "fold \(index + 1) of \(count)", key: "fold \(index + 1)", seed: index,
            directory, fingerprint, workers, tell)
        let path = RunDirectory.model(directory.path, withoutFold: index + 1)
        let notes = ExportPlan.Notes(["run": directory.mark], classNames: data.classNames)
        let export = try job.plan.export.noting(notes)
        if peers.isFirst { try export.write(try export.rounded(network.weights, for: path), to: path) }
        peers.meet()
        return try ModelTeacher(path, data: data)
    }
    let prediction = DataPrediction([FoldedTeacher(models, folds, of: data.train)], data: data, unlabeled: unlabeled)
    var bytes = 0
    if peers.isFirst {
        bytes = try prediction.write(
            to: request.output, facts: [.folds: "\(count)"], workers: workers, check: job.inputs.check,
            tell: { tell(CompressionEvent($0)) })
    } else {
        try prediction.accompany(workers: workers)
    }
    // Nobody reads what is not yet written.
    peers.meet()
    let written = try PredictionTeacher(TeacherSource(request.output), data: data)
    func metrics(_ split: ExampleSplit) throws -> NamedMetrics {
        try ModelEvaluation(split, [written], together: false).run(workers: workers, tell: { _ in }).models[0]
    }
    return FoldedTraining(
        folds: try zip(models, folds).map { model, rows in
            FoldedTraining.Fold(
                path: model.path, size: model.modelSize, count: rows.count,
                metrics: try metrics(data.train.selecting(rows, name: "train")))
        }, bytes: ByteCount(bytes), train: try metrics(data.train), test: try metrics(data.test),
        seconds: Date().timeIntervalSince(start))
}

extension ExampleFile {
    /// What a model learns from that is not to see some training rows.
    fileprivate func without(_ rows: [Int]) -> (train: ExampleSplit, validation: ExampleSplit) {
        let left = Set(rows), rest = (0..<train.count).filter { !left.contains($0) }
        if let validation { return (train.selecting(rest, name: "train"), validation) }
        let parts = HeldOut.split(rest.count)
        return (
            train.selecting(parts.train.map { rest[$0] }, name: "train"),
            train.selecting(parts.validation.map { rest[$0] }, name: "validation")
        )
    }
}

extension CompressionEvent {
    fileprivate init(_ event: ProgressEvent) {
        switch event {
        case .began(let name, let total): self = .began(name, total: total)
        case .advanced(let count): self = .advanced(count, note: nil)
        case .ended: self = .ended
        }
    }
}

/// Models that were each trained without one part of the training rows, as one teacher.
private struct FoldedTeacher: Teacher, OpenTeacher {
    private let models: [ModelTeacher]
    /// The model of each row of train; nil where all were trained without it, as for testing.
    private let modelOfRow: [Int?]
    /// The most bytes for the predictions of all models for a block of examples.
    private static let blockBytes = 128 << 20

    /// - Parameter folds: Positions in the training examples.
    init(_ models: [ModelTeacher], _ folds: [[Int]], of train: ExampleSplit) {
        self.models = models
        var modelOfRow = [Int?](repeating: nil, count: train.partCount)
        for (model, positions) in folds.enumerated() {
            for position in positions { modelOfRow[train.rows[position]] = model }
        }
        self.modelOfRow = modelOfRow
    }

    /// About the most memory that it takes, before there are models: one of them, the examples of a split, and predictions for them.
    static func memory(_ graph: LayerGraph, _ count: Int, _ splits: [ExampleSplit], threads: Int) -> Int {
        splits.map { split in
            let predictions = count * split.count * split.classCount * MemoryLayout<Float>.stride
            return inferenceMemory(graph, of: split) + Predictor.memory(graph, threads: threads).bytes
                + graph.layout.extent * MemoryLayout<Float>.stride + min(predictions, blockBytes)
        }.max() ?? 0
    }

    var path: String { models[0].path }
    var name: String { "\(models.count) models" }
    var size: TeacherSize? { nil }
    var model: ModelTeacher? { nil }
    var plan: TeacherPlan { models[0].plan }
    func key(fileDigest: String) -> String { fileDigest }
    func open() throws -> any OpenTeacher { self }
    func memory(threads: Int) -> Int { models[0].memory(threads: threads) }
    func memory(of split: ExampleSplit, threads: Int) -> Int {
        models[0].memory(of: split, threads: threads) + Self.blockBytes
    }

    func predict(
        _ split: ExampleSplit, changing change: ExampleChange?, workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        let classes = split.classCount, bytes = models.count * classes * MemoryLayout<Float>.stride
        let reader = ExampleReader(
            split.reading([]), batchSize: max(1, Self.blockBytes / bytes), order: .sequential)
        let mixture = EnsembleMixture(
            .mean, split.labelKind, weights: Evaluation.equal(models.indices, of: models.count))
        var first = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step), positions = first..<(first + batch.count)
            let result = Buffer(zeros: batch.count * classes).tensor(count: batch.count, shape: [classes])
            func logits(_ model: ModelTeacher, _ some: [Int]) throws -> Tensor {
                try workers.checkAgreement()
                return try model.open().logits(of: split.selecting(some, name: split.name), workers: workers)
                    .tensor(count: some.count, shape: [classes])
            }
            func put(_ found: Tensor, _ some: [Int]) {
                for (place, position) in some.enumerated() {
                    result.slice(at: (position - first) * classes, count: classes).copy(
                        from: found.slice(at: place * classes, count: classes))
                }
            }
            let owners = positions.map { split.part == .train ? modelOfRow[split.rows[$0]] : nil }
            for (index, model) in models.enumerated() {
                let own = positions.filter { owners[$0 - first] == index }
                if !own.isEmpty { put(try logits(model, own), own) }
            }
            let shared = positions.filter { owners[$0 - first] == nil }
            if !shared.isEmpty {
                let mean = Buffer(zeros: shared.count * classes).tensor(count: shared.count, shape: [classes])
                mixture.mix(
                    try models.map { try logits($0, shared) }, labels: nil, known: 0, temperature: 1, into: mean,
                    kernels: KernelContext())
                put(mean, shared)
            }
            try take(batch, result)
            first = positions.upperBound
        }
    }
}
