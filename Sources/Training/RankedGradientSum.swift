import Kernels
import Networks
import Ranks
import Synchronization
import Tensors

/// The sum of gradients over the processes of a job.
///
/// Each computes a run of the batch's shards, and owns a block of the vector: the others send it their shards' numbers for that, it
/// adds all in the order of the shards, and sends the sum to all. The bits are those of `LocalGradientSum`, whatever the number of
/// processes and of their threads.
final class RankedGradientSum: GradientSum {
    private let workers: Workers
    private let workspaces: [Workspace]
    /// One for each own shard, and the sum.
    private let gradients: [VectorBox]
    private let sum: VectorBox
    /// The numbers of other processes' shards for this process's block: shards × block.
    private let received: Tensor
    private let extent: Int

    /// - Parameter graph: Without deferred kernels (`refusal`).
    init(_ graph: LayerGraph, _ shards: Shards, _ workers: Workers) {
        self.workers = workers
        let peers = workers.peers, own = Self.mostShards(shards, peers)
        extent = graph.layout.extent
        workspaces = (0..<max(1, min(workers.count, own))).map { _ in
            Workspace(graph, batchSize: shards.size, mode: .training)
        }
        gradients = (0..<own).map { _ in VectorBox(graph.layout) }
        sum = VectorBox(graph.layout)
        received = Buffer(zeros: own * peers.count * Self.mostElements(extent, peers)).tensor
    }

    /// Why a network's gradient is not summed over processes, if it is not.
    static func refusal(_ graph: LayerGraph, _ shards: Shards) -> String? {
        let count = shards.plan(graph).deferredElementCount
        guard count > 0 else { return nil }
        return
            "\(count) of its weights are in kernels of more than 4 million, whose gradients are not kept for each shard"
    }

    /// The bytes that it takes.
    static func memory(_ graph: LayerGraph, _ shards: Shards, threads: Int, _ peers: any Peers) -> Int {
        let own = mostShards(shards, peers), extent = graph.layout.extent
        let elements = (own + 1) * extent + own * peers.count * mostElements(extent, peers)
        return elements * MemoryLayout<Float>.stride + min(threads, own) * shards.plan(graph).byteCount.bytes
    }

    /// What a process sends a step, and how long that takes: a block to each of the others, of each of its shards and of the
    /// sum.
    static func exchange(_ graph: LayerGraph, _ shards: Shards, _ peers: any Peers) -> (bytes: Int, seconds: Double) {
        let elements = mostElements(graph.layout.extent, peers), rounds = mostShards(shards, peers) + 1
        let out = Buffer(zeros: elements).tensor, into = Buffer(zeros: elements).tensor
        func round() {
            peers.withEach { to, from in
                out.withSpan { out in into.withMutableSpan { peers.exchange(out, to: to, &$0, from: from) } }
            }
        }
        // The first one makes connections.
        round()
        let start = ContinuousClock.now, count = 3
        for _ in 0..<count { round() }
        let seconds = (ContinuousClock.now - start) / .seconds(count)
        return (rounds * (peers.count - 1) * elements * MemoryLayout<Float>.stride, Double(rounds) * seconds)
    }

    private static func mostShards(_ shards: Shards, _ peers: any Peers) -> Int {
        (shards.mostCount + peers.count - 1) / peers.count
    }

    private static func mostElements(_ extent: Int, _ peers: any Peers) -> Int {
        (extent + peers.count - 1) / peers.count
    }

    var total: Tensor { sum.vector.tensor }

    func add(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]] {
        let own = workers.peers.share(of: shards.count)
        let (terms, fault) = self.compute(shards, own, compute)
        let all = Outcome.gather(terms, fault, shards: shards.count, workers.peers)
        if let fault = all.fault { throw fault }
        reduce(shards.count)
        return all.terms
    }

    /// Computes this process's shards, as many at a time as there are workers.
    private func compute(
        _ shards: [Range<Int>], _ own: Range<Int>,
        _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) -> (terms: [[Double]], fault: ValueFault?) {
        let terms = Mutex([[Double]](repeating: [], count: own.count)), fault = Mutex<ValueFault?>(nil)
        let (workspaces, gradients) = (workspaces, gradients)
        for first in stride(from: 0, to: own.count, by: workspaces.count) {
            workers.run(min(workspaces.count, own.count - first)) { _, index in
                let place = first + index, shard = own.lowerBound + place, workspace = workspaces[index]
                let sums = compute(shard, shards[shard], workspace, gradients[place].vector.tensor)
                terms.withLock { $0[place] = sums }
                if var found = workspace.fault {
                    found.example += shards[shard].lowerBound
                    fault.withLock { $0.note(found) }
                }
            }
        }
        return (terms.withLock { $0 }, fault.withLock { $0 })
    }

    /// Adds the gradients of all shards of all processes.
    private func reduce(_ shards: Int) {
        let peers = workers.peers, block = peers.share(of: extent), own = peers.share(of: shards)
        let most = (shards + peers.count - 1) / peers.count
        peers.withEach { to, from in
            let sent = peers.share(of: extent, rank: to), theirs = peers.share(of: shards, rank: from)
            for place in 0..<most {
                let out =
                    place < own.count
                    ? gradients[place].vector.tensor.slice(at: sent.lowerBound, count: sent.count) : nil
                let into = place < theirs.count ? received(theirs.lowerBound + place, block.count) : nil
                exchange(out, to: to, into, from: from)
            }
        }
        let addends = (0..<shards).map { shard in
            own.contains(shard)
                ? gradients[shard - own.lowerBound].vector.tensor.slice(at: block.lowerBound, count: block.count)
                : received(shard, block.count)
        }
        let total = total.slice(at: block.lowerBound, count: block.count)
        workers.eachStretch(of: [0..<block.count]) { start, count in
            let sum = total.slice(at: start, count: count)
            for (shard, addend) in addends.enumerated() {
                let part = addend.slice(at: start, count: count)
                if shard == 0 { sum.copy(from: part) } else { addScaled(part, by: 1, to: sum) }
            }
        }
        peers.withEach { to, from in
            let theirs = peers.share(of: extent, rank: from)
            exchange(total, to: to, self.total.slice(at: theirs.lowerBound, count: theirs.count), from: from)
        }
    }

    /// Where the numbers of another process's shard come to.
    private func received(_ shard: Int, _ count: Int) -> Tensor { received.slice(at: shard * count, count: count) }

    /// - Parameter out: What is sent; nil for nothing, as `into`.
    private func exchange(_ out: Tensor?, to: Int, _ into: Tensor?, from: Int) {
        let peers = workers.peers
        func send(_ numbers: Span<Float>) {
            guard let into else {
                var none = [Float](), nowhere = none.mutableSpan
                return peers.exchange(numbers, to: to, &nowhere, from: from)
            }
            into.withMutableSpan { peers.exchange(numbers, to: to, &$0, from: from) }
        }
        guard let out else { return send([Float]().span) }
        out.withSpan { send($0) }
    }
}

/// What the shards of all processes came to.
private struct Outcome {
    var terms: [[Double]] = []
    var fault: ValueFault?

    /// - Parameter terms: Those of this process's shards.
    static func gather(_ terms: [[Double]], _ fault: ValueFault?, shards: Int, _ peers: any Peers) -> Outcome {
        var outcome = Outcome()
        let texts = terms.map { $0.map { String($0.bitPattern) }.joined(separator: " ") }
        let own = texts.joined(separator: "\n") + "\u{0}" + (fault.map(text) ?? "")
        for (rank, bytes) in peers.gather(Array(own.utf8)).enumerated() {
            let parts = String(decoding: bytes, as: UTF8.self).split(
                separator: "\u{0}", omittingEmptySubsequences: false)
            let count = peers.share(of: shards, rank: rank).count
            let lines = parts[0].split(separator: "\n", omittingEmptySubsequences: false).prefix(count)
            outcome.terms += lines.map { $0.split(separator: " ").map { Double(bitPattern: UInt64($0) ?? 0) } }
            if parts.count > 1, let found = Self.fault(parts[1]) { outcome.fault.note(found) }
        }
        return outcome
    }

    private static func text(_ fault: ValueFault) -> String {
        "\(fault.example) \(fault.value.bitPattern) \(fault.rowCount) \(fault.layer)"
    }

    private static func fault(_ text: Substring) -> ValueFault? {
        let words = text.split(separator: " ", maxSplits: 3)
        guard words.count == 4, let example = Int(words[0]), let value = UInt32(words[1]), let rows = Int(words[2])
        else {
            return nil
        }
        return ValueFault(layer: String(words[3]), example: example, value: Float(bitPattern: value), rowCount: rows)
    }
}
