import Foundation
import HDF5
import Networks
import Ranks
import Storage
import Tensors

/// The state of a training run in a file: weights, average, moments, the best weights and
/// the number of steps made.
///
/// Nothing else is needed to go on bit for bit: order of examples, dropout and schedules are functions of the step. The
/// checkpoint before the last one is kept, too: where the last one is damaged, the run goes on from there, to the same bits.
public struct Checkpoint {
    let path: String
    /// What the run depends on; another run's checkpoint is refused.
    let fingerprint: String

    /// The first process writes it; the others send what they alone have.
    ///
    /// - Parameter epoch: What is known of the epoch so far.
    /// - Parameter check: Throws where the checkpoint may not be kept, such as when the data changed meanwhile.
    /// - Throws: `StorageError` or `HDF5Error` where it, or the one before it, cannot be written or named.
    func save(_ trainer: Trainer, epoch: EpochSums, check: () throws -> Void = {}) throws {
        guard trainer.workers.peers.isFirst else {
            for moment in trainer.moments { try collect(moment.vector.tensor, trainer.blocks) { _, _ in } }
            return
        }
        try HDF5File.writeSealed(to: path) { file in
            try file.root.attributes.write(fingerprint, to: "fingerprint")
            try file.root.attributes.write(trainer.step, to: "step")
            if let best = trainer.bestScore {
                try file.root.attributes.write(best.value, to: "best score")
                try file.root.attributes.write(best.epoch, to: "best epoch")
            }
            try file.root.createDataset("epoch", epoch.terms + [Double(epoch.examples)], shape: [epoch.terms.count + 1])
            for (name, tensor) in vectors(of: trainer) {
                let dataset = try file.root.createDataset(name, .float32, shape: [tensor.elementCount])
                try tensor.withSpan { span throws(HDF5Error) in try dataset.write(span) }
            }
            for (name, tensor) in moments(of: trainer) {
                let dataset = try file.root.createDataset(name, .float32, shape: [tensor.elementCount])
                try collect(tensor, trainer.blocks) { rows, numbers in
                    try numbers.withSpan { span throws(HDF5Error) in try dataset.write(rows: rows, span) }
                }
            }
        } beforeNaming: {
            try check()
            try FileName.move(path, to: Self.previous(path))
        }
    }

    /// Brings the pieces of a vector to the first process, one after another: nobody has memory for the whole of it.
    ///
    /// - Parameter write: Called there with the place of some elements, and these.
    private func collect(
        _ vector: Tensor, _ blocks: Blocks, _ write: (_ elements: Range<Int>, _ numbers: Tensor) throws -> Void
    ) throws {
        let peers = blocks.peers
        func own(_ piece: Range<Int>) -> Tensor { vector.slice(at: piece.lowerBound, count: piece.count) }
        if peers.isFirst { for piece in blocks.moved { try write(piece, own(piece)) } }
        guard blocks.areOwned else { return }
        let numbers = Buffer(zeros: peers.isFirst ? blocks.pieceCount : 0).tensor
        for rank in 1..<peers.count where peers.isFirst || peers.rank == rank {
            for piece in blocks.pieces(of: rank) {
                if peers.isFirst {
                    let part = numbers.slice(at: 0, count: piece.count)
                    blocks.exchange(nil, to: rank, part, from: rank)
                    try write(piece, part)
                } else {
                    blocks.exchange(own(piece), to: 0, nil, from: 0)
                }
            }
        }
    }

    /// What name the checkpoint before the last one has.
    public static func previous(_ path: String) -> String {
        (path.hasSuffix(".h5") ? String(path.dropLast(3)) : path) + "-previous.h5"
    }

    /// Restores the trainer's state, and returns what was known of the epoch; nil if there is no checkpoint.
    ///
    /// - Parameter warn: Learns of a checkpoint that is damaged, where there is another one.
    /// - Throws: `CheckpointError` for one of another run; `DamagedCheckpointError` where all there are have damages.
    func restore(
        _ trainer: Trainer, totalSteps: Int, termCount: Int, warn: (String) -> Void = { _ in }
    ) throws -> EpochSums? {
        let known = [path, Self.previous(path)].filter { FileManager.default.fileExists(atPath: $0) }
        guard !known.isEmpty else { return nil }
        guard let whole = known.first(where: Seal.isWhole) else { throw DamagedCheckpointError(paths: known) }
        if whole != known[0] {
            warn("the checkpoint '\(known[0])' is damaged: going on from the one before it, '\(whole)'")
        }
        return try restore(trainer, from: whole, totalSteps: totalSteps, termCount: termCount)
    }

    private func restore(_ trainer: Trainer, from path: String, totalSteps: Int, termCount: Int) throws -> EpochSums {
        let file = try HDF5File(opening: path)
        guard try file.root.attributes.string("fingerprint") == fingerprint else {
            throw CheckpointError(path: path)
        }
        let step = try file.root.attributes.integer("step")
        guard (0...totalSteps).contains(step) else { throw CheckpointError(path: path) }
        let epoch = try file.root.dataset("epoch").read(as: Double.self)
        guard epoch.count == termCount + 1 else { throw CheckpointError(path: path) }
        for (name, tensor) in vectors(of: trainer) {
            let dataset = try file.root.dataset(name)
            guard dataset.shape == [tensor.elementCount] else { throw CheckpointError(path: path) }
            try tensor.withMutableSpan { span throws(HDF5Error) in try dataset.read(into: &span) }
        }
        for (name, tensor) in moments(of: trainer) {
            let dataset = try file.root.dataset(name)
            guard dataset.shape == [tensor.elementCount] else { throw CheckpointError(path: path) }
            for piece in trainer.blocks.moved {
                try tensor.slice(at: piece.lowerBound, count: piece.count).withMutableSpan { span throws(HDF5Error) in
                    try dataset.read(rows: piece, into: &span)
                }
            }
        }
        var best: (value: Double, epoch: Int)?
        if try file.root.attributes.contains("best score") {
            best = (
                try file.root.attributes.double("best score"), try file.root.attributes.integer("best epoch")
            )
        }
        trainer.resume(at: step, bestScore: best)
        return EpochSums(terms: Array(epoch.dropLast()), examples: Int(exactly: epoch[termCount]) ?? 0)
    }

    /// The vectors that every process has whole.
    private func vectors(of trainer: Trainer) -> [(String, Tensor)] {
        [("weights", trainer.weights.tensor)] + (trainer.average.map { [("average", $0.vector.tensor)] } ?? [])
            + (trainer.best.map { [("best", $0.vector.tensor)] } ?? [])
            + (trainer.roundingOrigin.map { [("rounding origin", $0)] } ?? [])
    }

    /// The vectors of which a process may have its own pieces alone.
    private func moments(of trainer: Trainer) -> [(String, Tensor)] {
        trainer.moments.enumerated().map { ("moment\($0)", $1.vector.tensor) }
    }
}

/// What the examples of an epoch came to so far.
struct EpochSums {
    /// The sum of each of the objective's terms.
    var terms: [Double]
    /// 0 where no step was made since the last epoch was measured.
    var examples = 0

    init(terms: [Double], examples: Int = 0) { (self.terms, self.examples) = (terms, examples) }

    init(termCount: Int) { self.init(terms: Array(repeating: 0, count: termCount)) }

    mutating func add(_ means: [Double], of count: Int) {
        for (index, mean) in means.enumerated() { terms[index] += mean * Double(count) }
        examples += count
    }

    var means: [Double] { terms.map { $0 / Double(max(examples, 1)) } }

    /// Whether all steps of the epoch are made, and it has still to be measured.
    func isMade(at step: Int, _ stepsPerEpoch: Int) -> Bool { examples > 0 && step.isMultiple(of: stepsPerEpoch) }
}

/// Checkpoints whose bytes are not those that were written.
public struct DamagedCheckpointError: Error, CustomStringConvertible {
    public let paths: [String]
    public var description: String {
        let names = paths.map { "'\($0)'" }.joined(separator: " and ")
        return paths.count == 1
            ? "the checkpoint \(names) is damaged (its checksum is wrong), and there is no other. Begin anew, without --resume"
            : "the checkpoints \(names) are damaged (their checksums are wrong). Begin anew, without --resume"
    }
}

/// A checkpoint of which the processes of a job have read different states.
public struct DifferentCheckpointsError: Error, CustomStringConvertible {
    public let path: String
    public var description: String {
        "'\(path)': the processes of this job see different states of the checkpoint. Put the run directory on a file system that "
            + "all of them share, wait a minute, and start again"
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
