import Foundation
import Synchronization

/// A file on its way to an output: `OUTPUT.PID.partial`, beside the place where it will be.
///
/// Its process keeps it locked, so that another one that writes the same output leaves it alone. One that is not locked
/// was left behind by a process that was killed.
struct PartialFile: ~Copyable {
    /// Where to write.
    let path: String
    /// The output as the user knows it.
    private let name: String
    /// The output, or the file that it leads to where it is a symbolic link.
    private let target: String
    private let descriptor: Descriptor

    /// Creates an empty file, once those that were left behind for the same output are removed.
    ///
    /// - Parameter ending: What is added to the output's name, for another file beside it.
    init(for output: String, ending: String = "") throws(StorageError) {
        let target = try Self.followed(output) + ending, path = "\(target).\(getpid()).partial"
        let (folder, file) = Self.parts(target)
        Self.removeAbandoned(in: folder) { $0 == file }
        // Noted first, so that a signal that comes when it is there finds it.
        Self.own.withLock { _ = $0.insert(path) }
        descriptor = try Self.create(path, output)
        (name, self.target, self.path) = (output, target, path)
    }

    /// All that this process has made, be they there or not.
    private static let own = Mutex<Set<String>>([])

    /// Removes those of this process.
    static func removeOwn() {
        own.withLock { paths in
            for path in paths { unsafe unlink(path) }
        }
    }

    /// Waits until the file is on the disk, and gives it its own name.
    ///
    /// - Parameter check: Receives the path and the number of bytes, and throws if they are not as they should be.
    /// - Returns: The number of bytes.
    consuming func keep(_ check: (String, Int) throws -> Void) throws -> Int {
        let (name, folder) = (name, Self.parts(target).folder), byteCount = try sync()
        try check(path, byteCount)
        guard unsafe rename(path, target) == 0 else { throw StorageError(.write, name) }
        try Self.sync(folder: folder, name)
        // The lock ends here, when nobody can take the file for one that was left behind.
        guard descriptor.close() else { throw StorageError(.write, name) }
        return byteCount
    }

    /// Waits until the file is on the disk, and measures it.
    @discardableResult
    func sync() throws(StorageError) -> Int {
        guard descriptor.sync(), let status = descriptor.status else { throw StorageError(.write, name) }
        return Int(status.st_size)
    }

    /// Makes a new name last.
    private static func sync(folder: String, _ name: String) throws(StorageError) {
        // A folder may let us write and not read, and some file systems cannot sync folders; that is no reason to fail.
        guard let descriptor = Descriptor(folder, O_RDONLY | O_DIRECTORY) else { return }
        guard descriptor.sync() || [EINVAL, ENOTSUP, ENOSYS, EROFS].contains(errno) else {
            throw StorageError(.write, name)
        }
    }
}

// MARK: - Names

extension PartialFile {
    /// The path without symbolic links at its end: of `s.h5 -> /big/s.h5` it is the one on the large disk.
    ///
    /// The file that a link leads to need not exist.
    static func followed(_ output: String) throws(StorageError) -> String {
        var path = output
        // As many as Linux follows.
        for _ in 0..<40 {
            guard let next = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return path }
            path = next.hasPrefix("/") ? next : parts(path).folder + "/" + next
        }
        throw StorageError(.create, output, ELOOP)
    }

    /// A path's folder, and the name of the file in it.
    private static func parts(_ path: String) -> (folder: String, file: Substring) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), path[path.index(after: slash)...])
    }

    /// The file that a partial file was to become; nil if the name is that of another file.
    private static func output(ofPartial name: String) -> Substring? {
        // Folders may have many files.
        guard name.hasSuffix(".partial") else { return nil }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 2, parts[parts.count - 1] == "partial", let id = Int32(parts[parts.count - 2]), id > 0
        else { return nil }
        return name.dropLast(".\(parts[parts.count - 2]).partial".count)
    }
}

// MARK: - Locks

extension PartialFile {
    private static func create(_ path: String, _ name: String) throws(StorageError) -> Descriptor {
        // Until it is locked, another process may take it for one that was left behind, and remove it: then once more.
        for _ in 0..<10 {
            guard let descriptor = Descriptor(path, O_RDWR | O_CREAT | O_EXCL) else {
                throw StorageError(.create, name, errno == EEXIST ? EBUSY : errno)
            }
            // Whoever looks at it lets go at once. Some file systems have no locks.
            while flock(descriptor.number, LOCK_EX) != 0, errno == EINTR {}
            if descriptor.status?.st_nlink != 0 { return descriptor }
        }
        throw StorageError(.create, name, EBUSY)
    }

    /// Removes the partial files in a folder that dead processes have left.
    ///
    /// - Parameter isMeant: Whether those of an output, by its name, are to be removed.
    static func removeAbandoned(in folder: String, _ isMeant: (Substring) -> Bool = { _ in true }) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard let output = output(ofPartial: name), isMeant(output) else { continue }
            let path = "\(folder)/\(name)"
            guard let descriptor = Descriptor(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK) else { continue }
            if isAbandoned(descriptor, by: name) { unsafe unlink(path) }
        }
    }

    /// Whether no process holds the lock; where there are no locks, whether there is no such process.
    private static func isAbandoned(_ descriptor: borrowing Descriptor, by name: String) -> Bool {
        guard let status = descriptor.status, status.st_mode & S_IFMT == S_IFREG else { return false }
        if flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 { return true }
        let process = Int32(name.split(separator: ".").dropLast().last ?? "") ?? 0
        return errno != EWOULDBLOCK && process > 0 && kill(process, 0) != 0 && errno == ESRCH
    }
}
