import Datasets
import Foundation
import Networks
import Ranks
import Storage
import Tensors
import Training

/// Trains a network from its first weights, or goes on from its checkpoint, and reports its progress.
struct TrainingSession {
    /// What is trained, as the progress shows it.
    let name: String
    /// The same in the names of files and figures: not a word of others.
    let key: String
    /// Where the checkpoint and the logs of metrics are kept; nil keeps neither.
    let directory: RunDirectory?
    /// What the weights depend on: a checkpoint with another one is refused.
    let fingerprint: String
    /// What is read: nothing is kept that was learned from a file that changed.
    let inputs: WatchedFiles
    let isResuming: Bool
    let checkpointInterval: Duration
    let workers: Workers
    let tell: (CompressionEvent) -> Void

    /// - Parameters:
    ///   - first: The first weights by layer and name, for those that are not drawn from the recipe's seed.
    ///   - rounding: How the weights that the network computes with are rounded; nil for not at all.
    func train<Element: Batch>(
        _ graph: LayerGraph, _ hyperparameters: Hyperparameters, minimizing objective: some Objective<Element>,
        on source: some BatchSource<Element>, _ train: ExampleSplit, _ validation: ExampleSplit,
        from first: TrainedNetwork? = nil, rounding: ((Tensor, _ epoch: Int) throws -> WeightRounding)? = nil
    ) throws -> Trainer {
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: hyperparameters.seed)[-1])
        first?.copy(to: weights)
        try weights.adaptNormalizations(of: graph, to: train)
        let trainer = Trainer(
            graph, weights: weights, hyperparameters: hyperparameters, workers: workers, rounding: rounding)
        var run = TrainingRun(train: train, validation: validation.count > 0 ? validation : nil)
        var log: MetricsLog?
        if let directory {
            if workers.peers.isFirst {
                log = try MetricsLog(
                    directory.path, training: key, mark: directory.mark, isAppending: isResuming,
                    warn: { tell(.warning($0)) })
            }
            run.checkpoint = (
                RunDirectory.checkpoint(directory.path, training: key), "\(directory.mark); \(key); \(fingerprint)"
            )
        }
        run.resumed = { [tell] epochs in
            if let warning = log?.missing(epochs: epochs) { tell(.warning(warning)) }
        }
        run.checkpointInterval = checkpointInterval
        run.check = inputs.check
        run.warn = { [tell] in tell(.warning($0)) }
        let total = source.stepsPerEpoch * hyperparameters.epochs
        var score = "", loss = 0.0
        func advance(_ count: Int) { tell(.advanced(count, note: "loss \(fixed(loss, digits: 3))\(score)")) }
        run.advance = { count, latest in
            loss = latest
            advance(count)
        }
        run.stepEnded = { report in
            try log?.append(
                report, of: total, terms: objective.terms, settings: objective.settings(at: report.progress))
        }
        run.epochEnded = { report in
            if let first = report.validation.first {
                score = ", validation \(first.name.replacing("_", with: " ")) \(fixed(first.value, digits: 4))"
                advance(0)
            }
            try log?.append(report, terms: objective.terms)
        }
        tell(.began(RunSteps.Phase.training(name), total: source.count * hyperparameters.epochs))
        do {
            try run.run(trainer, minimizing: objective, on: source)
        } catch {
            // What was measured until then is worth keeping; the error is what matters.
            try? log?.close()
            throw error
        }
        try log?.close()
        tell(.ended)
        if let best = trainer.bestScore, trainer.keepsBestScore || trainer.step < total {
            let end =
                trainer.step < total
                ? "training \(name) ended after epoch \(trainer.step / source.stepsPerEpoch): "
                    + "no better on held-out examples for \(hyperparameters.patience ?? 0) epochs; " : ""
            let kept = trainer.keepsBestScore ? "kept" : "was best"
            tell(
                .message(
                    "\(end.isEmpty ? "\(name): " : end)epoch \(best.epoch) \(kept), \(fixed(best.value, digits: 4))"))
        }
        return trainer
    }
}

/// A network whose training is over.
struct TrainedNetwork {
    let graph: LayerGraph
    /// With the layout of `graph`.
    let weights: Tensor

    init(graph: LayerGraph, weights: Tensor) { (self.graph, self.weights) = (graph, weights) }

    init(_ trainer: Trainer) { (graph, weights) = (trainer.graph, trainer.result) }

    /// The same without what it had for training alone.
    ///
    /// - Parameter graph: Layers that all are in the trained network.
    init(_ trainer: Trainer, as graph: LayerGraph) {
        self.graph = graph
        guard graph.layout.extent != trainer.graph.layout.extent else {
            weights = trainer.result
            return
        }
        let vector = ParameterVector(zeros: graph.layout)
        TrainedNetwork(trainer).copy(to: vector)
        weights = vector.tensor
    }

    /// Copies the weights of layers that both networks have.
    func copy(to vector: borrowing ParameterVector) {
        let layout = graph.layout
        for entry in vector.layout.entries {
            guard let source = layout.entry(entry.layer, entry.spec.name), source.spec.shape == entry.spec.shape else {
                continue
            }
            vector[entry].copy(from: weights.slice(at: source.offset, count: source.spec.shape.elementCount))
        }
    }
}

extension ParameterVector {
    /// Gives each layer that normalizes the input the moments of the training examples, as Keras's `adapt` does.
    ///
    /// - Throws: What reading the examples throws.
    borrowing func adaptNormalizations(of graph: LayerGraph, to train: ExampleSplit) throws {
        let normalizations = graph.inputNormalizations
        guard !normalizations.isEmpty else { return }
        let moments = try InputMoments(of: train)
        for normalization in normalizations {
            for (name, values) in [(normalization.mean, moments.mean), (normalization.variance, moments.variance)] {
                guard let entry = layout.entry(normalization.layer, name) else { continue }
                let parameter = self[entry]
                for (index, value) in values.enumerated() { parameter[index] = value }
            }
        }
    }
}
