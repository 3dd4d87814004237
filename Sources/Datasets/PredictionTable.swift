import HDF5

/// Predictions in a table (.csv): a line with the names of the classes, then a line for each example.
///
///     split,cat,dog
///     train,0.9,0.1
///     test,0.2,0.8
///
/// Without a column `split` all lines are of one part of the data. A first column without a name, as pandas writes its index,
/// is left out. Names may stand in double quotes.
struct PredictionTable {
    private let path: String
    private let lines: LineReader
    /// The names of the classes, in the order of the columns.
    let names: [String]
    /// The columns of the split and of the index.
    private let splitColumn: Int?
    private let hasIndex: Bool

    private static let mostColumns = 1 << 20

    init(_ path: String) throws {
        self.path = path
        lines = LineReader(try FileBytes(path))
        var header = Self.cells(try lines.next(path) ?? [], path)
        if header.first?.hasPrefix("\u{FEFF}") == true { header[0].removeFirst() }
        hasIndex = header.count > 1 && header[0].isEmpty
        splitColumn = header.firstIndex { $0.lowercased() == "split" }
        let kept = header.enumerated().filter { [hasIndex, splitColumn] in
            $0.offset != splitColumn && !(hasIndex && $0.offset == 0)
        }
        names = kept.map(\.element)
        let areNumbers = names.allSatisfy { Float($0) != nil } && names != names.indices.map(String.init)
        guard !names.isEmpty, names.count <= Self.mostColumns, !areNumbers, names.allSatisfy({ !$0.isEmpty }) else {
            throw ExampleFileError(
                path, expected: "the names of the classes in the first line",
                found: names.isEmpty ? "none" : areNumbers ? "numbers" : "a column without one",
                "Write a name for each column, such as cat,dog.")
        }
    }

    /// Writes its numbers as datasets of float32, named like the parts of the data.
    func write(to root: borrowing HDF5Group) throws {
        var columns: [String: Column] = [:]
        while let line = try lines.next(path) {
            if line.isEmpty { continue }
            let cells = Self.cells(line, path)
            let count = names.count + (splitColumn == nil ? 0 : 1) + (hasIndex ? 1 : 0)
            guard cells.count == count else {
                throw error("\(count) values, one for each column of the first line", "\(cells.count)")
            }
            let part = try splitColumn.map { try self.part(cells[$0]).rawValue } ?? "predictions"
            let column =
                try columns[part]
                ?? Column(
                    try root.createGrowingDataset(
                        part, .float32, rowShape: [names.count], rowsPerChunk: max(1, (1 << 16) / names.count)))
            columns[part] = column
            var name = 0
            for (index, cell) in cells.enumerated() where index != splitColumn && !(hasIndex && index == 0) {
                guard let number = Float(cell), number.isFinite else {
                    throw error("a finite number in column '\(names[name].prefix(40))'", "'\(cell.prefix(40))'")
                }
                column.values.append(number)
                name += 1
            }
            if column.values.count >= 1 << 16 { try column.flush() }
        }
        for column in columns.values { try column.flush() }
        guard !columns.isEmpty else { throw error("a line for each example", "the first line alone") }
    }

    private func part(_ word: String) throws -> PredictedPart {
        guard let part = PredictedPart.words[word.lowercased()] else {
            throw error("train, validation, test or unlabeled in the column 'split'", "'\(word.prefix(40))'")
        }
        return part
    }

    private func error(_ expected: String, _ found: String) -> ExampleFileError {
        ExampleFileError(
            path, "line \(lines.number)", expected: expected, found: found,
            "Write the table again, with to_csv for one.")
    }

    /// Rows that wait until they are worth writing.
    private final class Column {
        var dataset: HDF5Dataset
        var values: [Float] = []

        init(_ dataset: consuming HDF5Dataset) { self.dataset = dataset }

        func flush() throws {
            let all = values
            values = []
            try dataset.append(all.span)
        }
    }

    /// The values of a line, without the quotes and spaces around them.
    private static func cells(_ line: [UInt8], _ path: String) -> [String] {
        var cells: [String] = [], cell: [UInt8] = [], isQuoted = false, wasQuote = false
        func text() -> String {
            let space: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
            let end = cell.lastIndex { !space($0) }.map { $0 + 1 } ?? 0
            return String(decoding: cell[..<end].drop(while: space), as: UTF8.self)
        }
        for byte in line {
            if byte == UInt8(ascii: "\"") {
                // Two of them inside quotes are one.
                if !isQuoted, wasQuote { cell.append(byte) }
                wasQuote = isQuoted
                isQuoted.toggle()
                continue
            }
            wasQuote = false
            if byte == UInt8(ascii: ","), !isQuoted {
                cells.append(text())
                cell = []
            } else {
                cell.append(byte)
            }
        }
        return cells + [text()]
    }
}

/// The lines of a file, one after another, without what ends them.
private final class LineReader {
    private let bytes: FileBytes
    private var block: [UInt8] = []
    private var position = 0
    /// The number of the last line, counted from 1.
    private(set) var number = 0

    private static let longest = 1 << 26

    init(_ bytes: FileBytes) { self.bytes = bytes }

    /// The next line; nil at the end.
    func next(_ path: String) throws -> [UInt8]? {
        var line: [UInt8] = [], hasAny = false
        while true {
            if position == block.count {
                guard let more = try bytes.next(1 << 20) else { break }
                (block, position) = (more, 0)
            }
            hasAny = true
            let end = block[position...].firstIndex(of: UInt8(ascii: "\n"))
            line += block[position..<(end ?? block.count)]
            position = end.map { $0 + 1 } ?? block.count
            guard line.count <= Self.longest else {
                throw ExampleFileError(
                    path, "line \(number + 1)", expected: "a line of at most \(Self.longest) bytes", found: "more",
                    "Is this a table?")
            }
            if end != nil { break }
        }
        guard hasAny else { return nil }
        number += 1
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }
}
