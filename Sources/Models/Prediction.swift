import Datasets
import HDF5
public import ModelFiles
public import Networks
import Tensors
import Training

/// The predictions of a network, written as they are made.
public struct Prediction {
    public struct Output: Sendable {
        /// The dataset.
        public let name: String
        /// The model's name of it, where its outputs are a dict.
        public let key: String?
        public let shape: [Int]

        /// What `predict --json` prints.
        public var json: JSON {
            var object: JSON.Object = ["name": .string(name), "shape": .array(shape.map { .integer($0) })]
            object["key"] = key.map { .string($0) }
            return .object(object)
        }
    }

    private let network: Network
    private let modelInputs: ModelInputs
    /// Those that the network is fed with, in the order of `modelInputs.datasets`.
    private let examples: [InputDataset]
    public let outputs: [Output]
    private let predictor: Predictor
    private let blockSize: Int

    /// - Parameters:
    ///   - examples: Those that `modelInputs` chooses from.
    ///   - names: The model's names of its outputs, where they are a dict.
    public init(
        _ network: Network, _ modelInputs: ModelInputs, _ examples: [InputDataset], names: [String]?, workers: Workers
    ) {
        self.network = network
        self.modelInputs = modelInputs
        self.examples = modelInputs.datasets.map { examples[$0] }
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
    public static func memory(_ graph: LayerGraph, threads: Int) -> Int {
        func count(_ values: [LayerGraph.Value]) -> Int { values.reduce(0) { $0 + graph.shape(of: $1).elementCount } }
        let example = count(graph.inputs) + 2 * count(graph.outputs)
        return (graph.layout.extent + blockSize(graph, threads: threads) * example) * MemoryLayout<Float>.stride
            + Predictor.memory(graph, threads: threads).bytes
    }

    /// Predicts, and writes an HDF5 file of all outputs, which appears when it is complete.
    ///
    /// - Parameter check: Throws where the predictions may not be kept, such as when an input changed meanwhile.
    public func write(to path: String, check: () throws -> Void, tell: (ProgressEvent) -> Void) throws {
        tell(.began("predicting", total: examples[0].count))
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
                tell(.advanced(rows.count))
            }
        } check: { _, _ in
            try check()
        }
        tell(.ended)
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
        let modelInputs = modelInputs
        do throws(ValueFault) {
            try predictor.run(rows.count) { range, targets in
                modelInputs.fill(targets) { position, target in
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
}

/// A buffer that an array can hold.
private final class Block: Sendable {
    private let buffer: Buffer

    init(_ count: Int) { buffer = Buffer(zeros: count) }

    var tensor: Tensor { buffer.tensor }
}
