import Datasets
import Foundation
import HDF5
import Kernels
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Students of several networks side by side, trained as one or one after another.
@Suite struct StudentMixtureTests {
    /// The layers of two members, each of which is a student by itself, too.
    private static let wide = """
        layers:
              - Dense: {units: 8, activation: relu}
              - BatchNormalization: {}
              - Dropout: {rate: 0.2}
              - Dense: {units: classes, activation: softmax}
        """
    private static let narrow = """
        layers:
              - Dense: {units: 4, activation: tanh}
              - Dense: {units: classes, activation: softmax}
        """

    private static func mixture(_ training: String, weight: String = "2") -> String {
        """
        name: both
        input: [6]
        training: \(training)
        members:
          wide:
            weight: \(weight)
            \(wide)
          narrow:
            \(narrow)
        """
    }

    private static let training = ["jointly", "one-after-another"]

    private func withMixture(
        _ training: String, _ data: DataFile = DataFile(train: 80, test: 30), _ body: (Scene, [String]) throws -> Void
    ) throws {
        try withScene(data) { scene in
            var scene = scene
            scene.student = Self.mixture(training)
            try scene.writeStudent()
            try body(scene, try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: 5) })
        }
    }

    /// The report against what the written file says, read again and counted here; and the file's size.
    @Test(arguments: training) func reportsWhatItsFileDoes(training: String) throws {
        try withMixture(training) { scene, teachers in
            let request = scene.request(teachers), report = try compress(request)
            #expect(report.student.parameters == 6 * 8 + 8 + 4 * 8 + 8 * 3 + 3 + 6 * 4 + 4 + 4 * 3 + 3)
            #expect(try contents(request.output).count == report.student.predictedBytes.bytes)
            let file = try HDF5File(opening: request.data)
            let x = try file.root.dataset("test/x").read(as: Float.self)
            let y = try file.root.dataset("test/y").read(as: Int.self)
            let (built, network) = try KerasFile(opening: request.output).network()
            let said = network.predict([x])[0],
                members = try ["wide_dense_1", "narrow_dense_1"].map { name in
                    try answers(of: name, built, network, x, rows: y.count)
                }
            #expect(built.graph.head == .softmax)
            for (place, p) in said.enumerated() {
                #expect(abs(p - (2 * members[0][place] + members[1][place]) / 3) < 1e-6)
            }
            let right = y.indices.count { row in
                let p = said[(row * 3)..<(row * 3 + 3)]
                return p.firstIndex(of: p.max() ?? 0) == row * 3 + y[row]
            }
            #expect(report.student.test[0].value == Double(right) / Double(y.count))
        }
    }

    /// What a layer of a network says of examples.
    private func answers(
        of layer: String, _ built: BuiltArchitecture, _ network: Network, _ x: [Float], rows: Int
    ) throws -> [Float] {
        let value = try #require(built.value(of: layer))
        var graph = built.graph
        graph.finish(outputs: [value], logits: value, head: .none)
        let weights = ParameterVector(zeros: graph.layout)
        weights.copy(from: network.weights)
        return Network(graph, weights: weights).predict([x])[0]
    }

    @Test(arguments: training) func comesToAgreeWithItsTeachers(training: String) throws {
        try withMixture(training, DataFile(train: 300, test: 100)) { scene, teachers in
            var request = scene.request(teachers)
            request.hyperparameters.epochs = 30
            request.loss.lambda = .constant(0)
            let report = try compress(request)
            #expect((report.student.agreement ?? 0) >= 0.9)
        }
    }

    /// Several labels take a sigmoid's place at the end of each member.
    @Test(arguments: training) func severalLabelsAreAMeanOfSigmoids(training: String) throws {
        var data = DataFile(classes: 5, train: 60, test: 20)
        data.hasManyLabels = true
        try withMixture(training, data) { scene, _ in
            let text = Scene.teacher.replacing("softmax", with: "sigmoid")
            let request = scene.request([try scene.writeTeacher("several.h5", seed: 1, epochs: 3, text: text)])
            try compress(request)
            let built = try KerasFile(opening: request.output).graph()
            #expect(built.graph.head == .sigmoid)
            #expect(built.architecture.layers.count { $0.options["activation"] == "sigmoid" } == 2)
        }
    }

    @Test(arguments: training) func givesTheSameFileAgainOnAnyNumberOfThreads(training: String) throws {
        try withMixture(training) { scene, teachers in
            let files = try [1, 2, 3].map { threads in
                var request = scene.request(teachers, run: "run\(threads)", output: "student\(threads).h5")
                request.threads = threads
                try compress(request)
                return try contents(request.output)
            }
            #expect(files[1] == files[0] && files[2] == files[0])
        }
    }

    /// A mixture is a teacher as good as any: one that says what it says.
    @Test func aMixtureTeaches() throws {
        try withMixture("jointly") { scene, teachers in
            let request = scene.request(teachers)
            try compress(request)
            let data = try ExampleFile(opening: request.data), teacher = try ModelTeacher(request.output, data: data)
            #expect(teacher.output.description == "softmax of 3")
            let workers = Workers(1)
            defer { workers.close() }
            let logits = try teacher.open().logits(of: data.test, workers: workers)
                .tensor(count: data.test.count, shape: [3])
            probabilities(logits, labelKind: .multiclass, temperature: 1, into: logits)
            let x = try HDF5File(opening: request.data).root.dataset("test/x").read(as: Float.self)
            let said = try KerasFile(opening: request.output).network().network.predict([x])[0]
            for (found, expected) in zip(logits.values, said) { #expect(abs(found - expected) < 1e-6) }
        }
    }

    // MARK: - Gradients

    /// The loss of the mixture against finite differences of every member's weights, for both tasks.
    @Test(arguments: [LabelKind.multiclass, .multilabel])
    func gradientsOfTheMixturesLossMatchFiniteDifferences(labelKind: LabelKind) throws {
        let text = Self.mixture("jointly", weight: "3").replacing(
            "softmax", with: labelKind == .multiclass ? "softmax" : "sigmoid"
        )
        .replacing("      - Dropout: {rate: 0.2}\n", with: "")
        let graph = try build(text).graph, count = 4, key = RandomKey(seed: 8)
        let weights = ParameterVector(initializing: graph.layout, key: key[0])
        let workspace = Workspace(graph, batchSize: count, mode: .training), numbers = weights.tensor
        let x = (0..<(count * 6)).map { Float(key[1].uniform($0) * 4 - 2) }
        let targets = Buffer(zeros: count * 3).tensor(count: count, shape: [3])
        targets.copy(from: (0..<(count * 3)).map { Float(key[2].uniform($0) * 6 - 3) })
        /// Cross-entropy with what others say, summed; writes its slope.
        func loss(slope: Tensor?) -> Double {
            workspace.input(0, count: count).copy(from: x)
            workspace.forward(weights: numbers, count: count)
            let z = workspace.value(graph.logits, count: count), spare = Buffer(zeros: count * 3).tensor
            spare.fill(with: 0)
            let gradient = slope ?? spare.viewed(count: count, shape: [3])
            gradient.fill(with: 0)
            return labelKind == .multiclass
                ? divergence(z, from: targets, temperature: 1, scale: 1, to: gradient)
                : binaryDivergence(z, from: targets, temperature: 1, scale: 1, to: gradient)
        }
        let gradient = ParameterVector(zeros: graph.layout)
        let slope = try #require(workspace.gradient(graph.logits, count: count))
        _ = loss(slope: slope)
        workspace.backward(weights: numbers, gradient: gradient.tensor, count: count)
        for entry in graph.layout.entries where entry.spec.role == .trainable {
            for index in 0..<entry.spec.shape.elementCount {
                let old = weights[entry][index]
                weights[entry][index] = old + 2e-3
                let above = loss(slope: nil)
                weights[entry][index] = old - 2e-3
                let below = loss(slope: nil)
                weights[entry][index] = old
                let expected = (above - below) / 4e-3, found = Double(gradient[entry][index])
                #expect(
                    abs(found - expected) <= 2e-2 * max(1, abs(expected)),
                    "\(entry.layer)/\(entry.spec.name)[\(index)]: \(found), finite differences say \(expected)")
            }
        }
    }

    // MARK: - One after another

    /// Each member is the student that it would be alone, with a seed of its own.
    @Test func aMemberLearnsAsItWouldAlone() throws {
        try withMixture("one-after-another") { scene, teachers in
            var scene = scene
            let told = Told(), request = scene.request(teachers)
            try compress(request, told: told)
            #expect(
                told.parts.filter { $0.hasPrefix("training") } == [
                    "training student, member wide: 216", "training student, member narrow: 216",
                ])
            #expect(told.messages.count { $0.hasPrefix("loss: ") } == 1)
            let together = try KerasFile(opening: request.output).network().network
            for (index, member) in [("wide", Self.wide), ("narrow", Self.narrow)].enumerated() {
                scene.student = "input: [6]\n" + member.1.replacing("\n      ", with: "\n")
                try scene.writeStudent()
                var alone = scene.request(teachers, run: member.0, output: "\(member.0).h5")
                alone.hyperparameters.seed += 1000 * index
                try compress(alone)
                let network = try KerasFile(opening: alone.output).network().network
                for entry in network.graph.layout.entries {
                    let layer = "\(member.0)_\(entry.layer)"
                    let same = try #require(together.graph.layout.entry(layer, entry.spec.name))
                    #expect(bits(together.weights[same]) == bits(network.weights[entry]), "\(layer) \(entry.spec.name)")
                }
            }
        }
    }

    /// Interrupted while either member learns, and during the baseline, whose members learn so as well.
    @Test(arguments: ["student, member wide", "student, member narrow", "baseline, member narrow"])
    func resumesToTheSameFile(training: String) throws {
        try withMixture("one-after-another") { scene, teachers in
            func request(_ name: String) -> CompressionRequest {
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.baseline = true
                request.hyperparameters.keepsBest = true
                return request
            }
            let (expected, report, stopped) = try compressStopped(
                during: training, request("whole"), request("stopped"))
            #expect(report.baseline?.test.map(\.value) == expected.baseline?.test.map(\.value))
            #expect(report.baseline?.best?.test.map(\.value) == expected.baseline?.best?.test.map(\.value))
            #expect(report.baseline?.best?.epochs == expected.baseline?.best?.epochs)
            for name in ["student wide", "student narrow", "baseline wide", "baseline narrow"] {
                let lines = try metricsLines(stopped.runDirectory).filter { $0["training"]?.string == name }
                #expect(lines.filter { $0["epoch"] == nil }.map { $0["step"]?.integer } == Array(1...15))
                let checkpoint = scene.path("stopped/\(name.replacing(" ", with: "-"))-checkpoint.h5")
                #expect(FileManager.default.fileExists(atPath: checkpoint))
            }
        }
    }

    /// Members of one architecture begin with weights of their own.
    @Test func equalMembersDiffer() throws {
        try withMixture("one-after-another") { scene, teachers in
            var scene = scene
            scene.student = Self.mixture("one-after-another").replacing(Self.wide, with: Self.narrow)
            try scene.writeStudent()
            let request = scene.request(teachers)
            try compress(request)
            let network = try KerasFile(opening: request.output).network().network, layout = network.graph.layout
            for name in ["dense", "dense_1"] {
                let kernels = try ["wide", "narrow"].map {
                    bits(network.weights[try #require(layout.entry("\($0)_\(name)", "kernel"))])
                }
                #expect(kernels[0] != kernels[1])
            }
        }
    }

    @Test func modelsLearnFromLabelsMemberAfterMember() throws {
        try withMixture("one-after-another") { scene, _ in
            let told = Told()
            let model = try trainModel(
                TrainingRequest(
                    architecture: scene.path("student.yaml"), data: scene.path("data.h5"),
                    output: scene.path("model.h5"), hyperparameters: Hyperparameters(epochs: 2, batchSize: 16)),
                tell: told.hear)
            #expect(
                told.parts.map { $0.prefix { $0 != ":" } } == [
                    "training both, member wide", "training both, member narrow",
                ])
            #expect(try contents(scene.path("model.h5")).count == model.bytes.bytes)
        }
    }

    @Test func refusesLossesOfLayersThatAreNotYetTogether() throws {
        try withMixture("one-after-another") { scene, teachers in
            var request = scene.request(teachers)
            request.loss.terms.append(
                LossTerm(.hint([LossTerm.LayerPair(student: "wide/dense", teacher: "dense")]), teacher: "teacher1"))
            #expect(
                message { try compress(request) }
                    == "loss 'hint' compares layers of the student, whose members learn one after another: leave it out, "
                    + "or set 'training: jointly' in '\(scene.path("student.yaml"))'")
        }
    }

    @Test func saysWhichMemberEndsOtherwise() throws {
        try withMixture("jointly") { scene, teachers in
            var scene = scene
            scene.student = Self.mixture("jointly").replacing(
                Self.narrow, with: Self.narrow.replacing("classes, activation: softmax", with: "classes"))
            try scene.writeStudent()
            #expect(
                message { try compress(scene.request(teachers)) }
                    == "'\(scene.path("student.yaml"))': member 'narrow' must end in softmax, since the labels are multiclass"
            )
        }
    }
}
