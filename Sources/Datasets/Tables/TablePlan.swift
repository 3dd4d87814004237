import HDF5

/// What a table becomes, row by row.
struct TablePlan {
    private let table: CSVImport
    private let tables: [CSVTable]
    private let classes: TableLabels.Classes
    private let isMultiLabel: Bool
    /// The class of each row, and what it is for, file after file.
    private let labels: [Int32]
    private let parts: [StratifiedSplit.Part]
    private let categories: [[String: Int]]
    private let missingCounts: [Int]
    private(set) var form: TableForm
    private let width: Int

    private static let recordsPerReport = 4096
    private static let mostColumns = 1 << 20

    init(
        _ table: CSVImport, _ tables: [CSVTable], _ columns: [TableForm.Column], _ classes: TableLabels.Classes,
        _ survey: TableSurvey
    ) throws(TableError) {
        (self.table, self.tables, self.classes) = (table, tables, classes)
        isMultiLabel = survey.labels.isMultiLabel
        width = columns.reduce(0) { $0 + $1.count }
        guard width <= Self.mostColumns else {
            throw TableError(
                tables[0].path, expected: "at most \(Self.mostColumns) columns of x", found: "\(width)",
                "Leave columns of many categories out with --ignore.")
        }
        missingCounts = survey.columns.map(\.missing.count)
        form = TableForm(
            columns: zip(columns, missingCounts).map { column, count in
                var column = column
                if count > 0 { column.missing = 0 }
                return column
            }, label: table.labels, ignored: table.ignored)
        categories = columns.map { column in
            Dictionary(uniqueKeysWithValues: (column.categories ?? []).enumerated().map { ($1, $0) })
        }
        let rows = zip(tables, survey.labels.rows).map { table, labels in
            (table.part, labels.map { classes.numbers[Int($0)] })
        }
        labels = rows.flatMap(\.1)
        let undivided = rows.filter { $0.0 == .train }.flatMap(\.1)
        let split = StratifiedSplit(
            isMultiLabel ? undivided.map { _ in 0 } : undivided, validation: table.validation?.share ?? 0,
            test: table.test?.share ?? 0, seed: table.seed)
        parts = split.parts + rows.filter { $0.0 != .train }.flatMap { part, labels in labels.map { _ in part } }
        for part in StratifiedSplit.Part.allCases where count(of: part) == 0 && isWanted(part) {
            throw TableError(
                tables[0].path, expected: "enough lines for train, validation and test",
                found: "\(undivided.count), of which none is left for \(part)", "Give more, or choose other shares.")
        }
    }

    private func isWanted(_ part: StratifiedSplit.Part) -> Bool {
        part == .train || part == .test && table.test != nil || part == .validation && table.validation != nil
    }

    private func count(of part: StratifiedSplit.Part) -> Int { parts.count { $0 == part } }

    // MARK: Means

    /// Finds what stands for missing numbers: the mean of those in train.
    mutating func findMeans(_ progress: (CSVTable, Int?) throws -> Void) throws {
        var sums = [Double](repeating: 0, count: form.columns.count), counts = [Int](repeating: 0, count: sums.count)
        let wanted = form.columns.indices.filter { form.columns[$0].kind == .number && missingCounts[$0] > 0 }
        var row = 0
        for file in tables {
            var reader = try file.records()
            while try reader.next() {
                try check(reader, file, row)
                if parts[row] == .train {
                    for index in wanted {
                        let field = reader.fields[file.features[index]]
                        guard let value = CSVNumber.value(of: reader.text, field) else { continue }
                        sums[index] += value
                        counts[index] += 1
                    }
                }
                row += 1
                if row.isMultiple(of: Self.recordsPerReport) { try progress(file, reader.fileOffset) }
            }
            try progress(file, nil)
        }
        for index in wanted { form.columns[index].missing = Float(sums[index] / Double(max(1, counts[index]))) }
    }

    private func check(_ reader: borrowing CSVReader, _ file: CSVTable, _ row: Int) throws(TableError) {
        try file.check(reader)
        guard row < parts.count else { throw changed(reader) }
    }

    private func changed(_ reader: borrowing CSVReader) -> TableError {
        reader.error(column: nil, expected: "what was there before", found: "something else", "Let the file rest.")
    }

    // MARK: Writing

    func write(to root: borrowing HDF5Group, _ progress: (CSVTable, Int?) throws -> Void) throws {
        if let names = classes.names { try root.attributes.write(names, to: "classes") }
        if isMultiLabel { try LabelKind.multilabel.declare(in: root) }
        try form.write(to: root)
        var splits: [StratifiedSplit.Part: TableSplit] = [:]
        for part in StratifiedSplit.Part.allCases {
            let count = count(of: part)
            guard count > 0 else { continue }
            splits[part] = try TableSplit(
                part.name, in: root, count: count, width: width, labels: isMultiLabel ? classes.count : nil)
        }
        var row = 0, x = [Float](repeating: 0, count: width)
        for file in tables {
            var reader = try file.records()
            while try reader.next() {
                try check(reader, file, row)
                try fill(&x, from: reader, file)
                guard let split = splits[parts[row]] else { throw changed(reader) }
                if isMultiLabel {
                    var y: [UInt8] = []
                    for (index, place) in file.labels.enumerated() {
                        y.append(try TableLabels.isOne(reader, place, form.label[index]) ? 1 : 0)
                    }
                    try split.append(x, y)
                } else {
                    try split.append(x, labels[row])
                }
                row += 1
                if row.isMultiple(of: Self.recordsPerReport) { try progress(file, reader.fileOffset) }
            }
            try progress(file, nil)
        }
        // In one order, so that the same table makes the same file.
        for part in StratifiedSplit.Part.allCases { try splits[part]?.write() }
        guard row == parts.count else {
            throw TableError(
                tables[0].path, expected: "\(parts.count) lines, as before", found: "\(row)", "Let the file rest.")
        }
    }

    private func fill(_ x: inout [Float], from reader: borrowing CSVReader, _ file: CSVTable) throws(TableError) {
        for (index, column) in form.columns.enumerated() {
            let place = file.features[index], field = reader.fields[place]
            let isMissing = missingCounts[index] > 0 && CSVNumber.isMissing(reader.text, field)
            switch column.kind {
            case .number:
                guard
                    let value = isMissing ? column.missing : CSVNumber.value(of: reader.text, field).map({ Float($0) })
                else { throw changed(reader) }
                x[column.first] = value
            case .oneHot:
                for offset in 0..<column.count { x[column.first + offset] = 0 }
                if isMissing { continue }
                guard let category = categories[index][try reader.string(place)] else { throw changed(reader) }
                x[column.first + category] = 1
            case .integer:
                guard let category = categories[index][try reader.string(place)] else { throw changed(reader) }
                x[column.first] = Float(category)
            }
        }
    }

    /// What became of the columns, in a few words.
    var summary: String {
        let numbers = form.columns.count { $0.kind == .number }
        let encoded = form.columns.filter { $0.kind != .number }
        let shown = encoded.prefix(8).map { "\(quoted($0.name)) (\($0.categories?.count ?? 0))" }.joined(
            separator: ", ")
        let rest = encoded.count > 8 ? " and \(encoded.count - 8) more" : ""
        let kind = encoded.first?.kind == .integer ? "as integers" : "one-hot"
        return "x has \(width) column\(width == 1 ? "" : "s"): \(numbers) of numbers"
            + (encoded.isEmpty
                ? "" : ", and categories \(kind): \(shown)\(rest); the dataset 'columns' keeps the mapping")
    }
}

/// The datasets of a split as they are written.
private final class TableSplit {
    private let x: ImportedColumn, y: ImportedColumn
    private var inputs: [Float] = [], classes: [Int32] = [], labels: [UInt8] = []
    private let isMultiLabel: Bool

    private static let elementsPerWrite = 1 << 18

    /// - Parameter labels: How many columns the labels have; nil where they are numbers of classes.
    init(_ name: String, in root: borrowing HDF5Group, count: Int, width: Int, labels: Int?) throws {
        x = try ImportedColumn("x", of: name, in: root, .float32, shape: [count, width], validation: 0)
        y = try ImportedColumn(
            "y", of: name, in: root, labels == nil ? .int32 : .uint8, shape: [count] + (labels.map { [$0] } ?? []),
            validation: 0)
        isMultiLabel = labels != nil
    }

    func append(_ x: [Float], _ label: Int32) throws {
        inputs += x
        classes.append(label)
        if inputs.count >= Self.elementsPerWrite { try write() }
    }

    func append(_ x: [Float], _ y: [UInt8]) throws {
        inputs += x
        labels += y
        if inputs.count >= Self.elementsPerWrite { try write() }
    }

    /// Writes what was not written yet.
    func write() throws {
        guard !inputs.isEmpty else { return }
        try x.append(inputs)
        if isMultiLabel { try y.append(labels) } else { try y.append(classes) }
        inputs.removeAll(keepingCapacity: true)
        classes.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
    }
}
