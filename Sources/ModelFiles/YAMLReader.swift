import Foundation
import Yams

/// A YAML value with the line it begins on.
public struct YAMLValue: Sendable {
    public struct Member: Sendable {
        public let key: String
        public let value: YAMLValue
    }

    /// JSON has all that an architecture needs; lists and objects are kept apart for the lines of their members.
    enum Content {
        case scalar(JSON)
        case list([YAMLValue])
        case object([Member])
    }

    let content: Content
    public let line: Int
    /// A scalar as it is written, such as `0.10` or `1e-3`, without quotes; nil for lists and objects.
    public let text: String?

    /// The same without lines.
    public var json: JSON {
        switch content {
        case .scalar(let value): value
        case .list(let elements): .array(elements.map(\.json))
        case .object(let members): .object(JSON.Object(members.map { JSON.Object.Member($0.key, $0.value.json) }))
        }
    }

    public var members: [Member]? { if case .object(let members) = content { members } else { nil } }
    public var elements: [YAMLValue]? { if case .list(let elements) = content { elements } else { nil } }
    public var string: String? { if case .scalar(let value) = content { value.string } else { nil } }
    public var isNull: Bool { if case .scalar(.null) = content { true } else { false } }

    public subscript(key: String) -> YAMLValue? { members?.first { $0.key == key }?.value }
}

/// What is wrong with a YAML text, with its line.
struct YAMLProblem: Error {
    let description: String
    init(_ description: String) { self.description = description }
}

extension YAMLValue {
    /// An architecture or a configuration takes a few kilobytes; more, or deeper, is none.
    private static let byteLimit = 1 << 20
    private static let depthLimit = 30
    private static let valueLimit = 100_000

    /// Reads a file.
    ///
    /// - Throws: `ModelFileError` for a file that is not there, and for what is no YAML or says a key twice.
    public init(reading path: String) throws(ModelFileError) {
        let text = try ArchitectureFile.text(of: path)
        do throws(YAMLProblem) {
            self = try Self(parsing: text)
        } catch {
            throw ModelFileError(.refused, path, [error.description])
        }
    }

    init(parsing text: String) throws(YAMLProblem) {
        guard text.utf8.count <= Self.byteLimit else {
            throw YAMLProblem("has \(text.utf8.count) bytes; at most \(Self.byteLimit) are read")
        }
        try Self.refuseDepth(text)
        var count = 0
        do {
            guard let node = try Yams.compose(yaml: text) else { throw YAMLProblem("is empty") }
            self = try Self.value(node, depth: 0, count: &count)
        } catch let problem as YAMLProblem {
            throw problem
        } catch let error as YamlError {
            throw YAMLProblem(Self.sentence(error))
        } catch {
            throw YAMLProblem("is not YAML: \(error)")
        }
    }

    /// The parser goes as deep as the text does, so that is found out before.
    private static func refuseDepth(_ text: String) throws(YAMLProblem) {
        var depth = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            depth = line.utf8.reduce(depth) { depth, byte in
                byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{")
                    ? depth + 1 : byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") ? max(depth - 1, 0) : depth
            }
            let indentation = line.prefix { " -?:\t".contains($0) }.count
            guard depth <= 100, indentation <= 200 else { throw YAMLProblem("line \(index + 1): nested too deeply") }
        }
    }

    private static func value(_ node: Node, depth: Int, count: inout Int) throws(YAMLProblem) -> YAMLValue {
        let line = node.mark?.line ?? 0
        count += 1
        guard depth <= depthLimit, count <= valueLimit else { throw YAMLProblem("line \(line): nested too deeply") }
        switch node {
        case .scalar(let scalar):
            return YAMLValue(content: .scalar(Self.plainValue(node, scalar)), line: line, text: scalar.string)
        case .sequence(let sequence):
            var elements: [YAMLValue] = []
            for element in sequence { elements.append(try value(element, depth: depth + 1, count: &count)) }
            return YAMLValue(content: .list(elements), line: line, text: nil)
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, element) in mapping {
                guard let name = key.scalar?.string else { throw YAMLProblem("line \(line): a key is not a word") }
                members.append(Member(key: name, value: try value(element, depth: depth + 1, count: &count)))
            }
            return YAMLValue(content: .object(members), line: line, text: nil)
        case .alias: throw YAMLProblem("line \(line): an alias that leads nowhere")
        }
    }

    private static func plainValue(_ node: Node, _ scalar: Node.Scalar) -> JSON {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        if node.null != nil { return .null }
        if let value = node.bool { return .bool(value) }
        if let value = node.int { return .integer(value) }
        if let value = node.float { return .number(value) }
        return .string(scalar.string)
    }

    private static func sentence(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line): is not YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            "line \(context.mark.line): says \(duplicates.sorted().map { "'\($0)'" }.joined(separator: " and ")) twice"
        case .reader(let problem, _, _, _): "is not YAML: \(problem)"
        default: "is not YAML"
        }
    }
}
