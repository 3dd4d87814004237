/// Why an archive could not be read or written.
public struct ZipError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case missing, unreadable, damaged, unsupported, write
    }

    public let kind: Kind
    public let path: String
    public let reason: String

    init(_ kind: Kind, _ path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    /// There is no space for what was read from the archive.
    public static func full(_ path: String) -> ZipError {
        ZipError(.unreadable, path, "there is no space left to unpack what is in it")
    }

    public var description: String { "'\(path)': \(reason)" }
}
