import Foundation
import HDF5
import ModelFiles
import Testing

/// Messages are read by people: short, whatever a file holds, and with what to do.
@Suite struct MessageTests {
    private func input(_ shape: JSON = [nil, 4]) -> JSON {
        [
            "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
            "config": ["batch_input_shape": shape, "name": "x"],
        ]
    }

    private func layer(_ className: String, _ name: String, _ config: JSON.Object, _ nodes: JSON) -> JSON {
        var config = config
        config["name"] = .string(name)
        return [
            "class_name": .string(className), "name": .string(name), "config": .object(config), "inbound_nodes": nodes,
        ]
    }

    private func model(_ layers: [JSON], output: String) -> JSON {
        [
            "class_name": "Functional",
            "config": [
                "name": "model", "layers": .array([input()] + layers), "input_layers": [["x", 0, 0]],
                "output_layers": .array([[.string(output), 0, 0]]),
            ],
        ]
    }

    private func message(_ configuration: JSON, version: String? = "2.15.0") -> String {
        do {
            _ = try Architecture(kerasConfiguration: configuration.description, origin: "m.h5", version: version)
                .graph()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func quotesTheBeginningOfATable() {
        let table = JSON.array((0..<300).map { row in .array((0..<100).map { .number(Double(row) + Double($0) / 7) }) })
        let text = message(
            model([layer("Dense", "hidden", ["units": table], [[["x", 0, 0, [:]]]])], output: "hidden"))
        #expect(text.hasPrefix("'m.h5': layer 'hidden' (Dense): option 'units': expected a whole number from 1 to "))
        #expect(text.hasSuffix(" … (300 elements)"))
        #expect(text.count < 300)
    }

    @Test func cutsNamesOfFourThousandLetters() {
        let name = String(repeating: "n", count: 4_000)
        let text = message(model([layer("Lambda", name, [:], [[["x", 0, 0, [:]]]])], output: name))
        #expect(text.count <= 500)
        #expect(text.hasPrefix("'m.h5': layer 'nnn") && text.hasSuffix("and save the model again"))
    }

    @Test func saysOnceWhatManyLayersHave() {
        var layers: [JSON] = [], last = "x"
        for index in 0..<40 {
            layers.append(layer("Mystery", "part_\(index)", [:], [[[.string(last), 0, 0, [:]]]]))
            last = "part_\(index)"
        }
        #expect(
            message(model(layers, output: last)) == """
                'm.h5': layer 'part_0' (Mystery), like 'part_1', 'part_2' and 37 more: layers of this class are not \
                supported
                """)
    }

    @Test func listsAsManyProblemsAsFitAndCountsTheRest() {
        var layers: [JSON] = [], last = "x"
        for index in 0..<40 {
            layers.append(
                layer("Dense", "part_\(index)", ["units": .integer(-index)], [[[.string(last), 0, 0, [:]]]]))
            last = "part_\(index)"
        }
        let text = message(model(layers, output: last))
        #expect(text.hasPrefix("'m.h5': 40 problems: layer 'part_0' (Dense): option 'units': expected a whole number"))
        #expect(text.count <= 500)
        #expect(text.contains("; and ") && text.hasSuffix(" more"))
    }

    @Test func saysHowASubclassedModelCanBeSaved() {
        let text = message(["module": nil, "class_name": "My", "config": ["dtype": "float32"], "registered_name": "My"])
        #expect(
            text == """
                'm.h5': the model is a 'My', a class of its own, whose Python code is never run; only Sequential and \
                Functional models can be read. In Keras, make a Functional model of it and save that: inputs = \
                keras.Input(shape); keras.Model(inputs, model.call(inputs)).save('model.keras')
                """)
    }

    @Test(arguments: ["1.2.2", nil]) func saysWhatToDoWithFilesOfKeras1(version: String?) {
        let old: JSON = [
            "class_name": "Sequential",
            "config": [
                [
                    "class_name": "Dense",
                    "config": [
                        "name": "hidden", "output_dim": 3, "init": "glorot_uniform", "batch_input_shape": [nil, 4],
                    ],
                ]
            ],
        ]
        #expect(
            message(old, version: version) == """
                'm.h5': was saved by Keras \(version ?? "1"), whose files are not read. Load it in Keras 2.0 to 2.3, \
                which still read them, and save it again with model.save('model.h5')
                """)
    }

    @Test func saysThatVectorsHaveNoAttentionOfTheirOwn() {
        let text = message(
            model([layer("Attention", "meet", [:], [[["x", 0, 0, [:]], ["x", 0, 0, [:]]]])], output: "meet"))
        #expect(text.contains("Keras 2 lets the examples of a batch attend to each other"))
    }

    @Test func saysHowBracketsBegin() {
        let slice: JSON = [["start": 0, "stop": 2, "step": nil]]
        let text = message(
            model(
                [
                    layer(
                        "SlicingOpLambda", "part", ["function": "__operators__.getitem"],
                        [["x", 0, 0, ["slice_spec": slice]]])
                ], output: "part"))
        #expect(text.contains("takes some of the examples, which stay together. Begin with ':', as in x[:, 0]"))
    }

    @Test func namesWhatIsNoModel() throws {
        try withTemporaryFolder { folder in
            for (name, bytes, words) in [
                (
                    "a.h5", Array("version https://git-lfs.github.com/spec/v1\n".utf8),
                    "it is a Git LFS pointer, not HDF5"
                ),
                (
                    "b.h5", [0x08, 0x07, 0x12, 0x07] + Array("pytorch".utf8),
                    "has no graph of operators"
                ),
                ("c.npy", [0x93] + Array("NUMPY\u{1}".utf8), "it is an array of NumPy's (.npy), not HDF5"),
            ] as [(String, [UInt8], String)] {
                let path = folder.appending(path: name).path
                try Data(bytes).write(to: URL(filePath: path))
                do {
                    _ = try KerasFile(opening: path)
                    Issue.record("\(name) was opened")
                } catch {
                    #expect("\(error)".contains(words), "\(error)")
                }
            }
        }
    }

    @Test func countsTheStateOfTheOptimizerByItself() throws {
        let file = try KerasFile(opening: fixture("compiled.h5"))
        let report = file.sizeReport()
        #expect(report.optimizer.bytes > 0)
        #expect(report.file.bytes == report.weights.bytes + report.optimizer.bytes + report.overhead.bytes)
    }
}
