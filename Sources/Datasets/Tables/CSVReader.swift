import Gzip
import HDF5

/// The records of a file of delimited text (RFC 4180) from first to last; the file may be compressed by gzip.
///
/// Lines end with CR LF, LF or CR. A field in double quotes may contain delimiters, line ends and doubled quotes. Blanks
/// around a field without quotes are no part of it, and empty lines are skipped.
struct CSVReader: ~Copyable {
    let path: String
    let delimiter: UInt8
    /// The line that the record begins in, from 1 on.
    private(set) var line = 0
    /// The text of all fields of the record, without quotes.
    private(set) var text: [UInt8] = []
    /// Where each field is in `text`.
    private(set) var fields: [Range<Int>] = []

    private var file: GzipReader
    private var block = [UInt8](repeating: 0, count: 1 << 18)
    private var position = 0, end = 0
    private var nextLine = 1

    /// Most bytes of a field, and of a record; most fields.
    private static let fieldLimit = 1 << 20, recordLimit = 1 << 26, countLimit = 1 << 17
    /// What may separate fields, the likeliest first.
    static let delimiters: [UInt8] = [",", ";", "\t", "|"].map { UInt8(ascii: $0) }
    private static let quote = UInt8(ascii: "\""), lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// - Parameter delimiter: What separates fields; nil for the one that the first line has most of.
    init(opening path: String, delimiter: UInt8?) throws {
        if let kind = FileKind(of: path), ![.text, .json, .gzip, .idx, .unknown].contains(kind) {
            throw TableError(
                path, expected: "a table as text (.csv)", found: kind.name,
                kind.cure(for: .data).map { "\($0)." } ?? "Save the table as CSV, in UTF-8.")
        }
        let likely = try delimiter ?? Self.likelyDelimiter(path)
        file = try GzipReader(opening: path)
        self.path = path
        self.delimiter = likely
    }

    /// How many bytes of the file were read from the disk.
    var fileOffset: Int { file.fileOffset }

    /// Reads the next record into `text` and `fields`.
    ///
    /// - Returns: false if there is none.
    mutating func next() throws -> Bool {
        if line == 0 { try skipByteOrderMark() }
        repeat {
            text.removeAll(keepingCapacity: true)
            fields.removeAll(keepingCapacity: true)
            line = nextLine
            guard try peek() != nil else { return false }
            while try readField() {}
        } while fields.count == 1 && text.isEmpty
        return true
    }

    /// A field as text.
    ///
    /// - Throws: `TableError` if it is not UTF-8.
    func string(_ field: Int) throws(TableError) -> String {
        guard let string = String(validating: text[fields[field]], as: UTF8.self) else {
            throw error(
                column: "\(field + 1)", expected: "text in UTF-8", found: "other bytes",
                "Save the table as CSV in UTF-8.")
        }
        return string
    }

    func error(column: String?, expected: String, found: String, _ advice: String) -> TableError {
        TableError(path, line: line, column: column, expected: expected, found: found, advice)
    }

    // MARK: Bytes

    private mutating func peek() throws -> UInt8? {
        if position == end {
            var bytes: [UInt8] = []
            swap(&bytes, &block)
            var span = bytes.mutableSpan
            (position, end) = (0, try file.readSome(into: &span))
            swap(&bytes, &block)
            if end == 0 { return nil }
        }
        return block[position]
    }

    private mutating func skipByteOrderMark() throws {
        guard let first = try peek() else { return }
        if end >= 3, first == 0xEF, block[1] == 0xBB, block[2] == 0xBF { position = 3 }
        if end >= 2, (first == 0xFF && block[1] == 0xFE) || (first == 0xFE && block[1] == 0xFF) {
            throw TableError(
                path, expected: "text in UTF-8", found: "UTF-16", "Save the table as CSV in UTF-8.")
        }
    }

    // MARK: Fields

    /// Reads a field, and what separates it from the next one.
    ///
    /// - Returns: Whether another one follows in this record.
    private mutating func readField() throws -> Bool {
        guard fields.count < Self.countLimit, text.count < Self.recordLimit else {
            throw error(
                column: nil, expected: "at most \(Self.countLimit) fields of \(Self.recordLimit) bytes together",
                found: "more", "Is a quote not closed, or the line end missing?")
        }
        let start = text.count
        try skipBlanks()
        let isQuoted = try peek() == Self.quote
        if isQuoted {
            try readQuoted(from: start)
            try skipBlanks()
        } else {
            try readPlain(from: start)
        }
        fields.append(start..<text.count)
        guard let byte = try peek() else { return false }
        if byte == delimiter {
            position += 1
            // A delimiter at the end of the file has an empty field behind it.
            guard try peek() == nil else { return true }
            fields.append(text.count..<text.count)
            return false
        }
        guard byte == Self.lineFeed || byte == Self.carriageReturn else {
            throw error(
                column: "\(fields.count)", expected: "a delimiter or the end of the line behind a quoted field",
                found: quoted(String(decoding: [byte], as: UTF8.self)), "Write quotes inside of a quoted field twice.")
        }
        try skipLineEnd()
        return false
    }

    private mutating func skipBlanks() throws {
        while let byte = try peek(), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t"), byte != delimiter {
            position += 1
        }
    }

    private mutating func skipLineEnd() throws {
        let first = try peek()
        position += 1
        if first == Self.carriageReturn, try peek() == Self.lineFeed { position += 1 }
        nextLine += 1
    }

    private mutating func readPlain(from start: Int) throws {
        while let byte = try peek(), byte != delimiter, byte != Self.lineFeed, byte != Self.carriageReturn {
            guard byte != Self.quote, byte != 0 else {
                throw error(
                    column: "\(fields.count + 1)",
                    expected: "no \(byte == 0 ? "zero byte" : "quote") inside of a field",
                    found: byte == 0
                        ? "one" : quoted(String(decoding: text[start...].suffix(20), as: UTF8.self) + "\""),
                    byte == 0
                        ? "Save the table as CSV in UTF-8."
                        : "Put the whole field in quotes, and write quotes inside of it twice.")
            }
            text.append(byte)
            position += 1
            if text.count - start > Self.fieldLimit { throw tooLong() }
        }
        while text.count > start, let last = text.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
            text.removeLast()
        }
    }

    private mutating func readQuoted(from start: Int) throws {
        position += 1
        while let byte = try peek() {
            if byte == Self.quote {
                position += 1
                guard try peek() == Self.quote else { return }
            }
            if byte == 0 || text.count - start > Self.fieldLimit { throw tooLong() }
            text.append(byte)
            position += 1
            let isLineEnd = try byte == Self.lineFeed || byte == Self.carriageReturn && peek() != Self.lineFeed
            if isLineEnd { nextLine += 1 }
        }
        throw error(
            column: "\(fields.count + 1)", expected: "a quote that ends the field", found: "the end of the file",
            "Close the quote, or write quotes inside of a field twice.")
    }

    private func tooLong() -> TableError {
        error(
            column: "\(fields.count + 1)", expected: "text of at most \(Self.fieldLimit) bytes",
            found: "more, or a zero byte",
            "Is a quote not closed?")
    }

    // MARK: Delimiter

    /// What the first line has most of, outside of quotes.
    private static func likelyDelimiter(_ path: String) throws -> UInt8 {
        var file = try GzipReader(opening: path), start = [UInt8](repeating: 0, count: 1 << 20)
        var span = start.mutableSpan
        let count = try file.read(into: &span)
        var counts = [Int](repeating: 0, count: delimiters.count), isQuoted = false, isEmpty = true
        for byte in start.prefix(count) {
            if byte == quote { isQuoted.toggle() }
            if !isQuoted, byte == lineFeed || byte == carriageReturn {
                if isEmpty { continue }
                break
            }
            isEmpty = false
            if !isQuoted, let index = delimiters.firstIndex(of: byte) { counts[index] += 1 }
        }
        let most = counts.max() ?? 0
        return delimiters[counts.firstIndex(of: most) ?? 0]
    }
}
