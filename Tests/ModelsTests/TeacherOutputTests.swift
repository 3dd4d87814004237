import Datasets
import Foundation
import HDF5
import Models
import Networks
import Tensors
import TestSupport
import Testing

/// How outputs of teachers become predictions of the data's classes.
@Suite struct TeacherOutputTests {
    /// A teacher's probabilities for the training examples, and what its own last layer says of them.
    private func ask(
        _ scene: Scene, _ path: String, rules: TeacherRules = TeacherRules()
    ) throws -> (probabilities: [[Double]], answers: [[Double]]) {
        let data = try ExampleFile(opening: scene.path("data.h5"))
        let teacher = try ModelTeacher(path, data: data, rules: rules), network = try teacher.network()
        let workers = Workers(1)
        defer { workers.close() }
        let logits = try OpenModel(teacher, network).logits(of: data.train, workers: workers)
        let rows = logits.tensor(count: data.train.count, shape: [data.classCount])
        probabilities(rows, labelKind: data.labelKind, temperature: 1, into: rows)
        let x = try HDF5File(opening: data.path).root.dataset("train/x").read(as: Float.self)
        func cut(_ values: [Float]) -> [[Double]] {
            let width = values.count / data.train.count
            return (0..<data.train.count).map { row in (0..<width).map { Double(values[row * width + $0]) } }
        }
        return (cut(rows.values), cut(network.predict([x])[0]))
    }

    private func text(_ last: String) -> String {
        """
        input: [6]
        layers:
          - Dense: {units: 5, activation: tanh}
          - \(last)
        """
    }

    @Test(arguments: ["sigmoid", "linear"])
    func oneUnitTellsTwoClassesApart(activation: String) throws {
        try withScene(DataFile(classes: 2, train: 30, test: 10)) { scene in
            let path = try scene.writeTeacher(
                "teacher.h5", seed: 1, text: text("Dense: {units: 1, activation: \(activation)}"))
            let (found, answers) = try ask(scene, path)
            let p = answers.map { activation == "sigmoid" ? $0[0] : sigmoid($0[0]) }
            expectClose(found, p.map { [1 - $0, $0] }, tolerance: 1e-5)
        }
    }

    /// Of independent labels exactly one is true: Π of its probability and the others' complements, normalised.
    @Test func sigmoidsAreConditionedOnOneClass() throws {
        try withScene { scene in
            let path = try scene.writeTeacher(
                "teacher.h5", seed: 1, text: text("Dense: {units: classes, activation: sigmoid}"))
            let (found, answers) = try ask(scene, path)
            let expected = answers.map { p in
                let only = p.indices.map { c in p.indices.reduce(1.0) { $0 * ($1 == c ? p[$1] : 1 - p[$1]) } }
                return only.map { $0 / only.reduce(0, +) }
            }
            expectClose(found, expected, tolerance: 1e-5)
        }
    }

    @Test func softmaxOfManyLabelsKeepsItsProbabilities() throws {
        var data = DataFile(classes: 4, train: 30, test: 10)
        data.hasManyLabels = true
        try withScene(data) { scene in
            for factor: Float in [1, 40] {
                let path = try scene.writeTeacher("teacher\(factor).h5", seed: 1, factor: factor, text: Scene.teacher)
                let (found, answers) = try ask(scene, path)
                expectClose(found, answers, tolerance: 1e-5)
            }
        }
    }

    /// Half the sum of branches ends in no head: the answers tell what they are, or the user does.
    @Test func headlessModelsAreWhatTheyAre() throws {
        let branches = """
            input: [6]
            layers:
              - Dense: {units: classes, activation: softmax}
                name: a
              - Dense: {units: classes, activation: softmax}
                name: b
                from: input
              - Add: {}
                from: [a, b]
              - Rescaling: {scale: 0.5}
            """
        try withScene { scene in
            let path = try scene.writeTeacher("teacher.h5", seed: 1, text: branches)
            let (found, answers) = try ask(scene, path)
            expectClose(found, answers, tolerance: 1e-5)
            var rules = TeacherRules()
            rules.output = .logits
            expectClose(try ask(scene, path, rules: rules).probabilities, answers.map(softmax), tolerance: 1e-5)
            // Whoever ends in Dense without activation means logits, whatever they look like.
            let dense = try scene.writeTeacher("dense.h5", seed: 1, text: text("Dense: {units: classes}"))
            let plain = try ask(scene, dense)
            expectClose(plain.probabilities, plain.answers.map(softmax), tolerance: 1e-5)
            rules.output = .sigmoid
            let softmax = try scene.writeTeacher("softmax.h5", seed: 1)
            #expect(
                message { _ = try ask(scene, softmax, rules: rules) }
                    == "'\(softmax)': ends in softmax, but --teacher-output is sigmoid; leave it out, it is for models "
                    + "that end in neither softmax nor sigmoid")
        }
    }

    @Test func saysWhenAnswersAreNotWhatTheyWereTakenFor() throws {
        try withScene { scene in
            var rules = TeacherRules()
            rules.output = .sigmoid
            let path = try scene.writeTeacher("teacher.h5", seed: 1, text: text("Dense: {units: classes}"))
            let words = message { _ = try ask(scene, path, rules: rules) }
            let start = "'\(path)': outputs were read as probabilities (sigmoid), but one of 'train' is "
            #expect(words?.hasPrefix(start) == true)
            #expect(words?.hasSuffix(". Set --teacher-output teacher=logits") == true)
        }
    }

    // MARK: - Classes

    /// The outputs of the second teacher stand for classes 2, 0 and 1, and it says so in one of the usual ways.
    @Test(
        arguments: [
            (["class 2", "class 0", "class 1"], nil), (nil, ("class_names", #"["class 2", "class 0", "class 1"]"#)),
            (nil, ("class_indices", #"{"class 0": 1, "class 1": 2, "class 2": 0}"#)), (nil, nil),
        ] as [([String]?, (String, String)?)])
    func classesAreMatchedByName(names: [String]?, note: (String, String)?) throws {
        try withScene { scene in
            let plain = try scene.writeTeacher("plain.h5", seed: 1)
            let other = try scene.writeTeacher(
                "other.h5", seed: 1, order: [2, 0, 1], names: names,
                notes: note.map { [$0.0: $0.1] } ?? [:])
            var rules = TeacherRules()
            if names == nil && note == nil {
                rules.classes = .init(["class 2", "class 0", "class 1"], path: "labels.txt")
            }
            let expected = try ask(scene, plain), found = try ask(scene, other, rules: rules)
            expectClose(expected.probabilities, expected.answers, tolerance: 1e-6)
            expectClose(found.answers.map { [$0[1], $0[2], $0[0]] }, expected.answers, tolerance: 1e-6)
            expectClose(found.probabilities, expected.probabilities, tolerance: 1e-6)
        }
    }

    @Test func saysWhichClassesDiffer() throws {
        try withScene { scene in
            let path = try scene.writeTeacher("teacher.h5", seed: 1), data = scene.path("data.h5")
            func refusal(_ names: [String]) -> String? {
                var rules = TeacherRules()
                rules.classes = .init(names, path: "labels.txt")
                return message { _ = try ask(scene, path, rules: rules) }
            }
            #expect(
                refusal(["class 2", "cat", "class 1"])
                    == "'\(path)': 'labels.txt' has 'cat', which '\(data)' has not, and lacks 'class 0'")
            #expect(refusal(["a", "b"]) == "'\(path)': 'labels.txt' has 2 names, but '\(data)' has 3 classes")
            #expect(refusal(["a", "b", "a"]) == "'\(path)': 'labels.txt' has the class 'a' twice")
        }
    }
}
