import Foundation
import Synchronization

/// A lock that one process at a time has, on a file made for it; the system gives it up when the process ends.
public final class FileLock: Sendable {
    private let path: String
    private let descriptor: Int32
    private let isTemporary: Bool

    /// What a lock file begins with, so that nobody else's file is taken for one.
    private static let start = "compress "

    /// Takes the lock of a file that a job writes: of two jobs with one output, the second is refused before it begins.
    ///
    /// - Parameter output: The file, or a link to it.
    /// - Throws: `LockError` when another process has it, or the lock's file cannot be made.
    public convenience init(output: String) throws(LockError) {
        try self.init(Self.path(ofOutput: output), for: "the output '\(output)'", isTemporary: true)
    }

    /// Makes sure that no process writes a file; nothing is made.
    public static func check(output: String) throws(LockError) {
        try check(path(ofOutput: output), for: "the output '\(output)'")
    }

    private static func path(ofOutput output: String) -> String {
        // A link to itself is refused by whoever writes it.
        let target = URL(filePath: (try? PartialFile.followed(output)) ?? output)
        return "\(target.deletingLastPathComponent().path)/.\(target.lastPathComponent).compress-lock"
    }

    /// The temporary files that this process has made.
    private static let own = Mutex<Set<String>>([])

    /// Removes those, before the process ends in the middle of a job.
    static func removeOwn() {
        own.withLock { paths in
            for path in paths { unsafe unlink(path) }
        }
    }

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - path: The file, which is created if need be.
    ///   - object: What it stands for, as errors name it.
    ///   - isTemporary: Whether the file is removed when the lock is given up.
    /// - Throws: `LockError` when another process has it, or the file cannot be made.
    public init(_ path: String, for object: String, isTemporary: Bool = false) throws(LockError) {
        while true {
            let attempt = try Creation.make { () throws(LockError) in try Self.attempt(path, object, isTemporary) }
            guard let descriptor = attempt else { continue }
            (self.path, self.descriptor, self.isTemporary) = (path, descriptor, isTemporary)
            return
        }
    }

    /// - Returns: nil where whoever had a temporary lock has removed the file between our two calls.
    private static func attempt(_ path: String, _ object: String, _ isTemporary: Bool) throws(LockError) -> Int32? {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw LockError(object, .impossible(SystemReason.words(errno))) }
        do throws(LockError) {
            try take(descriptor, object)
        } catch {
            close(descriptor)
            throw error
        }
        guard isAt(path, descriptor) else {
            close(descriptor)
            return nil
        }
        if isTemporary { _ = own.withLock { $0.insert(path) } }
        return descriptor
    }

    /// Makes sure that no process has a lock; nothing is made.
    public static func check(_ path: String, for object: String) throws(LockError) {
        guard let descriptor = Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else { return }
        guard flock(descriptor.number, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        throw taken(descriptor.number, object)
    }

    private static func taken(_ descriptor: Int32, _ object: String) -> LockError {
        LockError(
            object, .taken(by: content(descriptor).dropFirst(start.count).trimmingCharacters(in: .newlines)))
    }

    deinit {
        if isTemporary {
            unsafe unlink(path)
            _ = Self.own.withLock { $0.remove(path) }
        }
        close(descriptor)
    }

    private static func take(_ descriptor: Int32, _ object: String) throws(LockError) {
        let content = content(descriptor)
        guard content.isEmpty || content.hasPrefix(start) else {
            throw LockError(object, .impossible("the file of its lock belongs to another program"))
        }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            // File systems without locks are used without.
            guard errno == EWOULDBLOCK else { return }
            throw taken(descriptor, object)
        }
        let text = Array("\(start)process \(getpid()) on \(ProcessInfo.processInfo.hostName)\n".utf8)
        // Who has the lock is a help for others, no more: a full disk is no obstacle.
        if ftruncate(descriptor, 0) == 0 { _ = unsafe pwrite(descriptor, text, text.count, 0) }
    }

    private static func content(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 300)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    private static func isAt(_ path: String, _ descriptor: Int32) -> Bool {
        var there = stat(), here = stat()
        return unsafe stat(path, &there) == 0 && fstat(descriptor, &here) == 0 && there.st_ino == here.st_ino
            && there.st_dev == here.st_dev
    }
}

/// A lock that cannot be had.
public struct LockError: Error, Hashable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// Another process has it: which one, as far as it says so.
        case taken(by: String)
        case impossible(String)
    }

    public let object: String
    public let reason: Reason

    init(_ object: String, _ reason: Reason) { (self.object, self.reason) = (object, reason) }

    public var description: String {
        switch reason {
        case .taken(let holder):
            "\(object) is in use by \(holder.isEmpty ? "another process" : holder); wait for it to end, or choose another"
        case .impossible(let reason): "cannot lock \(object): \(reason)"
        }
    }
}
