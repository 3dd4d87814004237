import Foundation
import HDF5
import Networks
import Tensors
import Testing
import Zip

@testable import ModelFiles

/// One model in every form that a version of Keras writes; `Tools/reference/format_fixtures.py` has it.
@Suite struct FormatTests {
    /// Models of Keras 2 that Keras 3 would compute by other formulas.
    static let keras2Meaning = [
        "attention-heads-k2.h5", "attention-masks-k2.h5", "hard-sigmoid-k2.h5",
        "masking-documents-k2.h5",
        "masking-initial-state-k2.h5", "masking-joined-k2.h5", "masking-merge-k2.h5", "masking-table-k2.h5",
        "recurrent-activations-k2.h5", "transformer-k2.h5",
    ]
    /// Models of Keras 2 that Keras 3 has no words for.
    static let keras2Words = [
        "locally-connected-forms-k2.h5", "locally-connected-k2.h5", "operations-tensorflow-k2.h5", "resizing-k2.h5",
        "separable-options-k2.h5", "up-sampling-k2.h5",
    ]

    private func folder(_ name: String) -> String { fixture("formats/\(name)") }

    private func agrees(_ file: KerasFile, with version: String) throws {
        let examples = try HDF5File(opening: folder("\(version).io.h5"))
        let input: [Float] = try examples.root.dataset("input").read()
        let output: [Float] = try examples.root.dataset("output").read()
        let (_, network) = try file.network()
        #expect(distance(network.predict([input])[0], output) < 1e-5)
    }

    @Test(arguments: ["keras3.keras", "keras3-deflated.keras", "keras2.keras", "keras2-deflated.keras"])
    func readsArchives(name: String) throws {
        try agrees(KerasFile(opening: folder(name)), with: String(name.prefix(6)))
    }

    @Test(arguments: ["keras3.weights.h5", "keras2.weights.h5", "keras2-save-weights.h5"])
    func readsWeightsWithTheirArchitecture(name: String) throws {
        let version = String(name.prefix(6))
        let file = try KerasFile(opening: folder(name), architecture: .init(folder("\(version).json")))
        try agrees(file, with: version)
    }

    @Test func readsWeightsWithAnArchitectureFile() throws {
        try withTemporaryFolder { folder in
            let text = """
                input: [4]
                layers:
                  - Dense: {units: 3, activation: relu}
                  - Dense: {units: classes, activation: softmax}
                """
            let architecture = folder.appending(path: "a.yaml").path, path = folder.appending(path: "w.weights.h5").path
            try text.write(toFile: architecture, atomically: true, encoding: .utf8)
            let file = try HDF5File(creating: path)
            for (name, shape) in [("dense", [4, 3]), ("dense_1", [3, 2])] {
                let kernel = try file.root.createDataset("layers/\(name)/vars/0", .float32, shape: shape)
                try kernel.write([Float](repeating: 1, count: shape[0] * shape[1]))
                let bias = try file.root.createDataset("layers/\(name)/vars/1", .float32, shape: [shape[1]])
                try bias.write([Float](repeating: 0, count: shape[1]))
            }
            try file.close()
            let model = try KerasFile(opening: path, architecture: .init(architecture))
            let output = try model.network().network.predict([[1, 1, 1, 1]])
            #expect(output == [[0.5, 0.5]])
        }
    }

    /// Keras 3 has the layers of a model inside TimeDistributed in the model's group, without one for each of them.
    @Test func readsWeightsOfAModelInsideTimeDistributed() throws {
        try withTemporaryFolder { folder in
            let text = """
                {"class_name": "Sequential", "config": {"name": "m", "layers": [
                {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 2, 2]}},
                {"class_name": "TimeDistributed", "config": {"name": "t", "layer": {"class_name": "Sequential",
                "config": {"name": "s", "layers": [
                {"class_name": "InputLayer", "config": {"name": "j", "batch_shape": [null, 2]}},
                {"class_name": "Dense", "config": {"name": "d", "units": 1}}]}}}}]}}
                """
            let architecture = folder.appending(path: "a.json").path, path = folder.appending(path: "w.weights.h5").path
            try text.write(toFile: architecture, atomically: true, encoding: .utf8)
            let file = try HDF5File(creating: path), group = "layers/time_distributed/layer/layers/dense/vars"
            try file.root.createDataset("\(group)/0", .float32, shape: [2, 1]).write([2, 3] as [Float])
            try file.root.createDataset("\(group)/1", .float32, shape: [1]).write([1] as [Float])
            try file.close()
            let model = try KerasFile(opening: path, architecture: .init(architecture))
            #expect(try model.network().network.predict([[1, 0, 0, 1]]) == [[3, 4]])
        }
    }

    @Test func refusesASecondArchitecture() throws {
        let path = folder("keras3.keras"), other = folder("keras3.json")
        #expect {
            _ = try KerasFile(opening: path, architecture: .init(other))
        } throws: { error in
            "\(error)" == "'\(path)': has its own architecture, and '\(other)' is another one. Leave --architecture out"
        }
    }

    /// Everything that does not fit is said at once, with the nearest name for what is missing.
    @Test func listsAllThatDoesNotFitAStore() throws {
        let text = try String(contentsOfFile: folder("keras3.json"), encoding: .utf8)
            .replacing("\"class_name\": \"GRU\"", with: "\"class_name\": \"SimpleRNN\"")
            .replacing("\"name\": \"b\", \"trainable\": true", with: "\"name\": \"b\", \"trainable\": false")
        try withTemporaryFolder { temporary in
            let architecture = temporary.appending(path: "a.json").path
            try text.write(toFile: architecture, atomically: true, encoding: .utf8)
            let path = folder("keras3.weights.h5")
            #expect {
                _ = try KerasFile(opening: path, architecture: .init(architecture)).graph()
            } throws: { error in
                "\(error)" == """
                    '\(path)': 2 problems: layer 'gru' (SimpleRNN): expected weights in 'layers/simple_rnn/cell/vars', \
                    found none; the file has weights in 'layers/gru/cell', and the architecture has no such layer
                    """
            }
        }
    }

    /// What an archive has is what was planned, to the byte, and computes the same bits.
    @Test(arguments: PredictionTests.models.filter { !(keras2Meaning + keras2Words).contains($0) })
    func survivesBeingWrittenAsAnArchive(model: String) throws {
        let examples = try Examples(of: fixture(model))
        let (built, network) = try KerasFile(opening: fixture(model)).network()
        let notes = ExportPlan.Notes(["provenance": "{}"], classNames: ["coat", "boot"])
        let plan = try ExportPlan(built, format: KerasArchive(), notes: notes)
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.keras").path
            let written = try plan.write(network.weights, to: path)
            let copy = try KerasFile(opening: path)
            #expect(written == plan.size.file)
            #expect(copy.byteCount == written.bytes)
            #expect(copy.provenance == "{}")
            #expect(copy.classNames == ["coat", "boot"])
            let reloaded = try copy.network().network
            #expect(
                reloaded.predict(examples.inputs).map { $0.map(\.bitPattern) }
                    == network.predict(examples.inputs).map { $0.map(\.bitPattern) })
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.keras"])
        }
    }

    /// Keras 3 computes these by other formulas, and an archive is Keras 3's.
    @Test(arguments: keras2Meaning)
    func refusesToChangeTheMeaningOfKeras2(model: String) throws {
        let built = try KerasFile(opening: fixture(model)).graph()
        #expect {
            _ = try ExportPlan(built, format: KerasArchive())
        } throws: { error in
            "\(error)".hasSuffix("A .keras file would predict something else; write .h5")
        }
    }

    private func refusal(_ model: String) throws -> String {
        let path = fixture(model), built = try KerasFile(opening: path).graph()
        do {
            _ = try ExportPlan(built, format: KerasArchive())
            return ""
        } catch {
            return "\(error)".replacing("'\(path)': ", with: "")
        }
    }

    @Test(arguments: keras2Words)
    func refusesWordsThatKeras3DoesNotHave(model: String) throws {
        #expect(try refusal(model).hasSuffix("A .keras file is for Keras 3; write .h5"))
    }

    @Test func namesWhatKeras3DoesNotHave() throws {
        #expect(
            try refusal("separable-options-k2.h5") == """
                layer 'causal_1d' (SeparableConv1D): Keras 3 has no 'causal' padding for this class; ZeroPadding1D \
                before it does the same. A .keras file is for Keras 3; write .h5
                """)
        #expect(
            try refusal("operations-tensorflow-k2.h5") == """
                layer 'tf.linalg.matmul' (ops.matmul): Keras 3's product of matrices has no 'transpose_b'; a Permute \
                before it does the same. A .keras file is for Keras 3; write .h5
                """)
        #expect(
            try refusal("up-sampling-k2.h5") == """
                2 problems: layer 'gaussian' (UpSampling2D): Keras 3 has no interpolation 'gaussian'; layer \
                'mitchellcubic' (UpSampling2D): Keras 3 has no interpolation 'mitchellcubic'. A .keras file is for \
                Keras 3; write .h5
                """)
    }

    /// Of all layers after a mask, only those are named that compute something else.
    @Test func namesLayersThatKeras3WouldMaskOtherwise() throws {
        #expect(
            try refusal("masking-table-k2.h5") == """
                2 problems: layer 'after_rescaling' (GRU): Keras 3 masks what it reads by another rule than Keras 2; \
                layer 'after_identity' (GRU): Keras 3 masks what it reads by another rule than Keras 2. A .keras file \
                would predict something else; write .h5
                """)
    }

    /// The groups of weights that Keras 3.15 makes for layers around layers, for attention, and for activations that
    /// are layers.
    @Test(arguments: [
        ("activation-objects.h5", "layers/time_distributed/layer/vars", [[4, 3], [3]]),
        ("attention-groups.h5", "layers/grouped_query_attention/_query_dense/vars", nil),
        ("spectral-normalization.h5", "layers/spectral_normalization/layer/vars", nil),
        ("spectral-normalization.h5", "layers/spectral_normalization/vars", nil),
    ])
    func hasTheGroupsThatKeras3LooksFor(model: String, group: String, shapes: [[Int]]?) throws {
        let (built, network) = try KerasFile(opening: fixture(model)).network()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "copy.keras").path
            try ExportPlan(built, format: KerasArchive()).write(network.weights, to: path)
            let variables = try ZipReader(opening: path)
            let member = try #require(variables["model.weights.h5"])
            let weights = folder.appending(path: "weights.h5").path
            try Data(variables.bytes(of: member, limit: 1 << 20)).write(to: URL(filePath: weights))
            let file = try HDF5File(opening: weights), found = try file.root.group(group)
            let names = try found.names()
            #expect(names == names.indices.map(String.init) && names.count >= 2)
            for (name, shape) in zip(names, shapes ?? []) { #expect(try found.dataset(name).shape == shape) }
        }
    }

    /// Those who go on training the model find how its weights began and what keeps them small.
    @Test func keepsWhatOnlyTrainingUses() throws {
        let text = """
            input: [4]
            layers:
              - Dense: {units: 3, kernel_initializer: he_normal, kernel_regularizer: l2, trainable: false}
              - Dense: {units: 2}
            """
        var architecture = try ArchitectureFile(parsing: text, path: "a.yaml").architecture()
        architecture.isStrict = false
        let built = try architecture.graph()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "s.h5").path
            try ExportPlan(built).write(ParameterVector(zeros: built.graph.layout), to: path)
            let options = try KerasFile(opening: path).architecture.layers[0].options
            #expect(options["kernel_initializer"] == "he_normal")
            #expect(options["kernel_regularizer"] == "l2")
            #expect(options["trainable"] == false)
        }
    }

    /// Keras 3.15 gives GlorotUniform `input_axes: null`, at which Keras 2 stops.
    @Test func leavesOutArgumentsThatOnlyOneKerasKnows() throws {
        let built = try KerasFile(opening: fixture("dense.h5")).graph()
        for suffix in ["keras", "h5"] {
            try withTemporaryFolder { folder in
                let path = folder.appending(path: "s.\(suffix)").path
                try ExportPlan(built, format: ModelFormats.named(by: path)).write(
                    ParameterVector(zeros: built.graph.layout), to: path)
                let initializer = try KerasFile(opening: path).architecture.layers[0].options["kernel_initializer"]
                #expect(initializer?["class_name"] == "GlorotUniform")
                #expect((initializer?["config"]?["input_axes"] == nil) == (suffix == "h5"))
            }
        }
    }

    /// The names are those in archives that Keras 3.15 wrote.
    @Test func knowsWhereKerasPutsTheWeightsOfALayer() {
        var names = StoreNames()
        #expect(names.next("GroupQueryAttention") == "grouped_query_attention")
        #expect(names.next("GroupedQueryAttention") == "grouped_query_attention_1")
        let plain = StoreNames.parts(of: "MultiHeadAttention", [:])
        #expect(plain == ["query_dense", "key_dense", "value_dense", "output_dense"])
        let gated = StoreNames.parts(of: "MultiHeadAttention", ["use_gate": true])
        #expect(gated == ["query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense"])
        let grouped = StoreNames.parts(of: "GroupedQueryAttention", ["use_gate": true])
        #expect(grouped == ["_query_dense", "_key_dense", "_gate_dense", "_value_dense", "_output_dense"])
    }
}
