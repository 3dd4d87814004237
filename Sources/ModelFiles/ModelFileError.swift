/// Everything that is wrong with the file of a model, an architecture or a configuration, said at once.
public struct ModelFileError: Error, Hashable, Codable, CustomStringConvertible {
    public enum Kind: Hashable, Codable, Sendable {
        /// There is no such file.
        case missing
        /// The file is there, but cannot be read.
        case unreadable
        /// The file is damaged, of another kind, or asks for what this program cannot do.
        case refused
        /// What was to be written does not fit.
        case tooLarge
        /// Writing failed midway.
        case write
        /// The system has no memory or descriptors left; nothing is known of the file.
        case system
    }

    public let kind: Kind
    /// The file, or what stands for it.
    public let file: String
    public let problems: [String]
    /// What to do about it.
    public let advice: String?

    public init(_ kind: Kind = .refused, _ file: String, _ problems: [String], advice: String? = nil) {
        self.kind = kind
        self.file = file
        self.problems = problems
        self.advice = advice
    }

    /// The most problems that a message lists.
    private static let listLimit = 30

    public var description: String {
        let more = problems.count - Self.listLimit
        let listed = problems.prefix(Self.listLimit) + (more > 0 ? ["and \(more) more"] : [])
        let count = problems.count == 1 ? "" : " \(problems.count) problems:"
        return "'\(file)':\(count) \(listed.joined(separator: "; "))" + (advice.map { ". \($0)" } ?? "")
    }
}
