import Datasets
import Foundation
import HDF5
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing

/// Which dataset feeds which input of a model.
@Suite struct ModelInputsTests {
    /// Where each input is fed from, or what is wrong.
    private func bindings(
        _ inputs: [(String, [Int?])], _ datasets: [(String, [Int])], rules: String? = nil, inOrder: Bool = false
    ) throws -> [String] {
        let architecture = Architecture(
            origin: "m.h5", name: "model", inputs: inputs.map { Architecture.Input($0, $1) }, layers: [], outputs: [])
        let found = try ModelInputs(
            architecture, datasets.map { ExampleInput($0, $1) }, inOrder: inOrder,
            rules: try rules.map { try InputRules(parsing: $0) }, holder: "'d.h5' has", option: "--teacher-input m=")
        return found.bindings.map { "\($0.input.name): \($0.source) \($0.shape)" }
    }

    @Test func takesX() throws {
        #expect(try bindings([("input_1", [28, 28, 1])], [("x", [28, 28])]) == ["input_1: x (28, 28, 1)"])
        #expect(try bindings([("input_1", [nil, 8])], [("x", [3, 8]), ("y2", [8])]) == ["input_1: x (3, 8)"])
    }

    @Test func takesTheDatasetOfItsName() throws {
        let datasets = [("x", [8]), ("audio", [2]), ("rgb", [6])]
        #expect(try bindings([("audio", [2])], datasets) == ["audio: audio (2)"])
        #expect(try bindings([("rgb", [6]), ("audio", [2])], datasets) == ["rgb: rgb (6)", "audio: audio (2)"])
    }

    @Test func takesWhatFitsWhereThereIsOneWay() throws {
        let datasets = [("x", [8]), ("audio", [2]), ("rgb", [6])]
        #expect(try bindings([("eye", [6]), ("ear", [2])], datasets) == ["eye: rgb (6)", "ear: audio (2)"])
        // The name decides for one, and then there is one way for the other.
        #expect(
            try bindings([("left", [4]), ("x", [4])], [("x", [4]), ("second", [4])])
                == ["left: second (4)", "x: x (4)"])
    }

    @Test func takesDatasetsInOrderWhenTheyAreInOrder() throws {
        #expect(
            try bindings([("rgb", [4]), ("audio", [4])], [("audio", [4]), ("rgb", [4])], inOrder: true)
                == ["rgb: audio (4)", "audio: rgb (4)"])
    }

    @Test func followsRules() throws {
        let inputs: [(String, [Int?])] = [("rgb", [6]), ("audio", [2])]
        #expect(
            try bindings(inputs, [("x", [8])], rules: "audio:x[6..8],rgb:x[0..6]")
                == ["rgb: x[0..6] (6)", "audio: x[6..8] (2)"])
        #expect(
            try bindings(inputs, [("x", [8])], rules: "scale:2,x[..6],x[6..],offset:1")
                == ["rgb: x[0..6] (6)", "audio: x[6..8] (2)"])
        #expect(try bindings([("i", [6])], [("x", [8]), ("rgb", [6])], rules: "rgb") == ["i: rgb (6)"])
    }

    @Test(
        arguments: [
            (
                [28, 28], [32, 32, 3],
                "takes 'i' (32, 32, 3), but 'd.h5' has x (28, 28); "
                    + "--teacher-input m=reshape:28x28x1,resize:32x32,channels:0-0-0 would fit"
            ),
            (
                [32, 32, 3], [3, 32, 32],
                "takes 'i' (3, 32, 32), but 'd.h5' has x (32, 32, 3); --teacher-input m=transpose:2-0-1 would fit"
            ),
            (
                [3, 32, 32], [32, 32, 3],
                "takes 'i' (32, 32, 3), but 'd.h5' has x (3, 32, 32); --teacher-input m=transpose:1-2-0 would fit"
            ),
            (
                [32, 32, 3], [3, 224, 224],
                "takes 'i' (3, 224, 224), but 'd.h5' has x (32, 32, 3); "
                    + "--teacher-input m=resize:224x224,transpose:2-0-1 would fit"
            ),
            (
                [28, 28, 1], [784],
                "takes 'i' (784), but 'd.h5' has x (28, 28, 1); --teacher-input m=reshape:784 would fit"
            ),
            (
                [10, 1152], [32, 32, 3],
                "takes 'i' (32, 32, 3), but 'd.h5' has x (10, 1152); set how they fit with --teacher-input m=…"
            ),
            (
                [300, 1024], [300, 1152],
                "takes 'i' (300, 1152), but 'd.h5' has x (300, 1024); set how they fit with --teacher-input m=…"
            ),
        ] as [([Int], [Int], String)])
    func saysWhatWouldFit(found: [Int], wanted: [Int], expected: String) throws {
        #expect(message { _ = try bindings([("i", wanted)], [("x", found)]) } == "'m.h5': \(expected)")
        // The advice is good: what it names makes the examples fit.
        if let rules = expected.split(separator: "m=").last?.split(separator: " would fit"), expected.hasSuffix("fit") {
            #expect(try bindings([("i", wanted)], [("x", found)], rules: String(rules[0])).count == 1)
        }
    }

    /// A file may ask for anything.
    @Test func survivesAbsurdShapes() {
        for axes in [[1 << 40, 1 << 40], [1 << 62, 3, 3], [.max, .max, .max]] {
            #expect(
                message { _ = try bindings([("i", axes)], [("x", [4, 4])]) }?.contains("but 'd.h5' has x (4, 4)")
                    == true)
            let two: [(String, [Int?])] = [("i", axes), ("j", axes)]
            #expect(message { _ = try bindings(two, [("x", [4, 4])]) }?.contains("takes 2 inputs") == true)
        }
    }

    @Test func saysEverythingThatDoesNotFit() throws {
        let inputs: [(String, [Int?])] = [("rgb", [6]), ("audio", [2])]
        func refusal(_ datasets: [(String, [Int])], _ rules: String? = nil) -> String? {
            message { _ = try bindings(inputs, datasets, rules: rules) }
        }
        #expect(
            refusal([("x", [8])])
                == "'m.h5': takes 2 inputs, 'rgb' (6), 'audio' (2), but 'd.h5' has x (8); "
                + "--teacher-input m=rgb:x[0..6],audio:x[6..8] would fit")
        #expect(
            refusal([("x", [9])])
                == "'m.h5': takes 2 inputs, 'rgb' (6), 'audio' (2), but 'd.h5' has x (9); "
                + "choose with --teacher-input m=INPUT:DATASET,…")
        #expect(
            refusal([("x", [6]), ("z", [6]), ("w", [2])])
                == "'m.h5': takes 2 inputs, 'rgb' (6), 'audio' (2), but 'd.h5' has x (6), z (6), w (2), "
                + "which fit in several ways; choose with --teacher-input m=INPUT:DATASET,…")
        #expect(
            refusal([("x", [8]), ("audio", [2])], "rgb:x[2..10],audio:adio")
                == "'m.h5': 2 problems: --teacher-input takes x[2..10], but 'd.h5' has x (8); "
                + "--teacher-input names the dataset 'adio', but 'd.h5' has x (8), audio (2); did you mean 'audio'?")
        #expect(
            refusal([("x", [8])], "rbg:x[0..6],audio:x[6..]")
                == "'m.h5': --teacher-input names the input 'rbg', but it takes 'rgb' (6), 'audio' (2); "
                + "did you mean 'rgb'?")
        #expect(
            refusal([("x", [8])], "rgb:x[0..6]")
                == "'m.h5': takes 'audio' (2) too, but --teacher-input names no dataset for it")
        #expect(
            refusal([("x", [8])], "x[0..6],scale:1/2,x[6..],transpose:1-0")
                == "'m.h5': 2 problems: the step scale:1/2 of --teacher-input has 2 numbers, but (6) has 6 channels; "
                + "the step transpose:1-0 of --teacher-input must name the axes 0 of (2) once each")
        #expect(
            refusal([("x", [8])], "x[0..6],x[5..8]")
                == "'m.h5': takes 'audio' (2), but --teacher-input makes x (3)")
    }

    // MARK: - Against Keras

    /// Probabilities of a teacher for the test examples of a fixture's data.
    private func predict(_ model: String, _ data: String, rules: String?) throws -> (found: [Float], expected: [Float])
    {
        let path = modelsFixture(data), file = try ExampleFile(opening: path)
        var own = TeacherRules()
        own.input = try rules.map { try InputRules(parsing: $0) }
        let teacher = try ModelTeacher(modelsFixture(model), data: file, rules: own)
        let workers = Workers(2)
        defer { workers.close() }
        let logits = try teacher.open().logits(of: file.test, workers: workers)
        let rows = logits.tensor(count: file.test.count, shape: [file.classCount])
        probabilities(rows, labelKind: file.labelKind, temperature: 1, into: rows)
        return (rows.values, try HDF5File(opening: path).root.dataset("expected").read())
    }

    @Test(arguments: [nil, "rgb:x[0..6],audio:x[6..8]", "audio,rgb", "rgb:rgb,audio:x[6..]"])
    func twoInputsSayWhatKerasSays(rules: String?) throws {
        let (found, expected) = try predict("streams.h5", "streams-data.h5", rules: rules)
        #expect(found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 })
    }

    /// Images of another size, range and number of colors, and one sigmoid unit for two classes.
    @Test func imagesMadeToFitSayWhatKerasSays() throws {
        let (found, expected) = try predict(
            "pictures.h5", "pictures-data.h5", rules: "scale:0.00392157,reshape:5x4x1,resize:8x6,channels:0-0-0")
        #expect(found.count == 2 * expected.count)
        for (row, p) in expected.enumerated() {
            #expect(abs(found[2 * row] - (1 - p)) <= 1e-5)
            #expect(abs(found[2 * row + 1] - p) <= 1e-5)
        }
    }
}
