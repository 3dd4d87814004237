/// What the columns of a table hold, found out by reading all of it.
struct TableSurvey {
    private(set) var columns: [ColumnSurvey]
    private(set) var labels: TableLabels
    private let table: CSVImport
    private static let recordsPerReport = 4096

    init(_ table: CSVImport, _ first: CSVTable) {
        self.table = table
        let forced = Set(table.categorical)
        columns = zip(first.names, first.features).map { name, place in
            ColumnSurvey(name: name, isCategorical: forced.contains(name) || forced.contains("\(place + 1)"))
        }
        labels = TableLabels(table)
    }

    /// - Parameter progress: Called with the bytes of the file that were read, and with nil at its end.
    mutating func look(at table: CSVTable, _ progress: (Int?) throws -> Void) throws {
        var reader = try table.records(), count = 0
        labels.begin()
        while try reader.next() {
            try table.check(reader)
            for (index, place) in table.features.enumerated() { try columns[index].look(at: reader, place) }
            try labels.look(at: reader, table.labels)
            count += 1
            if count.isMultiple(of: Self.recordsPerReport) { try progress(reader.fileOffset) }
        }
        guard count > 0 else {
            throw TableError(
                table.path, expected: "lines behind the names of columns", found: "none", "Copy the file again.")
        }
        try progress(nil)
    }

    /// What each column becomes.
    ///
    /// - Throws: `TableError` for the first column that is not understood.
    func form() throws(TableError) -> [TableForm.Column] {
        try refuseMissing()
        var forms: [TableForm.Column] = [], width = 0
        for column in columns {
            let form = try column.form(table, at: width)
            width += form.count
            forms.append(form)
        }
        return forms
    }

    private func refuseMissing() throws(TableError) {
        let missing = columns.filter { $0.missing.count > 0 }
        guard table.missing == .refused, let first = missing.first?.missing.first else { return }
        let counts = missing.prefix(8).map { "\(quoted($0.name)) lacks \($0.missing.count)" }.joined(separator: ", ")
        throw TableError(
            first.path, line: first.line, column: missing[0].name, expected: "a value", found: "none",
            "In the table, \(counts)\(missing.count > 8 ? " and \(missing.count - 8) columns more lack some" : ""). "
                + "Fill them with --missing mean or --missing 0, or leave columns out with --ignore.")
    }
}

/// What a column of a table holds.
struct ColumnSurvey {
    /// Values of one kind: how many, and the first of them.
    struct Sightings {
        private(set) var count = 0
        private(set) var first: (path: String, line: Int, text: String)?

        mutating func note(_ reader: borrowing CSVReader, _ field: Int) throws(TableError) {
            count += 1
            if first == nil { first = (reader.path, reader.line, try reader.string(field)) }
        }
    }

    let name: String
    /// Whether numbers are categories, too.
    let isCategorical: Bool
    private(set) var missing = Sightings(), numbers = Sightings(), texts = Sightings()
    private(set) var categories: Set<String> = []
    private var hasLongTexts = false

    /// Most categories that become one-hot by themselves, and most that a column may have.
    private static let fewCategories = 32, mostCategories = 10_000
    private static let longText = 256

    init(name: String, isCategorical: Bool) { (self.name, self.isCategorical) = (name, isCategorical) }

    mutating func look(at reader: borrowing CSVReader, _ field: Int) throws(TableError) {
        let range = reader.fields[field]
        if CSVNumber.isMissing(reader.text, range) { return try missing.note(reader, field) }
        if !isCategorical, let value = CSVNumber.value(of: reader.text, range) {
            try check(value, reader, field)
            return try numbers.note(reader, field)
        }
        try refuseGroupedDigits(reader, field)
        try texts.note(reader, field)
        if categories.count <= Self.mostCategories {
            if range.count <= Self.longText { categories.insert(try reader.string(field)) } else { hasLongTexts = true }
        }
    }

    /// A number with a decimal comma, or with separators of thousands, is no category.
    private func refuseGroupedDigits(_ reader: borrowing CSVReader, _ field: Int) throws(TableError) {
        let text = reader.text[reader.fields[field]], digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard !isCategorical, text.contains(UInt8(ascii: ",")), text.contains(where: digits.contains),
            text.allSatisfy({ digits.contains($0) || ",.-+ ".utf8.contains($0) })
        else { return }
        throw reader.error(
            column: name, expected: "a number with a decimal point, as in 3.14",
            found: quoted(try reader.string(field)),
            "Write numbers without decimal commas and separators of thousands, or pass --categorical \(quoted(name)).")
    }

    private func check(_ value: Double, _ reader: borrowing CSVReader, _ field: Int) throws(TableError) {
        let single = Float(value)
        guard !single.isFinite || value.magnitude > 0x1p24 && Double(single) != value else { return }
        // In others than whole numbers the last digits are no more than precision.
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard !single.isFinite || reader.text[reader.fields[field]].dropFirst().allSatisfy(digits.contains) else {
            return
        }
        throw reader.error(
            column: name, expected: "a number that float32 has", found: quoted(try reader.string(field)),
            single.isFinite
                ? "Models compute with float32, which has every whole number up to 16777216; leave the column out with "
                    + "--ignore if it is an id, or store smaller numbers."
                : "Correct it, or leave the column out with --ignore.")
    }

    /// - Parameter first: The first column of `x` that it becomes.
    func form(_ table: CSVImport, at first: Int) throws(TableError) -> TableForm.Column {
        if let text = texts.first, let number = numbers.first {
            let areNumbers = numbers.count >= texts.count, odd = areNumbers ? text : number
            throw TableError(
                odd.path, line: odd.line, column: name,
                expected: areNumbers
                    ? "a number, as \(numbers.count) of its values are" : "text, as \(texts.count) of its values are",
                found: quoted(odd.text),
                "Correct it\(areNumbers ? ", empty the field if the value is missing," : "") or pass --categorical "
                    + "\(quoted(name)).")
        }
        guard !categories.isEmpty || hasLongTexts else {
            guard let missing = missing.first, numbers.count == 0 else {
                return TableForm.Column(name: name, kind: .number, first: first, count: 1)
            }
            throw TableError(
                missing.path, line: missing.line, column: name, expected: "values", found: "none in the whole table",
                "Leave the column out: --ignore \(quoted(name)).")
        }
        let isFew = categories.count <= Self.fewCategories
        if hasLongTexts || categories.count > Self.mostCategories || !isFew && table.categories == .automatic {
            throw tooMany()
        }
        if table.categories != .integers {
            return TableForm.Column(
                name: name, kind: .oneHot, first: first, count: categories.count, categories: categories.sorted())
        }
        if let gap = missing.first {
            throw TableError(
                gap.path, line: gap.line, column: name, expected: "a category", found: "none",
                "Numbers of categories have none for that; use --categories one-hot, where it is all zeros.")
        }
        return TableForm.Column(
            name: name, kind: .integer, first: first, count: 1, categories: categories.sorted())
    }

    private func tooMany() -> TableError {
        let isLimit = categories.count > Self.mostCategories || hasLongTexts
        let first = texts.first
        return TableError(
            first?.path ?? "", line: first?.line, column: name,
            expected: isLimit
                ? "numbers, or at most \(Self.mostCategories) categories of \(Self.longText) bytes"
                : "numbers, or at most \(Self.fewCategories) categories",
            found: "\(categories.count)\(isLimit ? " or more" : "") texts, such as \(quoted(first?.text ?? ""))",
            "Leave the column out: --ignore \(quoted(name))"
                + (isLimit
                    ? "." : "; or choose --categories one-hot, a column of x for each, or --categories integers."))
    }
}
