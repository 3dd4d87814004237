import Networks
import Ranks
import Tensors

/// How processes share out the vectors of a network's parameters: each owns pieces of them, and adds up the gradient there.
///
/// Vectors are cut into rounds of one piece for each process, which are exchanged one after another: so a part of the gradient can be
/// on its way while the rest of it is still computed, and all processes send and receive all the time.
///
/// Of large vectors a process alone moves the weights of its pieces as well, and keeps their moments: pieces are then whole stretches,
/// so that sums over vectors have the same parts on any number of processes. The gradients of small ones are gathered before the
/// step, since whole stretches of them would not be shared out evenly.
struct Blocks: Sendable {
    let peers: any Peers
    let extent: Int
    /// Whether a process moves the weights of its pieces alone.
    let areOwned: Bool
    /// In their order in the vector, whose elements they are. Trainable parameters and statistics share none.
    let rounds: [Round]

    /// Elements of a vector of which each process owns a piece.
    struct Round: Sendable {
        let elements: Range<Int>
        /// Whether they are weights, not statistics.
        let areTrainable: Bool
        /// The number of elements of a piece, but for those at the end of the round, which have less or none.
        let pieceCount: Int

        /// The piece of a process.
        func piece(_ rank: Int) -> Range<Int> {
            let start = min(elements.lowerBound + rank * pieceCount, elements.upperBound)
            return start..<min(start + pieceCount, elements.upperBound)
        }
    }

    init(_ layout: ParameterLayout, _ peers: any Peers) {
        self.peers = peers
        let extent = layout.extent, count = peers.count, stretch = Workers.stretch
        let areOwned = count > 1 && (extent + stretch - 1) / stretch >= Self.leastStretches * count
        (self.extent, self.areOwned) = (extent, areOwned)
        rounds = [0..<layout.trainableExtent, layout.trainableExtent..<extent].flatMap { part in
            let number = min(max(part.count / (count * Self.leastPieceCount), 1), Self.usualRounds)
            var piece = max((part.count + number * count - 1) / (number * count), 1)
            // Whole stretches; less than one is not worth a round by itself.
            if areOwned { piece = (piece + stretch - 1) / stretch * stretch }
            piece = min(piece, Self.mostPieceCount)
            return stride(from: part.lowerBound, to: part.upperBound, by: piece * count).map {
                Round(
                    elements: $0..<min($0 + piece * count, part.upperBound),
                    areTrainable: part.upperBound <= layout.trainableExtent, pieceCount: piece)
            }
        }
    }

    /// Fewer for each process are shared out unevenly.
    private static let leastStretches = 8
    /// Into how many rounds vectors are cut that have no more than this many pieces of the usual size.
    private static let usualRounds = 8
    /// The elements of a piece: 64 KiB, less is not worth a message; 4 MiB, more is no faster.
    private static let leastPieceCount = 1 << 14, mostPieceCount = 1 << 20

    /// The pieces of a process that are not empty.
    func pieces(of rank: Int) -> [Range<Int>] { rounds.map { $0.piece(rank) }.filter { !$0.isEmpty } }

    var own: [Range<Int>] { pieces(of: peers.rank) }

    /// Those whose weights this process moves.
    var moved: [Range<Int>] { areOwned ? own : [0..<extent] }

    /// Those whose weights others move.
    var others: [Range<Int>] {
        areOwned ? (0..<peers.count).filter { $0 != peers.rank }.flatMap(pieces) : []
    }

    /// The number of elements of a process.
    func count(of rank: Int) -> Int { pieces(of: rank).reduce(0) { $0 + $1.count } }

    /// The most elements that a process has.
    var mostCount: Int { (0..<peers.count).map(count).max() ?? 0 }

    /// The number of elements of the largest piece.
    var pieceCount: Int { rounds.map { $0.piece(0).count }.max() ?? 0 }

    /// Sends this process's pieces of a vector to all others, and theirs come into it.
    func gather(_ vector: Tensor) { for round in rounds { gather(round, of: vector) } }

    /// The same for one round.
    func gather(_ round: Round, of vector: Tensor) {
        func slice(_ rank: Int) -> Tensor {
            let piece = round.piece(rank)
            return vector.slice(at: piece.lowerBound, count: piece.count)
        }
        peers.withEach { to, from in exchange(slice(peers.rank), to: to, slice(from), from: from) }
    }

    /// Of a number for each stretch of a vector those of this process's pieces are known: all, then.
    func gather(sumsOfStretches own: [Double]) -> [Double] {
        func stretches(_ rank: Int) -> [Int] {
            pieces(of: rank).flatMap { piece in
                let length = Workers.stretch
                return Array(((piece.lowerBound + length - 1) / length..<(piece.upperBound + length - 1) / length))
            }.filter { $0 < own.count }
        }
        var all = own
        let sent = stretches(peers.rank).map { own[$0] }
        peers.withEach { to, from in
            let places = stretches(from)
            var theirs = [Double](repeating: 0, count: places.count), span = theirs.mutableSpan
            peers.exchange(sent.span, to: to, &span, from: from)
            for (place, sum) in zip(places, theirs) { all[place] = sum }
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
