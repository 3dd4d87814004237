import Foundation
import ModelFiles
import Networks
import Tensors
import Testing

/// Networks for frames of videos, whose sizes others have published, and the package of layers that they need.
@Suite struct YouTube8MTests {
    private func built(_ name: String, frames: Int = 300, width: Double = 1) throws -> BuiltArchitecture {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Architectures/youtube8m")
        return try ArchitectureFile(reading: folder.appending(path: name + ".yaml").path)
            .architecture(classes: 3862, input: [frames, 1152], width: width).graph()
    }

    /// Counted by hand of the shapes in the winners' code, moving statistics included.
    private static let winners = [
        ("netvlad1", 321_541_224), ("netvlad2", 242_731_144), ("fvnet", 369_073_284), ("dbof1", 37_188_652),
        ("dbof2", 59_315_756), ("dbof3", 32_998_372), ("rnn1", 19_171_094), ("rnn2", 19_171_094),
        ("rnn3", 15_367_958),
    ]

    /// Those of the starter code, likewise; those of the papers, which say 254.4 and 79 million.
    private static let others = [
        ("dbof", 37_648_428), ("lstm", 37_090_860), ("netvlad", 254_415_816), ("nextvlad", 78_716_450),
    ]

    @Test(arguments: winners + others) func hasThePublishedNumberOfParameters(name: String, count: Int) throws {
        #expect(try ExportPlan(built(name)).size.parameters == count)
    }

    @Test func theWinnersTogetherAreFourTimesOverTheBudget() throws {
        let bytes = try Self.winners.reduce(0) { try $0 + ExportPlan(built($1.0)).size.file.bytes }
        #expect(bytes / 10_000_000 == 446)
        #expect(bytes > 4 * 1_000_000_000)
    }

    @Test(arguments: winners + others) func narrowOnesFitAnyBudget(name: String, count: Int) throws {
        let plan = try ExportPlan(built(name, width: 0.05))
        #expect(plan.size.parameters < count / 8)
    }

    /// Three frames, and the same three with as many behind them that are padding.
    @Test(arguments: winners + others) func paddingMakesNoDifference(name: String, count: Int) throws {
        let (short, long) = (try built(name, frames: 3, width: 0.02), try built(name, frames: 6, width: 0.02))
        let weights = ParameterVector(initializing: short.graph.layout, key: RandomKey(seed: 1))
        let copy = ParameterVector(zeros: long.graph.layout)
        copy.tensor.copy(from: weights.tensor)
        let frames = (0..<(3 * 1152)).map { Float(RandomKey(seed: 2).uniform($0) * 2 - 1) }
        let padded = frames + Array(repeating: 0, count: frames.count)
        let expected = Network(short.graph, weights: weights).predict([frames])[0]
        let found = Network(long.graph, weights: copy).predict([padded])[0]
        #expect(Set(expected).count > 1000)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func saysThatKerasNeedsThePackage() throws {
        let needs = try ExportPlan(built("netvlad1")).needs
        #expect(
            needs == """
                Keras loads it with the package of Tools/keras, for ContextGating, FeatureSlice, FrameSampling, \
                MixtureOfExperts, NetVLAD
                """)
        #expect(try ExportPlan(built("rnn3")).needs == nil)
    }

    /// An .h5 file names the class as it is registered, an archive both ways.
    @Test(arguments: [
        ("NetVLAD", "compress>NetVLAD", nil), ("compress>NetVLAD", nil, nil),
        ("NetVLAD", nil, "layer 'vlad' (Custom>NetVLAD): a class of someone's own"),
        ("NetVLAD", "theirs>NetVLAD", "layer 'vlad' (theirs>NetVLAD): a class of someone's own"),
        ("theirs>NetVLAD", nil, "layer 'vlad' (theirs>NetVLAD): a class of someone's own"),
        ("compress>Other", nil, "layer 'vlad' (compress>Other): a class of someone's own"),
    ])
    func readsLayersOfThePackageAlone(className: String, registered: String?, problem: String?) throws {
        var layer: JSON.Object = [
            "class_name": .string(className), "name": "vlad",
            "config": ["name": "vlad", "trainable": true, "clusters": 2],
            "inbound_nodes": [[["x", 0, 0, [:]]]],
        ]
        layer["registered_name"] = registered.map { .string($0) }
        let configuration: JSON = [
            "class_name": "Functional",
            "config": [
                "name": "m",
                "layers": [
                    [
                        "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
                        "config": ["batch_input_shape": [nil, 5, 3], "name": "x"],
                    ], .object(layer),
                ], "input_layers": [["x", 0, 0]], "output_layers": [["vlad", 0, 0]],
            ],
        ]
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "model.h5").path
            try writeModel(configuration, to: path)
            var found: String?
            do {
                _ = try KerasFile(opening: path).graph()
            } catch {
                found = "\(error)"
            }
            // What is known has other problems: the file has no weights.
            let (what, isExpected) = (problem ?? "someone's own", problem != nil)
            #expect(found?.contains(what) == isExpected)
        }
    }

    @Test func refusesLayersOfThePackageInsideOthers() {
        let text = "input: [2, 5, 3]\nlayers:\n  - TimeDistributed: {layer: {NetVLAD: {clusters: 2}}}"
        #expect(throws: ModelFileError.self) {
            do {
                _ = try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
            } catch {
                #expect("\(error)".contains("(TimeDistributed): NetVLAD inside another layer is not supported"))
                throw error
            }
        }
    }
}
