import Foundation

/// Files that have their own name only when they are whole, checked and on the disk.
public enum WholeFile {
    /// Writes a file under a name beside its own, and gives it its own in the end.
    ///
    /// Whatever goes wrong, nothing is left behind, and a file that had the name before keeps it. Of two processes that
    /// write the same file at once, the last one's stays. Where the path is a symbolic link, the file that it leads to
    /// is written.
    /// - Parameters:
    ///   - write: Writes the file at the path that it receives, where an empty file is already.
    ///   - check: Receives that path and the number of bytes, and throws if they are not as they should be.
    /// - Returns: The number of bytes.
    /// - Throws: `StorageError`, and what `write` and `check` throw.
    @discardableResult
    public static func write(
        to path: String, _ write: (_ partial: String) throws -> Void,
        check: (_ partial: String, _ byteCount: Int) throws -> Void = { _, _ in }
    ) throws -> Int {
        let file = try PartialFile(for: path), partial = file.path
        do {
            try write(partial)
            return try file.keep(check)
        } catch {
            remove(partial)
            throw error
        }
    }

    /// Writes a file that is needed only to make another one, beside that one, and removes it in the end.
    ///
    /// - Parameter read: Receives its path once it is on the disk.
    public static func withScratch(
        for path: String, write: (_ scratch: String) throws -> Void, read: (_ scratch: String) throws -> Void
    ) throws {
        let file = try PartialFile(for: path, ending: ".scratch"), scratch = file.path
        defer { remove(scratch) }
        try write(scratch)
        try file.sync()
        try read(scratch)
    }

    /// Writes a text, as UTF-8.
    public static func write(_ text: String, to path: String) throws {
        try write(to: path) { partial in
            let file = try FileWriter(creating: partial, as: path)
            try file.write(Array(text.utf8))
            try file.close()
        }
    }

    /// Finds out whether a file could be written, and leaves nothing.
    public static func rehearse(_ path: String) throws(StorageError) {
        let file = try PartialFile(for: path)
        remove(file.path)
    }

    /// The bytes of a file, or of the one that a symbolic link leads to; nil if there is none.
    public static func byteCount(of path: String) -> Int? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Removes a file, if there is one.
    public static func remove(_ path: String) { _ = unsafe unlink(path) }

    /// Creates a folder and those that it lies in, if they are not there.
    ///
    /// - Returns: Those that were not there.
    @discardableResult
    public static func createFolder(_ path: String) throws(StorageError) -> [String] {
        var folder = path.hasPrefix("/") ? "/" : "", created: [String] = []
        for name in path.split(separator: "/") {
            folder += name
            if unsafe mkdir(folder, 0o777) == 0 {
                created.append(folder)
            } else if !isFolder(folder) {
                let error = StorageError(.create, path)
                removeFolders(created)
                throw error
            }
            folder += "/"
        }
        return created
    }

    /// Removes folders, each of which lies in the one before it, as far as they are empty.
    public static func removeFolders(_ folders: [String]) {
        for folder in folders.reversed() { _ = unsafe rmdir(folder) }
    }

    /// Removes from a folder what processes that were killed while they wrote files have left there.
    public static func clearLeftovers(in folder: String) { PartialFile.removeAbandoned(in: folder) }

    /// Removes what this process is writing, before it ends in the middle of that. It makes no file any more.
    public static func removeUnfinished() {
        Creation.end()
        PartialFile.removeOwn()
        ScratchFile.removeOwn()
        FileLock.removeOwn()
    }

    private static func isFolder(_ path: String) -> Bool {
        let code = errno
        defer { errno = code }
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
