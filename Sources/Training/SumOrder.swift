import Ranks

/// In which order the gradients of a batch's shards are added.
///
/// The shards are cut into as many runs as there are lanes. In a lane the sum is a chain; the sums of lanes are the leaves of a
/// binary tree:
///
///     lane = ((g₀ + g₁) + g₂) + …          sum = (lane₀ + lane₁) + (lane₂ + lane₃)
///
/// With `GradientExchange.bfloat16` the sum of each lane, and that of each branch before it is added to another one, is rounded:
///
///     lane = r(((g₀ + g₁) + g₂) + …)       sum = r(lane₀ + lane₁) + r(lane₂ + lane₃)
///
/// Statistics are not: they are no gradients.
///
/// A process has a run of leaves, and adds by itself each branch that has all its leaves there: what is left of it are its roots.
/// The recipe alone decides the order, so the sum has the same bits on any number of processes. With one lane these have a shard
/// a leaf, and the tree is a chain: the bits are those of one process.
struct SumOrder: Sendable {
    /// A power of two.
    private let lanes: Int
    private let processes: Int
    /// Whether sums are rounded to bfloat16.
    let roundsSums: Bool

    init(_ hyperparameters: Hyperparameters, _ peers: any Peers) {
        self.init(lanes: hyperparameters.lanes, processes: peers.count, exchange: hyperparameters.exchange)
    }

    init(lanes: Int, processes: Int, exchange: GradientExchange = .float32) {
        precondition(exchange == .float32 || lanes > 1, "one lane has no sums to round")
        (self.lanes, self.processes, roundsSums) = (lanes, processes, exchange == .bfloat16)
    }

    /// Neighbouring leaves whose sums are added; it is empty where these have no shards, and adds nothing.
    struct Branch: Hashable, Sendable {
        let leaves: Range<Int>
        let shards: Range<Int>

        var isEmpty: Bool { shards.isEmpty }
    }

    private var isChain: Bool { lanes == 1 && processes > 1 }

    /// The leaves that a process has of a batch of so many shards.
    func leaves(of shards: Int, rank: Int) -> [Branch] {
        let count = isChain ? shards : lanes
        return (rank * count / processes..<(rank + 1) * count / processes).map { leaf in
            Branch(leaves: leaf..<leaf + 1, shards: leaf * shards / count..<(leaf + 1) * shards / count)
        }
    }

    /// The shards that a process computes.
    func shards(of shards: Int, rank: Int) -> Range<Int> {
        let leaves = leaves(of: shards, rank: rank)
        guard let first = leaves.first, let last = leaves.last else { return 0..<0 }
        return first.shards.lowerBound..<last.shards.upperBound
    }

    /// The most shards that a process computes, and those of one leaf, of batches of up to so many.
    func mostShards(of shards: Int, rank: Int) -> (own: Int, leaf: Int) {
        let count = isChain ? shards : lanes, own = leaves(of: shards, rank: rank).count
        return ((own * shards + count - 1) / count, (shards + count - 1) / count)
    }

    /// What a process cannot add by itself, in the order of leaves.
    func roots(of shards: Int, rank: Int) -> [Branch] {
        var stack: [Branch] = []
        for leaf in leaves(of: shards, rank: rank) { push(leaf, onto: &stack) {} }
        return stack
    }

    /// The most sums that a process has at a time, of batches of up to so many.
    func mostSums(of shards: Int, rank: Int) -> Int {
        var stack: [Branch] = [], most = 0
        for leaf in leaves(of: shards, rank: rank) {
            most = max(most, stack.count + 1)
            push(leaf, onto: &stack) {}
        }
        return min(most, mostShards(of: shards, rank: rank).own)
    }

    /// Which of some roots is added to which, step by step, until all are in the first one; empty ones are not counted.
    ///
    /// - Parameter roots: Those of all processes, in their order.
    func additions(_ roots: [Branch]) -> [(root: Int, to: Int)] {
        var stack: [Branch] = [], open: [Int] = [], count = 0, additions: [(root: Int, to: Int)] = []
        for root in roots {
            if !root.isEmpty {
                open.append(count)
                count += 1
            }
            push(root, onto: &stack) {
                let last = open.removeLast()
                additions.append((root: last, to: open[open.count - 1]))
            }
        }
        return additions
    }

    /// Takes up the branch that follows, and adds to it all that it completes a larger branch with.
    ///
    /// - Parameter add: Adds the last sum there is to the one before it.
    func push(_ branch: Branch, onto stack: inout [Branch], add: () -> Void) {
        var next = branch
        while let last = stack.last, areHalves(last, next) {
            stack.removeLast()
            if !last.isEmpty && !next.isEmpty { add() }
            next = Branch(
                leaves: last.leaves.lowerBound..<next.leaves.upperBound,
                shards: last.shards.lowerBound..<next.shards.upperBound)
        }
        stack.append(next)
    }

    /// Whether two neighbours make a branch.
    private func areHalves(_ left: Branch, _ right: Branch) -> Bool {
        if isChain { return left.leaves.lowerBound == 0 }
        return left.leaves.count == right.leaves.count
            && left.leaves.lowerBound.isMultiple(of: 2 * left.leaves.count)
    }
}
