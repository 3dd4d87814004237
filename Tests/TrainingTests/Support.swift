import Datasets
import Foundation
import Networks
import Tensors
import TestSupport
import Training

/// A network with everything whose training could depend on the machine: dropout, batch normalisation, a convolution
/// and recurrence.
let everything = """
    input: [6, 5, 2]
    layers:
      - Conv2D: {filters: 4, kernel_size: 3, padding: same, use_bias: false}
      - BatchNormalization: {momentum: 0.9}
      - ReLU: {}
      - Dropout: {rate: 0.3}
      - Reshape: {target_shape: [6, 20]}
      - GRU: {units: 5}
      - Dense: {units: classes, activation: softmax}
    """

/// Batches of 10 in shards of 4: neither divides the number of examples.
func smallHyperparameters(epochs: Int = 2, seed: Int = 0) -> Hyperparameters {
    var hyperparameters = Hyperparameters(epochs: epochs, batchSize: 10)
    hyperparameters.shardSize = 4
    hyperparameters.learningRate = 0.01
    hyperparameters.seed = seed
    return hyperparameters
}

func makeTrainer(_ graph: LayerGraph, _ hyperparameters: Hyperparameters, _ workers: Workers) -> Trainer {
    Trainer(
        graph, weights: ParameterVector(initializing: graph.layout, key: RandomKey(seed: hyperparameters.seed)),
        hyperparameters: hyperparameters, workers: workers)
}

/// A trainer of `everything` whose workers are to stop once it has made `stop` steps.
func makeTrainer(_ hyperparameters: Hyperparameters, threads: Int, stop: Int?) throws -> (Workers, Trainer) {
    final class Current { weak var trainer: Trainer? }
    let current = Current()
    let workers = Workers(threads, isInterrupted: { stop.map { (current.trainer?.step ?? 0) >= $0 } ?? false })
    let trainer = makeTrainer(try build(everything).graph, hyperparameters, workers)
    current.trainer = trainer
    return (workers, trainer)
}

/// Writes examples for `everything` and lends them.
func withData<Result>(
    _ data: DataFile = DataFile([6, 5, 2], train: 26, test: 7, validation: 9),
    _ body: (ExampleFile, URL) throws -> Result
) throws -> Result {
    try withTemporaryFolder { folder in
        let path = folder.appending(path: "data.h5").path
        try data.write(to: path)
        return try body(try ExampleFile(opening: path), folder)
    }
}

extension Trainer {
    /// The bits of everything that training changes.
    var stateBits: [[UInt32]] {
        [bits(weights.tensor)] + (average.map { [bits($0.vector.tensor)] } ?? [])
            + moments.map { bits($0.vector.tensor) }
    }
}
