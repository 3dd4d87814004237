import Kernels
import Networks
import Synchronization
import Tensors

/// The sum of gradients on the threads of one machine.
///
/// Shards are computed in rounds, one for each worker, and added after each round. There is one gradient for all workers
/// of a kernel that is large, see `DeferredKernel`: weights of a gigabyte are trained in four times their memory, and not
/// in one more for each worker.
final class LocalGradientSum: GradientSum {
    private let workers: Workers
    private let workspaces: [Workspace]
    /// The first is the sum; the others take the shards of one round, and deferred kernels take no memory there.
    private let gradients: [VectorBox]
    private let deferredKernels: [DeferredKernel]
    /// The elements of a gradient that every worker computes by itself.
    private let ownElements: [Range<Int>]
    /// What multiplies for each worker, whichever shards it has computed.
    private let kernels: [WorkerKernels]

    init(_ graph: LayerGraph, _ shards: Shards, _ workers: Workers) {
        self.workers = workers
        let size = shards.size, layout = graph.layout, counts = Self.counts(shards, threads: workers.count)
        workspaces = (0..<counts.workspaces).map { _ in
            Workspace(graph, batchSize: size, mode: .training, defersKernels: true)
        }
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
    static func memory(_ graph: LayerGraph, _ shards: Shards, threads: Int) -> Int {
        let plan = shards.plan(graph), counts = counts(shards, threads: threads), extent = graph.layout.extent
        let elements = extent + (counts.gradients - 1) * (extent - plan.deferredElementCount)
        return elements * MemoryLayout<Float>.stride + counts.workspaces * plan.byteCount.bytes
    }

    /// One round suffices where there are as many workers as shards: its first shard then writes the sum.
    private static func counts(_ shards: Shards, threads: Int) -> (workspaces: Int, gradients: Int) {
        let workspaces = min(threads, shards.mostCount)
        return (workspaces, shards.mostCount > workspaces ? workspaces + 1 : workspaces)
    }

    var total: Tensor { gradients[0].vector.tensor }

    func add(
        _ shards: [Range<Int>], _ compute: @Sendable (Int, Range<Int>, Workspace, Tensor) -> [Double]
    ) throws(ValueFault) -> [[Double]] {
        let terms = Mutex([[Double]](repeating: [], count: shards.count)), fault = Mutex<ValueFault?>(nil)
        let (workspaces, gradients) = (workspaces, gradients)
        for first in stride(from: 0, to: shards.count, by: workspaces.count) {
            let round = first..<min(first + workspaces.count, shards.count)
            // The first round's first shard writes the sum; every other shard has a vector of its own.
            let ownGradient = first == 0 ? 0 : 1
            workers.run(round.count) { _, index in
                let shard = first + index, workspace = workspaces[index]
                let sums = compute(shard, shards[shard], workspace, gradients[ownGradient + index].vector.tensor)
                terms.withLock { $0[shard] = sums }
                if var found = workspace.fault {
                    found.example += shards[shard].lowerBound
                    fault.withLock { $0.note(found) }
                }
            }
            if let fault = fault.withLock({ $0 }) { throw fault }
            add(gradients[1..<(ownGradient + round.count)])
            addDeferred(shards[round].map(\.count), adding: first > 0)
        }
        return terms.withLock { $0 }
    }

    private func add(_ others: ArraySlice<VectorBox>) {
        guard !others.isEmpty else { return }
        let total = total
        workers.eachStretch(of: ownElements) { start, count in
            let sum = total.slice(at: start, count: count)
            for other in others { addScaled(other.vector.tensor.slice(at: start, count: count), by: 1, to: sum) }
        }
    }

    /// Adds the shards of a round to the gradients of deferred kernels.
    ///
    /// - Parameter counts: How many examples each shard has.
    private func addDeferred(_ counts: [Int], adding: Bool) {
        let parts = deferredKernels.flatMap { kernel in kernel.parts.map { (kernel, $0) } }
        let (total, workspaces, kernels) = (total, workspaces, kernels)
        workers.run(parts.count) { worker, part in
            let (kernel, features) = parts[part]
            for (shard, count) in counts.enumerated() {
                workspaces[shard].computeGradient(
                    of: kernel, features, count: count, into: total, adding: adding || shard > 0,
                    kernels[worker].context)
            }
        }
    }
}

/// Kernels that one worker uses at a time.
private final class WorkerKernels: @unchecked Sendable {
    let context = KernelContext()
}
