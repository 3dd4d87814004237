import Foundation
import HDF5
import Networks
import Protobuf
import Tensors
import Testing

@testable import ModelFiles

/// Classifiers as both exporters of PyTorch and the one of Keras write them, by `Tools/reference/onnx_fixtures.py` and
/// `onnx_keras_fixtures.py`, and what PyTorch and Keras say.
@Suite struct ONNXImportTests {
    static let models =
        (try? FileManager.default.contentsOfDirectory(atPath: fixture("onnx")))?
        .filter { $0.hasSuffix(".onnx") }.sorted() ?? []

    private static func examples(_ model: String) throws -> Examples {
        let name = model.replacing("-script", with: "").replacing(".onnx", with: ".h5")
        return try Examples(of: fixture("onnx/\(name)"))
    }

    @Test func thereAreFixtures() { #expect(Self.models.count >= 23) }

    @Test(arguments: models)
    func agreesWithItsOrigin(model: String) throws {
        let examples = try Self.examples(model)
        let (_, network) = try KerasFile(opening: fixture("onnx/\(model)")).network()
        let outputs = network.predict(examples.inputs, batchSize: 2)
        try #require(outputs.count == 1)
        #expect(distance(outputs[0], examples.outputs[0]) < 1e-5)
    }

    /// What was read is a model of Keras, and is written as one.
    @Test(arguments: models, ["h5", "keras"])
    func survivesConversion(model: String, suffix: String) throws {
        let examples = try Self.examples(model)
        let (built, network) = try KerasFile(opening: fixture("onnx/\(model)")).network()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.\(suffix)").path
            try ExportPlan(built, format: ModelFormats.named(by: path)).write(network.weights, to: path)
            let (_, copy) = try KerasFile(opening: path).network()
            #expect(copy.predict(examples.inputs) == network.predict(examples.inputs))
        }
    }
}

/// What is refused, and in which words.
@Suite struct ONNXRefusalTests {
    private func message(_ bytes: [UInt8]) throws -> String {
        var text = ""
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "m.onnx").path
            try Data(bytes).write(to: URL(filePath: path))
            do {
                _ = try KerasFile(opening: path).network()
            } catch {
                text = "\(error)".replacing(folder.path + "/", with: "")
            }
        }
        #expect(text.count <= 500)
        return text
    }

    private func node(_ operation: String, _ inputs: [String], domain: String = "") -> ProtobufWriter {
        var node = ProtobufWriter()
        for input in inputs { node.add(1, input) }
        node.add(2, "y")
        node.add(3, "the_node")
        node.add(4, operation)
        node.add(7, domain)
        return node
    }

    private func port(_ name: String, _ axes: [Int?]) -> ProtobufWriter {
        var shape = ProtobufWriter()
        for extent in axes {
            var axis = ProtobufWriter()
            if let extent { axis.add(1, extent) } else { axis.add(2, "open") }
            shape.add(1, axis)
        }
        var tensor = ProtobufWriter(), type = ProtobufWriter(), port = ProtobufWriter()
        tensor.add(1, 1)
        tensor.add(2, shape)
        type.add(1, tensor)
        port.add(1, name)
        port.add(2, type)
        return port
    }

    private func model(
        _ node: ProtobufWriter, opset: Int = 17, axes: [Int?] = [nil, 3], tensor: ProtobufWriter? = nil
    ) -> [UInt8] {
        var graph = ProtobufWriter(), set = ProtobufWriter(), model = ProtobufWriter()
        graph.add(1, node)
        if let tensor { graph.add(5, tensor) }
        graph.add(11, port("x", axes))
        graph.add(12, port("y", [nil, 3]))
        set.add(2, opset)
        model.add(1, 8)
        model.add(7, graph)
        model.add(8, set)
        return model.bytes
    }

    private static let advice =
        ". What it predicts can teach in its place: --teachers NAME=predictions.npz (docs/teachers.md)"

    @Test func namesOperatorsThatAreNotRead() throws {
        #expect(
            try message(model(node("Loop", ["x"])))
                == "'m.onnx': has an operator that is not read: Loop (node 'the_node')" + Self.advice)
        #expect(
            try message(model(node("Gelu", ["x"], domain: "com.microsoft"))).contains(
                "com.microsoft.Gelu (node 'the_node')"))
        #expect(
            try message(model(node("Relu", ["z"]))).contains(
                "node 'the_node' (Relu) reads 'z', which nothing before it gives"))
        #expect(
            try message(model(node("ReduceSum", ["x"]))).contains(
                "(ReduceSum) is over all axes, those of the examples included"))
    }

    @Test func namesWhatOfTheFileIsNotRead() throws {
        #expect(try message(model(node("Relu", ["x"]), opset: 5)).contains("is of opset 5; 9 to 26 are read"))
        #expect(try message(model(node("Relu", ["x"]), axes: [nil, nil])).contains("input 'x' leaves axis 1 open"))
        var tensor = ProtobufWriter()
        tensor.add(1, 1 << 40)
        tensor.add(2, 1)
        tensor.add(8, "w")
        #expect(
            try message(model(node("Add", ["x", "w"]), tensor: tensor)).contains(
                "tensor 'w': has the shape [1099511627776]"))
        tensor.add(14, 1)
        tensor.add(13, "")
        #expect(
            try message(model(node("Add", ["x", "w"]), tensor: tensor)).contains(
                "tensor 'w': its numbers are in another file"))
        #expect(try message(Array(model(node("Relu", ["x"])).dropLast(3))).contains("is no whole ONNX file: byte"))
        #expect(try message([]).contains("it is empty, not ONNX"))
    }

    /// A graph that ends in a product with weights says logits; without softmax nothing else tells.
    @Test func readsScoresAsLogits() throws {
        #expect(try KerasFile(opening: fixture("onnx/mlp.onnx")).architecture.layers.last?.className == "Dense")
        #expect(try KerasFile(opening: fixture("onnx/vgg.onnx")).network().built.graph.head == .softmax)
        #expect(try KerasFile(opening: fixture("onnx/shuffled.onnx")).network().built.graph.head == .sigmoid)
    }
}

/// What this program writes as ONNX, it reads.
@Suite struct ONNXReturnTests {
    /// What is not read of our own files, by a part of the message.
    private static let unread = [
        "Scan (node", "CumSum (node", "Shrink (node", "whose other axes differ", "ConvTranspose (node", "sequence_lens",
        "leaves axis", "(Einsum) has a constant",
        "matrices are read", "begins with states", "activation_alpha", "time, examples and features",
    ]

    @Test(arguments: PredictionTests.models)
    func readsWhatItWrites(model: String) throws {
        let examples = try Examples(of: fixture(model))
        let (built, network) = try KerasFile(opening: fixture(model)).network()
        guard let plan = try? ExportPlan(built, format: ONNX()) else { return }
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.onnx").path
            try plan.write(network.weights, to: path)
            do {
                let (_, copy) = try KerasFile(opening: path).network()
                let outputs = copy.predict(examples.inputs)
                for (found, expected) in zip(outputs, examples.outputs) { #expect(distance(found, expected) < 1e-5) }
            } catch let error as ModelFileError {
                #expect(Self.unread.contains { "\(error)".contains($0) }, "\(model): \(error)")
            }
        }
    }
}
