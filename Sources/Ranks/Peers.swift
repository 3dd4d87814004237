import Foundation

/// The processes that work on one job together, of which this is one. Each of them runs the same program on the same inputs.
///
/// Its one means is an exchange of numbers. What is computed from these does not depend on who moves them.
public protocol Peers: Sendable {
    /// Which process this is, counted from 0; number 0 writes and speaks.
    var rank: Int { get }
    /// How many there are.
    var count: Int { get }
    /// Who moves the bytes, in words; empty for one process.
    var means: String { get }

    /// Sends numbers to one of the others while numbers come from one of them. All call it in the same order, on their first thread,
    /// with sizes that fit: what one sends another one expects.
    func exchange<Number: BitwiseCopyable>(
        _ out: Span<Number>, to: Int, _ into: inout MutableSpan<Number>, from: Int)

    /// Ends the processes of the whole job.
    func abort(_ code: Int32)

    /// Ends working together, when all others do.
    func end()
}

/// One process by itself.
public struct Alone: Peers {
    public init() {}

    public var rank: Int { 0 }
    public var count: Int { 1 }
    public var means: String { "" }

    public func exchange<Number: BitwiseCopyable>(
        _ out: Span<Number>, to: Int, _ into: inout MutableSpan<Number>, from: Int
    ) {
        preconditionFailure("one process by itself has nobody to exchange numbers with")
    }

    public func abort(_ code: Int32) {}
    public func end() {}
}

extension Peers {
    /// Whether this process writes what the job writes, and says what it says.
    public var isFirst: Bool { rank == 0 }

    /// Which items of a list of so many are a process's: a run of them, as long as those of others, or longer by one.
    public func share(of items: Int, rank: Int) -> Range<Int> { (rank * items / count)..<((rank + 1) * items / count) }

    public func share(of items: Int) -> Range<Int> { share(of: items, rank: rank) }

    /// Calls `body` with the others one after another, in an order in which all exchange with each other.
    ///
    /// - Parameter body: Exchanges something with those two.
    public func withEach(_ body: (_ to: Int, _ from: Int) -> Void) {
        for distance in 1..<max(count, 1) { body((rank + distance) % count, (rank + count - distance) % count) }
    }

    /// Lists of bytes, one of each process, which are then known to all.
    public func gather(_ bytes: [UInt8]) -> [[UInt8]] {
        var all = Array(repeating: bytes, count: count)
        withEach { to, from in
            let length = lengthBytes(bytes.count)
            var others = [UInt8](repeating: 0, count: length.count)
            exchange(length, to: to, &others, from: from)
            all[from] = Array(repeating: 0, count: others.reversed().reduce(0) { $0 << 8 | Int($1) })
            exchange(bytes, to: to, &all[from], from: from)
        }
        return all
    }

    private func lengthBytes(_ count: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } }

    private func exchange(_ out: [UInt8], to: Int, _ into: inout [UInt8], from: Int) {
        var span = into.mutableSpan
        exchange(out.span, to: to, &span, from: from)
    }

    /// Whether any process says so; all wait for each other.
    public func agree(_ isSo: Bool) -> Bool { count > 1 ? gather([isSo ? 1 : 0]).contains([1]) : isSo }

    /// Waits until all are here.
    public func meet() { _ = agree(false) }

    /// All of them in words, `4 processes on 2 hosts, Open MPI v4.1.4`; nil for one by itself. All ask for it together.
    public var words: String? {
        guard count > 1 else { return nil }
        let hosts = Set(gather(Array(ProcessInfo.processInfo.hostName.utf8))).count
        return "\(count) processes on \(hosts) host\(hosts == 1 ? "" : "s"), \(means)"
    }

    /// What the first process makes of something, known to all.
    public func ofFirst(_ text: () throws -> String) rethrows -> String {
        guard count > 1 else { return try text() }
        return String(decoding: gather(isFirst ? Array(try text().utf8) : [])[0], as: UTF8.self)
    }
}
