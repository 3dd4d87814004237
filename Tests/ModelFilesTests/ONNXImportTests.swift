import Foundation
import HDF5
import Networks
import Protobuf
import Tensors
import Testing

@testable import ModelFiles

/// Classifiers as both exporters of PyTorch write them; `Tools/reference/onnx_fixtures.py` wrote them, and what PyTorch says.
@Suite struct ONNXImportTests {
    static let models =
        (try? FileManager.default.contentsOfDirectory(atPath: fixture("onnx")))?
        .filter { $0.hasSuffix(".onnx") }.sorted() ?? []

    private static func examples(_ model: String) throws -> Examples {
        let name = model.split(separator: ".")[0].split(separator: "-")[0]
        return try Examples(of: fixture("onnx/\(name).h5"))
    }

    @Test func thereAreFixtures() { #expect(Self.models.count >= 18) }

    @Test(arguments: models)
    func agreesWithPyTorch(model: String) throws {
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
