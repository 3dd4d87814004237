import ArgumentParser
import HDF5
import ModelFiles
import Networks
import Tensors

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Write what a model says of examples.",
        discussion: """
            Reads examples from a dataset of an HDF5 file, of shape (examples, …) and of any type of numbers, and writes \
            what the model's own last layer says as float32: the dataset 'output', or 'output_0', 'output_1', … for a \
            model with several outputs. Examples may differ from the model's input by axes of size 1. Attributes 'scale' \
            and 'offset' of the dataset are applied: x·scale + offset.

            Examples:
              compress predict teacher.h5 --inputs digits.h5:test/x --output predictions.h5
              compress predict two-inputs.h5 --inputs video.h5:rgb video.h5:audio --output predictions.h5
            """)

    @Argument(help: "A Keras model (.h5, .hdf5, .keras).")
    var model: String

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "The examples, one dataset for each input of the model, in the model's order.", valueName: "file:dataset"))
    var inputs: [DatasetName]

    @Option(help: .init("The HDF5 file to write.", valueName: "path"))
    var output: String

    @OptionGroup var models: ModelOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        try OutputFile.check(output, inputs: [model] + inputs.map(\.file))
        let file = try models.open(model)
        let examples = try inputs.map { try InputDataset(opening: $0) }
        let shapes = try ExampleFit.shapes(of: examples, in: file.architecture)
        let network = try file.network(inputs: shapes).network
        let prediction = Prediction(network, examples, workers: threading.workers, progress: common.progress)
        try prediction.write(to: output)
        try common.print(prediction.text(output), json: ["outputs": .array(prediction.outputs.map(\.json))])
    }
}

/// Whether examples can enter a model.
enum ExampleFit {
    /// The shapes of the model's inputs for these examples, or everything that does not fit.
    static func shapes(of examples: [InputDataset], in architecture: Architecture) throws(Failure) -> [Shape] {
        let inputs = architecture.inputs
        guard examples.count == inputs.count else {
            let names = inputs.map(\.description).joined(separator: ", ")
            throw Failure(
                .usage,
                "'\(architecture.origin)' takes \(inputs.count) input\(inputs.count == 1 ? "" : "s"), \(names), "
                    + "but --inputs names \(examples.count) dataset\(examples.count == 1 ? "" : "s")")
        }
        if let other = examples.first(where: { $0.count != examples[0].count }) {
            throw Failure(
                .badInput, "\(other.name) has \(other.count) examples, but \(examples[0].name) has \(examples[0].count)"
            )
        }
        return try zip(examples, inputs).map { example, input throws(Failure) in
            try shape(example.exampleShape, of: "\(example.name)", in: input, of: architecture.origin)
        }
    }

    /// The shape of one input for examples of a given shape.
    static func shape(
        _ example: [Int], of place: String, in input: Architecture.Input, of model: String
    ) throws(Failure) -> Shape {
        guard let shape = Architecture.fit(example, to: input) else {
            throw Failure(
                .badInput,
                "\(place): '\(model)' expects examples that fit its input \(input), found shape \(Shape(example))")
        }
        return shape
    }
}

/// The predictions of a network, written as they are made.
private struct Prediction {
    struct Output {
        let name: String
        let shape: [Int]

        var json: JSON { ["name": .string(name), "shape": .array(shape.map { .integer($0) })] }
    }

    let network: Network
    let examples: [InputDataset]
    let progress: Progress
    let outputs: [Output]
    private let predictor: Predictor
    private let blockSize: Int

    init(_ network: Network, _ examples: [InputDataset], workers: Workers, progress: Progress) {
        self.network = network
        self.examples = examples
        self.progress = progress
        predictor = Predictor(network.graph, weights: network.weights.tensor, workers: workers)
        blockSize = predictor.shardSize * workers.count * 4
        let count = examples[0].count, values = network.graph.outputs
        outputs = values.indices.map { index in
            Output(
                name: values.count == 1 ? "output" : "output_\(index)",
                shape: [count] + network.graph.shape(of: values[index]).axes)
        }
    }

    func write(to path: String) throws {
        progress.begin("predicting", total: examples[0].count)
        try HDF5File.writeWhole(to: path) { file in
            for output in outputs { _ = try file.root.createDataset(output.name, .float32, shape: output.shape) }
            for start in stride(from: 0, to: examples[0].count, by: blockSize) {
                try Interruption.check()
                let rows = start..<min(start + blockSize, examples[0].count)
                let values = try predict(rows)
                for (output, values) in zip(outputs, values) {
                    try file.root.dataset(output.name).write(rows: rows, values.span)
                }
                progress.advance(to: rows.upperBound)
            }
        }
        progress.end()
    }

    private func predict(_ rows: Range<Int>) throws -> [[Float]] {
        let graph = network.graph
        let inputs = try examples.enumerated().map { index, example in
            let size = graph.shape(of: graph.inputs[index]).elementCount
            var values = [Float](repeating: 0, count: rows.count * size)
            try example.read(rows, into: &values)
            return values
        }
        let buffers = graph.outputs.map { Block(rows.count * graph.shape(of: $0).elementCount) }
        predictor.run(rows.count) { range, targets in
            for (target, values) in zip(targets, inputs) {
                let size = target.shape.elementCount
                target.copy(from: values[(range.lowerBound * size)..<(range.upperBound * size)])
            }
        } take: { range, workspace in
            for (block, output) in zip(buffers, graph.outputs) {
                let value = workspace.value(output, count: range.count), size = value.shape.elementCount
                block.tensor.slice(at: range.lowerBound * size, count: range.count * size).copy(from: value)
            }
        }
        return buffers.map(\.tensor.values)
    }

    func text(_ path: String) -> String {
        let lines = outputs.map { "wrote '\($0.name)' \(Shape($0.shape)) to '\(path)'\n" }
        return lines.joined()
    }
}

/// A buffer that an array can hold.
private final class Block: Sendable {
    private let buffer: Buffer

    init(_ count: Int) { buffer = Buffer(zeros: count) }

    var tensor: Tensor { buffer.tensor }
}
