import Foundation

/// Why a file or folder could not be created or written.
public struct StorageError: Error, Hashable, Codable, CustomStringConvertible {
    public enum Kind: Hashable, Codable, Sendable {
        /// Nothing could be created under that name.
        case create
        /// Writing, flushing, closing or renaming failed.
        case write
    }

    public let kind: Kind
    /// The file as the user knows it: never a partial file.
    public let path: String
    /// The system's error number.
    public let code: Int32

    /// - Parameter code: The system's error number; nil for the one of the call that has just failed.
    public init(_ kind: Kind, _ path: String, _ code: Int32? = nil) {
        self.code = code ?? errno
        (self.kind, self.path) = (kind, path)
    }

    public var description: String {
        "\(kind == .create ? "cannot create" : "could not write") '\(path)': \(SystemReason.words(code))"
    }
}

/// The system's reasons in plain words.
public enum SystemReason {
    /// What an error number means, and what to do about it where that is not obvious.
    public static func words(_ code: Int32) -> String {
        let system = unsafe String(cString: strerror(code))
        switch code {
        case ENOSPC: return "the disk is full (\(system)); make room there, or choose a place on another disk"
        case EDQUOT: return "your disk quota is used up (\(system)); make room there, or choose a place on another disk"
        case EIO: return "the disk reports an error (\(system)); check the disk, and copy what is on it"
        case EFBIG: return "the file would be larger than the file system or 'ulimit -f' allows (\(system))"
        case EROFS: return "the file system is read-only (\(system)); choose a place on another one"
        case ENOENT: return "there is no such folder"
        case EEXIST: return "there is a file of that name already"
        case EBUSY: return "another process is writing it; wait until that ends, or choose another name"
        case EISDIR: return "it is a folder"
        default: return system.prefix(1).lowercased() + system.dropFirst()
        }
    }
}
