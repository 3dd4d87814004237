/// Why a file of records could not be read or written.
public struct RecordError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case missing, unreadable, damaged, create, write
    }

    public let kind: Kind
    public let path: String
    /// Where in the file the record begins that it is about; nil if it is about the file.
    public let offset: Int?
    public let reason: String

    init(_ kind: Kind, _ path: String, at offset: Int? = nil, _ reason: String) {
        self.kind = kind
        self.path = path
        self.offset = offset
        self.reason = reason
    }

    public var description: String {
        let place = offset.map { ", record at byte \($0)" } ?? ""
        return "'\(path)'\(place): \(reason)"
    }
}
