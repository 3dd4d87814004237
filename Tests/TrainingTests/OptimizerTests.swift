import Kernels
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// The optimizers of Keras, step by step: `optimizers.json` is written by `Tools/reference/training_fixtures.py`.
///
/// Keras's `clipnorm`, which shortens each variable by itself, is not offered: those two cases are left out.
@Suite struct OptimizerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let hyperparameters: Hyperparameters
        /// The weights after each step.
        let weights: [[Double]]
        var testDescription: String { name }
    }

    private static let fixture = try? JSON(reading: trainingFixture("optimizers.json"))
    private static let sizes = fixture?["variables"]?.numbers.map { Int($0) } ?? []
    private static let initial = fixture?["initial"]?.numbers.map { Float($0) } ?? []
    private static let gradients = fixture?["gradients"]?.rows ?? []

    static let cases: [Case] = (fixture?["optimizers"]?.array ?? []).compactMap { entry in
        guard let settings = entry["settings"], settings["clipnorm"] == nil, let name = entry["name"]?.string,
            let kind = entry["class"]?.string.flatMap({ Optimizer.Kind(rawValue: $0.lowercased()) })
        else { return nil }
        func number(_ key: String, _ value: Float) -> Float { settings[key]?.number.map { Float($0) } ?? value }
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: 1)
        hyperparameters.optimizer = Optimizer(kind, weightDecay: settings["weight_decay"]?.number.map { Float($0) })
        hyperparameters.optimizer.momentum = number("momentum", 0)
        hyperparameters.optimizer.isNesterov = settings["nesterov"]?.bool ?? false
        hyperparameters.optimizer.beta1 = number("beta_1", 0.9)
        hyperparameters.optimizer.beta2 = number("beta_2", 0.999)
        hyperparameters.optimizer.epsilon = number("epsilon", 1e-7)
        hyperparameters.learningRate = settings["learning_rate"]?.number ?? .nan
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        hyperparameters.globalClipnorm = settings["global_clipnorm"]?.number
        return Case(name: name, hyperparameters: hyperparameters, weights: entry["weights"]?.rows ?? [])
    }

    @Test func thereAreCases() { #expect(Self.cases.count == 11) }

    @Test(arguments: cases)
    func followsKeras(item: Case) throws {
        let workers = Workers(1)
        var graph = LayerGraph()
        let input = graph.addInput([1])
        let output = try graph.add("variables", Variables(sizes: Self.sizes), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        let weights = ParameterVector(zeros: graph.layout)
        let entries = graph.layout.entries
        var offset = 0
        for entry in entries {
            let count = entry.spec.shape.elementCount
            weights[entry].copy(from: Self.initial[offset..<(offset + count)])
            offset += count
        }
        let trainer = Trainer(graph, weights: weights, hyperparameters: item.hyperparameters, workers: workers)
        try #require(item.weights.count == Self.gradients.count)
        for (step, (gradient, expected)) in zip(Self.gradients, item.weights).enumerated() {
            _ = try trainer.train(on: OneExample(gradient: gradient), minimizing: GivenGradient(), totalSteps: 10)
            let found = entries.flatMap { trainer.weights[$0].values }
            for (index, value) in found.enumerated() {
                #expect(abs(Double(value) - expected[index]) <= 1e-6, "step \(step), weight \(index)")
            }
        }
    }

    @Test func clipsTheNormOfTheWholeGradient() throws {
        var graph = LayerGraph()
        let input = graph.addInput([1])
        let output = try graph.add("variables", Variables(sizes: [3, 2]), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: 1)
        hyperparameters.optimizer = Optimizer(.sgd)
        hyperparameters.optimizer.momentum = 0
        hyperparameters.learningRate = 1
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        hyperparameters.globalClipnorm = 2
        let trainer = Trainer(
            graph, weights: ParameterVector(zeros: graph.layout), hyperparameters: hyperparameters, workers: Workers(1))
        let report = try trainer.train(
            on: OneExample(gradient: [1, 2, 2, 0, 4]), minimizing: GivenGradient(), totalSteps: 1)
        #expect(report.gradientNorm == 5)
        let moved = graph.layout.entries.flatMap { trainer.weights[$0].values }
        for (found, gradient) in zip(moved, [1, 2, 2, 0, 4] as [Float]) {
            #expect(abs(found + gradient * 2 / 5) <= 1e-6)
        }
    }

    @Test func averagesWeightsExponentially() throws {
        var graph = LayerGraph()
        let input = graph.addInput([1])
        let output = try graph.add("variables", Variables(sizes: [1]), to: [input])
        graph.finish(outputs: [output], logits: output, head: .none)
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: 1)
        hyperparameters.optimizer = Optimizer(.sgd)
        hyperparameters.optimizer.momentum = 0
        hyperparameters.learningRate = 1
        hyperparameters.learningRateSchedule = LearningRateSchedule(.constant)
        hyperparameters.emaMomentum = 0.75
        let trainer = Trainer(
            graph, weights: ParameterVector(zeros: graph.layout), hyperparameters: hyperparameters, workers: Workers(1))
        // Weights 0, −1, −2: the average goes 0, −0.25, −0.6875.
        for _ in 0..<2 {
            _ = try trainer.train(on: OneExample(gradient: [1]), minimizing: GivenGradient(), totalSteps: 2)
        }
        #expect(trainer.weights.tensor[0] == -2)
        #expect(abs(trainer.result[0] + 0.6875) <= 1e-6)
    }
}

/// Parameters of given sizes, one after another, as the output of every example.
private struct Variables: Layer {
    let sizes: [Int]

    func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        LayerPlan(
            output: [sizes.reduce(0, +)],
            parameters: sizes.enumerated().map { ParameterSpec("variable\($0)", [$1], .zeros) })
    }

    func forward(_ pass: ForwardPass) {
        pass.output.copy(from: sizes.indices.flatMap { pass.parameter($0).values })
    }

    func backward(_ pass: BackwardPass) {
        var offset = 0
        for (index, size) in sizes.enumerated() {
            pass.parameterGradient(index).copy(from: pass.outputGradient.slice(at: offset, count: size))
            offset += size
        }
    }
}

private struct OneExample: Batch {
    let gradient: [Double]
    var count: Int { 1 }
    func readInputs(_ examples: Range<Int>, into input: Tensor) { input.fill(with: 0) }
}

/// An objective whose gradient is what the batch says.
private struct GivenGradient: Objective {
    var terms: [String] { ["nothing"] }

    func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: OneExample, _ examples: Range<Int>, progress: Double, scale: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        gradient.copy(from: batch.gradient.map { Float($0) * scale })
        return [0]
    }
}
