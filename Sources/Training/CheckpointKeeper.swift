import Networks
import Ranks

/// Decides when a training's checkpoint is written: when it is to stop, when the last one is old, and at the end of an epoch.
///
/// Of several processes the first one writes it. All have the same state, and any number of them goes on from it.
struct CheckpointKeeper {
    /// Where to; nil keeps none.
    let file: Checkpoint?
    private let interval: Duration
    /// Throws when what was learned may not be kept.
    private let check: () throws -> Void
    private var last = ContinuousClock.now

    init(_ file: Checkpoint?, _ interval: Duration, _ check: @escaping () throws -> Void) {
        (self.file, self.interval, self.check) = (file, interval, check)
    }

    /// - Parameter sums: What is known of the epoch so far.
    mutating func keep(_ trainer: Trainer, _ sums: EpochSums) throws {
        if trainer.workers.peers.isFirst { try file?.save(trainer, epoch: sums, check: check) }
        // From its end: where a checkpoint takes long to write, training still goes on between two of them.
        last = .now
    }

    /// - Throws: `CancellationError` when the workers are to stop, after the state was saved; what saving throws.
    mutating func keepIfNeeded(_ trainer: Trainer, _ sums: EpochSums) throws {
        let isStopped = trainer.workers.agreeToStop
        if isStopped || last.duration(to: .now) >= interval { try keep(trainer, sums) }
        if isStopped { try stop(trainer) }
    }

    /// Does something between two steps, and saves the state before it where that is stopped.
    mutating func keepingIfStopped<Result>(
        _ trainer: Trainer, _ sums: EpochSums, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let stop as CancellationError {
            try keep(trainer, sums)
            try self.stop(trainer)
            throw stop
        }
    }

    /// Nobody ends the job before the checkpoint is whole.
    private func stop(_ trainer: Trainer) throws {
        trainer.workers.peers.meet()
        throw CancellationError()
    }
}
