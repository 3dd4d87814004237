import Foundation
import HDF5
import Networks
import Tensors

/// The state of a training run in a file: weights, average, moments, the best weights and
/// the number of steps made.
///
/// Nothing else is needed to go on bit for bit: order of examples, dropout and schedules are functions of the step.
struct Checkpoint {
    let path: String
    /// What the run depends on; another run's checkpoint is refused.
    let fingerprint: String

    func save(_ trainer: Trainer) throws {
        try HDF5File.writeWhole(to: path) { file in
            try file.root.attributes.write(fingerprint, to: "fingerprint")
            try file.root.attributes.write(trainer.step, to: "step")
            if let best = trainer.bestScore {
                try file.root.attributes.write(best.value, to: "best score")
                try file.root.attributes.write(best.epoch, to: "best epoch")
            }
            for (name, tensor) in vectors(of: trainer) {
                let dataset = try file.root.createDataset(name, .float32, shape: [tensor.elementCount])
                try tensor.withSpan { span throws(HDF5Error) in try dataset.write(span) }
            }
        }
    }

    /// Restores the trainer's state if there is a checkpoint, and says whether there was.
    ///
    /// - Throws: `CheckpointError` for one of another run.
    func restore(_ trainer: Trainer, totalSteps: Int) throws -> Bool {
        guard FileManager.default.fileExists(atPath: path) else { return false }
        let file = try HDF5File(opening: path)
        guard try file.root.attributes.string("fingerprint") == fingerprint else {
            throw CheckpointError(path: path)
        }
        let step = try file.root.attributes.integer("step")
        guard (0...totalSteps).contains(step) else { throw CheckpointError(path: path) }
        for (name, tensor) in vectors(of: trainer) {
            let dataset = try file.root.dataset(name)
            guard dataset.shape == [tensor.elementCount] else { throw CheckpointError(path: path) }
            try tensor.withMutableSpan { span throws(HDF5Error) in try dataset.read(into: &span) }
        }
        let hasBest = try file.root.attributes.contains("best score")
        trainer.resume(
            at: step,
            bestScore: hasBest
                ? (try file.root.attributes.double("best score"), try file.root.attributes.integer("best epoch")) : nil)
        return true
    }

    private func vectors(of trainer: Trainer) -> [(String, Tensor)] {
        [("weights", trainer.weights.tensor)] + (trainer.average.map { [("average", $0.vector.tensor)] } ?? [])
            + (trainer.best.map { [("best", $0.vector.tensor)] } ?? [])
            + trainer.moments.enumerated().map { ("moment\($0)", $1.vector.tensor) }
    }
}

/// A checkpoint that belongs to another run.
public struct CheckpointError: Error, CustomStringConvertible {
    public let path: String
    public var description: String {
        "'\(path)': the checkpoint belongs to a run with other options, data or teachers. "
            + "Resume with the options that the run was started with, or choose another --run-directory"
    }
}
