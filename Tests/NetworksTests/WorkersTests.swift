import Networks
import Ranks
import Synchronization
import TestSupport
import Testing

/// A job's threads do every task once, also while the calling one does something else.
@Suite struct WorkersTests {
    @Test(arguments: [1, 2, 3]) func computeWhileTheCallingThreadDoesSomethingElse(threads: Int) throws {
        _ = try ThreadPeers.together(2) { peers in
            let workers = Workers(threads, peers: peers)
            defer { workers.close() }
            for tasks in [1, 2, 50] {
                let done = Mutex([Int](repeating: 0, count: tasks)), inner = Mutex(0)
                var waited = 0
                workers.run(tasks) { worker, task in
                    #expect(worker < threads)
                    done.withLock { $0[task] += 1 }
                } meanwhile: {
                    // Ends only if others do the tasks.
                    while done.withLock({ $0.contains(0) }) { waited += 1 }
                    workers.run(7) { worker, _ in
                        #expect(worker == 0)
                        inner.withLock { $0 += 1 }
                    }
                }
                #expect(done.withLock { $0 } == Array(repeating: 1, count: tasks))
                #expect(inner.withLock { $0 } == 7)
            }
            return workers.count
        }
    }

    /// One process has nobody to talk to meanwhile, and no thread for that: it does one after the other.
    @Test func oneProcessDoesOneAfterTheOther() {
        let workers = Workers(2), done = Mutex(0)
        defer { workers.close() }
        var before = -1
        workers.run(5) { _, _ in
            done.withLock { $0 += 1 }
        } meanwhile: {
            before = done.withLock { $0 }
        }
        #expect(before == 5)
    }
}
