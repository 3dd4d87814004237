/// One file of a table, and where its columns are.
struct CSVTable {
    let path: String
    /// What its examples are for; those of `train` may be divided.
    let part: StratifiedSplit.Part
    /// The names of the columns that become `x`.
    let names: [String]
    /// Their places in a record.
    let features: [Int]
    /// The places of the labels.
    let labels: [Int]
    let fieldCount: Int
    private let delimiter: UInt8
    private let hasHeader: Bool

    /// The files of a table, which have the same columns, in any order.
    static func open(
        _ table: CSVImport, _ sources: [(path: String, part: StratifiedSplit.Part)]
    ) throws -> [CSVTable] {
        var tables: [CSVTable] = [], unknown = Set(table.ignored)
        for source in sources { tables.append(try CSVTable(source, table, like: tables.first, &unknown)) }
        if let name = table.ignored.first(where: unknown.contains) {
            throw TableError(
                tables[0].path, line: 1, expected: "a column \(quoted(name)), which is to be ignored",
                found: "columns \(quoted(tables[0].names))",
                "Name columns as the first line does, or number them from 1.")
        }
        return tables
    }

    /// - Parameters:
    ///   - first: The file whose columns this one must have.
    ///   - unknown: The ignored columns that no file had so far.
    private init(
        _ source: (path: String, part: StratifiedSplit.Part), _ table: CSVImport, like first: CSVTable?,
        _ unknown: inout Set<String>
    ) throws {
        var reader = try CSVReader(opening: source.path, delimiter: table.delimiter)
        guard try reader.next() else {
            throw TableError(
                source.path, expected: "a line with the names of columns", found: "nothing", "Copy the file again.")
        }
        let header = Header(
            path: source.path, line: reader.line,
            names: try reader.fields.indices.map { table.hasHeader ? try reader.string($0) : "\($0 + 1)" })
        guard header.names.count > 1 else {
            throw header.error(
                expected: "several columns", found: "one, \(quoted(header.names[0]))",
                "Name what separates them: --delimiter.")
        }
        let labels = try table.labels.map { try header.place($0, for: "label") }
        let ignored = table.ignored.compactMap { name in
            header.find(name).map { place in
                unknown.remove(name)
                return place
            }
        }
        if table.hasHeader { try header.check(ignoring: Set(ignored)) }
        let others = header.names.indices.filter { !ignored.contains($0) && !labels.contains($0) }
        guard !others.isEmpty else {
            throw header.error(
                expected: "columns beside the label", found: "none that is not ignored", "Ignore fewer columns.")
        }
        for name in table.categorical where !others.contains(where: { header.find(name) == $0 }) {
            throw header.error(
                expected: "a column \(quoted(name)), which is categorical",
                found: "columns \(quoted(others.map { header.names[$0] }))", "Name columns as the first line does.")
        }
        let features = try first?.names.map { try header.place($0, for: "column") } ?? others
        if let other = others.first(where: { !features.contains($0) }) {
            throw header.error(
                expected: "the columns of '\(first?.path ?? "")'",
                found: "a column \(quoted(header.names[other])) more",
                "Remove it from the file, or --ignore it.")
        }
        (path, part) = source
        names = first?.names ?? others.map { header.names[$0] }
        self.features = features
        self.labels = labels
        fieldCount = header.names.count
        delimiter = reader.delimiter
        hasHeader = table.hasHeader
    }

    /// Its records from the first behind the header on.
    func records() throws -> CSVReader {
        var reader = try CSVReader(opening: path, delimiter: delimiter)
        if hasHeader { _ = try reader.next() }
        return reader
    }

    /// - Throws: `TableError` if a record has not one field for each column.
    func check(_ reader: borrowing CSVReader) throws(TableError) {
        guard reader.fields.count == fieldCount else {
            throw reader.error(
                column: nil, expected: "\(fieldCount) fields, as in the first line", found: "\(reader.fields.count)",
                "Put fields that contain the delimiter in quotes.")
        }
    }
}

/// The first line of a table.
private struct Header {
    let path: String
    let line: Int
    let names: [String]

    func error(expected: String, found: String, _ advice: String) -> TableError {
        TableError(path, line: line, expected: expected, found: found, advice)
    }

    /// Where a column is, by its name or else its number; nil if there is none.
    func find(_ name: String) -> Int? {
        if let place = names.firstIndex(of: name) { return place }
        guard let number = Int(name), names.indices.contains(number - 1) else { return nil }
        return number - 1
    }

    func place(_ name: String, for use: String) throws(TableError) -> Int {
        guard let place = find(name) else {
            throw error(
                expected: "a \(use == "label" ? "label column" : use) \(quoted(name))",
                found: "columns \(quoted(names))",
                use == "label"
                    ? "Name the column of the class as the first line does, or number it from 1."
                    : "All files must have the same columns.")
        }
        return place
    }

    /// Names that cannot be any.
    func check(ignoring ignored: Set<Int>) throws(TableError) {
        let places = names.indices.filter { !ignored.contains($0) }
        if places.allSatisfy({ CSVNumber.value(of: Array(names[$0].utf8), 0..<names[$0].utf8.count) != nil }) {
            throw error(
                expected: "the names of columns", found: "numbers: \(quoted(names, limit: 4))",
                "Write a line with names on top, or pass --no-header, which calls the columns 1, 2, ….")
        }
        var seen: Set<String> = []
        for place in places {
            guard !names[place].isEmpty else {
                throw error(
                    expected: "a name for each column", found: "none for column \(place + 1)",
                    "Name it, or leave it out: --ignore \(place + 1). pandas writes its index so.")
            }
            guard seen.insert(names[place]).inserted else {
                throw error(
                    expected: "each column once", found: "\(quoted(names[place])) twice",
                    "Rename one, or leave it out by its number: --ignore \(place + 1).")
            }
        }
    }
}
