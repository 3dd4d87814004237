import Foundation
import HDF5
import ModelFiles
import Networks
import Testing

/// Every model that `Tools/reference/keras_fixtures.py` and `keras2_fixtures.py` wrote, run here and there.
@Suite struct PredictionTests {
    static let models =
        (try? FileManager.default.contentsOfDirectory(atPath: fixture("")))?
        .filter { $0.hasSuffix(".h5") && !$0.hasSuffix(".io.h5") }.sorted() ?? []

    @Test func thereAreFixtures() { #expect(Self.models.count > 90) }

    @Test(arguments: models)
    func agreesWithKeras(model: String) throws {
        let examples = try Examples(of: fixture(model))
        let file = try KerasFile(opening: fixture(model))
        let (_, network) = try file.network()
        let outputs = network.predict(examples.inputs, batchSize: 3)
        try #require(outputs.count == examples.outputs.count)
        for (output, (found, expected)) in zip(outputs, examples.outputs).enumerated() {
            #expect(distance(found, expected) < 1e-5, "output \(output)")
        }
    }

    /// What Keras 2 has no words for in a file.
    private static let unsaid = ["tensorflow-einsum-k2.h5"]

    /// What is written loads again, has the size that was predicted, and computes the same bits.
    @Test(arguments: models)
    func survivesExport(model: String) throws {
        let examples = try Examples(of: fixture(model))
        let file = try KerasFile(opening: fixture(model))
        let (built, network) = try file.network()
        guard !Self.unsaid.contains(model) else {
            let error = #expect(throws: ModelFileError.self) { try ExportPlan(built) }
            #expect(error.map { "\($0)".contains("(ops.einsum): files of Keras 2 cannot hold this operation") } == true)
            return
        }
        let plan = try ExportPlan(built)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.h5").path
            let written = try plan.write(network.weights, to: path)
            let copy = try KerasFile(opening: path)
            #expect(written == plan.size.file)
            #expect(copy.byteCount == written.bytes)
            let report = copy.sizeReport()
            #expect(report.rows.map(\.size).reduce(0) { $0 + $1.bytes } == plan.size.weights.bytes)
            let (_, reloaded) = try copy.network()
            #expect(
                reloaded.predict(examples.inputs).map { $0.map(\.bitPattern) }
                    == network.predict(examples.inputs).map { $0.map(\.bitPattern) })
        }
    }
}

/// Models that `Tools/reference/storage_fixtures.py` wrote, their numbers stored in unusual ways.
@Suite struct StorageTests {
    @Test(arguments: [
        "bfloat16.h5", "mixed-bfloat16.h5", "float16.h5", "float64.h5", "big-endian.h5", "big-endian-float64.h5",
        "lzf.h5",
    ])
    func readsTheNumbersThatKerasHad(name: String) throws {
        let path = fixture("storage/\(name)")
        let expected = try HDF5File(opening: path).root.dataset("weights").read(as: Float.self)
        let (_, network) = try KerasFile(opening: path).network()
        let found = network.weights.tensor.values
        // Each parameter begins at a multiple of 16 numbers.
        let numbers = network.graph.layout.entries.flatMap { entry in
            found[entry.offset..<(entry.offset + entry.spec.shape.elementCount)]
        }
        #expect(numbers == expected)
    }
}
