import HDF5

/// What numpy writes before the elements of an array: a Python dictionary of exactly three entries.
///
///     {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
///
/// (`numpy/lib/format.py`.) It is parsed, not evaluated: nothing else of Python is understood.
struct NPYHeader: Equatable {
    let type: HDF5Type
    let isBigEndian: Bool
    let isFortran: Bool
    /// Of text, the last axis is that of its bytes.
    let shape: [Int]
    /// How elements that are text are stored; nil for numbers.
    let text: NPYText?

    /// Why a header is refused: what was expected, and what was found.
    struct Problem: Error, Equatable {
        let expected: String
        let found: String
    }

    init(parsing text: [UInt8]) throws(Problem) {
        var reader = LiteralReader(text)
        var description: String?, isFortran: Bool?, shape: [Int]?
        try reader.expect("{")
        while !reader.accept("}") {
            let key = try reader.string()
            try reader.expect(":")
            switch key {
            case "descr" where description == nil: description = try reader.string()
            case "fortran_order" where isFortran == nil: isFortran = try reader.boolean()
            case "shape" where shape == nil: shape = try reader.tuple()
            default: throw reader.problem("'descr', 'fortran_order' and 'shape', each once", found: "'\(key)'")
            }
            if !reader.accept(",") {
                try reader.expect("}")
                break
            }
        }
        try reader.expectEnd()
        guard let description, let isFortran, let shape else {
            throw reader.problem("'descr', 'fortran_order' and 'shape'", found: "not all of them")
        }
        let form = NPYText(description)
        guard let (type, isBigEndian) = form == nil ? Self.element(description) : (.uint8, isBigEndian: false) else {
            throw reader.problem("numbers, such as '<f4' or '|u1'", found: "elements '\(description)'")
        }
        self.text = form
        self.type = type
        self.isBigEndian = isBigEndian
        // Of one axis, both orders are the same.
        self.isFortran = isFortran && shape.dropFirst().contains { $0 > 1 }
        self.shape = shape + (form.map { [$0.byteCount] } ?? [])
    }

    /// The type of numpy's words for it: byte order, kind, and bytes.
    private static func element(_ description: String) -> (HDF5Type, isBigEndian: Bool)? {
        guard let order = description.first, "<>|=".contains(order) else { return nil }
        let type: HDF5Type? =
            switch description.dropFirst() {
            case "f2": .float16
            case "f4": .float32
            case "f8": .float64
            case "i1": .int8
            case "i2": .int16
            case "i4": .int32
            case "i8": .int64
            case "u1", "b1": .uint8
            case "u2": .uint16
            case "u4": .uint32
            case "u8": .uint64
            default: nil
            }
        guard let type, order != "|" || type.byteCount == 1 else { return nil }
        return (type, order == ">")
    }
}

/// Reads the few Python literals of a header.
private struct LiteralReader {
    private let text: [UInt8]
    private var position = 0

    /// HDF5 has no more axes.
    private static let mostAxes = 32

    init(_ text: [UInt8]) { self.text = text }

    func problem(_ expected: String, found: String? = nil) -> NPYHeader.Problem {
        let rest = text.dropFirst(position).prefix(24).map { 0x20 <= $0 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
        let words = rest.isEmpty ? "its end" : "'\(String(decoding: rest, as: UTF8.self))'"
        return NPYHeader.Problem(expected: expected, found: found ?? "\(words) at \(position)")
    }

    mutating func accept(_ sign: Unicode.Scalar) -> Bool {
        skipSpaces()
        guard position < text.count, Unicode.Scalar(text[position]) == sign else { return false }
        position += 1
        return true
    }

    mutating func expect(_ sign: Unicode.Scalar) throws(NPYHeader.Problem) {
        guard accept(sign) else { throw problem("'\(sign)'") }
    }

    mutating func expectEnd() throws(NPYHeader.Problem) {
        skipSpaces()
        guard position == text.count else { throw problem("nothing more") }
    }

    /// Printable letters without escapes.
    mutating func string() throws(NPYHeader.Problem) -> String {
        skipSpaces()
        let start = position
        guard position < text.count, text[position] == UInt8(ascii: "'") || text[position] == UInt8(ascii: "\""),
            let end = text[(start + 1)...].firstIndex(of: text[start])
        else { throw problem("a string") }
        let content = text[(start + 1)..<end]
        guard content.allSatisfy({ 0x20 <= $0 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw problem("a string of plain letters")
        }
        position = end + 1
        return String(decoding: content, as: UTF8.self)
    }

    mutating func boolean() throws(NPYHeader.Problem) -> Bool {
        skipSpaces()
        for (word, value) in [("True", true), ("False", false)] where text[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw problem("True or False")
    }

    /// Whole numbers in parentheses; one alone has a comma behind it.
    mutating func tuple() throws(NPYHeader.Problem) -> [Int] {
        try expect("(")
        var numbers: [Int] = []
        while !accept(")") {
            guard numbers.count < Self.mostAxes else { throw problem("at most \(Self.mostAxes) axes") }
            numbers.append(try number())
            if accept(",") { continue }
            guard numbers.count > 1 else { throw problem("','") }
            try expect(")")
            break
        }
        return numbers
    }

    private mutating func number() throws(NPYHeader.Problem) -> Int {
        skipSpaces()
        let digits = text[position...].prefix { UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") }
        guard let number = Int(String(decoding: digits, as: UTF8.self)) else { throw problem("a whole number") }
        position += digits.count
        return number
    }

    private mutating func skipSpaces() {
        while position < text.count, text[position] == UInt8(ascii: " ") || text[position] == UInt8(ascii: "\n") {
            position += 1
        }
    }
}
