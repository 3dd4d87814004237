import Foundation
import Storage
import Synchronization

/// Whether the user wants the program to stop.
///
/// SIGINT, SIGTERM and SIGHUP (a terminal that was closed) end it at once, and under a launcher of MPI SIGUSR1, which all of
/// them hand on. Where there is a state to keep, the first one asks for that, and the second one ends it at once.
enum Interruption {
    private static let signal = Atomic<Int32>(0)
    private static let keepsState = Atomic(false)

    /// Watches for signals from now on, and keeps broken pipes and full quotas from killing the program.
    ///
    /// A thread of its own waits for them, so that no handler ever runs on a thread that computes: oneDNN 2's matrix
    /// products for AVX-512 keep values below the stack pointer, where a handler's frame would overwrite them.
    ///
    /// - Parameter tell: Reports why the program ends where nothing else does.
    static func install(tell: @escaping @Sendable (Failure) -> Void) {
        var watched = sigset_t()
        unsafe sigemptyset(&watched)
        for number in [SIGINT, SIGTERM] { unsafe sigaddset(&watched, number) }
        // Under nohup the program goes on without its terminal.
        if !isIgnored(SIGHUP) { unsafe sigaddset(&watched, SIGHUP) }
        if Launcher.launch != nil { unsafe sigaddset(&watched, SIGUSR1) }
        unsafe pthread_sigmask(SIG_BLOCK, &watched, nil)
        let set = watched
        Thread.detachNewThread {
            var set = set, number: Int32 = 0
            while unsafe sigwait(&set, &number) == 0 { note(number, tell) }
        }
        // Writing to them fails instead, and failures are reported.
        for number in [SIGPIPE, SIGXFSZ] { Foundation.signal(number, SIG_IGN) }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return unsafe handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// From now on the program has a state to keep when it is interrupted.
    static func keepState() { keepsState.store(true, ordering: .relaxed) }

    private static func note(_ number: Int32, _ tell: (Failure) -> Void) {
        let before = signal.exchange(number, ordering: .relaxed), keepsState = keepsState.load(ordering: .relaxed)
        guard before != 0 || !keepsState else { return }
        WholeFile.removeUnfinished()
        if !keepsState { tell(failure("stopped")) }
        _exit(code(number).rawValue)
    }

    /// Whether to stop at the next good moment.
    static var requested: Bool { signal.load(ordering: .relaxed) != 0 }

    /// The error that ends a stopped program.
    static func failure(_ words: String) -> Failure {
        Failure(code(signal.load(ordering: .relaxed)), words)
    }

    /// Who heard no signal itself stops with another process, which a scheduler has stopped.
    private static func code(_ signal: Int32) -> ExitStatus { signal == SIGINT ? .interrupted : .terminated }
}
