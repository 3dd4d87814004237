public import Foundation

/// Files that are read. Every path that comes from elsewhere is opened here.
///
/// Only regular files are opened: a pipe would wait for whoever writes into it, and a device may have no end.
public enum InputFile {
    /// Why there is nothing to read at a path.
    public enum Problem: Error, Hashable, CustomStringConvertible {
        case missing
        case directory
        /// Another kind of file, with its article: `a pipe`.
        case special(String)
        /// What the system says.
        case unreadable(String)

        public var description: String {
            switch self {
            case .missing: "there is no such file"
            case .directory: "it is a directory"
            case .special(let kind): "it is \(kind), not a regular file; write its content to a file first"
            case .unreadable(let reason): reason
            }
        }
    }

    /// Makes sure that there is a regular file, or a link to one, that may be read.
    ///
    /// - Throws: `Problem`.
    public static func check(_ path: String) throws(Problem) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw problem(errno) }
        try refuse(status)
        guard unsafe access(path, R_OK) == 0 else { throw problem(errno) }
    }

    /// Opens a regular file, or one that a link leads to.
    ///
    /// - Throws: `Problem`.
    public static func open(_ path: String) throws(Problem) -> FileHandle {
        try check(path)
        // A pipe that took its place meanwhile does not make us wait.
        guard let descriptor = Descriptor(path, O_RDONLY | O_NONBLOCK), let status = descriptor.status else {
            throw problem(errno)
        }
        try refuse(status)
        return FileHandle(fileDescriptor: descriptor.release(), closeOnDealloc: true)
    }

    /// Everything that is in a regular file.
    ///
    /// - Throws: `Problem`.
    public static func bytes(of path: String) throws(Problem) -> Data {
        let file = try open(path)
        do { return try file.readToEnd() ?? Data() } catch { throw .unreadable(reason(EIO)) }
    }

    private static func refuse(_ status: stat) throws(Problem) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw .directory
        case S_IFIFO: throw .special("a pipe")
        case S_IFSOCK: throw .special("a socket")
        default: throw .special("a device")
        }
    }

    private static func problem(_ code: Int32) -> Problem {
        [ENOENT, ENOTDIR].contains(code) ? .missing : .unreadable(reason(code))
    }

    private static func reason(_ code: Int32) -> String {
        let text = unsafe String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
