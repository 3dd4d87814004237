import Kernels
import Networks
import Ranks
import Tensors

/// The sum of gradients over the processes of a job.
///
/// Each adds what it has of the tree (`SumOrder`), and owns a block of the vector: the others send it their roots' numbers for
/// that, it adds these in the order of the tree, and where processes do not move the weights of their blocks alone (`Blocks`), it sends
/// the sum to all. The bits are those of one process.
final class RankedGradientSum: GradientSum {
    private let workers: Workers
    private let order: SumOrder
    private let own: LocalGradientSum
    private let blocks: Blocks
    /// A piece of each root of other processes.
    private let received: Tensor

    init(_ graph: LayerGraph, _ shards: Shards, _ workers: Workers, _ order: SumOrder) {
        (self.workers, self.order) = (workers, order)
        own = LocalGradientSum(graph, shards, workers, order)
        blocks = Blocks(graph.layout, workers.peers)
        received = Buffer(zeros: Self.receivedCount(shards, order, blocks)).tensor
    }

    /// Why a network's gradient is not summed over processes, if it is not, and what to do.
    static func refusal(_ graph: LayerGraph, _ shards: Shards, lanes: Int, _ peers: any Peers) -> String? {
        let count = shards.plan(graph).deferredElementCount
        guard count > 0, lanes < peers.count else { return nil }
        var cure = 2
        while cure < peers.count { cure *= 2 }
        return
            "\(count) of its weights are in kernels of more than 4 million, whose gradients are not kept for each shard; "
            + "give each of the \(peers.count) processes a lane: --lanes \(cure)"
    }

    /// The bytes that it takes.
    static func memory(
        _ graph: LayerGraph, _ shards: Shards, _ order: SumOrder, threads: Int, _ peers: any Peers
    ) -> Int {
        libraryMemory + receivedCount(shards, order, Blocks(graph.layout, peers)) * MemoryLayout<Float>.stride
            + LocalGradientSum.memory(graph, shards, order, rank: peers.rank, threads: threads)
    }

    /// About what a library of MPI takes, with its messages: 16 MB with Open MPI 4.1.4.
    static let libraryMemory = 16 << 20

    private static func receivedCount(_ shards: Shards, _ order: SumOrder, _ blocks: Blocks) -> Int {
        let peers = blocks.peers, others = (0..<peers.count).filter { $0 != peers.rank }
        return others.reduce(0) { $0 + order.mostSums(of: shards.mostCount, rank: $1) }
            * min(blocks.mostCount, Blocks.pieceCount)
    }

    /// The bytes that a process sends in a step on so many shards: its roots to the owners of blocks, then its block to all.
    static func sentBytes(_ order: SumOrder, _ blocks: Blocks, shards: Int, rank: Int) -> Int {
        let roots = order.roots(of: shards, rank: rank).count { !$0.isEmpty }, block = blocks.block(rank).count
        let elements = roots * (blocks.extent - block) + (blocks.peers.count - 1) * block
        return elements * MemoryLayout<Float>.stride
    }

    /// The most that a process sends a step, and how long that takes.
    static func exchange(
        _ graph: LayerGraph, _ shards: Shards, _ order: SumOrder, _ peers: any Peers
    ) -> (bytes: Int, seconds: Double) {
        let blocks = Blocks(graph.layout, peers), elements = min(blocks.mostCount, Blocks.pieceCount)
        let bytes = (0..<peers.count).map { sentBytes(order, blocks, shards: shards.mostCount, rank: $0) }.max() ?? 0
        let out = Buffer(zeros: elements).tensor, into = Buffer(zeros: elements).tensor
        func round() { peers.withEach { to, from in blocks.exchange(out, to: to, into, from: from) } }
        // The first one makes connections.
        round()
        let start = ContinuousClock.now, count = 3
        for _ in 0..<count { round() }
        let seconds = (ContinuousClock.now - start) / .seconds(count)
        let rounds = Double(bytes) / Double(max(1, elements * (peers.count - 1) * MemoryLayout<Float>.stride))
        return (bytes, rounds * seconds)
    }

    var total: Tensor { own.sum(0) }

    func add(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]] {
        let (terms, fault) = own.addOwn(shards, compute)
        let all = Outcome.gather(terms, fault, shards: shards.count, order, workers.peers)
        if let fault = all.fault { throw fault }
        reduce(shards.count)
        if !blocks.areOwned { blocks.gather(total) }
        return all.terms
    }

    /// Adds the roots of all processes for this one's block, piece by piece.
    private func reduce(_ shards: Int) {
        let peers = workers.peers, rank = peers.rank
        let roots = (0..<peers.count).map { order.roots(of: shards, rank: $0) }
        let counts = roots.map { $0.count { !$0.isEmpty } }, additions = order.additions(roots.flatMap(\.self))
        let most = counts.max() ?? 0
        for piece in 0..<blocks.pieceCount {
            let block = blocks.piece(piece, of: rank)
            // The numbers of each root for this piece.
            var addends = counts.map { _ in [Tensor]() }, place = 0
            addends[rank] = (0..<counts[rank]).map { own.sum($0).slice(at: block.lowerBound, count: block.count) }
            peers.withEach { to, from in
                let sent = blocks.piece(piece, of: to)
                for root in 0..<most {
                    let out =
                        root < counts[rank]
                        ? own.sum(root).slice(at: sent.lowerBound, count: sent.count) : nil
                    var into: Tensor?
                    if root < counts[from] {
                        let numbers = received.slice(at: place, count: block.count)
                        addends[from].append(numbers)
                        place += block.count
                        into = numbers
                    }
                    blocks.exchange(out, to: to, into, from: from)
                }
            }
            add(addends.flatMap(\.self), additions, into: total.slice(at: block.lowerBound, count: block.count))
        }
    }

    /// - Parameters:
    ///   - addends: Are written over.
    ///   - sum: May be one of them.
    private func add(_ addends: [Tensor], _ additions: [(root: Int, to: Int)], into sum: Tensor) {
        workers.eachStretch(of: [0..<sum.elementCount]) { start, count in
            for (root, place) in additions {
                addScaled(
                    addends[root].slice(at: start, count: count), by: 1,
                    to: addends[place].slice(at: start, count: count))
            }
            sum.slice(at: start, count: count).copy(from: addends[0].slice(at: start, count: count))
        }
    }
}

/// What the shards of all processes came to.
private struct Outcome {
    var terms: [[Double]] = []
    var fault: ValueFault?

    /// - Parameter terms: Those of this process's shards.
    static func gather(
        _ terms: [[Double]], _ fault: ValueFault?, shards: Int, _ order: SumOrder, _ peers: any Peers
    ) -> Outcome {
        var outcome = Outcome()
        let texts = terms.map { $0.map { String($0.bitPattern) }.joined(separator: " ") }
        let own = texts.joined(separator: "\n") + "\u{0}" + (fault.map(text) ?? "")
        for (rank, bytes) in peers.gather(Array(own.utf8)).enumerated() {
            let parts = String(decoding: bytes, as: UTF8.self).split(
                separator: "\u{0}", omittingEmptySubsequences: false)
            let count = order.shards(of: shards, rank: rank).count
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
