import CIsolation
import Glibc
import Synchronization

/// Runs code on input from elsewhere in a process of its own, which may crash, hang or want too much memory.
///
///     compress ── starts ──▶ a server: one thread, made before anything else runs, has opened nothing
///        │                      │
///        └─ request, files ─────┴─ fork ─▶ a keeper ─ fork ─▶ a child: limits set, runs one service, writes the
///           ◀── how it ended ──────────── waits for it      response, ends
///
/// A process that forks must have one thread, or the child may wait forever for a lock that another thread held. So a
/// copy of the program is kept from its first moment, and forks on request; that takes a millisecond, and no second
/// executable. Programs that do not call `start` run services in their own process.
public enum Isolation {
    /// Turns a request into a response; `shared` is memory that the caller sees too.
    ///
    /// It must not throw, and says in the response what went wrong.
    public typealias Service = @Sendable (_ request: [UInt8], _ shared: MemoryFile?) -> [UInt8]

    /// What a service may use, beyond which its process is killed.
    public struct Limits: Hashable, Sendable {
        /// Seconds of the processor.
        public var seconds: Int
        /// Bytes, those shared with the caller not counted.
        public var memory: Int

        public init(seconds: Int, memory: Int) {
            self.seconds = seconds
            self.memory = memory
        }
    }

    /// The largest request or response, in bytes.
    static let responseLimit = 256 << 20

    private static let server = Mutex<Server?>(nil)

    /// Starts the server. Call it first thing in `main`, when the process has one thread and no file open.
    ///
    /// - Parameter services: What it can do, by names.
    public static func start(_ services: [String: Service]) {
        server.withLock { $0 = $0 ?? Server(services) }
    }

    /// Whether services run in processes of their own.
    public static var isStarted: Bool { server.withLock { $0 != nil } }

    /// Runs a service with limits, and waits for its response. Threads may do so at the same time, each with a child of
    /// its own.
    ///
    /// - Parameter fallback: What runs in this process if no server was started.
    /// - Throws: `IsolationError` if the process did not live to respond.
    public static func run(
        _ name: String, _ request: [UInt8], shared: MemoryFile? = nil, limits: Limits, fallback: Service
    ) throws(IsolationError) -> [UInt8] {
        guard let server = server.withLock({ $0 }) else { return fallback(request, shared) }
        return try server.run(name, request, shared, limits)
    }

    /// From now on a mapped file that somebody cuts short ends the program with a message, and exit code 74.
    public static func watchMappings() { isolation_watch_mappings() }

    /// In a child: from now on no file, socket or process can be opened, so that nothing read can name another one.
    ///
    /// Elsewhere it does nothing.
    public static func closeDoors() {
        if Server.isChild.load(ordering: .relaxed) { isolation_close_doors() }
    }
}

/// Why a service did not respond.
public enum IsolationError: Error, Hashable, CustomStringConvertible {
    /// It broke down.
    case crashed(signal: Int)
    /// It ended with an exit code of its own, which a service never does.
    case exited(code: Int)
    /// It did not end in time.
    case tooSlow(seconds: Int)
    /// The system does not let us run it.
    case unavailable(String)

    public var description: String {
        switch self {
        case .crashed(let signal): "reading it broke down (signal \(signal))"
        case .exited(let code): "reading it broke down (exit code \(code))"
        case .tooSlow(let seconds): "reading it did not end within \(seconds) seconds of work"
        case .unavailable(let reason): "could not start a process that reads it: \(reason)"
        }
    }
}
