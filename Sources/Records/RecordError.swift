/// Why a file of records could not be read.
public struct RecordError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        case missing, unreadable, damaged
    }

    /// Where a record is.
    public struct Place: Hashable, Sendable {
        /// How many records come before it.
        public internal(set) var index = 0
        /// Where it begins: a byte of the file, or of what a compressed file holds.
        public internal(set) var offset = 0
    }

    public let kind: Kind
    public let path: String
    /// The record that it is about; nil if it is about the file.
    public let place: Place?
    public let reason: String

    init(_ kind: Kind, _ path: String, at place: Place? = nil, _ reason: String) {
        self.kind = kind
        self.path = path
        self.place = place
        self.reason = reason
    }

    public var description: String {
        let place = place.map { ", record \($0.index) at byte \($0.offset)" } ?? ""
        return "'\(path)'\(place): \(reason)"
    }
}
