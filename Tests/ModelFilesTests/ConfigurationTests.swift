import Foundation
import HDF5
import ModelFiles
import Networks
import Tensors
import Testing

/// A model file made by hand: a configuration, and weights in the order given.
private struct HandmadeFile {
    var configuration: JSON
    var version: String? = "2.15.0"
    var groups: [(name: String, weights: [(name: String, shape: [Int], values: [Float])])] = []
    var type = HDF5Type.float32

    func write(to path: String) throws {
        let file = try HDF5File(creating: path)
        try file.root.attributes.write(configuration.description, to: "model_config")
        if let version { try file.root.attributes.write(version, to: "keras_version") }
        let weights = try file.root.createGroup("model_weights")
        try weights.attributes.write(groups.map(\.name), to: "layer_names")
        for group in groups {
            let layer = try weights.createGroup(group.name)
            try layer.attributes.write(group.weights.map(\.name), to: "weight_names")
            for weight in group.weights {
                let dataset = try layer.createDataset(weight.name, type, shape: weight.shape)
                try dataset.write(weight.values.span)
            }
        }
        try file.close()
    }
}

private func dense(_ name: String, _ units: Int, _ more: JSON.Object = [:], nodes: JSON? = nil) -> JSON {
    var config: JSON.Object = ["name": .string(name), "units": .integer(units)]
    for member in more.members { config[member.key] = member.value }
    var layer: JSON.Object = ["class_name": "Dense", "config": .object(config)]
    if let nodes {
        layer["name"] = .string(name)
        layer["inbound_nodes"] = nodes
    }
    return .object(layer)
}

private func input(_ name: String, _ shape: [JSON], key: String = "batch_input_shape") -> JSON {
    [
        "class_name": "InputLayer", "name": .string(name), "inbound_nodes": [],
        "config": .object(JSON.Object([.init(key, .array([.null] + shape)), .init("name", .string(name))])),
    ]
}

@Suite struct ConfigurationTests {
    private func architecture(_ configuration: JSON, version: String? = "2.15.0") throws -> Architecture {
        var found: Architecture?
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            try HandmadeFile(configuration: configuration, version: version).write(to: path)
            found = try KerasFile(opening: path).architecture
        }
        return try #require(found)
    }

    private func message(_ configuration: JSON) -> String? {
        do {
            _ = try architecture(configuration).graph()
            return nil
        } catch {
            return "\(error)".replacing(/'\/.*?model.h5'/, with: "'model.h5'")
        }
    }

    /// The layers with what they read: `b(a)`; calls after the first as `a#1`, results after the first as `a:1`.
    private func wiring(_ architecture: Architecture) -> [String] {
        architecture.layers.map { layer in
            layer.name
                + layer.calls.map { "(" + $0.map(Self.word).joined(separator: " ") + ")" }.joined()
        }
    }

    private static func word(_ source: Architecture.Source) -> String {
        source.layer + (source.call == 0 ? "" : "#\(source.call)") + (source.tensor == 0 ? "" : ":\(source.tensor)")
    }

    @Test(
        arguments: [
            [
                "class_name": "Sequential",
                "config": ["name": "m", "layers": [input("x", [4]), dense("a", 3), dense("b", 2)]],
            ],
            [
                "class_name": "Sequential",
                "config": [
                    "name": "m", "layers": [input("x", [4], key: "batch_shape"), dense("a", 3), dense("b", 2)],
                ],
            ],
            // Without an InputLayer, as older files; and the bare list of Keras 2.1.
            [
                "class_name": "Sequential",
                "config": ["layers": [dense("a", 3, ["batch_input_shape": [nil, 4]]), dense("b", 2)]],
            ],
            ["class_name": "Sequential", "config": [dense("a", 3, ["batch_input_shape": [nil, 4]]), dense("b", 2)]],
        ] as [JSON])
    func readsSequentialModels(configuration: JSON) throws {
        let architecture = try architecture(configuration)
        #expect(architecture.inputs.map(\.axes) == [[4]])
        #expect(architecture.isChain)
        #expect(architecture.layers.map(\.name) == ["a", "b"])
    }

    private static func keras3Call(_ layer: String, _ node: Int) -> JSON {
        [
            "class_name": "__keras_tensor__",
            "config": ["shape": [nil, 3], "dtype": "float32", "keras_history": [.string(layer), .integer(node), 0]],
        ]
    }

    @Test(
        arguments: [
            ([["x", 0, 0]], [["add", 0, 0]]), (["x", 0, 0], ["add", 0, 0]),
            (["x": ["x", 0, 0]], ["out": ["add", 0, 0]]),
        ] as [(JSON, JSON)])
    func readsInputsAndOutputsInEveryShape(inputs: JSON, outputs: JSON) throws {
        let add: JSON = [
            "class_name": "Add", "config": ["name": "add"], "name": "add",
            "inbound_nodes": [[["a", 0, 0, [:]], ["a", 1, 0, [:]]]],
        ]
        let a = dense("a", 3, nodes: [[["x", 0, 0, [:]]], [["b", 0, 0, [:]]]])
        let b = dense("b", 3, nodes: [[["x", 0, 0, [:]]]])
        let architecture = try architecture([
            "class_name": "Model",
            "config": [
                "name": "m", "layers": [input("x", [3]), add, b, a], "input_layers": inputs, "output_layers": outputs,
            ],
        ])
        // In Keras's order, whatever the file's.
        #expect(wiring(architecture) == ["b(x)", "a(x)(b)", "add(a a#1)"])
    }

    @Test func readsKeras3Nodes() throws {
        let concatenate: JSON = [
            "class_name": "Concatenate", "config": ["name": "c", "axis": -1], "name": "c",
            "inbound_nodes": [["args": [[Self.keras3Call("a", 0), Self.keras3Call("x", 0)]], "kwargs": [:]]],
        ]
        let a = dense(
            "a", 3, nodes: [["args": [Self.keras3Call("x", 0)], "kwargs": ["mask": nil, "training": false]]])
        let architecture = try architecture(
            [
                "class_name": "Functional",
                "config": [
                    "name": "m", "layers": [input("x", [3], key: "batch_shape"), a, concatenate],
                    "input_layers": ["x", 0, 0], "output_layers": ["c", 0, 0],
                ],
            ], version: "3.15.1")
        #expect(wiring(architecture) == ["a(x)", "c(a x)"])
        #expect(architecture.dialect == .keras3)
    }

    @Test(arguments: [0, 1])
    func takesNestedModelsApart(firstNode: Int) throws {
        let inner: JSON = [
            "class_name": "Functional", "name": "inner",
            "config": [
                "name": "inner",
                "layers": [input("i", [3]), dense("d", 3, nodes: [[["i", 0, 0, [:]]]])],
                "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]],
            ],
            "inbound_nodes": [[["x", 0, 0, [:]]], [["y", 0, 0, [:]]]],
        ]
        let add: JSON = [
            "class_name": "Add", "config": ["name": "add"], "name": "add",
            "inbound_nodes": [
                [["inner", .integer(firstNode), 0, [:]], ["inner", .integer(firstNode + 1), 0, [:]]]
            ],
        ]
        let architecture = try architecture([
            "class_name": "Functional",
            "config": [
                "name": "m", "layers": [input("x", [3]), input("y", [3]), inner, add],
                "input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["add", 0, 0]],
            ],
        ])
        #expect(wiring(architecture) == ["inner/d(x)(y)", "add(inner/d inner/d#1)"])
        #expect(architecture.layers[0].owner == "inner")
    }

    /// Keras 3 gives states by keyword or behind the sequence, Keras 2 in the list of inputs.
    @Test func readsStatesInEverySpelling() throws {
        func tensor(_ layer: String, _ number: Int) -> JSON {
            [
                "class_name": "__keras_tensor__",
                "config": [
                    "shape": [nil, 2], "dtype": "float32", "keras_history": [.string(layer), 0, .integer(number)],
                ],
            ]
        }
        let x = tensor("x", 0), h = tensor("a", 1), c = tensor("a", 2)
        let nodes: [JSON] = [
            [["args": [x], "kwargs": ["initial_state": [h, c]]]],
            [["args": [x, [h, c]], "kwargs": [:]]],
            [[["x", 0, 0, [:]], ["a", 0, 1, [:]], ["a", 0, 2, [:]]]],
            [[["x", 0, 0, ["initial_state": nil]], [["a", 0, 1, [:]], ["a", 0, 2, [:]]]]],
        ]
        func model(_ node: JSON) -> JSON {
            let lstm: JSON = [
                "class_name": "LSTM", "config": ["name": "b", "units": 2], "name": "b", "inbound_nodes": node,
            ]
            return [
                "class_name": "Functional",
                "config": [
                    "name": "m", "layers": [input("x", [3, 2]), dense("a", 2, nodes: [[["x", 0, 0, [:]]]]), lstm],
                    "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]],
                ],
            ]
        }
        for node in nodes { #expect(wiring(try architecture(model(node))) == ["a(x)", "b(x a:1 a:2)"]) }
        #expect(
            message(model([["args": [x], "kwargs": ["initial_state": [h, c], "mask": h]]]))
                == "'model.h5': layer 'b' (LSTM): is called with 'initial_state' and 'mask', which together are not "
                + "supported")
        #expect(
            message(model([[["x", 0, 0, ["constants": [1]]]]]))
                == "'model.h5': layer 'b' (LSTM): is called with 'constants', which is not supported")
    }

    @Test func keepsWhichResultIsRead() throws {
        let nodes: JSON = [[["a", 0, 2, [:]], ["a", 1, 1, [:]]]]
        let add: JSON = ["class_name": "Add", "config": ["name": "add"], "name": "add", "inbound_nodes": nodes]
        let configuration: JSON = [
            "class_name": "Functional",
            "config": [
                "name": "m",
                "layers": [
                    input("x", [3]), dense("a", 3, nodes: [[["x", 0, 0, [:]]], [["x", 0, 0, [:]]]]), add,
                ],
                "input_layers": [["x", 0, 0]], "output_layers": [["add", 0, 0], ["a", 0, 1]],
            ],
        ]
        let architecture = try architecture(configuration)
        #expect(wiring(architecture) == ["a(x)(x)", "add(a:2 a#1:1)"])
        #expect(architecture.outputs.map(Self.word) == ["add", "a:1"])
        #expect(
            message(configuration) == """
                'model.h5': 2 problems: layer 'add' (Add): reads result 2 of 'a', which has one, counted from 0; \
                layer 'add' (Add): reads result 1 of 'a', which has one, counted from 0
                """)
    }

    @Test func decidesByVersionWhereVersionsDiffer() throws {
        let configuration: JSON = [
            "class_name": "Sequential",
            "config": ["layers": [input("x", [4]), dense("a", 3, ["activation": "hard_sigmoid"])]],
        ]
        #expect(try architecture(configuration, version: "2.2.4").dialect == .keras2)
        #expect(try architecture(configuration, version: "3.0.0").dialect == .keras3)
        #expect(try architecture(configuration, version: nil).dialect == .keras2)
    }

    @Test(
        arguments: [
            (
                ["class_name": "Subclass", "config": [:]],
                """
                'model.h5': the model is a 'Subclass', a class of its own, whose Python code is never run; only Sequential \
                and Functional models can be read. In Keras, make a Functional model of it and save that: inputs = \
                keras.Input(shape); keras.Model(inputs, model.call(inputs)).save('model.keras')
                """
            ),
            ([1, 2], "'model.h5': the model configuration has no 'class_name' and 'config'"),
            (
                [
                    "class_name": "Sequential",
                    "config": ["layers": [input("x", [4]), ["class_name": "Dense", "config": ["units": 2]]]],
                ],
                "'model.h5': a layer of class 'Dense' has no name"
            ),
            (
                ["class_name": "Sequential", "config": ["layers": [input("x", [4]), dense("a", 2), dense("a", 2)]]],
                "'model.h5': two layers are named 'a'"
            ),
            (
                ["class_name": "Sequential", "config": ["layers": [input("x", [-4]), dense("a", 2)]]],
                "'model.h5': input 'x' has the shape [null,-4]"
            ),
            (
                ["class_name": "Sequential", "config": ["layers": [input("x", [nil, 4]), dense("a", 2)]]],
                "'model.h5': input 'x' leaves a length open: (?, 4)"
            ),
            (
                [
                    "class_name": "Sequential",
                    "config": [
                        "layers": [
                            input("x", [4]), dense("a", 0), dense("b", 2, ["activation": "wobble"]),
                            [
                                "class_name": "LSTM",
                                "config": ["name": "c", "units": 3, "time_major": true, "activation": "glu"],
                            ],
                        ]
                    ],
                ],
                """
                'model.h5': 4 problems: layer 'a' (Dense): option 'units': expected a whole number from 1 to 16777216, found 0; \
                layer 'b' (Dense): the activation 'wobble' is not supported; \
                layer 'c' (LSTM): option 'time_major': true makes time the axis of the examples, so that no example \
                stands by itself; make the layer again with false, its weights are the same; and 1 more
                """
            ),
            (
                [
                    "class_name": "Functional",
                    "config": [
                        "layers": [
                            input("x", [4]), dense("a", 2, nodes: [[["b", 0, 0, [:]]]]),
                            dense("b", 2, nodes: [[["a", 0, 0, [:]]]]),
                        ],
                        "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]],
                    ],
                ],
                """
                'model.h5': 2 problems: layer 'a' (Dense): cannot be computed, its inputs go round in a circle; \
                layer 'b' (Dense): cannot be computed, its inputs go round in a circle
                """
            ),
            (
                [
                    "class_name": "Functional",
                    "config": [
                        "layers": [
                            input("x", [4]), dense("a", 2, nodes: [[["z", 0, 0, [:]]]]),
                            dense("b", 2, nodes: [[["a", 3, 0, [:]]]]),
                        ],
                        "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]],
                    ],
                ],
                """
                'model.h5': 2 problems: layer 'a': reads 'z', and there is no such layer; \
                layer 'b': reads call 3 of 'a', and there is no such call
                """
            ),
        ] as [(JSON, String)])
    func refusesWhatMakesNoSense(configuration: JSON, expected: String) {
        #expect(message(configuration) == expected)
    }
}

@Suite struct WeightOrderTests {
    private func predict(_ file: HandmadeFile, _ input: [Float]) throws -> [Float] {
        var outputs: [Float] = []
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            try file.write(to: path)
            outputs = try KerasFile(opening: path).network().network.predict([input])[0]
        }
        return outputs
    }

    private static let twoLayers: JSON = [
        "class_name": "Sequential",
        "config": ["layers": [input("x", [1]), dense("a", 1), dense("b", 1, ["use_bias": false])]],
    ]

    @Test func takesVariablesByPositionWhateverTheyAreCalled() throws {
        let file = HandmadeFile(
            configuration: Self.twoLayers,
            groups: [
                ("a", [("p1", [1, 1], [2]), ("a/W", [1], [3])]), ("empty", []), ("b", [("z/a/p0", [1, 1], [10])]),
            ])
        #expect(try predict(file, [5]) == [(5 * 2 + 3) * 10])
    }

    @Test(arguments: [HDF5Type.float16, .float64])
    func convertsNumbers(type: HDF5Type) throws {
        var file = HandmadeFile(
            configuration: Self.twoLayers,
            groups: [("a", [("k", [1, 1], [2]), ("b", [1], [3])]), ("b", [("k", [1, 1], [0.5])])])
        file.type = type
        #expect(try predict(file, [5]) == [6.5])
    }

    /// A GRU that does not say where its reset gate is.
    @Test(arguments: [[6], [2, 6]])
    func findsTheResetGateByTheBias(shape: [Int]) throws {
        let configuration: JSON = [
            "class_name": "Sequential",
            "config": [
                "layers": [input("x", [3, 1]), ["class_name": "GRU", "config": ["name": "g", "units": 2]]]
            ],
        ]
        let file = HandmadeFile(
            configuration: configuration,
            groups: [
                (
                    "g",
                    [
                        ("k", [1, 6], [Float](repeating: 0.1, count: 6)),
                        ("r", [2, 6], [Float](repeating: 0.2, count: 12)),
                        ("b", shape, [Float](repeating: 0.3, count: shape.reduce(1, *))),
                    ]
                )
            ])
        #expect(try predict(file, [1, 2, 3]).count == 2)
    }
}
