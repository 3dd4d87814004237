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

/// Terms of layers in a whole loss: their gradients, and what they leave behind in the student.
@Suite struct LayerTermsTests {
    /// A student with taps, a batch with what the teacher's layers give, and a loss of all kinds of terms.
    private final class Bench {
        let graph: LayerGraph
        let batch: DistillationBatch
        let loss: DistillationLoss
        let workspace: Workspace

        init(_ scene: Scene, weight: Double = 0.5) throws {
            let path = try scene.writeImageTeacher("teacher.h5", seed: 5)
            var request = scene.request([path])
            request.loss.terms = [LossTerm(.kl)] + Images.layerTerms(weight: weight)
            let compressor = try Compressor(request) { _ in }
            let layers = compressor.layers, asked = try #require(layers.teachers[0])
            let workers = Workers(1)
            defer { workers.close() }
            let train = compressor.data.train, teacher = try #require(compressor.teachers[0].model)
            let network = try teacher.network()
            var hyperparameters = Hyperparameters(epochs: 1, batchSize: 5)
            hyperparameters.shardSize = 5
            let live = LiveTeacher(
                teacher, network, graph: asked.graph, values: asked.values,
                reading: try teacher.reading(network, workers), classCount: train.classCount, workers: workers)
            batch = try DistillationBatches(
                loader: BatchLoader(train, hyperparameters: hyperparameters, workers: workers), teachers: [.live(live)],
                layers: layers.places.map { ($0.teacher, $0.values) }
            ).batch(epoch: 0, step: 0)
            loss = DistillationLoss(
                LossSettings(
                    request.loss.terms, temperature: .constant(2), softWeight: .constant(0.8), lambda: .constant(0.4)),
                mixture: EnsembleMixture(.mean, .multiclass, weights: [1]), places: layers.places)
            graph = layers.student
            workspace = Workspace(graph, batchSize: 5, mode: .training)
        }

        /// The mean of the reported terms' sum, and with it the gradient at the logits and taps.
        func terms(_ weights: borrowing ParameterVector) -> [Double] {
            let count = batch.count
            batch.readInputs(0..<count, into: workspace.input(0, count: count))
            workspace.forward(weights: weights.tensor, count: count, key: RandomKey(seed: 3))
            let gradient = workspace.gradient(graph.logits, count: count)
            gradient?.fill(with: .nan)
            let taps = graph.taps.map { value in
                let slope = workspace.gradient(value, count: count)
                slope?.fill(with: .nan)
                return Tap(value: workspace.value(value, count: count), gradient: slope)
            }
            return loss.evaluate(
                workspace.value(graph.logits, count: count), taps: taps, batch, 0..<count, progress: 0,
                scale: 1 / Float(count), gradient: gradient ?? workspace.value(graph.logits, count: count),
                kernels: workspace.kernels
            ).map { $0 / Double(count) }
        }
    }

    /// Central differences of the reported loss, for every parameter of the student and of its adapters.
    @Test func gradientsAreThoseOfTheReportedLoss() throws {
        try Images.withScene { scene in
            let bench = try Bench(scene), layout = bench.graph.layout
            let weights = ParameterVector(initializing: layout, key: RandomKey(seed: 2))
            // No bias at 0.
            for index in 0..<layout.trainableExtent { weights.tensor[index] += 0.05 }
            let all = bench.terms(weights)
            #expect(all.count == 5)
            #expect(all.allSatisfy { $0 > 1e-3 }, "\(all)")
            let gradient = ParameterVector(zeros: layout)
            gradient.tensor.fill(with: .nan)
            bench.workspace.backward(
                weights: weights.tensor, gradient: gradient.tensor, count: bench.batch.count, key: RandomKey(seed: 3))
            let trainable = layout.entries.filter { $0.spec.role == .trainable }
            #expect(trainable.count { $0.layer.hasPrefix("hint") } == 4)
            let step: Float = 4e-3
            for entry in trainable {
                let values = weights[entry]
                for element in 0..<values.elementCount {
                    let old = values[element]
                    values[element] = old + step
                    let above = bench.terms(weights).reduce(0, +)
                    values[element] = old - step
                    let below = bench.terms(weights).reduce(0, +)
                    values[element] = old
                    let expected = (above - below) / Double(2 * step), found = Double(gradient[entry][element])
                    #expect(
                        abs(found - expected) <= 2e-3 * max(1, abs(expected)),
                        "\(entry.layer)/\(entry.spec.name)[\(element)] is \(found), finite differences say \(expected)")
                }
            }
        }
    }

    /// What the objective is shown of the teacher, computed here from the layers' own values in double precision.
    @Test func teachersLayersAreWhatTheirFormulasSay() throws {
        try Images.withScene { scene in
            let bench = try Bench(scene), count = bench.batch.count
            let network = try KerasFile(opening: scene.path("teacher.h5")).network().network
            func values(_ layer: String, _ lines: Int) throws -> [[Double]] {
                let text = Images.teacher.split(separator: "\n").prefix(2 + 2 * lines).joined(separator: "\n")
                let graph = try build(text).graph
                let weights = ParameterVector(zeros: graph.layout)
                for entry in graph.layout.entries {
                    let source = try #require(network.graph.layout.entry(entry.layer, entry.spec.name))
                    weights[entry].copy(from: network.weights[source])
                }
                let workspace = Workspace(graph, batchSize: count, mode: .inference)
                bench.batch.readInputs(0..<count, into: workspace.input(0, count: count))
                workspace.forward(weights: weights.tensor, count: count)
                let all = workspace.value(graph.outputs[0], count: count).values.map { Double($0) }
                let size = all.count / count
                return (0..<count).map { Array(all[($0 * size)..<(($0 + 1) * size)]) }
            }
            let first = try values("first", 1), middle = try values("middle", 2), second = try values("second", 3)
            let (flow, hints, maps) = (bench.batch.layers[0], bench.batch.layers[1], bench.batch.layers[2])
            func row(_ tensor: Tensor, _ example: Int) -> [Double] {
                let size = tensor.shape.elementCount
                return tensor.values[(example * size)..<((example + 1) * size)].map { Double($0) }
            }
            for example in 0..<count {
                let a = first[example], b = middle[example], c = second[example]
                var expected = [Double](repeating: 0, count: 12)
                for y in 0..<3 {
                    for x in 0..<3 {
                        for i in 0..<3 {
                            let window = [(0, 0), (0, 1), (1, 0), (1, 1)].map { dy, dx in
                                a[((2 * y + dy) * 6 + 2 * x + dx) * 3 + i]
                            }
                            for j in 0..<4 {
                                expected[i * 4 + j] += (window.max() ?? 0) * c[(y * 3 + x) * 4 + j] / 9
                            }
                        }
                    }
                }
                expectClose(row(flow[0], example), expected, tolerance: 1e-5)
                expectClose(row(hints[0], example), b, tolerance: 1e-5)
                expectClose(row(hints[1], example), a, tolerance: 1e-5)
                for (map, values, channels) in [(maps[0], b, 5), (maps[1], a, 3)] {
                    var sums = [Double](repeating: 0, count: values.count / channels)
                    for (place, value) in values.enumerated() { sums[place / channels] += value * value }
                    expectClose(row(map, example), sums, tolerance: 1e-5)
                }
            }
        }
    }

    /// The written student is the trained one without taps: same layers, same answers, bit for bit.
    @Test func adaptersAreLeftBehind() throws {
        try Images.withScene { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 5, epochs: 2)])
            request.loss.terms = [LossTerm(.kl)] + Images.layerTerms(weight: 0.3)
            let compressor = try Compressor(request) { _ in }
            _ = try compressor.run()
            let written = try KerasFile(opening: request.output)
            #expect(
                written.architecture.layers.map(\.name) == [
                    "early", "normalization", "pool", "late", "drop", "flat", "answer",
                ])
            let graph = compressor.layers.student
            let checkpoint = try HDF5File(opening: scene.path("run/student-checkpoint.h5"))
            let trained = ParameterVector(zeros: graph.layout)
            trained.tensor.copy(from: try checkpoint.root.dataset("average").read(as: Float.self))
            #expect(graph.layout.extent > compressor.plan.built.graph.layout.extent)
            let adapter = try #require(graph.layout.entry("hint teacher late middle", "kernel"))
            let first = ParameterVector(
                initializing: graph.layout, key: RandomKey(seed: request.hyperparameters.seed)[-1])
            #expect(trained[adapter].values != first[adapter].values, "the adapter learns")
            let workers = Workers(2)
            defer { workers.close() }
            let test = compressor.data.test, network = try written.network().network
            let expected = try predictLogits(graph, weights: trained.tensor, of: test, workers: workers)
            let found = try predictLogits(network.graph, weights: network.weights.tensor, of: test, workers: workers)
            #expect(bits(found.tensor) == bits(expected.tensor))
        }
    }

    /// Layers that are called what adapters, pooling and maps would be called by themselves.
    @Test func layersMayHaveTheNamesOfAdapters() throws {
        let hint = "hint teacher late middle"
        let names = ["drop": hint, "normalization": "fsp 1 0", "pool": "attention 3 1", "flat": "fsp 1 0 first"]
        let student = names.reduce(Images.student) { $0.replacing("name: \($1.key)", with: "name: \($1.value)") }
        try Images.withScene(student: student) { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 5)])
            request.loss.terms = [LossTerm(.kl)] + Images.layerTerms(weight: 0.3)
            let compressor = try Compressor(request) { _ in }
            #expect(compressor.layers.student.layout.entry("\(hint)_", "kernel") != nil)
            _ = try compressor.run()
            #expect(
                try KerasFile(opening: request.output).architecture.layers.map(\.name).contains(
                    hint.replacing(" ", with: "_")))
        }
    }

    /// First weights, order, dropout and clipping are the same with taps and without: terms that weigh nothing change
    /// nothing, though the teacher then runs beside the student.
    @Test(arguments: [nil, 0.05], [1, 2])
    func termsThatWeighNothingChangeNothing(globalClipnorm: Double?, teacherCount: Int) throws {
        try Images.withScene { scene in
            let teachers = try (1...teacherCount).map {
                try scene.writeImageTeacher("teacher\($0).h5", seed: $0, epochs: 1)
            }
            func student(_ name: String, _ terms: [LossTerm]) throws -> [UInt32] {
                var request = scene.request(teachers, run: name, output: "\(name).h5")
                request.loss.terms = [LossTerm(.kl)] + terms
                request.hyperparameters.globalClipnorm = globalClipnorm
                try compress(request)
                return try weights(request.output)
            }
            let plain = try student("plain", [])
            let tapped = try student("tapped", Images.layerTerms(weight: 0, teacher: "teacher1"))
            #expect(plain == tapped)
            let pulled = try student("pulled", Images.layerTerms(weight: 1, teacher: "teacher1"))
            #expect(plain != pulled)
        }
    }

    /// What an adapter has learned in the first stage belongs to its pair, wherever that stands afterwards.
    @Test func adaptersAreNamedByTheirPairs() throws {
        try Images.withScene { scene in
            var request = scene.request([try scene.writeImageTeacher("teacher.h5", seed: 5)])
            let pairs = [Images.pair("late", "middle"), Images.pair("early", "first")]
            request.firstStage = FirstStage(epochs: 1, terms: [LossTerm(.hint(pairs))])
            request.loss.terms = [LossTerm(.kl), LossTerm(.hint([pairs[1]]))]
            let compressor = try Compressor(request) { _ in }
            let first = try #require(compressor.firstLayers).student.layout, then = compressor.layers.student.layout
            func adapters(_ layout: ParameterLayout) -> Set<String> {
                Set(layout.entries.map(\.layer).filter { $0.hasPrefix("hint ") })
            }
            #expect(adapters(first) == ["hint teacher late middle", "hint teacher early first"])
            #expect(adapters(then) == ["hint teacher early first"])
        }
    }

    /// A first stage learns layers alone, and what it learned is where the student begins.
    @Test func theFirstStageIsWhereTheStudentBegins() throws {
        try Images.withScene { scene in
            let teacher = try scene.writeImageTeacher("teacher.h5", seed: 5, epochs: 2)
            var request = scene.request([teacher])
            request.hyperparameters.emaMomentum = nil
            request.hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
            request.firstStage = FirstStage(epochs: 2, terms: Images.layerTerms(weight: 1))
            // A loss of weight 0 leaves everything but the running statistics where it was.
            request.loss.softWeight = .constant(0)
            request.loss.lambda = .constant(0)
            let compressor = try Compressor(request) { _ in }
            _ = try compressor.run()
            let layout = try #require(compressor.firstLayers).student.layout
            let file = try HDF5File(opening: scene.path("run/first-stage-checkpoint.h5"))
            let learned = try file.root.dataset("weights").read(as: Float.self)
            let network = try KerasFile(opening: request.output).network().network
            for entry in network.graph.layout.entries where entry.spec.role == .trainable {
                let source = try #require(layout.entry(entry.layer, entry.spec.name))
                let values = Array(learned[source.offset..<(source.offset + entry.spec.shape.elementCount)])
                #expect(network.weights[entry].values == values, "\(entry.layer)/\(entry.spec.name)")
            }
        }
    }
}
