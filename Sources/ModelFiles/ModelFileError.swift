import Tensors

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

    /// What a sound HDF5 file of something else is refused with.
    static let otherContent = "is an HDF5 file, but no Keras model (no attribute 'model_config')"

    /// Whether the file is sound, and holds something else than a model.
    public var isOfOtherContent: Bool { problems == [Self.otherContent] }

    /// The most characters of one problem, and of the file's name.
    private static let problemLimit = 300, nameLimit = 120

    /// At most 500 characters: the first problems, and how many others there are.
    public var description: String {
        let name = file.count > Self.nameLimit ? file.limited(to: Self.nameLimit) : file
        // Room for how many there are, and how many more.
        var listed: [String] = [], left = String.messageLimit - 40 - name.count - (advice?.count ?? 0)
        for problem in problems {
            let problem = problem.limited(to: Self.problemLimit)
            guard listed.isEmpty || problem.count + 2 <= left else { break }
            listed.append(problem)
            left -= problem.count + 2
        }
        let more = problems.count - listed.count
        if more > 0 { listed.append("and \(more) more") }
        let count = problems.count == 1 ? "" : " \(problems.count) problems:"
        return ("'\(name)':\(count) \(listed.joined(separator: "; "))" + (advice.map { ". \($0)" } ?? "")).limited()
    }
}

/// What is wrong with a layer of a model.
struct LayerProblem {
    let name: String
    let className: String
    let text: String

    /// One line for each thing that is wrong, however many layers have it: `layer 'a' (Dense), like 'b' and 16 more: …`.
    static func grouped(_ problems: [LayerProblem]) -> [String] {
        var order: [[String]] = [], names: [[String]: [String]] = [:]
        for problem in problems {
            let key = [problem.className, problem.text]
            if names[key] == nil { order.append(key) }
            names[key, default: []].append(problem.name)
        }
        return order.map { key in
            let all = names[key] ?? [], others = all.dropFirst().prefix(2).map { "'\($0)'" }
            let more = all.count - 1 - others.count
            let words = others.joined(separator: more > 0 ? ", " : " and ") + (more > 0 ? " and \(more) more" : "")
            return "layer '\(all[0])' (\(key[0]))\(others.isEmpty ? "" : ", like \(words)"): \(key[1])"
        }
    }
}
