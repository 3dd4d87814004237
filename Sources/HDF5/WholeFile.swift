import Foundation

/// Files that have their own name only when they are whole, checked and on the disk.
public enum WholeFile {
    /// Writes a file under a name beside its own, and gives it its own in the end.
    ///
    /// Whatever goes wrong, nothing is left behind, and a file that had the name before keeps it.
    /// - Parameter write: Writes the file at the path it is told.
    /// - Parameter check: Is told how many bytes the file takes, and throws if that is not as it should be.
    /// - Returns: The number of bytes.
    @discardableResult
    public static func write(
        to path: String, _ write: (String) throws -> Void, check: (Int) throws -> Void = { _ in }
    ) throws -> Int {
        let partial = path + ".partial"
        // What an earlier run left when it was killed.
        remove(partial)
        do {
            try write(partial)
            let byteCount = try sync(partial)
            try check(byteCount)
            guard unsafe rename(partial, path) == 0 else { throw writeError("rename", partial) }
            syncFolder(of: path)
            return byteCount
        } catch {
            remove(partial)
            throw error
        }
    }

    /// The bytes of a file, or of the one that a symbolic link leads to; nil if there is none.
    public static func byteCount(of path: String) -> Int? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Removes a file, if there is one.
    public static func remove(_ path: String) { _ = unsafe unlink(path) }

    /// Waits until a file is on the disk, and measures it.
    private static func sync(_ path: String) throws(HDF5Error) -> Int {
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { throw writeError("write", path) }
        defer { _ = Foundation.close(descriptor) }
        var status = stat()
        guard fsync(descriptor) == 0, unsafe fstat(descriptor, &status) == 0 else { throw writeError("write", path) }
        return Int(status.st_size)
    }

    /// Makes a new name last.
    ///
    /// Some file systems cannot, which is no reason to fail.
    private static func syncFolder(of path: String) {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        let descriptor = unsafe open(folder, O_RDONLY)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        _ = Foundation.close(descriptor)
    }

    private static func writeError(_ action: String, _ path: String) -> HDF5Error {
        let reason = unsafe String(cString: strerror(errno))
        return HDF5Error(.write, action, HDF5Place(file: path), reason.prefix(1).lowercased() + reason.dropFirst())
    }
}

extension HDF5File {
    /// Writes an HDF5 file that has its name only when it is whole.
    ///
    /// - Returns: The number of bytes.
    @discardableResult
    public static func writeWhole(
        to path: String, isMappable: Bool = false, _ write: (borrowing HDF5File) throws -> Void,
        check: (Int) throws -> Void = { _ in }
    ) throws -> Int {
        try WholeFile.write(to: path) { partial in
            let file = try HDF5File(creating: partial, isMappable: isMappable)
            try write(file)
            try file.close()
        } check: {
            try check($0)
        }
    }
}
