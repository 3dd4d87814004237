/// A file, and an object in it.
public struct HDF5Place: Hashable, Codable, Sendable, CustomStringConvertible {
    public let file: String
    /// The path of the object inside the file; "/" is the file itself.
    public let path: String

    init(file: String, path: String = "/") {
        self.file = file
        self.path = path
    }

    public var description: String {
        path == "/" ? "'\(file)'" : "'\(path)' in '\(file)'"
    }

    func appending(_ name: String) -> HDF5Place {
        if name.hasPrefix("/") {
            return HDF5Place(file: file, path: name)
        }
        return HDF5Place(file: file, path: path == "/" ? "/\(name)" : "\(path)/\(name)")
    }
}

/// Why a file, or something in it, could not be opened, read or written.
public struct HDF5Error: Error, Hashable, Codable, CustomStringConvertible {
    public enum Kind: Hashable, Codable, Sendable {
        /// There is no such file.
        case missing
        /// The file is there, but the system does not let us read it.
        case unreadable
        /// The file is not HDF5, or contradicts itself.
        case damaged
        /// The file is sound, but has no such object or attribute.
        case absent
        /// The file is sound, but uses something this program refuses, or holds another kind of thing than asked for.
        case unsupported
        /// The file could not be created or written.
        case write
        /// The system has no memory or descriptors left, or a disk failed; nothing is known of the file.
        case system
    }

    public let kind: Kind
    /// What was being done, such as "open".
    public let action: String
    public let place: HDF5Place
    public let reason: String

    init(_ kind: Kind, _ action: String, _ place: HDF5Place, _ reason: String) {
        self.kind = kind
        self.action = action
        self.place = place
        self.reason = reason
    }

    /// The error of a file that could not be read for reasons of the system.
    public init(system reason: String, opening file: String) {
        self.init(.system, "open", HDF5Place(file: file), reason)
    }

    /// The error of a file that broke the process which read it.
    public init(breakingDown file: String, _ reason: String) {
        self.init(.damaged, "open", HDF5Place(file: file), reason)
    }

    public var description: String {
        "could not \(action) \(place): \(reason)"
    }
}
