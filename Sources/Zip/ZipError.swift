/// Why an archive could not be read.
public struct ZipError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case missing, unreadable, damaged, unsupported
    }

    public let kind: Kind
    public let path: String
    public let reason: String

    init(_ kind: Kind, _ path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    public var description: String { "'\(path)': \(reason)" }
}
