import Foundation
import Ranks
import Synchronization

/// The processes that a launcher of MPI has started, of which this may be one.
enum Launcher {
    /// What it says; nil for a program that was started by itself.
    static let launch = MPI.Launch(ProcessInfo.processInfo.environment)

    /// Those that this process works with.
    private static let joined = Mutex<(any Peers)?>(nil)

    /// Whether this process says what the job says.
    static var isFirst: Bool { (launch?.rank ?? 0) == 0 }

    /// The processes of the job; a program that was started by itself touches no library of MPI.
    static func join() throws -> any Peers {
        guard let launch else { return Alone() }
        let peers = try MPI(launch)
        joined.withLock { $0 = peers }
        return peers
    }

    /// Waits for the first process to say what all of them have found, and then for the end that it makes; who is still there
    /// has found something that is its own.
    ///
    /// - Returns: What begins the message of such a process.
    static func waitForTheFirst(_ status: ExitStatus) -> String {
        guard let launch, launch.rank > 0 else { return "" }
        // Who was stopped keeps a state, which may take its time.
        Thread.sleep(forTimeInterval: [.interrupted, .terminated].contains(status) ? 60 : 2)
        return "process \(launch.rank) on \(ProcessInfo.processInfo.hostName): "
    }

    /// Ends the work of this process, and with an error that of all.
    static func end(_ status: ExitStatus) {
        guard let peers = joined.withLock({ $0.take() }) else { return }
        if status == .success { peers.end() } else { peers.abort(status.rawValue) }
    }
}
