/// What is wrong with the data someone gave us, where, and what to do.
public struct ExampleFileError: Error, Hashable, CustomStringConvertible {
    public let path: String
    /// The object in the file, such as "train/x"; nil if it is the file itself.
    public let object: String?
    public let expected: String
    public let found: String
    public let advice: String

    static let exactAdvice =
        "Models compute with float32, which has every whole number up to 16777216; store smaller numbers."

    init(_ path: String, _ object: String? = nil, expected: String, found: String, _ advice: String) {
        self.path = path
        self.object = object
        self.expected = expected
        self.found = found
        self.advice = advice
    }

    public var description: String {
        let place = object.map { "'\($0)' in '\(path)'" } ?? "'\(path)'"
        return "\(place): expected \(expected), found \(found). \(advice)"
    }
}
