import Foundation
import Ranks
import Synchronization

/// Processes of a job as threads of this one: bytes lie in a box until who expects them takes them.
public struct ThreadPeers: Peers {
    public let rank: Int
    public let count: Int
    private let box: Box
    public var means: String { "threads" }

    private final class Box: @unchecked Sendable {
        private let condition = NSCondition()
        private var letters: [[Int]: [[UInt8]]] = [:]

        func put(_ bytes: [UInt8], _ way: [Int]) {
            condition.lock()
            letters[way, default: []].append(bytes)
            condition.broadcast()
            condition.unlock()
        }

        func take(_ way: [Int]) -> [UInt8] {
            condition.lock()
            defer { condition.unlock() }
            while letters[way]?.isEmpty ?? true { condition.wait() }
            return letters[way]?.removeFirst() ?? []
        }
    }

    public func exchange<Number: BitwiseCopyable>(
        _ out: Span<Number>, to: Int, _ into: inout MutableSpan<Number>, from: Int
    ) {
        box.put(out.withUnsafeBytes { Array($0) }, [rank, to])
        let bytes = box.take([from, rank])
        into.withUnsafeMutableBytes { memory in
            precondition(memory.count == bytes.count, "\(memory.count) bytes are expected, \(bytes.count) were sent")
            memory.copyBytes(from: bytes)
        }
    }

    public func abort(_ code: Int32) {}
    public func end() {}

    /// Runs `body` once for each of so many, all at the same time.
    public static func together<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (any Peers) throws -> Result
    ) throws -> [Result] {
        let box = Box(), results = Mutex([Int: Swift.Result<Result, any Error>]()), group = DispatchGroup()
        for rank in 0..<count {
            group.enter()
            let thread = Thread {
                let result = Swift.Result { try body(ThreadPeers(rank: rank, count: count, box: box)) }
                results.withLock { $0[rank] = result }
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
        return try results.withLock { all in try (0..<count).compactMap { try all[$0]?.get() } }
    }
}
