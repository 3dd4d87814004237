import ArgumentParser
import Datasets
import Distillation
import HDF5
import ModelFiles
import Networks
import Storage
import Tensors
import Training

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Write what a model says of examples.",
        discussion: """
            Reads examples from a dataset of an HDF5 file, or an array of a NumPy archive (digits.npz:x_test), of shape (examples, …) and of any type of numbers, and writes \
            what the model's own last layer says as float32: the dataset 'output', or 'output_0', 'output_1', … for a \
            model with several outputs. Inputs and outputs that are a dict are in the order of their sorted keys, as \
            Keras has them; an output's key is the attribute 'name' of its dataset. Examples may differ from the model's \
            input by axes of size 1. Attributes 'scale' and 'offset' of the dataset are applied: x·scale + offset. With \
            --teacher-input a dataset is called by the last part of its name: x for test/x; 'compress help evaluate' has \
            the rules.

            Examples:
              compress predict teacher.h5 --inputs digits.h5:test/x --output predictions.h5
              compress predict video-model.h5 --inputs video.h5:rgb video.h5:audio \\
                --output predictions.h5
            """)

    @Argument(help: "A Keras model (\(ModelFormats.readableSuffixes)).")
    var model: String

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "The examples, one dataset for each input of the model, in the model's order.", valueName: "file:dataset"))
    var inputs: [DatasetName]

    @Option(
        help: .init(
            "How the model is fed, such as conv=scale:0.00392157,resize:32x32 or '*=transpose:2-0-1'.",
            valueName: "name=rules"), transform: inputRules)
    var teacherInput: [TeacherOptions.Named<InputRules>] = []

    @Option(help: .init("The HDF5 file to write.", valueName: "path"))
    var output: String

    @OptionGroup var models: ModelOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let rules = try TeacherOptions.values(teacherInput, of: [model], "--teacher-input")[model]
        let files = [model] + models.named(among: [model]).map(\.value) + inputs.map(\.file)
        let watched = WatchedFiles(files)
        try OutputFile.check(output, inputs: files)
        let file = try models.open(model, among: [model])
        let examples = try inputs.map { try InputDataset.open($0) }
        let feeds = try modelInputs(file.architecture, examples, rules)
        try MemoryError.check(
            Prediction.memory(try file.graph(inputs: feeds.shapes).graph, threads: threading.count),
            threads: threading.count)
        let network = try file.network(inputs: feeds.shapes).network
        let prediction = Prediction(
            network, feeds, examples, names: file.architecture.outputNames, workers: threading.workers,
            progress: common.progress)
        try prediction.write(to: output, check: watched.check)
        try common.print(prediction.text(output), json: ["outputs": .array(prediction.outputs.map(\.json))])
    }

    /// What feeds the model: the datasets in its order, or as rules have them.
    private func modelInputs(
        _ architecture: Architecture, _ examples: [InputDataset], _ rules: InputRules?
    ) throws -> ModelInputs {
        let datasets = examples.map { ExampleInput($0.name.shortName, $0.exampleShape) }
        guard rules?.feeds.isEmpty == false || datasets.count == architecture.inputs.count else {
            let count = architecture.inputs.count, names = architecture.inputs.map(\.description)
            throw Failure(
                .usage,
                "'\(architecture.origin)' takes \(count) input\(count == 1 ? "" : "s"), "
                    + "\(names.joined(separator: ", ")), but --inputs names \(datasets.count) "
                    + "dataset\(datasets.count == 1 ? "" : "s")")
        }
        if let other = examples.first(where: { $0.count != examples[0].count }) {
            throw Failure(
                .badInput, "\(other.name) has \(other.count) examples, but \(examples[0].name) has \(examples[0].count)"
            )
        }
        return try ModelInputs(
            architecture, datasets, inOrder: true, rules: rules, holder: "--inputs has",
            option: "--teacher-input \(Teacher.name(architecture.origin))=")
    }
}

/// The predictions of a network, written as they are made.
private struct Prediction {
    struct Output {
        /// The dataset.
        let name: String
        /// The model's name of it, where its outputs are a dict.
        let key: String?
        let shape: [Int]

        var json: JSON {
            var object: JSON.Object = ["name": .string(name), "shape": .array(shape.map { .integer($0) })]
            object["key"] = key.map { .string($0) }
            return .object(object)
        }
    }

    let network: Network
    let feeds: ModelInputs
    /// Those that the network is fed with, in the order of `feeds.datasets`.
    let examples: [InputDataset]
    let progress: Progress
    let outputs: [Output]
    private let predictor: Predictor
    private let blockSize: Int

    init(
        _ network: Network, _ feeds: ModelInputs, _ examples: [InputDataset], names: [String]?, workers: Workers,
        progress: Progress
    ) {
        self.network = network
        self.feeds = feeds
        self.examples = feeds.datasets.map { examples[$0] }
        self.progress = progress
        predictor = Predictor(network.graph, weights: network.weights.tensor, workers: workers)
        blockSize = Self.blockSize(network.graph, threads: workers.count)
        let count = examples[0].count, values = network.graph.outputs
        outputs = values.indices.map { index in
            Output(
                name: values.count == 1 ? "output" : "output_\(index)", key: names?[index],
                shape: [count] + network.graph.shape(of: values[index]).axes)
        }
    }

    /// How many examples are in memory at a time.
    private static func blockSize(_ graph: LayerGraph, threads: Int) -> Int {
        Predictor.shardSize(for: graph) * threads * 4
    }

    /// About the most memory that it takes: the network, and the numbers of a block of examples, those of its outputs twice.
    static func memory(_ graph: LayerGraph, threads: Int) -> Int {
        func count(_ values: [LayerGraph.Value]) -> Int { values.reduce(0) { $0 + graph.shape(of: $1).elementCount } }
        let example = count(graph.inputs) + 2 * count(graph.outputs)
        return (graph.layout.extent + blockSize(graph, threads: threads) * example) * MemoryLayout<Float>.stride
            + Predictor.memory(graph, threads: threads).bytes
    }

    /// - Parameter check: Throws where the predictions may not be kept, such as when an input changed meanwhile.
    func write(to path: String, check: () throws -> Void) throws {
        progress.begin("predicting", total: examples[0].count)
        try HDF5File.writeWhole(to: path) { file in
            for output in outputs {
                let dataset = try file.root.createDataset(output.name, .float32, shape: output.shape)
                if let key = output.key { try dataset.attributes.write(key, to: "name") }
            }
            for start in stride(from: 0, to: examples[0].count, by: blockSize) {
                let rows = start..<min(start + blockSize, examples[0].count)
                let values = try predict(rows)
                for (output, values) in zip(outputs, values) {
                    try file.root.dataset(output.name).write(rows: rows, values.span)
                }
                progress.advance(to: rows.upperBound)
            }
        } check: { _, _ in
            try check()
        }
        progress.end()
    }

    private func predict(_ rows: Range<Int>) throws -> [[Float]] {
        let graph = network.graph
        let inputs = try examples.map { example in
            let size = example.exampleShape.reduce(1, *)
            var values = [Float](repeating: 0, count: rows.count * size)
            try example.read(rows, into: &values)
            return values
        }
        let buffers = graph.outputs.map { Block(rows.count * graph.shape(of: $0).elementCount) }
        let feeds = feeds
        do throws(ValueFault) {
            try predictor.run(rows.count) { range, targets in
                feeds.fill(targets) { position, target in
                    let values = inputs[position], size = values.count / rows.count
                    target.copy(from: values.span.extracting((range.lowerBound * size)..<(range.upperBound * size)))
                }
            } take: { range, workspace in
                for (block, output) in zip(buffers, graph.outputs) {
                    let value = workspace.value(output, count: range.count), size = value.shape.elementCount
                    block.tensor.slice(at: range.lowerBound * size, count: range.count * size).copy(from: value)
                }
            }
        } catch {
            let datasets = examples.map { "\($0.name)" }.joined(separator: " and ")
            throw ExampleValueError(error, in: "\(datasets), row \(rows.lowerBound + error.example)")
        }
        return buffers.map(\.tensor.values)
    }

    func text(_ path: String) -> String {
        let lines = outputs.map { output in
            "wrote '\(output.name)'\(output.key.map { ", the model's '\($0)'," } ?? "") \(Shape(output.shape)) to '\(path)'\n"
        }
        return lines.joined()
    }
}

/// A buffer that an array can hold.
private final class Block: Sendable {
    private let buffer: Buffer

    init(_ count: Int) { buffer = Buffer(zeros: count) }

    var tensor: Tensor { buffer.tensor }
}
