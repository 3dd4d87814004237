import Foundation
import Synchronization

/// Keeps what this process makes in the file system apart from its sudden end, which removes what is not finished.
///
/// Opening a file by its name makes the file again where the end has just removed it, and nobody would remove it any more. So
/// nothing is made, under any name, from that moment on.
public enum Creation {
    private static let isOver = Mutex(false)

    /// Makes a file; does not return where the process ends.
    public static func make<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        while true {
            let made = try isOver.withLock { isOver throws(Failure) -> sending Result? in isOver ? nil : try body() }
            if let made { return made }
            sleep(1)
        }
    }

    /// Ends it: when this returns, everything that was begun has been made, and nothing will be any more.
    static func end() { isOver.withLock { $0 = true } }
}
