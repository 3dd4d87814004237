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
        self.progress = progress
    }

    /// Measures encodings.
    ///
    /// - Throws: What predicting the examples throws.
    func divergence() throws -> WeightDivergence {
        let divergence = try PredictionDivergence(model, network, on: examples, workers: workers)
        return WeightDivergence { weights, layer, number, count in
            if number == 1 {
                progress.begin("measuring encodings on \(examples.count) examples", total: count, unit: "")
            }
            defer {
                progress.advance(to: number)
                if number == count { progress.end() }
            }
            return try divergence(weights, changing: layer)
        }
    }

    /// Lets the statistics of batch normalization follow rounded weights, in place.
    ///
    /// - Throws: What reading the examples throws.
    func adapt(_ rounded: Tensor) throws {
        try model.batchStatistics(network, on: examples, workers: workers).follow(rounded)
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
