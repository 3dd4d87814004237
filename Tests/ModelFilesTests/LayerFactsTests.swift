import Foundation
import Testing

@testable import ModelFiles
@testable import Networks

/// What is said of layers, against the models that Keras wrote.
@Suite struct LayerFactsTests {
    /// What was found in the fixtures that `MANIFEST.json` lists.
    private struct Evidence {
        /// The classes in files of each version, those inside other layers too.
        var classes: [Int: Set<String>] = [2: [], 3: []]
        /// The types of the layers here that each class became.
        var types: [String: Set<String>] = [:]
    }

    private static let evidence = Result { try gathered() }
    private static let layers = LayerFacts.groups.flatMap(\.layers)

    private static func gathered() throws -> Evidence {
        let manifest = try JSON(parsing: String(contentsOfFile: fixture("MANIFEST.json"), encoding: .utf8))
        var evidence = Evidence()
        for entry in manifest.array ?? [] {
            let name = try #require(entry["name"]?.string), version = entry["framework"] == "keras2" ? 2 : 3
            let file = try KerasFile(opening: fixture(name + ".h5"))
            let built = try file.graph(inputs: file.sampleInputs)
            for (layer, made) in zip(file.architecture.layers, built.layers) {
                evidence.classes[version]?.insert(layer.className)
                evidence.classes[version]?.formUnion(innerClasses(.object(layer.options)))
                let types = made.parts.map { typeName(built.graph.entries[$0.id.index].layer) }
                evidence.types[layer.className, default: []].formUnion(types)
            }
        }
        return evidence
    }

    private static func typeName(_ layer: any Layer) -> String { "\(type(of: layer))" }

    private static func innerClasses(_ json: JSON) -> Set<String> {
        switch json {
        case .array(let elements): return elements.reduce(into: []) { $0.formUnion(innerClasses($1)) }
        case .object(let object):
            let name = object["class_name"]?.string
            return object.members.reduce(into: Set([name].compactMap(\.self))) { $0.formUnion(innerClasses($1.value)) }
        default: return []
        }
    }

    /// Beside augmentations, which have one recipe, they have that of another class in the fixtures.
    private static let withoutFixture: [Int: Set<String>] = [
        2: ["GlobalMaxPooling1D", "SpatialDropout2D", "ops.reciprocal"], 3: ["GroupQueryAttention"],
    ]

    @Test(arguments: [2, 3]) func aFileOfEachVersionHasEveryLayerThatIsRead(version: Int) throws {
        let found = try #require(try Self.evidence.get().classes[version])
        let said = Set(Self.layers.filter { $0.versions.contains(version) }.map(\.className))
        let augmentations = Set(LayerCatalog.augmentations.map(\.name))
        let missing = said.subtracting(found).filter { !augmentations.contains($0) }
        #expect(missing == Self.withoutFixture[version])
        #expect(found.intersection(Set(LayerCatalog.entries.keys)).subtracting(said) == [])
    }

    /// Types that functions of other names make.
    private static let makers = [
        "Recurrent": ["SimpleRNN", "LSTM", "GRU"], "Resize1D": ["ZeroPadding1D", "Cropping1D"],
        "Resize2D": ["ZeroPadding2D", "Cropping2D"],
    ]

    /// The names of types are looked for in the tests that compare gradients with finite differences.
    @Test func everyLayerThatTrainsIsHeldToTheContract() throws {
        let folder = URL(filePath: fixture("")).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "NetworksTests")
        let tests = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { try String(contentsOf: $0, encoding: .utf8) }.filter { $0.contains("expectLayerContract(") }
        #expect(!tests.isEmpty)
        for layer in Self.layers where layer.training == .yes {
            for type in try Self.evidence.get().types[layer.className] ?? [] {
                for maker in Self.makers[type] ?? [type] {
                    #expect(tests.contains { $0.contains("\(maker)(") }, "\(layer.className): \(maker)")
                }
            }
        }
    }

    @Test func whatIsRefusedIsNotInTheCatalog() {
        for name in LayerCatalog.entries.keys {
            #expect(!LayerFacts.refusals.contains { $0.isMeant(by: name) }, "\(name)")
        }
    }

    @Test(arguments: [
        ("Conv3D", "*3D", true), ("Conv3DTranspose", "*3D", false), ("Fixtures>Shift", "*>*", true),
        ("ConvLSTM2D", "ConvLSTM*", true), ("LSTM", "ConvLSTM*", false), ("Lambda", "Lambda", true),
    ])
    func aStarStandsForAnyLetters(className: String, pattern: String, isMeant: Bool) {
        #expect(LayerRefusal(classes: [pattern], advice: "").isMeant(by: className) == isMeant)
    }

    @Test func refusesToTrainWhatKerasTrainsInAnotherWay() throws {
        for layer in Self.layers where !layer.suitsStudents {
            let text = "input: [4, 4, 3]\nlayers:\n  - \(layer.className)"
            #expect(throws: ModelFileError.self) {
                try ArchitectureFile(parsing: text, path: "a.yaml").architecture().graph()
            }
        }
        let file = try KerasFile(opening: fixture("spectral-normalization.h5"))
        #expect(throws: ModelFileError.self) { try file.architecture.refuseUntrainable() }
    }
}
