import Datasets
import Foundation
import Networks
import Tensors
import Training

/// Trains a network from its first weights, or goes on from its checkpoint, and tells how it goes.
struct TrainingSession {
    let name: String
    /// Where the checkpoint and the log of metrics are kept; nil keeps neither.
    let directory: String?
    /// What the weights depend on: a checkpoint with another one is refused.
    let fingerprint: String
    let isResuming: Bool
    let isInterrupted: () -> Bool
    let tell: (CompressionEvent) -> Void

    func train(
        _ graph: LayerGraph, _ recipe: Recipe, minimizing objective: some Objective<ExampleBatch>,
        _ train: ExampleSplit,
        _ validation: ExampleSplit, _ workers: Workers
    ) throws -> Trainer {
        let weights = ParameterVector(initializing: graph.layout, key: RandomKey(seed: recipe.seed)[-1])
        let trainer = Trainer(graph, weights: weights, recipe: recipe, workers: workers)
        var run = TrainingRun(train: train, validation: validation.count > 0 ? validation : nil)
        var log: MetricsLog?
        if let directory {
            let path = "\(directory)/\(name)-checkpoint.h5"
            if !isResuming { try? FileManager.default.removeItem(atPath: path) }
            log = try MetricsLog("\(directory)/\(name)-metrics.jsonl", isAppending: isResuming)
            run.checkpoint = (path, fingerprint)
        }
        run.isInterrupted = isInterrupted
        var accuracy = ""
        run.advance = { [tell] count, loss in
            tell(.advanced(count, note: "loss \(fixed(loss, digits: 3))\(accuracy)"))
        }
        run.epochEnded = { report in
            if let value = report.validationAccuracy { accuracy = ", held-out accuracy \(fixed(value, digits: 4))" }
            log?.append(report, terms: objective.terms)
        }
        tell(.began("training \(name)", total: train.count * recipe.epochs))
        try run.run(trainer, minimizing: objective, workers: workers)
        tell(.ended)
        return trainer
    }
}
