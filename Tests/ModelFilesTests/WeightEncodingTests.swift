import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import Testing

/// How the numbers of each parameter are stored.
@Suite struct WeightEncodingTests {
    private static let text = """
        input: [3]
        layers:
          - Dense: {units: 2, activation: relu}
            name: hidden
          - BatchNormalization: {}
            name: normalization
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    private func built() throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: Self.text, path: "a.yaml").architecture(classes: 2).graph()
    }

    /// Halfway between two neighbors is the one whose last bit is 0; the largest finite half is 65,504.
    @Test(
        arguments: [
            (1 + 0x1p-11, 1), (1 + 0x1.8p-10, 1 + 0x1p-9), (1 + 0x1.002p-11, 1 + 0x1p-10), (0.1, 0x1.998p-4),
            (0x1p-25, 0), (0x1.8p-25, 0x1p-24), (-0x1p-24, -0x1p-24), (65_519, 65_504), (65_520, .infinity),
            (-1e9, -.infinity),
        ] as [(Float, Float)])
    func roundsToTheNearestHalf(number: Float, half: Float) {
        var numbers = [number]
        var span = numbers.mutableSpan
        WeightEncoding.float16.round(&span)
        #expect(numbers == [half])
    }

    @Test func leavesFloat32Alone() {
        var numbers: [Float] = [1 + 0x1p-23, 1e38, -0x1p-140]
        let before = numbers
        var span = numbers.mutableSpan
        WeightEncoding.float32.round(&span)
        #expect(numbers == before)
    }

    /// Kernels are halves here, and all else is not.
    @Test(arguments: ["m.h5", "m.keras"])
    func isEachParametersOwn(name: String) throws {
        let built = try built(), layout = built.graph.layout
        let plan = try ExportPlan(
            built, WeightEncodings(layout) { $0.spec.name == "kernel" ? .float16 : .float32 },
            format: ModelFormats.named(by: name))
        #expect(plan.size.rows.map(\.type) == ["float16, float32", "float32", "float16, float32"])
        #expect(plan.size.rows.map(\.size.bytes) == [2 * 6 + 4 * 2, 4 * 8, 2 * 4 + 4 * 2])
        let weights = ParameterVector(zeros: layout)
        for index in 0..<layout.extent { weights.tensor[index] = 1 / 3 }
        try withTemporaryFolder { folder in
            let path = folder.appending(path: name).path
            #expect(try plan.write(weights, to: path) == plan.size.file)
            let file = try KerasFile(opening: path)
            #expect(file.sizeReport().rows == plan.size.rows)
            let network = try file.network().network
            for entry in layout.entries {
                let number: Float = entry.spec.name == "kernel" ? 0x1.554p-2 : 1 / 3
                #expect(network.weights[entry].values.allSatisfy { $0 == number }, "\(entry.layer)/\(entry.spec.name)")
            }
        }
    }

    /// Kernels of 256 numbers and more have so many bits; smaller parameters are halves, statistics as they are. What is planned is
    /// written to the byte and read again, and what is rounded stays as it is.
    @Test(arguments: ["float8", "float7", "float6", "float5", "float4"], ["m.h5", "m.keras"])
    func storesLargeKernelsInFewBits(precision: String, name: String) throws {
        let text = Self.text.replacing("units: 2", with: "units: 100")
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture(classes: 2).graph()
        let layout = built.graph.layout, weights = ParameterVector(zeros: layout)
        for index in 0..<layout.extent { weights.tensor[index] = Float(sin(Double(index) * 1.7)) / 7 }
        weights[try #require(layout.entry("normalization", "moving_variance"))].fill(with: 0.3)
        let plan = try ExportPlan(
            built, precision: #require(Precision(rawValue: precision)), format: ModelFormats.named(by: name))
        let bits = try #require(Int(precision.dropFirst(5)))
        #expect(plan.size.rows.map(\.type) == ["float16, \(precision)", "float16, float32", "float16"])
        #expect(plan.size.rows[0].size.bytes == (bits == 8 ? 300 : 300 * bits / 8 + 1) + 2 * 100)
        let rounded = try plan.rounded(weights.tensor, for: name)
        let again = try plan.rounded(rounded, for: name)
        #expect(again.values == rounded.values)
        #expect(rounded.values != weights.tensor.values)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: name).path, written = try plan.write(weights, to: path)
            #expect(written == plan.size.file)
            let read = try KerasFile(opening: path).network().network
            for entry in layout.entries {
                let count = entry.spec.shape.elementCount
                #expect(read.weights[entry].values == rounded.slice(at: entry.offset, count: count).values)
            }
        }
    }

    /// What is no number is named, whatever its parameter is stored as.
    @Test(arguments: [Precision.float16, .small(bits: 8), .small(bits: 5)], ["moving_variance", "gamma"])
    func refusesWhatIsNoNumber(precision: Precision, name: String) throws {
        let built = try built(), layout = built.graph.layout, weights = ParameterVector(zeros: layout)
        weights[try #require(layout.entry("normalization", name))][1] = .nan
        #expect {
            try ExportPlan(built, precision: precision).rounded(weights.tensor, for: "s.h5")
        } throws: { error in
            "\(error)" == "'s.h5': layer 'normalization', parameter '\(name)': 1 of 2 numbers is not finite. "
                + "Store the model with --precision float32"
        }
    }

    /// A variance of a million is beyond float16, and an ordinary one.
    @Test func keepsStatisticsAsTheyAre() throws {
        let built = try built(), layout = built.graph.layout, weights = ParameterVector(zeros: layout)
        let entry = try #require(layout.entry("normalization", "moving_variance"))
        weights[entry].fill(with: 1e6)
        let plan = try ExportPlan(built, precision: .float16)
        let rounded = try plan.rounded(weights.tensor, for: "s.h5")
        #expect(rounded.slice(at: entry.offset, count: 2).values == [1e6, 1e6])
    }

    /// All of them are named, and nothing is written.
    @Test func refusesNumbersBeyondTheirEncoding() throws {
        let built = try built(), layout = built.graph.layout, weights = ParameterVector(zeros: layout)
        for (layer, name, value) in [("hidden", "kernel", 65_520), ("answer", "bias", -1e6)]
            as [(String, String, Float)]
        {
            let entry = try #require(layout.entry(layer, name))
            weights[entry][1] = value
        }
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            #expect {
                try ExportPlan(built, precision: .float16).write(weights, to: path)
            } throws: { error in
                (error as? ModelFileError)?.kind == .refused
                    && "\(error)" == """
                        '\(path)': 2 problems: layer 'hidden', parameter 'kernel': 1 of 6 numbers is beyond ±65,504, the \
                        range of float16; layer 'answer', parameter 'bias': 1 of 2 numbers is beyond ±65,504, the range of \
                        float16. Store the model with --precision float32
                        """
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            try ExportPlan(built).write(weights, to: path)
        }
    }
}
