import Foundation
import HDF5
import Networks
import Testing

@testable import ModelFiles

/// Models whose tensors are nested in lists and dicts, as `Tools/reference/structure_fixtures.py` wrote them: what Keras
/// flattens has its keys in another order than sorted, and what could be mixed up has one shape.
@Suite struct StructureTests {
    private static let folder = fixture("structures")
    static let models =
        (try? FileManager.default.contentsOfDirectory(atPath: folder))?
        .filter { $0.hasSuffix(".json") }.map { $0.replacing(".json", with: "") }.sorted() ?? []

    private func open(_ model: String, _ ending: String) throws -> KerasFile {
        let stem = "\(Self.folder)/\(model)"
        return try KerasFile(
            opening: stem + ending, architecture: ending == ".weights.h5" ? .init(stem + ".json") : nil)
    }

    private func examples(_ model: String) throws -> Examples { try Examples(of: "\(Self.folder)/\(model).h5") }

    @Test func thereAreFixtures() { #expect(Self.models.count == 23) }

    /// What models share, Keras 2 has in an archive under names that it does not find again itself.
    static let unread = ["shared-k2.keras", "shared-k2.weights.h5"]

    @Test(arguments: models, [".h5", ".keras", ".weights.h5"])
    func agreesWithKeras(model: String, ending: String) throws {
        if Self.unread.contains(model + ending) {
            #expect(throws: ModelFileError.self) { try open(model, ending).graph() }
            return
        }
        let examples = try examples(model)
        let outputs = try open(model, ending).network().network.predict(examples.inputs)
        try #require(outputs.count == examples.outputs.count)
        for (output, (found, expected)) in zip(outputs, examples.outputs).enumerated() {
            #expect(distance(found, expected) < 1e-5, "output \(output)")
        }
    }

    /// What is written is read in the same order, and has the names that were read.
    @Test(arguments: models, ["copy.h5", "copy.keras"])
    func survivesExport(model: String, name: String) throws {
        let examples = try examples(model), file = try open(model, ".h5")
        let (built, network) = try file.network()
        try withTemporaryFolder { folder in
            let path = folder.appending(path: name).path
            try ExportPlan(built, format: ModelFormats.named(by: name)).write(network.weights, to: path)
            let copy = try KerasFile(opening: path)
            #expect(try copy.network().network.predict(examples.inputs) == network.predict(examples.inputs))
            #expect(copy.architecture.inputKeys == file.architecture.inputKeys)
            if file.architecture.outputNames?.contains(where: { $0.contains("/") }) != true {
                #expect(copy.architecture.outputNames == file.architecture.outputNames)
            }
        }
    }

    /// Every level twice the work would be 2⁶⁰ steps.
    @Test(.timeLimit(.minutes(1))) func readsDeeplyNestedArguments() {
        var node: JSON = ["frames", 0, 0, ["training": false]]
        for _ in 0..<60 { node = [[], node] }
        #expect(KerasConfiguration.keras2Keywords(node)?["training"] == false)
        #expect(KerasConfiguration.keras2Keywords([node])?["training"] == false)
    }

    @Test(arguments: ["k2", "k3"])
    func namesOutputsByTheirPlacesInDicts(version: String) throws {
        func names(_ model: String) throws -> [String]? {
            try open("\(model)-\(version)", ".h5").architecture.outputNames
        }
        #expect(try names("dict-outputs") == ["Medium", "large", "small"])
        #expect(try names("lists-of-dicts") == ["dict/x", "dict/y", "list/0", "list/1"])
        #expect(try names("by-name") == nil)
    }

    @Test(arguments: ["k2", "k3"])
    func takesInputsInTheOrderOfTheirKeys(version: String) throws {
        let architecture = try open("dict-inputs-\(version)", ".keras").architecture
        #expect(architecture.inputs.map(\.name) == ["a", "b", "c"])
        #expect(architecture.inputKeys == ["a", "b", "c"])
    }

    /// A layer that models share is in an archive once, and its bytes count once.
    @Test func countsTheBytesOfSharedLayersOnce() throws {
        let rows = try open("shared-k3", ".keras").sizeReport().rows
        let names = rows.map(\.name).filter { $0.hasSuffix("core/one") }
        #expect(names == ["first/core/one", "second/core/one", "core/one"])
        let bytes = rows.map(\.size.bytes).reduce(0, +)
        #expect(bytes == 192)
    }
}

/// Names in a file that say that weights belong elsewhere.
@Suite struct WeightNameTests {
    private typealias Weight = (name: String, shape: [Int])

    private static func dense(_ name: String, from other: String, isTrainable: Bool) -> JSON {
        [
            "class_name": "Dense", "name": .string(name),
            "config": ["name": .string(name), "units": 2, "trainable": .bool(isTrainable)],
            "inbound_nodes": [[[.string(other), 0, 0, [:]]]],
        ]
    }

    private static func chain(_ names: [String], frozen: Set<String> = []) -> JSON {
        let input: JSON = [
            "class_name": "InputLayer", "name": "x", "config": ["name": "x", "batch_input_shape": [nil, 2]],
            "inbound_nodes": [],
        ]
        let layers = zip(names, ["x"] + names).map { dense($0, from: $1, isTrainable: !frozen.contains($0)) }
        return [
            "class_name": "Functional", "name": "inner",
            "config": [
                "name": "inner", "layers": .array([input] + layers), "input_layers": [["x", 0, 0]],
                "output_layers": [[.string(names[names.count - 1]), 0, 0]],
            ],
        ]
    }

    /// A chain of two layers inside a model.
    private static func nested(_ names: [String], frozen: Set<String> = []) -> JSON {
        var inner = chain(names, frozen: frozen).object ?? [:]
        inner["inbound_nodes"] = [[["i", 0, 0, [:]]]]
        return [
            "class_name": "Functional",
            "config": [
                "name": "m", "input_layers": [["i", 0, 0]], "output_layers": [["inner", 0, 0]],
                "layers": [
                    [
                        "class_name": "InputLayer", "name": "i",
                        "config": ["name": "i", "batch_input_shape": [nil, 2]], "inbound_nodes": [],
                    ],
                    .object(inner),
                ],
            ],
        ]
    }

    private func write(_ groups: [(String, [Weight])], to root: borrowing HDF5Group) throws {
        try root.attributes.write(groups.map(\.0), to: "layer_names")
        for (name, weights) in groups {
            let layer = try root.createGroup(name)
            try layer.attributes.write(weights.map(\.name), to: "weight_names")
            for weight in weights {
                let values = [Float](repeating: 1, count: weight.shape.reduce(1, *))
                try layer.createDataset(weight.name, .float32, shape: weight.shape).write(values)
            }
        }
    }

    /// What is said of a file with the groups; nil if it is read.
    private func message(_ configuration: JSON, _ groups: [(String, [Weight])], isWhole: Bool = true) throws -> String?
    {
        var found: String?
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "m.h5").path, json = folder.appending(path: "m.json").path
            try configuration.description.write(toFile: json, atomically: true, encoding: .utf8)
            let file = try HDF5File(creating: path)
            if isWhole {
                try file.root.attributes.write(configuration.description, to: "model_config")
                try write(groups, to: file.root.createGroup("model_weights"))
            } else {
                try write(groups, to: file.root)
            }
            try file.close()
            do {
                _ = try KerasFile(opening: path, architecture: isWhole ? nil : .init(json)).graph()
            } catch {
                found = "\(error)".replacing("'\(path)': ", with: "")
            }
        }
        return found
    }

    private func layer(_ name: String, variables: String? = nil) -> (String, [Weight]) {
        (name, weights(variables ?? name))
    }

    private func weights(_ name: String) -> [Weight] { [("\(name)/kernel:0", [2, 2]), ("\(name)/bias:0", [2])] }

    @Test func readsLayersByTheirNames() throws {
        #expect(try message(Self.chain(["a", "b"]), [layer("a"), layer("b")]) == nil)
    }

    @Test func refusesGroupsOfOtherLayers() throws {
        #expect(
            try message(Self.chain(["a", "b"]), [layer("b"), layer("a")]) == """
                2 problems: layer 'a': expected its own weights, found those of 'b'; layer 'b': expected its own \
                weights, found those of 'a'
                """)
        #expect(
            try message(Self.chain(["a", "b"]), [layer("a"), layer("c")])
                == "layer 'b': expected its own weights, found those of 'c'")
    }

    /// Keras counts the layers of a process: a model that is built again has other names.
    @Test func readsWeightsOfAModelThatWasBuiltAgain() throws {
        let model = Self.chain(["dense_1", "dense_2"])
        #expect(try message(model, [layer("dense_2"), layer("dense_3")], isWhole: false) == nil)
        #expect(try message(model, [layer("dense_2"), layer("dense_1")], isWhole: false) != nil)
    }

    /// A variable keeps the name of the layer that made it.
    @Test func readsLayersThatWereRenamed() throws {
        let renamed = [layer("dense_1", variables: "dense_2"), layer("dense_2", variables: "dense_3")]
        #expect(try message(Self.chain(["dense_1", "dense_2"]), renamed) == nil)
        let inside = ("inner", weights("dense_2") + weights("dense_3"))
        #expect(try message(Self.nested(["dense_1", "dense_2"]), [inside]) == nil)
        let scoped = ("inner", weights("scope/a") + weights("scope/b"))
        #expect(try message(Self.nested(["a", "b"]), [scoped]) == nil)
    }

    /// Keras 3 may count the weights of a frozen layer among those that are trained, or not.
    @Test func readsFrozenLayersOfANestedModelWhereverTheyAre() throws {
        let model = Self.nested(["a", "b"], frozen: ["a"])
        #expect(try message(model, [("inner", weights("a") + weights("b"))]) == nil)
        #expect(try message(model, [("inner", weights("b") + weights("a"))]) == nil)
    }

    @Test func refusesVariablesOfOtherLayersInANestedModel() throws {
        #expect(
            try message(Self.nested(["a", "b"]), [("inner", weights("b") + weights("a"))]) == """
                2 problems: layer 'inner/a': expected its own weights, found those of 'b'; layer 'inner/b': expected its \
                own weights, found those of 'a'
                """)
    }

    private static let normalization: JSON = [
        "class_name": "Sequential",
        "config": [
            "name": "m",
            "layers": [
                ["class_name": "BatchNormalization", "config": ["name": "n", "batch_input_shape": [nil, 3]]]
            ],
        ],
    ]

    @Test func refusesParametersInThePlacesOfOthers() throws {
        func group(_ roles: String...) -> [(String, [Weight])] { [("n", roles.map { ("n/\($0)", [3]) })] }
        let model = Self.normalization
        #expect(try message(model, group("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")) == nil)
        #expect(try message(model, group("n_gamma", "n_beta", "n_running_mean", "n_running_std")) == nil)
        #expect(
            try message(model, group("beta:0", "gamma:0", "moving_mean:0", "moving_variance:0")) == """
                2 problems: layer 'n', parameter 'gamma': expected its own numbers, found those of 'beta' ('n/beta:0'); \
                layer 'n', parameter 'beta': expected its own numbers, found those of 'gamma' ('n/gamma:0')
                """)
    }

    /// Keras 3 notes the names of layers in a store, too.
    @Test func refusesWeightsOfOtherLayersInAStore() throws {
        func message(_ names: [String]) throws -> String? {
            var found: String?
            try withTemporaryFolder { folder in
                let path = folder.appending(path: "m.weights.h5").path, json = folder.appending(path: "m.json").path
                try Self.chain(["a", "b"]).description.write(toFile: json, atomically: true, encoding: .utf8)
                let file = try HDF5File(creating: path)
                for (place, name) in zip(["dense", "dense_1"], names) {
                    let variables = try file.root.createGroup("layers/\(place)/vars")
                    try variables.attributes.write(name, to: "name")
                    try variables.createDataset("0", .float32, shape: [2, 2]).write([1, 2, 3, 4] as [Float])
                    try variables.createDataset("1", .float32, shape: [2]).write([5, 6] as [Float])
                }
                try file.close()
                do {
                    _ = try KerasFile(opening: path, architecture: .init(json)).graph()
                } catch {
                    found = "\(error)".replacing("'\(path)': ", with: "")
                }
            }
            return found
        }
        #expect(try message(["a", "b"]) == nil)
        #expect(try message(["dense", "dense_1"]) == nil)
        #expect(
            try message(["b", "a"]) == """
                2 problems: layer 'a': expected its own weights, found those of 'b'; layer 'b': expected its own \
                weights, found those of 'a'
                """)
    }
}
