import Foundation
import HDF5
import ModelFiles
import Networks
import Storage
import Tensors
import Testing

@Suite struct ExportTests {
    private static let text = """
        name: small student
        input: [12, 12, 2]
        layers:
          - Conv2D: {filters: 4*width, kernel_size: 3, padding: same, use_bias: false}
          - BatchNormalization
          - LeakyReLU: {negative_slope: 0.1}
          - AveragePooling2D: {pool_size: 2}
          - Flatten
          - Dropout: {rate: 0.3}
          - Dense: {units: classes, activation: softmax}
        """

    private func built(width: Double = 1) throws -> BuiltArchitecture {
        try ArchitectureFile(parsing: Self.text, path: "small.yaml").architecture(classes: 5, width: width).graph()
    }

    private func weights(_ built: BuiltArchitecture) -> ParameterVector {
        ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: 1))
    }

    @Test func writesWhatBothVersionsOfKerasRead() throws {
        let built = try built()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            let notes = ExportPlan.Notes(["provenance": "{}"], classNames: ["coat", "boot"])
            try ExportPlan(built, notes: notes).write(weights(built), to: path)
            let file = try HDF5File(opening: path)
            #expect(try file.root.attributes.string("provenance") == "{}")
            #expect(try file.root.attributes.strings("classes") == ["coat", "boot"])
            #expect(
                try file.root.attributes.string("model_config") == """
                    {"class_name":"Sequential","config":{"name":"small_student","layers":[\
                    {"class_name":"InputLayer","config":{"batch_input_shape":[null,12,12,2],"dtype":"float32",\
                    "name":"input"}},\
                    {"class_name":"Conv2D","config":{"name":"conv2d","filters":4,"kernel_size":3,"padding":"same",\
                    "use_bias":false}},\
                    {"class_name":"BatchNormalization","config":{"name":"batch_normalization"}},\
                    {"class_name":"LeakyReLU","config":{"name":"leaky_re_lu","alpha":0.1}},\
                    {"class_name":"AveragePooling2D","config":{"name":"average_pooling2d","pool_size":2}},\
                    {"class_name":"Flatten","config":{"name":"flatten"}},\
                    {"class_name":"Dropout","config":{"name":"dropout","rate":0.3}},\
                    {"class_name":"Dense","config":{"name":"dense","units":5,"activation":"softmax"}}]}}
                    """)
            let group = try file.root.group("model_weights")
            #expect(try group.attributes.strings("layer_names") == ["conv2d", "batch_normalization", "dense"])
            let layer = try group.group("batch_normalization")
            #expect(
                try layer.attributes.strings("weight_names") == ["gamma", "beta", "moving_mean", "moving_variance"])
        }
    }

    /// Keras 3 insists on some options that have defaults.
    @Test func writesWhatKeras3InsistsOn() throws {
        let text = "input: [4, 2]\nlayers:\n  - Rescaling: {scale: 0.5}\n  - AveragePooling1D"
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            try ExportPlan(built).write(weights(built), to: path)
            let layers = try KerasFile(opening: path).architecture.layers
            #expect(layers.map { $0.options["offset"] } == [0.0, nil])
            #expect(layers.map { $0.options["pool_size"] } == [nil, 2])
        }
    }

    /// What a parameter takes. Statistics stay float32, and small parameters are no less than float16; codes of fewer than 8 bits
    /// are packed, with one byte behind the whole ones.
    private func bytes(_ entry: ParameterLayout.Entry, _ precision: Precision) -> Int {
        let count = entry.spec.shape.elementCount, bits = Int(precision.rawValue.dropFirst(5)) ?? 0
        if precision == .int8 {
            return entry.spec.name.hasPrefix("moving") ? 4 * count : count < 256 ? 2 * count : count + 4
        }
        if bits == 32 || entry.spec.name.hasPrefix("moving") { return 4 * count }
        if bits == 16 || count < 256 { return 2 * count }
        return bits == 8 ? count : count * bits / 8 + 1
    }

    @Test(arguments: Precision.fixed, ModelFormats.all.map { "s.\($0.suffixes[0])" })
    func predictsTheSizeOfAnyFile(precision: Precision, name: String) throws {
        let format = try ModelFormats.named(by: name)
        guard try format.holds(precision.encodings(of: built().graph.layout)) else { return }
        for width in [0.25, 1, 7.5, 40] {
            let built = try built(width: width)
            let plan = try ExportPlan(built, precision: precision, format: format)
            try withTemporaryFolder { folder in
                let path = folder.appending(path: name).path
                #expect(try plan.write(weights(built), to: path) == plan.size.file)
                let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                #expect(size == plan.size.file.bytes)
                #expect(plan.size.weights.bytes == built.graph.layout.entries.reduce(0) { $0 + bytes($1, precision) })
            }
        }
    }

    @Test func storesHalfPrecision() throws {
        let built = try built()
        let weights = weights(built)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            try ExportPlan(built, precision: .float16).write(weights, to: path)
            let (_, network) = try KerasFile(opening: path).network()
            let exact = weights.tensor.values
            #expect(network.weights.tensor.values == exact.map { Float(Float16($0)) })
        }
    }

    @Test func knowsHowLargeAGigabyteIsInNoTime() throws {
        let text =
            "input: [16000]\nlayers:\n  - Dense: {units: 15000}\n  - Dense: {units: classes, activation: softmax}"
        let built = try ArchitectureFile(parsing: text, path: "large.yaml").architecture(classes: 600).graph()
        let start = ContinuousClock.now
        let size = try ExportPlan(built).size
        #expect(ContinuousClock.now - start < .milliseconds(100))
        #expect(size.parameters == 16_000 * 15_000 + 15_000 + 15_000 * 600 + 600)
        #expect(size.weights.bytes == 4 * size.parameters)
        #expect(size.overhead.bytes > 0 && size.overhead.bytes < 4096)
        #expect(size.largest(1).map(\.name) == ["dense"])
        #expect(size.largestInWords() == "dense (960,060,000 bytes), dense_1 (36,002,400 bytes)")
    }

    @Test func refusesToGoBeyondALimit() throws {
        let built = try built()
        let plan = try ExportPlan(built)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            let limit = ByteCount(plan.size.file.bytes - 1)
            #expect(throws: ModelFileError.self) { try plan.write(weights(built), to: path, limit: limit) }
            do {
                try plan.write(weights(built), to: path, limit: limit)
            } catch let error as ModelFileError {
                #expect(error.kind == .tooLarge)
                #expect(
                    "\(error)" == """
                        '\(path)': takes \(plan.size.file), 1 byte over the limit of \(limit). \
                        Largest layers: dense (2,900 bytes), conv2d (288 bytes), batch_normalization (64 bytes)
                        """)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            try plan.write(weights(built), to: path, limit: plan.size.file)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["s.h5"])
        }
    }

    @Test func keepsTheOldFileWhenWritingFails() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            try Data("old".utf8).write(to: URL(filePath: path))
            struct Stop: Error {}
            #expect(throws: Stop.self) { try HDF5File.writeWhole(to: path) { _ in throw Stop() } }
            #expect(throws: Stop.self) { try HDF5File.writeWhole(to: path, { _ in }, check: { _, _ in throw Stop() }) }
            #expect(try Data(contentsOf: URL(filePath: path)) == Data("old".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["s.h5"])
        }
    }

    @Test func saysWhyAFileCannotBeCreated() throws {
        let built = try built()
        let plan = try ExportPlan(built)
        do {
            try plan.write(weights(built), to: "/nowhere/s.h5")
            Issue.record("it was written")
        } catch let error as StorageError {
            #expect(error.description == "cannot create '/nowhere/s.h5': there is no such folder")
        }
    }

    @Test func givesNamesThatEveryKerasTakes() throws {
        let text = """
            input: [4]
            layers:
              - Dense: {units: 3}
                name: "größe 1"
              - Dense: {units: 3}
                name: "grö_e_1"
              - Dense: {units: 2}
                name: "_x"
            """
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            try ExportPlan(built).write(weights(built), to: path)
            #expect(
                try KerasFile(opening: path).architecture.layers.map(\.name) == ["gr__e_1", "gr__e_1_1", "layer_x"])
        }
    }
}

@Suite struct SizeReportTests {
    @Test func reportsWithoutReadingWeights() throws {
        let report = try KerasFile(opening: fixture("digits.h5")).sizeReport()
        #expect(report.rows.allSatisfy { $0.outputShape != nil && $0.multiplyAdds != nil })
        #expect(report.file.bytes == report.weights.bytes + report.overhead.bytes)
        #expect(report.weights.bytes == 4 * report.parameters)
        let share = report.rows.reduce(0) { $0 + report.share(of: $1) }
        #expect(abs(share - Double(report.weights.bytes) / Double(report.file.bytes)) < 1e-12)
    }

    /// Weights can be counted whether or not the layers can be run.
    @Test func reportsModelsThatCannotBeRun() throws {
        let report = try KerasFile(opening: fixture("refused/conv3d.h5")).sizeReport()
        #expect(report.parameters > 0)
        #expect(report.rows.allSatisfy { $0.outputShape == nil })
        #expect(report.multiplyAdds == nil)
    }

    @Test func writesTheKeysOfTheContract() throws {
        let text = "input: [3]\nlayers:\n  - Dense: {units: 2}\n  - Flatten"
        let built = try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
        let json = try ExportPlan(built).size.json
        #expect(
            json.object?.keys == [
                "path", "parameters", "bytes", "weights_bytes", "bits_per_weight", "loaded_bytes", "layers",
            ])
        #expect(
            json["layers"] == [
                [
                    "name": "dense", "class": "Dense", "output_shape": [2], "parameters": 8, "bytes": 32,
                    "dtype": "float32", "multiply_adds": 6,
                    "weights": [
                        ["name": "kernel", "shape": [3, 2], "dtype": "float32", "bytes": 24, "bits_per_weight": 32.0],
                        ["name": "bias", "shape": [2], "dtype": "float32", "bytes": 8, "bits_per_weight": 32.0],
                    ],
                ],
                [
                    "name": "flatten", "class": "Flatten", "output_shape": [2], "parameters": 0, "bytes": 0,
                    "dtype": nil, "multiply_adds": 0, "weights": [],
                ],
            ])
    }
}
