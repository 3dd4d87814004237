import ArgumentParser
import Datasets
import Distillation
import Kernels
import ModelFiles
import Networks
import Reports
import Tensors
import Training

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Say how good models are, each by itself and together.",
        discussion: """
            For data of one class each: accuracy. For data of several labels: GAP@20, mAP (over the classes that any \
            example has), Hit@1 and PERR (over the examples that have labels). The ensemble predicts the mean of the \
            models' probabilities; one model is in memory at a time. A model that ends without softmax or sigmoid is \
            given the one that the data ask for.

            Examples:
              compress evaluate student.h5 --data digits.h5
              compress evaluate a.h5 b.h5 c.h5 --data digits.h5 --ensemble --json
            """)

    enum Split: String, ExpressibleByArgument, CaseIterable { case test, validation, train }

    @Argument(help: "Keras models (.h5, .hdf5).")
    var models: [String]

    @Option(help: .init("The examples: an HDF5 file with train/x, train/y, test/x and test/y.", valueName: "path"))
    var data: String

    @Option(help: "Which examples. Without a group 'validation' in the file, a fixed part of train is held out for it.")
    var split = Split.test

    @Flag(help: "Evaluate the models together, too.")
    var ensemble = false

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let data = try ExampleFile(opening: data)
        let split = examples(of: data)
        // Whatever does not fit is told before the first model is run.
        let shapes = try models.map { try DataFit.check(KerasFile(opening: $0), split) }
        let evaluation = try Evaluation(split, workers: threading.workers, progress: common.progress)
        let rows = try zip(models, shapes).map { try evaluation.add($0, shape: $1, of: models.count) }
        let report = EvaluationReport(models: rows, ensemble: ensemble ? evaluation.ensemble : nil)
        try common.print(title(split) + report.table(width: Terminal.output.limit), json: report.json)
    }

    private func examples(of data: ExampleFile) -> ExampleSplit {
        switch split {
        case .test: data.test
        case .validation: data.trainAndValidation().validation
        case .train: data.trainAndValidation().train
        }
    }

    private func title(_ split: ExampleSplit) -> String {
        "\(split.path), \(split.name): \(grouped(split.count)) examples, \(grouped(split.classCount)) classes\n"
            .styled(.bold, on: .output)
    }
}

/// Models looked at one after another.
private final class Evaluation {
    private let split: ExampleSplit
    private let workers: Workers
    private let progress: Progress
    private let labels: Buffer
    /// The mean of the models' scores so far.
    private let sum: Buffer

    init(_ split: ExampleSplit, workers: Workers, progress: Progress) throws {
        self.split = split
        self.workers = workers
        self.progress = progress
        labels = try split.allLabels()
        sum = Buffer(zeros: labels.count)
    }

    private func rows(_ buffer: borrowing Buffer) -> Tensor {
        buffer.tensor(count: split.count, shape: [split.classCount])
    }

    /// Measures a model, and adds it to the ensemble of `count`.
    func add(_ path: String, shape: Shape, of count: Int) throws -> EvaluationReport.Model {
        let file = try KerasFile(opening: path), network = try file.network(inputs: [shape]).network
        progress.begin("evaluating \(path)", total: split.count)
        let output = try predictLogits(
            network.graph, weights: network.weights.tensor, of: split, workers: workers,
            advance: { progress.advance(by: $0) }, isInterrupted: { Interruption.requested })
        progress.end()
        let scores = rows(output)
        takeHead(network.graph.head, scores)
        addScaled(scores, by: 1 / Float(count), to: rows(sum))
        return EvaluationReport.Model(
            path: path, parameters: network.graph.layout.parameterCount, bytes: ByteCount(file.byteCount),
            metrics: metrics(scores, labels: rows(labels), kind: split.labelKind))
    }

    var ensemble: NamedMetrics { metrics(rows(sum), labels: rows(labels), kind: split.labelKind) }

    /// Makes probabilities of logits, or of what a model without a head says.
    private func takeHead(_ head: LayerGraph.Head, _ rows: Tensor) {
        let task: Task =
            switch head {
            case .softmax: .oneClass
            case .sigmoid: .manyLabels
            case .none: split.labelKind == .oneClass ? .oneClass : .manyLabels
            }
        if head == .none { takeLogits(rows, task: task) }
        probabilities(rows, task: task, temperature: 1, into: rows)
    }
}

/// Whether a model takes a data file's examples and tells its classes apart.
enum DataFit {
    /// The shape in which the examples enter the model, or what does not fit.
    static func check(_ file: borrowing KerasFile, _ split: ExampleSplit) throws -> Shape {
        let inputs = file.architecture.inputs
        guard inputs.count == 1 else {
            let names = inputs.map(\.description).joined(separator: ", ")
            throw Failure(
                .badInput,
                "'\(file.path)' takes \(inputs.count) inputs, \(names), but examples have one, '\(split.name)/x'")
        }
        let place = "'\(split.name)/x' in '\(split.path)'"
        let shape = try ExampleFit.shape(split.exampleShape, of: place, in: inputs[0], of: file.path)
        let graph = try file.graph(inputs: [shape]).graph
        let outputs = graph.outputs.map { graph.shape(of: $0) }
        guard outputs.count == 1, outputs[0].elementCount == split.classCount else {
            let found = outputs.map(\.description).joined(separator: " and ")
            throw Failure(
                .badInput,
                "'\(file.path)': expected an output of \(split.classCount) classes, as '\(split.path)' has, "
                    + "found shape \(found)")
        }
        return shape
    }
}
