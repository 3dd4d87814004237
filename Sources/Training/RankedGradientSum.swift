import Kernels
import Networks
import Ranks
import Tensors

/// The sum of gradients over the processes of a job.
///
/// Each adds what it has of the tree (`SumOrder`), and owns pieces of the vector (`Blocks`): the others send it their roots' numbers
/// for these, it adds them in the order of the tree, and where processes do not move the weights of their pieces alone, it sends
/// the sum to all. The bits are those of one process.
///
/// The rounds of pieces follow each other in the order in which the way back computes them: what is behind it is exchanged while it
/// goes on.
final class RankedGradientSum: GradientSum {
    private let workers: Workers
    private let order: SumOrder
    private let own: LocalGradientSum
    private let blocks: Blocks
    /// In the order in which they are exchanged.
    private let rounds: [Blocks.Round]
    /// A piece of each root of other processes.
    private let received: Tensor
    /// A piece that is sent, and one that is received, as bfloat16; empty with float32.
    private let packed: (out: Tensor, into: Tensor)

    init(_ graph: LayerGraph, _ shards: Shards, _ workers: Workers, _ order: SumOrder) {
        (self.workers, self.order) = (workers, order)
        blocks = Blocks(graph.layout, workers.peers)
        rounds = Self.inOrderOfCompletion(blocks.rounds, graph, shards)
        own = LocalGradientSum(graph, shards, workers, order, inOrder: rounds.map(\.elements))
        received = Buffer(zeros: Self.receivedCount(shards, order, blocks)).tensor
        let count = Self.packedCount(order, blocks)
        packed = (Buffer(zeros: count).tensor, Buffer(zeros: count).tensor)
    }

    /// A function of the network, so that all processes have the same order.
    private static func inOrderOfCompletion(
        _ rounds: [Blocks.Round], _ graph: LayerGraph, _ shards: Shards
    ) -> [Blocks.Round] {
        let steps = BackwardSteps(graph, shards.plan(graph))
        /// Deferred kernels and statistics are final when all else is.
        func completion(_ round: Blocks.Round) -> (Int, Int) {
            let isLate = !round.areTrainable || steps.areDeferred(round.elements)
            return (isLate ? 1 : 0, steps.completion(of: round.elements))
        }
        return rounds.sorted { completion($0) < completion($1) }
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
        let blocks = Blocks(graph.layout, peers)
        let count = receivedCount(shards, order, blocks) + 2 * packedCount(order, blocks)
        return libraryMemory + count * MemoryLayout<Float>.stride
            + LocalGradientSum.memory(graph, shards, order, rank: peers.rank, threads: threads)
    }

    /// About what a library of MPI takes, with its messages: 16 MB with Open MPI 4.1.4.
    static let libraryMemory = 16 << 20

    private static func receivedCount(_ shards: Shards, _ order: SumOrder, _ blocks: Blocks) -> Int {
        let peers = blocks.peers, others = (0..<peers.count).filter { $0 != peers.rank }
        return others.reduce(0) { $0 + order.mostSums(of: shards.mostCount, rank: $1) }
            * blocks.pieceCount
    }

    private static func packedCount(_ order: SumOrder, _ blocks: Blocks) -> Int {
        order.roundsSums ? (blocks.pieceCount + 1) / 2 : 0
    }

    /// The bytes that a process sends in a step on so many shards: its roots to the owners of pieces, then its pieces to all.
    static func sentBytes(_ order: SumOrder, _ blocks: Blocks, shards: Int, rank: Int) -> Int {
        let roots = order.roots(of: shards, rank: rank).count { !$0.isEmpty }, count = blocks.peers.count
        let words = blocks.rounds.reduce(0) { words, round in
            words
                + (0..<count).filter { $0 != rank }.reduce(0) { words, other in
                    let piece = round.piece(other).count
                    return words + roots * (order.roundsSums && round.areTrainable ? (piece + 1) / 2 : piece)
                } + (count - 1) * round.piece(rank).count
        }
        return words * MemoryLayout<Float>.stride
    }

    /// The most that a process sends a step, and how long that takes.
    static func exchange(
        _ graph: LayerGraph, _ shards: Shards, _ order: SumOrder, _ peers: any Peers
    ) -> (bytes: Int, seconds: Double) {
        let blocks = Blocks(graph.layout, peers), elements = blocks.pieceCount
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
        let peers = workers.peers
        let roots = (0..<peers.count).map { order.roots(of: shards.count, rank: $0) }
        let counts = roots.map { $0.count { !$0.isEmpty } }, additions = order.additions(roots.flatMap(\.self))
        let (terms, fault) = own.addOwn(shards, compute) { index in
            add(rounds[index], counts, additions)
            if !blocks.areOwned { blocks.gather(rounds[index], of: total) }
        }
        let all = Outcome.gather(terms, fault, shards: shards.count, order, peers)
        if let fault = all.fault { throw fault }
        return all.terms
    }

    /// Adds the roots of all processes for this one's piece of a round.
    ///
    /// - Parameter roots: How many each process has.
    private func add(_ round: Blocks.Round, _ roots: [Int], _ additions: [(root: Int, to: Int)]) {
        let peers = workers.peers, rank = peers.rank, piece = round.piece(rank), most = roots.max() ?? 0
        let isRounded = order.roundsSums && round.areTrainable
        // The numbers of each root for this piece.
        var addends = roots.map { _ in [Tensor]() }, place = 0
        addends[rank] = (0..<roots[rank]).map { own.sum($0).slice(at: piece.lowerBound, count: piece.count) }
        peers.withEach { to, from in
            let sent = round.piece(to)
            for root in 0..<most {
                let out = root < roots[rank] ? own.sum(root).slice(at: sent.lowerBound, count: sent.count) : nil
                var into: Tensor?
                if root < roots[from] {
                    let numbers = received.slice(at: place, count: piece.count)
                    addends[from].append(numbers)
                    place += piece.count
                    into = numbers
                }
                if isRounded {
                    exchangeRounded(out, to: to, into, from: from)
                } else {
                    blocks.exchange(out, to: to, into, from: from)
                }
            }
        }
        add(
            addends.flatMap(\.self), additions, isRounded: isRounded,
            into: total.slice(at: piece.lowerBound, count: piece.count))
    }

    /// Sends numbers as bfloat16.
    private func exchangeRounded(_ out: Tensor?, to: Int, _ into: Tensor?, from: Int) {
        func part(_ packed: Tensor, _ numbers: Tensor) -> Tensor {
            packed.slice(at: 0, count: (numbers.elementCount + 1) / 2)
        }
        if let out { packBFloat16(out, into: part(packed.out, out)) }
        blocks.exchange(out.map { part(packed.out, $0) }, to: to, into.map { part(packed.into, $0) }, from: from)
        if let into { unpackBFloat16(part(packed.into, into), into: into) }
    }

    /// - Parameters:
    ///   - addends: Are written over.
    ///   - sum: May be one of them.
    private func add(
        _ addends: [Tensor], _ additions: [(root: Int, to: Int)], isRounded: Bool, into sum: Tensor
    ) {
        workers.eachStretch(of: [0..<sum.elementCount]) { start, count in
            for (root, place) in additions {
                let half = addends[root].slice(at: start, count: count)
                let sum = addends[place].slice(at: start, count: count)
                if isRounded {
                    roundToBFloat16(half)
                    roundToBFloat16(sum)
                }
                addScaled(half, by: 1, to: sum)
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
