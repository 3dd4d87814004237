import Foundation
import Kernels
public import Ranks
import Synchronization
import Threads

/// What a job computes with, handed down as one value: a fixed number of threads that share out tasks, of which the calling
/// thread is one, and whether they are to stop.
///
/// Where the system cannot start as many as are wanted, there are fewer.
///
/// What a task computes must depend on its number alone, never on the worker or the order: then results are the same
/// on any number of threads.
public final class Workers: @unchecked Sendable {
    public private(set) var count = 1
    /// The processes that do the same job, of which this is one.
    public let peers: any Peers
    /// Asked by the thread that gives out the tasks, never by others.
    private let interruption: () -> Bool
    private let condition = NSCondition()
    // Guarded by `condition`.
    private var round = 0
    private var busy = 0
    private var isClosing = false
    /// Whether a thread takes the place of the calling one, which does something else.
    private var standsIn = false
    private var body: ((_ worker: Int, _ task: Int) -> Void)?
    private var tasks = 0
    private let next = Atomic<Int>(0)
    /// A thread that can take the place of the calling one: only where there is something else to do, an exchange with other
    /// processes.
    private var hasStandIn = false
    /// Whether the calling thread does something else, while the others have tasks.
    private var isElsewhere = false

    /// - Parameters:
    ///   - count: Threads; nil for one for each processor.
    ///   - peers: The processes that do the same job.
    ///   - isInterrupted: Whether the user wants the job to stop. It is asked by the thread that gives out the tasks.
    public init(
        _ count: Int? = nil, peers: any Peers = Alone(), isInterrupted: @escaping () -> Bool = { false }
    ) {
        (self.peers, interruption) = (peers, isInterrupted)
        let wanted = max(1, count ?? ProcessInfo.processInfo.activeProcessorCount)
        limitKernelThreads()
        while self.count < wanted {
            let worker = self.count
            guard SystemThread.start(stackSize: 8 << 20, { [self] in serve(worker) }) else { break }
            self.count += 1
        }
        hasStandIn = peers.count > 1 && SystemThread.start(stackSize: 8 << 20) { [self] in serve(0, isStandIn: true) }
    }

    /// Whether the job is to stop. Tasks that have begun are done all the same.
    public var isInterrupted: Bool { interruption() }

    /// - Throws: `CancellationError` where the job is to stop.
    public func checkInterruption() throws(CancellationError) {
        if isInterrupted { throw CancellationError() }
    }

    /// Whether the job is to stop, on which all processes agree. All of them ask at the same places.
    public var agreeToStop: Bool { peers.agree(isInterrupted) }

    /// - Throws: `CancellationError` where all processes agree that the job is to stop.
    public func checkAgreement() throws(CancellationError) {
        if agreeToStop { throw CancellationError() }
    }

    /// Ends the threads; the workers cannot be used afterwards.
    public func close() {
        condition.lock()
        isClosing = true
        condition.broadcast()
        condition.unlock()
    }

    /// Calls `body` once for every task below `tasks`, on all workers, and returns when all are done.
    public func run(_ tasks: Int, _ body: @Sendable (_ worker: Int, _ task: Int) -> Void) {
        guard tasks > 0 else { return }
        if count == 1 || tasks == 1 || isElsewhere {
            for task in 0..<tasks { body(0, task) }
            return
        }
        give(tasks, body, standsIn: false) { work(0, tasks, $0) }
    }

    /// The same while the calling thread does something else, which may wait for tasks; these are begun in their order.
    ///
    /// - Parameter meanwhile: If it calls `run`, this thread does those tasks alone, as a worker 0 beside that of `body`.
    public func run(
        _ tasks: Int, _ body: @Sendable (_ worker: Int, _ task: Int) -> Void, meanwhile: () -> Void
    ) {
        guard hasStandIn, !isElsewhere else {
            run(tasks, body)
            return meanwhile()
        }
        give(tasks, body, standsIn: true) { _ in
            isElsewhere = true
            meanwhile()
            isElsewhere = false
        }
    }

    /// Has the other threads begin with tasks, and waits for them.
    ///
    /// - Parameter own: What the calling thread does.
    private func give(
        _ tasks: Int, _ body: @Sendable (_ worker: Int, _ task: Int) -> Void, standsIn: Bool,
        _ own: ((_ worker: Int, _ task: Int) -> Void) -> Void
    ) {
        withoutActuallyEscaping(body) { body in
            condition.lock()
            self.body = body
            self.tasks = tasks
            self.standsIn = standsIn
            next.store(0, ordering: .relaxed)
            round += 1
            busy = standsIn ? count : count - 1
            condition.broadcast()
            condition.unlock()
            own(body)
            condition.lock()
            while busy > 0 { condition.wait() }
            self.body = nil
            condition.unlock()
        }
    }

    private func work(_ worker: Int, _ tasks: Int, _ body: (Int, Int) -> Void) {
        while true {
            let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard task < tasks else { return }
            body(worker, task)
        }
    }

    private func serve(_ worker: Int, isStandIn: Bool = false) {
        limitKernelThreads()
        var seen = 0
        while true {
            condition.lock()
            while (round == seen || isStandIn && !standsIn) && !isClosing { condition.wait() }
            if isClosing { return condition.unlock() }
            seen = round
            condition.unlock()
            takePart(worker)
            condition.lock()
            busy -= 1
            if busy == 0 { condition.broadcast() }
            condition.unlock()
        }
    }

    /// A function of its own, so that the borrowed closure is let go before the caller hears that all is done.
    @inline(never)
    private func takePart(_ worker: Int) {
        condition.lock()
        let (tasks, body) = (tasks, body)
        condition.unlock()
        if let body { work(worker, tasks, body) }
    }
}
