import Networks
import Ranks
import Tensors

/// How processes share out the vectors of a network's parameters: each adds up a block of the gradient.
///
/// Of large vectors it alone moves these weights as well, and keeps their moments: blocks are then whole stretches, so that sums over
/// vectors have the same parts on any number of processes. Small ones are gathered before the step, since whole stretches
/// of them would not be shared out evenly.
struct Blocks: Sendable {
    let peers: any Peers
    let extent: Int
    /// Whether a process moves the weights of its block alone.
    let areOwned: Bool
    private let unit: Int

    init(_ layout: ParameterLayout, _ peers: any Peers) {
        (self.peers, extent) = (peers, layout.extent)
        let stretches = (extent + Workers.stretch - 1) / Workers.stretch
        areOwned = peers.count > 1 && stretches >= Self.leastStretches * peers.count
        unit = areOwned ? Workers.stretch : 1
    }

    /// Fewer for each process are shared out unevenly.
    private static let leastStretches = 8

    /// The elements that are sent at a time: 4 MiB.
    static let pieceCount = 1 << 20

    /// The block of a process.
    func block(_ rank: Int) -> Range<Int> {
        let units = peers.share(of: (extent + unit - 1) / unit, rank: rank)
        return min(units.lowerBound * unit, extent)..<min(units.upperBound * unit, extent)
    }

    var own: Range<Int> { block(peers.rank) }

    /// Those whose weights this process moves.
    var moved: Range<Int> { areOwned ? own : 0..<extent }

    /// The number of elements of the largest.
    var mostCount: Int { (0..<peers.count).map { block($0).count }.max() ?? 0 }

    /// How many pieces the largest has.
    var pieceCount: Int { (mostCount + Self.pieceCount - 1) / Self.pieceCount }

    /// One of the pieces of a process's block; empty where it has fewer.
    func piece(_ index: Int, of rank: Int) -> Range<Int> {
        let block = block(rank), start = min(block.lowerBound + index * Self.pieceCount, block.upperBound)
        return start..<min(start + Self.pieceCount, block.upperBound)
    }

    /// Sends this process's block of a vector to all others, and theirs come into it.
    func gather(_ vector: Tensor) {
        peers.withEach { to, from in
            let theirs = block(from)
            exchange(
                vector.slice(at: own.lowerBound, count: own.count), to: to,
                vector.slice(at: theirs.lowerBound, count: theirs.count), from: from)
        }
    }

    /// Of a number for each stretch of a vector those of this process's block are known: all, then.
    func gather(sumsOfStretches own: [Double]) -> [Double] {
        func part(_ rank: Int) -> Range<Int> {
            let block = block(rank), length = Workers.stretch
            return ((block.lowerBound + length - 1) / length..<(block.upperBound + length - 1) / length)
                .clamped(to: own.indices)
        }
        var all = own
        let sent = Array(own[part(peers.rank)])
        peers.withEach { to, from in
            var theirs = Array(all[part(from)]), span = theirs.mutableSpan
            peers.exchange(sent.span, to: to, &span, from: from)
            all.replaceSubrange(part(from), with: theirs)
        }
        return all
    }

    /// - Parameter out: What is sent; nil for nothing, as `into`.
    func exchange(_ out: Tensor?, to: Int, _ into: Tensor?, from: Int) {
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
