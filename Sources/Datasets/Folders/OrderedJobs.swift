import Dispatch
import Synchronization
import Threads

/// Does numbered jobs on several threads, and hands over their results in order.
enum OrderedJobs {
    /// - Parameters:
    ///   - take: Called on the calling thread with the result of each job, from the first on.
    /// - Throws: What the first job that fails, or `take`, throws; no job is begun after that.
    static func run<Value: Sendable>(
        _ count: Int, threads: Int, _ job: @escaping @Sendable (Int) throws -> Value, take: (Int, Value) throws -> Void
    ) throws {
        let line = Line<Value>(count, room: 2 * threads)
        var started = 0
        while started < min(threads, count), SystemThread.start(stackSize: 1 << 20, { line.work(job) }) { started += 1 }
        defer { line.stop(started) }
        for number in 0..<count {
            // Without threads this one does it.
            try take(number, started == 0 ? job(number) : line.result(number).get())
        }
    }

    private final class Line<Value: Sendable>: Sendable {
        private let count: Int
        private let slots: Int
        private let next = Atomic(0)
        private let isStopped = Atomic(false)
        private let results: Mutex<[Int: Result<Value, any Error>]>
        private let room = DispatchSemaphore(value: 0), ended = DispatchSemaphore(value: 0)
        /// One for each of the jobs whose results can wait to be taken.
        private let done: [DispatchSemaphore]

        init(_ count: Int, room slots: Int) {
            (self.count, self.slots) = (count, slots)
            results = Mutex([:])
            done = (0..<slots).map { _ in DispatchSemaphore(value: 0) }
            for _ in 0..<slots { room.signal() }
        }

        func work(_ job: (Int) throws -> Value) {
            while true {
                room.wait()
                let number = next.add(1, ordering: .relaxed).oldValue
                guard number < count, !isStopped.load(ordering: .acquiring) else { break }
                let result = Result { try job(number) }
                results.withLock { $0[number] = result }
                done[number % slots].signal()
            }
            ended.signal()
        }

        /// Waits for a job, the next in order.
        func result(_ number: Int) throws -> Result<Value, any Error> {
            done[number % slots].wait()
            guard let result = results.withLock({ $0.removeValue(forKey: number) }) else {
                preconditionFailure("a job was done and has no result")
            }
            room.signal()
            return result
        }

        /// Waits until all threads have ended.
        func stop(_ threads: Int) {
            isStopped.store(true, ordering: .releasing)
            for _ in 0..<threads { room.signal() }
            for _ in 0..<threads { ended.wait() }
        }
    }
}
