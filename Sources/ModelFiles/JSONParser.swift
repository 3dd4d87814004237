/// Text that is not JSON, and where.
public struct JSONError: Error, Hashable, CustomStringConvertible {
    /// The byte at which reading stopped.
    public let offset: Int
    public let reason: String

    public var description: String { "byte \(offset): \(reason)" }
}

extension JSON {
    /// The deepest nesting that is read.
    public static let depthLimit = 100

    /// Reads a text, of at most `limit` bytes.
    public init(parsing text: String, limit: Int = 64 << 20) throws(JSONError) {
        var parser = Parser(bytes: Array(text.utf8))
        guard parser.bytes.count <= limit else {
            throw JSONError(
                offset: limit, reason: "the text has \(parser.bytes.count) bytes; at most \(limit) are read")
        }
        self = try parser.document()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        func failure(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

        mutating func document() throws(JSONError) -> JSON {
            let value = try value(depth: 0)
            skipSpace()
            guard next == nil else { throw failure("expected the end of the text") }
            return value
        }

        mutating func skipSpace() {
            while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
        }

        mutating func take(_ byte: Character) -> Bool {
            guard next == byte.asciiValue else { return false }
            position += 1
            return true
        }

        mutating func take(word: String) -> Bool {
            guard bytes[position...].starts(with: word.utf8) else { return false }
            position += word.utf8.count
            return true
        }

        mutating func value(depth: Int) throws(JSONError) -> JSON {
            guard depth < JSON.depthLimit else { throw failure("nested deeper than \(JSON.depthLimit) levels") }
            skipSpace()
            if take("{") { return try object(depth: depth) }
            if take("[") { return try array(depth: depth) }
            if take("\"") { return .string(try string()) }
            if take(word: "true") { return .bool(true) }
            if take(word: "false") { return .bool(false) }
            if take(word: "null") { return .null }
            if take(word: "NaN") { return .number(.nan) }
            if take(word: "Infinity") { return .number(.infinity) }
            if take(word: "-Infinity") { return .number(-.infinity) }
            return try number()
        }

        mutating func object(depth: Int) throws(JSONError) -> JSON {
            var members: [Object.Member] = []
            skipSpace()
            if take("}") { return .object(Object()) }
            repeat {
                skipSpace()
                guard take("\"") else { throw failure("expected a name in quotes") }
                let key = try string()
                skipSpace()
                guard take(":") else { throw failure("expected ':' after the name '\(key)'") }
                members.append(Object.Member(key, try value(depth: depth + 1)))
                skipSpace()
            } while take(",")
            guard take("}") else { throw failure("expected ',' or '}'") }
            return .object(Object(members))
        }

        mutating func array(depth: Int) throws(JSONError) -> JSON {
            var elements: [JSON] = []
            skipSpace()
            if take("]") { return .array([]) }
            repeat {
                elements.append(try value(depth: depth + 1))
                skipSpace()
            } while take(",")
            guard take("]") else { throw failure("expected ',' or ']'") }
            return .array(elements)
        }

        /// The rest of a string, its first quote having been taken.
        mutating func string() throws(JSONError) -> String {
            var text: [UInt8] = []
            while let byte = next {
                switch byte {
                case 0x22:
                    position += 1
                    return String(decoding: text, as: UTF8.self)
                case 0x5C: try text.append(contentsOf: String(escape()).utf8)
                case ..<0x20: throw failure("a control character in a string")
                default:
                    text.append(byte)
                    position += 1
                }
            }
            throw failure("the text ends inside a string")
        }

        mutating func escape() throws(JSONError) -> Unicode.Scalar {
            position += 1
            guard let byte = next else { throw failure("the text ends inside a string") }
            position += 1
            switch byte {
            case 0x22, 0x2F, 0x5C: return Unicode.Scalar(byte)
            case 0x62: return "\u{8}"
            case 0x66: return "\u{C}"
            case 0x6E: return "\n"
            case 0x72: return "\r"
            case 0x74: return "\t"
            case 0x75: return try codePoint()
            default:
                position -= 1
                throw failure("an unknown escape in a string")
            }
        }

        /// `\u` and its four digits, twice for what lies beyond the basic plane; a lone half becomes U+FFFD.
        mutating func codePoint() throws(JSONError) -> Unicode.Scalar {
            let first = try hexadecimal()
            if (0xD800..<0xDC00).contains(first), take(word: "\\u") {
                let second = try hexadecimal()
                if (0xDC00..<0xE000).contains(second) {
                    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
                }
                position -= 6
            }
            return Unicode.Scalar(first) ?? "\u{FFFD}"
        }

        mutating func hexadecimal() throws(JSONError) -> UInt32 {
            let digits = bytes[position...].prefix(4)
            guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw failure("expected four hexadecimal digits") }
            position += 4
            return value
        }

        mutating func number() throws(JSONError) -> JSON {
            let start = position
            _ = take("-")
            let whole = digits()
            guard !whole.isEmpty else {
                position = start
                throw failure("expected a value")
            }
            guard whole.count == 1 || whole.first != 0x30 else {
                position = start
                throw failure("a number with a leading zero")
            }
            var isWhole = true
            if take(".") {
                isWhole = false
                guard !digits().isEmpty else { throw failure("expected a digit after the point") }
            }
            if take("e") || take("E") {
                isWhole = false
                if !take("+") { _ = take("-") }
                guard !digits().isEmpty else { throw failure("expected a digit in the exponent") }
            }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            if isWhole, let value = Int(text) { return .integer(value) }
            guard let value = Double(text) else { throw failure("a number that cannot be read") }
            return .number(value)
        }

        mutating func digits() -> ArraySlice<UInt8> {
            let start = position
            while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
            return bytes[start..<position]
        }
    }
}
