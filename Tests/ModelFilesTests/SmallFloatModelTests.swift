import HDF5
import ModelFiles
import Networks
import Tensors
import Testing

/// Models whose weights are floats of 4 to 16 bits, packed or not, compressed or not, with what Keras reads and predicts.
@Suite struct SmallFloatModelTests {
    private static let names = ["small-floats.h5", "small-floats.keras"]

    private func network(_ name: String) throws -> Network {
        try KerasFile(opening: fixture("storage/\(name)")).network().network
    }

    /// What Keras has of it: its weights, some examples, or what it predicts of them.
    private func numbers(_ name: String, _ dataset: String) throws -> [Float] {
        try HDF5File(opening: fixture("storage/\(name).io.h5")).root.dataset(dataset).read()
    }

    /// Parameter by parameter in Keras's order, which is that of the layout but for the statistics.
    @Test(arguments: names)
    func readsTheNumbersThatKerasReads(name: String) throws {
        let network = try network(name), expected = try numbers(name, "weights")
        let entries = network.graph.layout.entries
        let layers = entries.reduce(into: [String]()) { if !$0.contains($1.layer) { $0.append($1.layer) } }
        let found = layers.flatMap { layer in
            entries.filter { $0.layer == layer }.flatMap { network.weights[$0].values }
        }
        #expect(found == expected)
    }

    @Test(arguments: names)
    func predictsWhatKerasPredicts(name: String) throws {
        let network = try network(name), input = try numbers(name, "input"), output = try numbers(name, "output")
        #expect(distance(network.predict([input])[0], output) < 1e-5)
    }

    /// The encodings one after another as `storage_fixtures.py` has them, and what they take: ⌊n · bits / 8⌋ + 1 bytes packed.
    @Test func reportsWhatEachParameterTakes() throws {
        let report = try KerasFile(opening: fixture("storage/small-floats.h5")).sizeReport()
        func weight(_ layer: String, _ name: String) throws -> SizeReport.Weight {
            try #require(report.rows.first { $0.name == layer }?.weights.first { $0.name == name })
        }
        let bias = try weight("convolution", "bias"), kernel = try weight("hidden", "bias")
        #expect(bias.type == "float4 (1-2-1)" && bias.size.bytes == 4 * 4 / 8 + 1 && bias.bitsPerWeight == 6)
        #expect(kernel.type == "float6 (1-2-3)" && kernel.size.bytes == 7 && kernel.bitsPerWeight == 8)
        #expect(try weight("normalization", "beta").type == "float8 (1-2-5)")
        #expect(try weight("normalization", "gamma").type == "float16")
        #expect(try weight("normalization", "moving_mean").type == "bfloat16")
        #expect(report.loaded.bytes == 4 * report.parameters)
        #expect(report.weights.bytes == report.rows.reduce(0) { $0 + $1.weights.reduce(0) { $0 + $1.size.bytes } })
        #expect(!report.isPlain)
        #expect(try KerasFile(opening: fixture("digits.h5")).sizeReport().isPlain)
    }

    @Test func refusesForeignFloatsByName() throws {
        let path = fixture("storage/foreign-float.h5")
        #expect {
            _ = try KerasFile(opening: path).graph()
        } throws: { error in
            "\(error)" == """
                '\(path)': layer 'hidden', parameter 'kernel': expected floating-point numbers, found float of 24 bits \
                (1-7-16, bias 63), which is not read
                """
        }
    }
}
