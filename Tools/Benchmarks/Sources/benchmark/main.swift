// Examples per second of six small models, forward and in training, and of networks for videos if they are asked for, one
// JSON object a line; first of all `sgemm`, the most that matrix products reach on all threads, which is what the others'
// `gflops` are measured against.
//
//     benchmark [--models sgemm,conv,gru] [--passes forward,train] [--seconds 3] [--threads 2] [--shard 32]
//     benchmark --models sgemm,netvlad1,fvnet,nextvlad,dbof1,dbof,rnn1,rnn3,moe [--batch 64] [--clock cpu]
//
// The peers are beside this: peers/pytorch.py and peers/keras_peer.py print the same rows. `compare` runs all in turn.

import Foundation
import Kernels
import ModelFiles
import Networks
import Tensors
import Training

struct Model {
    let name: String
    let input: Shape
    let graph: () throws -> LayerGraph

    init(name: String, input: Shape, build: @escaping (inout LayerGraph, LayerGraph.Value) throws -> LayerGraph.Value) {
        self.name = name
        self.input = input
        graph = {
            var graph = LayerGraph()
            let logits = try build(&graph, graph.addInput(input))
            graph.finish(outputs: [logits], logits: logits, head: .softmax)
            return graph
        }
    }

    /// A network for videos of YouTube-8M's shape: an architecture in words.
    init(name: String, input: Shape, architecture: @escaping () throws -> ArchitectureFile) {
        self.name = name
        self.input = input
        graph = { try architecture().architecture(classes: 3862, input: input).graph().graph }
    }
}

func relu(_ filters: Int, _ padding: Padding = .same) -> Convolution2D {
    Convolution2D(filters: filters, kernelSize: (3, 3), padding: padding, activation: Activation(.relu))
}

func sequential(_ layers: [any Layer]) -> (inout LayerGraph, LayerGraph.Value) throws -> LayerGraph.Value {
    { graph, input in
        var value = input
        for (index, layer) in layers.enumerated() { value = try graph.add("layer\(index)", layer, to: [value]) }
        return value
    }
}

func convolutional(_ units: Int) -> [any Layer] {
    [
        relu(32), relu(32, .valid), Pooling2D(.max, poolSize: (2, 2)), Dropout(rate: 0.25),
        relu(64), relu(64, .valid), Pooling2D(.max, poolSize: (2, 2)), Dropout(rate: 0.25),
        Flatten(), Dense(units: units, activation: Activation(.relu)), Dense(units: 10),
    ]
}

let models = [
    Model(name: "conv", input: [28, 28, 1], build: sequential(convolutional(256))),
    Model(name: "bag-of-frames", input: [28, 28]) { graph, input in
        let first = try graph.add("a", Dense(units: 256, activation: Activation(.relu)), to: [input])
        let frames = try graph.add("b", Dense(units: 256, activation: Activation(.relu)), to: [first])
        let mean = try graph.add("mean", GlobalPooling(.average), to: [frames])
        let maximum = try graph.add("max", GlobalPooling(.max), to: [frames])
        let both = try graph.add("both", Concatenate(), to: [mean, maximum])
        let hidden = try graph.add("c", Dense(units: 256, activation: Activation(.relu)), to: [both])
        return try graph.add("d", Dense(units: 10), to: [hidden])
    },
    Model(name: "gru", input: [28, 28], build: sequential([GRU(units: 128), Dense(units: 10)])),
    Model(name: "simple-rnn", input: [28, 28], build: sequential([SimpleRNN(units: 128), Dense(units: 10)])),
    Model(
        name: "student", input: [28, 28, 1],
        build: sequential([
            relu(16), Pooling2D(.max, poolSize: (2, 2)), relu(32), Pooling2D(.max, poolSize: (2, 2)), Flatten(),
            Dense(units: 64, activation: Activation(.relu)), Dense(units: 10),
        ])),
    Model(name: "cifar", input: [32, 32, 3], build: sequential(convolutional(512))),
]

let architectures = URL(filePath: #filePath).appending(path: "../../../../../Architectures/youtube8m").standardized
let videoModels =
    ["netvlad1", "fvnet", "nextvlad", "dbof1", "dbof", "rnn1", "rnn3"].map { name in
        Model(name: name, input: [300, 1152]) {
            try ArchitectureFile(reading: architectures.appending(path: name + ".yaml").path)
        }
    } + [
        Model(name: "moe", input: [1152]) {
            try ArchitectureFile(
                parsing: "input: [features]\nlayers:\n  - MixtureOfExperts: {units: classes}\n", path: "moe")
        }
    ]

func option(_ name: String) -> String? {
    guard let index = CommandLine.arguments.firstIndex(of: name), index + 1 < CommandLine.arguments.count else {
        return nil
    }
    return CommandLine.arguments[index + 1]
}

let seconds = Double(option("--seconds") ?? "3") ?? 3
let wanted = option("--models")?.split(separator: ",").map(String.init)
let passes = option("--passes")?.split(separator: ",").map(String.init) ?? ["forward", "train"]
let workers = Workers(Int(option("--threads") ?? "2"))
let batchSize = Int(option("--batch") ?? "128") ?? 128

/// Seconds, with `--clock cpu` of the processor: those that other programs do not take.
func moment() -> Double {
    guard option("--clock") == "cpu" else { return Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The median over chunks of about a fifth of a second.
func measure(_ examples: Int, _ body: () -> Void) -> Double {
    body()
    body()
    var rates: [Double] = []
    let end = moment() + seconds
    repeat {
        let start = moment()
        var count = 0
        repeat {
            body()
            count += 1
        } while moment() - start < min(0.2, seconds / 5)
        rates.append(Double(count * examples) / (moment() - start))
    } while moment() < end
    return rates.sorted()[rates.count / 2]
}

/// Kernels and three square matrices for one worker, who alone touches them.
final class Product: @unchecked Sendable {
    static let extent = 1024
    private let kernels = KernelContext()
    private let matrices = (0..<3).map { seed in
        let numbers = Buffer(zeros: extent * extent)
        for index in 0..<numbers.count { numbers[index] = Float(RandomKey(seed: seed).uniform(index)) }
        return numbers.tensor(count: extent, shape: [extent]).examples
    }

    func multiply() { kernels.multiply(matrices[0], matrices[1], into: matrices[2]) }
}

if wanted?.contains("sgemm") ?? true {
    let products = (0..<workers.count).map { _ in Product() }
    let rate = measure(workers.count * 4) {
        workers.run(workers.count * 4) { worker, _ in products[worker].multiply() }
    }
    let flops = rate * 2 * pow(Double(Product.extent), 3)
    print("{\"peer\": \"compress\", \"model\": \"sgemm\", \"pass\": \"peak\", \"gflops\": \(Int(flops * 1e-9))}")
    fflush(nil)
}

for model in (wanted == nil ? models : models + videoModels) where wanted?.contains(model.name) ?? true {
    let graph = try model.graph()
    let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: 1))
    let multiplyAdds = graph.multiplyAdds.values.reduce(0, +)
    func report(_ pass: String, _ rate: Double) {
        let flops = Double(2 * multiplyAdds) * rate * (pass == "train" ? 3 : 1)
        print(
            "{\"peer\": \"compress\", \"model\": \"\(model.name)\", \"pass\": \"\(pass)\", \"examples_per_second\": \((10 * rate).rounded() / 10), "
                + "\"parameters\": \(graph.layout.parameterCount), \"gflops\": \(Int(flops * 1e-9))}")
        fflush(nil)
    }
    // A long forward pass has work for all threads, and examples of a megabyte are long.
    let count = model.input.elementCount > 1 << 16 ? batchSize : 8 * batchSize
    let pixels = Buffer(zeros: count * model.input.elementCount)
    for index in 0..<pixels.count { pixels[index] = Float(RandomKey(seed: 2).uniform(index)) }
    let view = pixels.tensor, size = model.input.elementCount
    if passes.contains("forward") {
        let predictor = Predictor(
            graph, weights: weights.tensor, workers: workers, shardSize: Int(option("--shard") ?? ""))
        report(
            "forward",
            measure(count) {
                do {
                    try predictor.run(count) { range, inputs in
                        inputs[0].copy(from: view.slice(at: range.lowerBound * size, count: range.count * size))
                    } take: { _, _ in
                    }
                } catch {
                    fatalError("\(error)")
                }
            })
    }
    if passes.contains("train") {
        var hyperparameters = Hyperparameters(epochs: 1, batchSize: batchSize)
        if let shard = Int(option("--shard") ?? "") { hyperparameters.shardSize = shard }
        let trainer = Trainer(graph, weights: weights, hyperparameters: hyperparameters, workers: workers)
        report(
            "train",
            measure(batchSize) {
                _ = try? trainer.train(
                    on: Pixels(view: view, size: size), minimizing: RandomTargets(), totalSteps: 1_000_000)
            })
    }
}

/// The first examples of a block of numbers.
struct Pixels: Batch {
    let view: Tensor
    let size: Int
    var count: Int { batchSize }

    func readInputs(_ examples: Range<Int>, into input: Tensor) {
        input.copy(from: view.slice(at: examples.lowerBound * size, count: examples.count * size))
    }
}

/// Cross-entropy with made-up labels, of several each for videos: the arithmetic of the real thing.
struct RandomTargets: Objective {
    var terms: [String] { ["cross-entropy"] }

    func evaluate(
        _ logits: Tensor, taps: [Tap], _ batch: Pixels, _ examples: Range<Int>, progress: Double, scale factor: Float,
        gradient: Tensor, kernels: KernelContext
    ) -> [Double] {
        let classes = logits.shape.channels
        var sum = 0.0
        if classes > 10 {
            activate(Activation(.sigmoid), logits, into: gradient)
        } else {
            softmax(logits, into: gradient)
        }
        for (row, example) in examples.enumerated() {
            let place = row * classes + example % 10
            sum -= Double(log(gradient[place]))
            gradient[place] -= 1
        }
        scale(gradient, by: factor, into: gradient)
        return [sum]
    }
}
