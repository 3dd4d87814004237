import Datasets
import ModelFiles
import Models
import Networks
import Reports
import Storage
import Tensors
import Training

/// How a model whose weights are stored with fewer bits does on data: what each tensor's bits are worth, and what was lost.
struct MeasuredConversion {
    private let model: ModelTeacher
    private let network: Network
    private let divergence: PredictionDivergence
    private let files: WatchedFiles
    /// Training examples for the choice, held-out ones for the report.
    private let examples: ExampleSplit
    private let validation: ExampleSplit
    private let workers: Workers
    private let progress: Progress

    /// - Throws: What `evaluate` throws of a model and data that do not fit.
    init(
        _ data: String, _ testShare: Double?, _ path: String, _ options: TeacherOptions, _ threading: ThreadOptions,
        _ progress: Progress
    ) throws {
        files = WatchedFiles([path] + options.files(of: [path]) + [data])
        let rules = try options.rules(of: [path]), data = try ExampleFile(opening: data, testShare: testShare)
        let model = try ModelTeacher(path, data: data, rules: rules[path] ?? TeacherRules())
        let (train, validation) = data.trainAndValidation()
        for warning in data.warnings { progress.warn(warning) }
        self.model = model
        self.validation = validation
        examples = train.sample(measuring: model.built.graph)
        // The model's own predictions, and those of other weights.
        let memory = model.memory(of: validation, threads: threading.count) + 2 * model.memory(threads: threading.count)
        try MemoryError.check(memory, threads: threading.count)
        network = try model.network()
        workers = threading.workers
        divergence = try PredictionDivergence(model, network, on: examples, workers: workers)
        self.progress = progress
    }

    /// A plan of a file within a limit, with the encodings that let predictions diverge least: those by what errors cost alone, or
    /// those by what they cost in such a file.
    ///
    /// - Throws: What predicting the examples throws.
    func fitted(_ plan: ExportPlan, limit: ByteCount, as path: String) throws -> ExportPlan {
        let weights = network.weights.tensor
        var alone: EncodingCosts?
        func measureAlone() throws -> EncodingCosts? {
            alone = try plan.costs(of: weights, measuring("measuring encodings"))
            return alone
        }
        let first = try plan.fitting(weights, limit: limit, costs: try measureAlone(), as: path)
        // Every bit fits.
        guard let alone else { return first }
        let rounded = try adapted(first, as: path)
        let together = try plan.costs(alone, of: weights, rounded: rounded, measuring("measuring encodings together"))
        let second = try plan.fitting(weights, limit: limit, costs: together, as: path)
        return try divergence(try adapted(second, as: path)) < divergence(rounded) ? second : first
    }

    private func measuring(_ phase: String) -> WeightDivergence {
        WeightDivergence { weights, layer, number, count in
            if number == 1 { progress.begin("\(phase) on \(examples.count) examples", total: count, unit: "") }
            defer {
                progress.advance(to: number)
                if number == count { progress.end() }
            }
            return try divergence(weights, changing: layer)
        }
    }

    /// The numbers that a file will have, with the statistics of batch normalization that belong to them.
    ///
    /// - Throws: What reading the examples throws.
    func adapted(_ plan: ExportPlan, as path: String) throws -> Tensor {
        let rounded = try plan.rounded(network.weights.tensor, for: path)
        try divergence.statistics.follow(rounded)
        return rounded
    }

    /// The model, and what is written, on held-out examples.
    ///
    /// - Parameters:
    ///   - weights: As they are read from the file.
    ///   - byteCount: Of the file.
    func report(_ weights: Tensor, _ byteCount: ByteCount, at path: String) throws -> EvaluationReport {
        progress.begin("evaluating", total: 2 * validation.count)
        defer { progress.end() }
        let size = model.modelSize
        func row(_ path: String, _ weights: Tensor, _ bytes: ByteCount) throws -> EvaluationReport.Model {
            let metrics = try model.metrics(weights, network, on: validation, workers: workers)
            progress.advance(by: validation.count)
            return EvaluationReport.Model(path: path, parameters: size.parameters, bytes: bytes, metrics: metrics)
        }
        let rows = [try row(model.path, network.weights.tensor, size.bytes), try row(path, weights, byteCount)]
        try files.check()
        return EvaluationReport(models: rows, ensemble: nil)
    }

    /// Above the table.
    var title: String { "\(validation.path), \(validation.name): \(grouped(validation.count)) examples\n" }
}
