import Foundation

/// Which file is at a path, and which state of it: what changes whenever somebody replaces or writes it.
public struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    public let byteCount: Int
    /// When it was last written, in seconds and nanoseconds since 1970.
    private let seconds: Int
    private let nanoseconds: Int

    /// The identity of the file at a path, or of the one that a symbolic link leads to; nil if there is none.
    public init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        byteCount = Int(status.st_size)
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec)
    }

    /// When it was last written, as text: seconds since 1970, and nanoseconds.
    public var modified: String { "\(seconds) s \(nanoseconds) ns" }

    /// Whether two names, such as links, lead to one file.
    public func isSameFile(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }
}

/// Files that are read over a long time, and must stay as they are meanwhile.
public struct WatchedFiles: Sendable {
    private let files: [(path: String, identity: FileIdentity?)]

    /// Notes what is at these paths; do it before any of them is opened.
    public init(_ paths: [String]) { files = paths.map { ($0, FileIdentity($0)) } }

    /// - Throws: `InputChangedError` for the first file that is not what it was.
    public func check() throws(InputChangedError) {
        for file in files {
            let identity = FileIdentity(file.path)
            if identity != file.identity { throw InputChangedError(path: file.path, isGone: identity == nil) }
        }
    }
}

/// An input that somebody wrote, replaced or removed while it was read.
public struct InputChangedError: Error, Hashable, CustomStringConvertible {
    public let path: String
    public let isGone: Bool

    public var description: String {
        "'\(path)': the file \(isGone ? "disappeared" : "changed") while it was read, so nothing that was computed from it "
            + "is kept. Run again when nobody writes it; a run directory goes on with --resume if the file is as it was"
    }
}
