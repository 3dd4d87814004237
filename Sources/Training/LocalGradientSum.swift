import Foundation
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
///
/// Sums are final in some elements long before the last shards are done. Whoever wants to know (`init(…, inOrder:)`) hears of it
/// while the other threads still compute.
final class LocalGradientSum: GradientSum {
    private let workers: Workers
    private let order: SumOrder
    private let workspaces: [Workspace]
    /// The sums of branches that wait for their other halves, and of the lane that is at work.
    private let sums: [VectorBox]
    /// Those of the shards of one round; deferred kernels take no memory there.
    private let gradients: [VectorBox]
    /// What multiplies for each worker, whichever shards it has computed.
    private let kernels: [WorkerKernels]
    /// Elements that one worker adds at a time, in the order in which they are wanted.
    private let parts: [Part]
    /// The parts that are in each of the ranges whose sums are wanted.
    private let wanted: [[Int]]

    private struct Part: Sendable {
        let elements: Range<Int>
        /// Whether they are of the gradient, not statistics.
        let areTrainable: Bool
        /// What the elements are of, where shards have not computed their gradients; nil where they have.
        var deferred: (kernel: DeferredKernel, features: Range<Int>)?
        /// After how many steps on their way back shards have them.
        var completion = Int.max
    }

    /// - Parameter ranges: Elements in whose order sums are wanted; all of them together are the vector.
    init(
        _ graph: LayerGraph, _ shards: Shards, _ workers: Workers, _ order: SumOrder, inOrder ranges: [Range<Int>] = []
    ) {
        (self.workers, self.order) = (workers, order)
        let size = shards.size, layout = graph.layout
        let counts = Self.counts(shards, order, rank: workers.peers.rank, threads: workers.count)
        workspaces = (0..<counts.workspaces).map { _ in
            Workspace(graph, batchSize: size, mode: .training, defersKernels: true)
        }
        sums = (0..<counts.sums).map { _ in VectorBox(layout) }
        gradients = (0..<counts.gradients).map { _ in VectorBox(layout) }
        kernels = (0..<workers.count).map { _ in WorkerKernels() }
        let parts = Self.parts(
            graph, shards.plan(graph), workspaces[0].deferredKernels,
            inOrder: ranges.isEmpty ? [0..<layout.extent] : ranges)
        self.parts = parts
        wanted = ranges.map { range in parts.indices.filter { parts[$0].elements.overlaps(range) } }
    }

    private static func parts(
        _ graph: LayerGraph, _ plan: MemoryPlan, _ kernels: [DeferredKernel], inOrder ranges: [Range<Int>]
    ) -> [Part] {
        let kernels = kernels.sorted { $0.offset < $1.offset }
        let steps = BackwardSteps(graph, plan), layout = graph.layout
        var own: [Range<Int>] = [], start = 0
        for kernel in kernels {
            own.append(start..<kernel.offset)
            start = kernel.elements.upperBound
        }
        own.append(start..<layout.extent)
        var deferred = kernels.flatMap { kernel in
            kernel.parts.map { features in
                let first = kernel.offset + features.lowerBound * kernel.units
                return Part(
                    elements: first..<first + features.count * kernel.units, areTrainable: true,
                    deferred: (kernel, features))
            }
        }
        return ranges.flatMap { range in
            let trainable = range.clamped(to: 0..<layout.trainableExtent)
            let statistics = range.clamped(to: layout.trainableExtent..<layout.extent)
            var stretches = Workers.stretches(of: own.map { $0.clamped(to: trainable) }).map { elements in
                Part(elements: elements, areTrainable: true, completion: steps.completion(of: elements))
            }
            // Statistics are weighed when the way back is over.
            stretches += Workers.stretches(of: [statistics]).map { Part(elements: $0, areTrainable: false) }
            let first = deferred.prefix { !$0.elements.overlaps(range) }.count
            let here = deferred[first...].prefix { $0.elements.overlaps(range) }
            deferred.removeSubrange(here.indices)
            return stretches + here
        }
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
        let (terms, fault) = addOwn(shards, compute) { _ in }
        if let fault { throw fault }
        return terms
    }

    /// Leaves the sums of this process's roots.
    ///
    /// - Parameters:
    ///   - shards: Those of the whole batch.
    ///   - finished: Called on this thread with the index of each range that sums are wanted of, one after another, when all
    ///     roots are final there, or will not be.
    /// - Returns: The terms of each own shard, and the first example that cannot be computed with; sums are then not complete.
    func addOwn(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double],
        finished: (_ range: Int) -> Void
    ) -> (terms: [[Double]], fault: ValueFault?) {
        let rank = workers.peers.rank, own = order.shards(of: shards.count, rank: rank)
        let terms = Mutex([[Double]](repeating: [], count: own.count)), fault = Mutex<ValueFault?>(nil)
        var script = Script(order, leaves: order.leaves(of: shards.count, rank: rank))
        let workspaces = workspaces
        for first in stride(from: own.lowerBound, to: own.upperBound, by: workspaces.count) {
            let indices = first..<min(first + workspaces.count, own.upperBound)
            // A lane's first shard writes its sum if it is the round's first; every other shard has a vector of its own.
            let isDirect = script.beginsLeaf(first), open = script.open
            let targets = (isDirect ? [sums[open]] : []) + gradients
            let round = Round(
                targets: targets, isDirect: isDirect, counts: shards[indices].map(\.count),
                additions: script.additions(indices))
            @Sendable func computeShard(_ index: Int) {
                let shard = first + index, workspace = workspaces[index]
                let values = compute(shard, shards[shard], workspace, targets[index].vector.tensor)
                terms.withLock { $0[shard - own.lowerBound] = values }
                if var found = workspace.fault {
                    found.example += shards[shard].lowerBound
                    fault.withLock { $0.note(found) }
                }
            }
            if indices.upperBound == own.upperBound, !wanted.isEmpty {
                addWhileComputing(round, computeShard, finished)
                return (terms.withLock { $0 }, fault.withLock { $0 })
            }
            workers.run(indices.count) { _, index in computeShard(index) }
            if fault.withLock({ $0 != nil }) { break }
            add(round)
        }
        for range in wanted.indices { finished(range) }
        return (terms.withLock { $0 }, fault.withLock { $0 })
    }

    // MARK: - Additions

    /// Shards that are computed side by side, and what is to be added then.
    private struct Round: Sendable {
        /// Where each of them has its gradient.
        let targets: [VectorBox]
        /// Whether the first one of them is the sum.
        let isDirect: Bool
        /// The examples of each.
        let counts: [Int]
        /// In the order of every element.
        let additions: [Addition]
    }

    private enum Addition: Sendable {
        /// A shard's gradient, by its place in the round, to a sum, of which it may be the first.
        case gradient(Int, to: Int, isFirst: Bool)
        /// Nothing to the sum of a lane, which is complete: it is rounded.
        case completeLane(Int)
        /// The second half of a branch to its first one.
        case half(Int, to: Int)
    }

    /// Which sums the shards of a process are added to.
    private struct Script {
        let order: SumOrder
        /// Those that are not complete.
        var leaves: ArraySlice<SumOrder.Branch>
        var stack: [SumOrder.Branch] = []
        /// The sums that are in use.
        var open = 0

        init(_ order: SumOrder, leaves: [SumOrder.Branch]) { (self.order, self.leaves) = (order, leaves[...]) }

        func beginsLeaf(_ shard: Int) -> Bool {
            leaves.contains { !$0.isEmpty && $0.shards.lowerBound == shard }
        }

        /// What is to be done with the shards that follow.
        mutating func additions(_ round: Range<Int>) -> [Addition] {
            var additions: [Addition] = []
            while let leaf = leaves.first, leaf.isEmpty || leaf.shards.lowerBound < round.upperBound {
                for shard in leaf.shards.clamped(to: round) {
                    let isFirst = shard == leaf.shards.lowerBound
                    if isFirst { open += 1 }
                    additions.append(.gradient(shard - round.lowerBound, to: open - 1, isFirst: isFirst))
                }
                guard leaf.shards.upperBound <= round.upperBound else { break }
                leaves.removeFirst()
                if order.roundsSums, !leaf.isEmpty { additions.append(.completeLane(open - 1)) }
                order.push(leaf, onto: &stack) {
                    additions.append(.half(open - 1, to: open - 2))
                    open -= 1
                }
            }
            return additions
        }
    }

    /// Adds a round whose shards are computed.
    private func add(_ round: Round) {
        // The gradient of a single shard is the sum already, where it is not deferred.
        let isSum = round.isDirect && round.additions.count == 1
        let parts = isSum ? parts.filter { $0.deferred != nil } : parts
        workers.run(parts.count) { worker, index in add(parts[index], round, worker) }
    }

    private func add(_ part: Part, _ round: Round, _ worker: Int) {
        func slice(_ vector: VectorBox) -> Tensor {
            vector.vector.tensor.slice(at: part.elements.lowerBound, count: part.elements.count)
        }
        for addition in round.additions {
            switch addition {
            case .gradient(let index, let sum, let isFirst):
                if let (kernel, features) = part.deferred {
                    workspaces[index].computeGradient(
                        of: kernel, features, count: round.counts[index], into: sums[sum].vector.tensor,
                        adding: !isFirst,
                        kernels[worker].context)
                } else if !isFirst {
                    addScaled(slice(round.targets[index]), by: 1, to: slice(sums[sum]))
                } else if round.targets[index] !== sums[sum] {
                    slice(sums[sum]).copy(from: slice(round.targets[index]))
                }
            case .completeLane(let lane):
                if part.areTrainable { roundToBFloat16(slice(sums[lane])) }
            case .half(let half, let sum):
                if order.roundsSums, part.areTrainable {
                    roundToBFloat16(slice(sums[half]))
                    roundToBFloat16(slice(sums[sum]))
                }
                addScaled(slice(sums[half]), by: 1, to: slice(sums[sum]))
            }
        }
    }

    /// Computes a round of shards and adds it, part by part, where all of its shards have their gradients.
    private func addWhileComputing(
        _ round: Round, _ compute: @Sendable (Int) -> Void, _ finished: (_ range: Int) -> Void
    ) {
        let count = round.counts.count, workspaces = workspaces[..<count]
        for workspace in workspaces { workspace.passed.store(0, ordering: .relaxed) }
        let progress = Mutex(Progress(parts.count)), parts = parts
        let areComputed: @Sendable (Part) -> Bool = { part in
            workspaces.allSatisfy { $0.passed.load(ordering: .acquiring) >= part.completion }
        }
        @Sendable func perform(_ index: Int, _ worker: Int) {
            guard progress.withLock({ $0.claim(index) }) else { return }
            add(parts[index], round, worker)
            progress.withLock { $0.isDone[index] = true }
        }
        workers.run(count + parts.count) { worker, task in
            if task < count {
                compute(task)
                return workspaces[task].passed.store(.max, ordering: .releasing)
            }
            // All shards are begun: whoever waits, waits for those of others.
            while !areComputed(parts[task - count]) { Self.pause() }
            perform(task - count, worker)
        } meanwhile: {
            for (range, wanted) in wanted.enumerated() {
                for index in wanted {
                    while !progress.withLock({ $0.isDone[index] }) {
                        // Additions are little beside the way back. Deferred kernels are not: they are the workers'.
                        if parts[index].deferred == nil, areComputed(parts[index]) {
                            perform(index, 0)
                        }
                        if !progress.withLock({ $0.isDone[index] }) { Self.pause() }
                    }
                }
                finished(range)
            }
        }
    }

    private struct Progress {
        private var isClaimed: [Bool]
        var isDone: [Bool]

        init(_ count: Int) {
            isClaimed = Array(repeating: false, count: count)
            isDone = isClaimed
        }

        /// - Returns: Whether nobody else has it.
        mutating func claim(_ index: Int) -> Bool {
            defer { isClaimed[index] = true }
            return !isClaimed[index]
        }
    }

    /// Time in which others compute.
    private static func pause() { usleep(50) }
}

/// Kernels that one worker uses at a time.
private final class WorkerKernels: @unchecked Sendable {
    let context = KernelContext()
}
