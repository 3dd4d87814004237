/// A JSON value.
///
/// Objects keep their order; numbers may be NaN or infinite, as Python writes them.
public indirect enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number without point or exponent; nothing is lost up to 2⁶³.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// Names and values, in the order of the text.
    public struct Object: Hashable, Sendable {
        public struct Member: Hashable, Sendable {
            public let key: String
            public var value: JSON

            public init(_ key: String, _ value: JSON) {
                self.key = key
                self.value = value
            }
        }

        public private(set) var members: [Member]

        public init(_ members: [Member] = []) { self.members = members }

        public var keys: [String] { members.map(\.key) }

        /// The value of a key.
        ///
        /// Of equal keys the last one counts; a new key goes to the end; nil removes it.
        public subscript(key: String) -> JSON? {
            get { members.last { $0.key == key }?.value }
            set {
                guard let newValue else { return members.removeAll { $0.key == key } }
                if let index = members.lastIndex(where: { $0.key == key }) {
                    members[index].value = newValue
                } else {
                    members.append(Member(key, newValue))
                }
            }
        }
    }
}

// MARK: - What a value is

extension JSON {
    public var isNull: Bool { self == .null }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    public var object: Object? { if case .object(let value) = self { value } else { nil } }

    /// A whole number, `3.0` included.
    public var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    public var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The value of a key; nil if there is none, or this is no object.
    public subscript(key: String) -> JSON? { object?[key] }

    /// The element at a position; nil if there is none, or this is no array.
    public subscript(position: Int) -> JSON? {
        guard let array, array.indices.contains(position) else { return nil }
        return array[position]
    }
}

// MARK: - Literals

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral members: (String, JSON)...) { self = .object(Object(pairs: members)) }
}

extension JSON.Object: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral members: (String, JSON)...) { self.init(pairs: members) }

    fileprivate init(pairs: [(String, JSON)]) { self.init(pairs.map { Member($0.0, $0.1) }) }
}

// MARK: - In messages

extension JSON {
    /// The value as a message quotes it: the beginning of a long one, and how long it is.
    var quoted: String {
        var text = "", count = 0
        write(to: &text, &count)
        guard count > Self.quotedLimit else { return text }
        let size = array.map { ", \($0.count) elements" } ?? object.map { ", \($0.members.count) members" } ?? ""
        return text.prefix(Self.quotedLimit) + " …" + (size.isEmpty ? "" : " (\(size.dropFirst(2)))")
    }

    private static let quotedLimit = 80

    /// Writes the value as far as it may be quoted, so that a table of a million numbers costs nothing.
    private func write(to text: inout String, _ count: inout Int) {
        guard count <= Self.quotedLimit else { return }
        func add(_ part: String) {
            text += part
            count += part.count
        }
        switch self {
        case .array(let elements):
            add("[")
            for (index, element) in elements.enumerated() where count <= Self.quotedLimit {
                if index > 0 { add(",") }
                element.write(to: &text, &count)
            }
            add("]")
        case .object(let object):
            add("{")
            for (index, member) in object.members.enumerated() where count <= Self.quotedLimit {
                add("\(index > 0 ? "," : "")\(JSON.string(member.key)):")
                member.value.write(to: &text, &count)
            }
            add("}")
        case .string(let string) where string.utf8.count > 2 * Self.quotedLimit:
            add("\(JSON.string(String(string.prefix(Self.quotedLimit))))…")
        default: add(description)
        }
    }
}
