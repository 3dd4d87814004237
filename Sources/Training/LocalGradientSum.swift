import Kernels
import Networks
import Ranks
import Synchronization
import Tensors

/// The sum of gradients on the threads of one process: of all shards of a batch, or what it has of the tree (`SumOrder`).
///
/// Shards are computed in rounds, one for each worker, and added after each round. There is one gradient for all workers
/// of a kernel that is large, see `DeferredKernel`: weights of a gigabyte are trained in four times their memory, and not
/// in one more for each worker.
final class LocalGradientSum: GradientSum {
    private let workers: Workers
    private let order: SumOrder
    private let workspaces: [Workspace]
    /// The sums of branches that wait for their other halves, and of the lane that is at work.
    private let sums: [VectorBox]
    /// Those of the shards of one round; deferred kernels take no memory there.
    private let gradients: [VectorBox]
    private let deferredKernels: [DeferredKernel]
    /// The elements of a gradient that every worker computes by itself.
    private let ownElements: [Range<Int>]
    /// What multiplies for each worker, whichever shards it has computed.
    private let kernels: [WorkerKernels]

    init(_ graph: LayerGraph, _ shards: Shards, _ workers: Workers, _ order: SumOrder) {
        (self.workers, self.order) = (workers, order)
        let size = shards.size, layout = graph.layout
        let counts = Self.counts(shards, order, rank: workers.peers.rank, threads: workers.count)
        workspaces = (0..<counts.workspaces).map { _ in
            Workspace(graph, batchSize: size, mode: .training, defersKernels: true)
        }
        sums = (0..<counts.sums).map { _ in VectorBox(layout) }
        gradients = (0..<counts.gradients).map { _ in VectorBox(layout) }
        deferredKernels = workspaces[0].deferredKernels
        var ranges: [Range<Int>] = [], start = 0
        for kernel in deferredKernels.sorted(by: { $0.offset < $1.offset }) {
            ranges.append(start..<kernel.offset)
            start = kernel.elements.upperBound
        }
        ownElements = ranges + [start..<layout.extent]
        kernels = (0..<workers.count).map { _ in WorkerKernels() }
    }

    /// The bytes that it takes.
    static func memory(_ graph: LayerGraph, _ shards: Shards, _ order: SumOrder, rank: Int, threads: Int) -> Int {
        let plan = shards.plan(graph), counts = counts(shards, order, rank: rank, threads: threads)
        let extent = graph.layout.extent
        let elements = counts.sums * extent + counts.gradients * (extent - plan.deferredElementCount)
        return elements * MemoryLayout<Float>.stride + counts.workspaces * plan.byteCount.bytes
    }

    private static func counts(
        _ shards: Shards, _ order: SumOrder, rank: Int, threads: Int
    ) -> (workspaces: Int, sums: Int, gradients: Int) {
        let most = order.mostShards(of: shards.mostCount, rank: rank), workspaces = max(1, min(threads, most.own))
        // A round whose first shard begins a leaf needs no gradient for that one.
        let areAllNew = most.own <= workspaces || most.leaf <= 1
        return (
            workspaces, max(1, order.mostSums(of: shards.mostCount, rank: rank)),
            areAllNew ? workspaces - 1 : workspaces
        )
    }

    /// The sum of the whole batch where there is one process.
    var total: Tensor { sum(0) }

    /// The sum of one of the roots that are not empty.
    func sum(_ root: Int) -> Tensor { sums[root].vector.tensor }

    func add(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]] {
        let (terms, fault) = addOwn(shards, compute)
        if let fault { throw fault }
        return terms
    }

    /// Leaves the sums of this process's roots.
    ///
    /// - Parameter shards: Those of the whole batch.
    /// - Returns: The terms of each own shard, and the first example that cannot be computed with; sums are then not complete.
    func addOwn(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) -> (terms: [[Double]], fault: ValueFault?) {
        let rank = workers.peers.rank, own = order.shards(of: shards.count, rank: rank)
        let terms = Mutex([[Double]](repeating: [], count: own.count)), fault = Mutex<ValueFault?>(nil)
        var leaves = order.leaves(of: shards.count, rank: rank)[...], stack: [SumOrder.Branch] = [], open = 0
        for first in stride(from: own.lowerBound, to: own.upperBound, by: workspaces.count) {
            let round = first..<min(first + workspaces.count, own.upperBound)
            // A lane's first shard writes its sum if it is the round's first; every other shard has a vector of its own.
            let isDirect = leaves.contains { !$0.isEmpty && $0.shards.lowerBound == first }
            let targets = (isDirect ? [sums[open]] : []) + gradients
            let workspaces = workspaces
            workers.run(round.count) { _, index in
                let shard = first + index, workspace = workspaces[index]
                let values = compute(shard, shards[shard], workspace, targets[index].vector.tensor)
                terms.withLock { $0[shard - own.lowerBound] = values }
                if var found = workspace.fault {
                    found.example += shards[shard].lowerBound
                    fault.withLock { $0.note(found) }
                }
            }
            if fault.withLock({ $0 != nil }) { break }
            while let leaf = leaves.first, leaf.isEmpty || leaf.shards.lowerBound < round.upperBound {
                let part = leaf.shards.clamped(to: round), isNew = part.lowerBound == leaf.shards.lowerBound
                if !leaf.isEmpty {
                    if isNew { open += 1 }
                    add(
                        Array(targets[(part.lowerBound - first)..<(part.upperBound - first)]), to: sums[open - 1],
                        isNew: isNew)
                    addDeferred(part, shards, of: first, to: sums[open - 1], isNew: isNew)
                }
                guard leaf.shards.upperBound <= round.upperBound else { break }
                leaves.removeFirst()
                order.push(leaf, onto: &stack) {
                    add(sums[open - 1].vector.tensor, to: sums[open - 2].vector.tensor)
                    open -= 1
                }
            }
        }
        return (terms.withLock { $0 }, fault.withLock { $0 })
    }

    /// Adds the gradients of a lane's shards, but for deferred kernels; the first may be the sum itself.
    private func add(_ gradients: [VectorBox], to sum: VectorBox, isNew: Bool) {
        let others = gradients.filter { $0 !== sum }
        guard !others.isEmpty else { return }
        let copies = isNew && others.count == gradients.count, total = sum.vector.tensor
        workers.eachStretch(of: ownElements) { start, count in
            let sum = total.slice(at: start, count: count)
            for (index, other) in others.enumerated() {
                let addend = other.vector.tensor.slice(at: start, count: count)
                if copies && index == 0 { sum.copy(from: addend) } else { addScaled(addend, by: 1, to: sum) }
            }
        }
    }

    /// Adds a lane's shards to the gradients of deferred kernels.
    ///
    /// - Parameter first: The first shard of the round.
    private func addDeferred(
        _ part: Range<Int>, _ shards: [Range<Int>], of first: Int, to sum: VectorBox, isNew: Bool
    ) {
        let parts = deferredKernels.flatMap { kernel in kernel.parts.map { (kernel, $0) } }
        let (total, workspaces, kernels) = (sum.vector.tensor, workspaces, kernels)
        workers.run(parts.count) { worker, index in
            let (kernel, features) = parts[index]
            for shard in part {
                workspaces[shard - first].computeGradient(
                    of: kernel, features, count: shards[shard].count, into: total,
                    adding: !isNew || shard > part.lowerBound, kernels[worker].context)
            }
        }
    }

    /// Adds the second half of a branch to its first one.
    private func add(_ half: Tensor, to sum: Tensor) {
        workers.eachStretch(of: [0..<sum.elementCount]) { start, count in
            addScaled(half.slice(at: start, count: count), by: 1, to: sum.slice(at: start, count: count))
        }
    }
}

/// Kernels that one worker uses at a time.
private final class WorkerKernels: @unchecked Sendable {
    let context = KernelContext()
}
