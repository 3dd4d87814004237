import HDF5

/// Predictions in a table (.csv): a line with the names of the classes, then a line for each example.
///
///     split,cat,dog
///     train,0.9,0.1
///     test,0.2,0.8
///
/// Without a column `split` all lines are of one part of the data. A first column without a name, as pandas writes its index,
/// is left out. Names may stand in double quotes.
struct PredictionTable: ~Copyable {
    private let path: String
    private var reader: CSVReader
    /// The names of the classes, in the order of the columns.
    let names: [String]
    /// The columns of the split and of the index.
    private let splitColumn: Int?
    private let hasIndex: Bool

    init(_ path: String) throws {
        var reader = try CSVReader(opening: path, delimiter: nil)
        let header = try reader.next() ? reader.fields.indices.map { try reader.string($0) } : []
        let hasIndex = header.count > 1 && header[0].isEmpty
        let splitColumn = header.firstIndex { $0.lowercased() == "split" }
        let names = header.enumerated().filter { $0.offset != splitColumn && !(hasIndex && $0.offset == 0) }.map(
            \.element)
        let areNumbers = names.allSatisfy { Float($0) != nil } && names != names.indices.map(String.init)
        guard !names.isEmpty, !areNumbers, names.allSatisfy({ !$0.isEmpty }) else {
            throw ExampleFileError(
                path, expected: "the names of the classes in the first line",
                found: names.isEmpty ? "none" : areNumbers ? "numbers" : "a column without one",
                "Write a name for each column, such as cat,dog.")
        }
        (self.path, self.names, self.splitColumn, self.hasIndex) = (path, names, splitColumn, hasIndex)
        self.reader = reader
    }

    /// Writes its numbers as datasets of float32, named like the parts of the data.
    mutating func write(to root: borrowing HDF5Group) throws {
        var columns: [String: Column] = [:]
        let count = names.count + (splitColumn == nil ? 0 : 1) + (hasIndex ? 1 : 0)
        while try reader.next() {
            let fields = reader.fields
            guard fields.count == count else {
                throw error("\(count) values, one for each column of the first line", "\(fields.count)")
            }
            let part = try splitColumn.map { try self.part(reader.string($0)).rawValue } ?? "predictions"
            let column =
                try columns[part]
                ?? Column(
                    try root.createGrowingDataset(
                        part, .float32, rowShape: [names.count], rowsPerChunk: max(1, (1 << 16) / names.count)))
            columns[part] = column
            var name = 0
            for (index, field) in fields.enumerated() where index != splitColumn && !(hasIndex && index == 0) {
                guard let number = CSVNumber.value(of: reader.text, field).map(Float.init), number.isFinite else {
                    throw error("a finite number in column \(quoted(names[name]))", quoted(try reader.string(index)))
                }
                column.values.append(number)
                name += 1
            }
            if column.values.count >= 1 << 16 { try column.flush() }
        }
        // In one order, so that the same table makes the same bytes.
        for (_, column) in columns.sorted(by: { $0.key < $1.key }) { try column.flush() }
        guard !columns.isEmpty else { throw error("a line for each example", "the first line alone", line: 1) }
    }

    private func part(_ word: String) throws -> PredictedPart {
        guard let part = PredictedPart.words[word.lowercased()] else {
            throw error("train, validation, test or unlabeled in the column 'split'", "'\(word.prefix(40))'")
        }
        return part
    }

    private func error(_ expected: String, _ found: String, line: Int? = nil) -> ExampleFileError {
        ExampleFileError(
            path, "line \(line ?? reader.line)", expected: expected, found: found,
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
}
