public import Datasets
import Networks
import Ranks
public import Tensors

/// The batches of a split in order, with what networks predict for them, of which each process of a job computes a share.
///
/// As many batches as there are processes are computed together, and each process reads the inputs of its own examples alone.
/// The batches are those of one process, and so are the shards that go through a network at once: no bit depends on the number
/// of processes. All of them ask for the batches together.
public final class PredictedBatches {
    private let networks: [LogitsPredictor]
    private let peers: any Peers
    private let shares: BatchShares
    /// The examples with their labels; with inputs, too, where one process is alone.
    private let reader: ExampleReader
    /// Those that this process computes, with their inputs.
    private let own: ExampleReader
    /// Of each network the logits of a batch, and of own examples in the batches that are computed together.
    private let logits: [Tensor]
    private let computed: [Tensor]
    /// The batch that comes next, and how many own examples lie before it: of all, and of those that are computed together.
    private var step = 0
    private var ownBefore = 0
    private var place = 0

    /// - Parameters:
    ///   - networks: One at least, of the same workers.
    ///   - batchSize: How many examples are in memory at a time.
    public init(_ split: ExampleSplit, _ networks: [LogitsPredictor], batchSize: Int) {
        let peers = networks[0].peers
        (self.networks, self.peers) = (networks, peers)
        shares = BatchShares(
            count: split.count, batchSize: batchSize, unit: leastCommonMultiple(networks.map(\.shardSize)),
            processes: peers.count)
        func memory(_ count: Int) -> [Tensor] { networks.map { Buffer(zeros: count * $0.classCount).tensor } }
        logits = memory(min(batchSize, split.count))
        guard peers.count > 1 else {
            reader = ExampleReader(split, batchSize: batchSize, order: .sequential)
            (own, computed) = (reader, logits)
            return
        }
        reader = ExampleReader(split.reading([]), batchSize: batchSize, order: .sequential)
        let positions = (0..<reader.stepsPerEpoch).flatMap { [shares] batch in
            shares.share(of: batch, rank: peers.rank).map { batch * batchSize + $0 }
        }
        own = ExampleReader(
            split.selecting(positions, name: split.name), batchSize: batchSize, order: .sequential)
        computed = memory(shares.mostTogether)
    }

    /// The next batch, and each network's logits for it, B × classes, which may be written over until the next one; nil behind the
    /// last.
    ///
    /// - Throws: What reading the examples throws; `ExampleValueError` for an example that a network cannot compute with, on all
    ///   processes.
    public func next() throws -> (examples: ExampleBatch, logits: [Tensor])? {
        guard step < reader.stepsPerEpoch else { return nil }
        if step % peers.count == 0 { try computeTogether() }
        let batch = try reader.batch(epoch: 0, step: step), step = step
        let own = shares.share(of: step, rank: peers.rank)
        let rows = networks.indices.map { index in
            let classes = networks[index].classCount
            func part(_ tensor: Tensor, _ examples: Range<Int>) -> Tensor {
                tensor.slice(at: examples.lowerBound * classes, count: examples.count * classes)
                    .viewed(count: examples.count, shape: [classes])
            }
            let all = part(logits[index], 0..<batch.count)
            guard peers.count > 1 else { return all }
            part(all, own).copy(from: part(computed[index], place..<(place + own.count)))
            peers.exchangeRows(of: all) { shares.share(of: step, rank: $0) }
            return all
        }
        place += own.count
        self.step += 1
        return (batch, rows)
    }

    /// Predicts this process's share of the batches that come next.
    private func computeTogether() throws {
        place = 0
        var count = 0, error: ExampleValueError?
        for batch in shares.together(with: step) {
            let some = shares.share(of: batch, rank: peers.rank).count
            guard some > 0, error == nil else { continue }
            let examples = try own.examples(ownBefore..<(ownBefore + some), epoch: 0)
            ownBefore += some
            for (network, computed) in zip(networks, computed) where error == nil {
                let size = network.classCount
                let rows = computed.slice(at: count * size, count: some * size).viewed(count: some, shape: [size])
                do throws(ExampleValueError) {
                    try network.predict(examples, into: rows)
                } catch let found {
                    error = found
                }
            }
            count += some
        }
        if let error = peers.agree(on: error) { throw error }
    }
}

/// Which examples of a split's batches a process computes: the whole shards of as many batches as there are processes are
/// dealt out in runs.
private struct BatchShares {
    let count: Int
    let batchSize: Int
    /// So many examples stay together, but for the last of a batch.
    let unit: Int
    let processes: Int

    /// The batches that are computed together with one of them.
    func together(with batch: Int) -> Range<Int> {
        let first = batch / processes * processes
        return first..<min(first + processes, (count + batchSize - 1) / batchSize)
    }

    /// Positions in the batch.
    func share(of batch: Int, rank: Int) -> Range<Int> {
        let together = together(with: batch), before = units(together.lowerBound..<batch)
        let all = units(together), size = size(batch)
        func place(_ unit: Int) -> Int { min(max(unit - before, 0) * self.unit, size) }
        return place(rank * all / processes)..<place((rank + 1) * all / processes)
    }

    /// The most examples that a process computes together.
    var mostTogether: Int {
        let all = units(0..<min(processes, (count + batchSize - 1) / batchSize))
        return (all + processes - 1) / processes * unit
    }

    private func size(_ batch: Int) -> Int { min(batchSize, count - batch * batchSize) }

    private func units(_ batches: Range<Int>) -> Int {
        batches.reduce(0) { $0 + (size($1) + unit - 1) / unit }
    }
}

private func leastCommonMultiple(_ numbers: [Int]) -> Int {
    func divisor(_ one: Int, _ other: Int) -> Int { other == 0 ? one : divisor(other, one % other) }
    return numbers.reduce(1) { $0 / divisor($0, $1) * $1 }
}

extension Peers {
    /// The error of the first process that has one, known to all.
    func agree(on error: ExampleValueError?) -> ExampleValueError? {
        guard count > 1 else { return error }
        let own = error.map { [$0.fault.text, $0.place].joined(separator: "\n") } ?? ""
        let all = gather(Array(own.utf8)).map { String(decoding: $0, as: UTF8.self) }
        guard let text = all.first(where: { !$0.isEmpty }) else { return nil }
        let parts = text.split(separator: "\n", maxSplits: 1)
        guard parts.count == 2, let fault = ValueFault(text: parts[0]) else { return error }
        return ExampleValueError(fault, in: String(parts[1]))
    }
}
