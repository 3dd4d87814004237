import Networks
import Ranks

/// Decides when a training's checkpoint is written: when it is to stop, when the last one is old, and at the end of an epoch.
///
/// Several processes do so together, by the first one's clock. Any number of them goes on from it.
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
        try file?.save(trainer, epoch: sums, check: check)
        // From its end: where a checkpoint takes long to write, training still goes on between two of them.
        last = .now
    }

    /// - Throws: `CancellationError` when the workers are to stop, after the state was saved; what saving throws.
    mutating func keepIfNeeded(_ trainer: Trainer, _ sums: EpochSums) throws {
        let (isStopped, isOld) = agree(trainer.workers)
        if isStopped || isOld { try keep(trainer, sums) }
        if isStopped { try stop(trainer) }
    }

    /// Whether one process is to stop, and whether the last checkpoint is old for the first one.
    private func agree(_ workers: Workers) -> (isStopped: Bool, isOld: Bool) {
        let own: [UInt8] = [workers.isInterrupted ? 1 : 0, last.duration(to: .now) >= interval ? 1 : 0]
        let all = workers.peers.count > 1 ? workers.peers.gather(own) : [own]
        return (all.contains { $0[0] == 1 }, all[0][1] == 1)
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
