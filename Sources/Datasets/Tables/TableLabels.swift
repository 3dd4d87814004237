/// The labels of a table: one column of classes, as numbers or text, or several of zeros and ones.
struct TableLabels {
    /// What the classes are, and their numbers.
    struct Classes {
        /// Nil where labels are numbers already.
        let names: [String]?
        let count: Int
        /// The class of each label, in the order in which labels were found.
        let numbers: [Int32]
    }

    private let columns: [String]
    private let task: LabelKind?
    /// Which label each row of each file has; of several columns, the first that is 1.
    private(set) var rows: [[Int32]] = []
    private var indices: [String: Int32] = [:]
    private var labels: [(text: String, number: Int?, path: String, line: Int)] = []
    /// Of several columns: whether each row so far has exactly one 1.
    private var isOneHot = true

    private static let mostClasses = 10_000

    init(_ table: CSVImport) {
        columns = table.labels
        task = table.task
    }

    /// Whether rows may have several labels.
    var isMultiLabel: Bool { columns.count > 1 && (task == .multilabel || !isOneHot) }

    mutating func begin() { rows.append([]) }

    mutating func look(at reader: borrowing CSVReader, _ places: [Int]) throws(TableError) {
        guard places.count == 1 else { return try lookAtSeveral(reader, places) }
        let place = places[0], range = reader.fields[place]
        guard !CSVNumber.isMissing(reader.text, range) else {
            throw reader.error(
                column: columns[0], expected: "a class",
                found: range.isEmpty ? "nothing" : quoted(try reader.string(place)),
                "Remove lines without a label, or import them without: predict and --unlabeled need none.")
        }
        var text = try reader.string(place), number: Int?
        if let value = CSVNumber.value(of: reader.text, range) {
            guard let whole = Int(exactly: value) else {
                throw reader.error(
                    column: columns[0], expected: "a class", found: quoted(text),
                    "Classes are text or whole numbers; is it the right column?")
            }
            (text, number) = ("\(whole)", whole)
        }
        var index = indices[text]
        if index == nil {
            guard labels.count < Self.mostClasses, text.utf8.count <= 256 else {
                throw reader.error(
                    column: columns[0], expected: "at most \(Self.mostClasses) classes of 256 bytes", found: "more",
                    "Is it the column of the class?")
            }
            index = Int32(labels.count)
            indices[text] = index
            labels.append((text, number, reader.path, reader.line))
        }
        rows[rows.count - 1].append(index ?? 0)
    }

    private mutating func lookAtSeveral(_ reader: borrowing CSVReader, _ places: [Int]) throws(TableError) {
        var first: Int32?, count = 0
        for (index, place) in places.enumerated() where try Self.isOne(reader, place, columns[index]) {
            first = first ?? Int32(index)
            count += 1
        }
        if count != 1 {
            guard task != .multiclass else {
                throw reader.error(
                    column: nil, expected: "one 1 in the label columns, as the task is multiclass", found: "\(count)",
                    "Correct the line, or leave --task out.")
            }
            isOneHot = false
        }
        rows[rows.count - 1].append(first ?? 0)
    }

    /// Whether a field of one of several label columns is 1 and not 0.
    static func isOne(_ reader: borrowing CSVReader, _ place: Int, _ column: String) throws(TableError) -> Bool {
        if let value = CSVNumber.value(of: reader.text, reader.fields[place]), value == 0 || value == 1 {
            return value == 1
        }
        let text = try reader.string(place)
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default:
            throw reader.error(
                column: column, expected: "0 or 1, as there are several label columns",
                found: text.isEmpty ? "nothing" : quoted(text),
                "Name the one column of the class, or correct the value.")
        }
    }

    /// Numbers the classes: given ones in their order, whole numbers as they are or in their order, texts in theirs.
    func classes(_ table: CSVImport) throws(TableError) -> Classes {
        let path = table.files[0]
        guard columns.count == 1 else {
            if let given = table.givenClasses, given.count != columns.count {
                throw TableError(
                    path, expected: "\(columns.count) names of classes, one for each label column",
                    found: "\(given.count)", "Leave --class-names out to take the names of the columns.")
            }
            return Classes(
                names: table.givenClasses ?? columns, count: columns.count, numbers: columns.indices.map { Int32($0) })
        }
        let rowCount = rows.reduce(0) { $0 + $1.count }
        if rowCount >= 20, 2 * labels.count > rowCount {
            throw TableError(
                path, column: columns[0], expected: "classes with several examples each",
                found: "\(labels.count) classes of \(rowCount) examples", "Is it the column of the class?")
        }
        let numbers = labels.compactMap(\.number), areNumbers = numbers.count == labels.count
        if let given = table.givenClasses { return try classes(named: given, areNumbers ? numbers : nil) }
        if areNumbers, let most = numbers.max(), numbers.min() == 0, most < 2 * numbers.count {
            return Classes(names: nil, count: most + 1, numbers: numbers.map { Int32($0) })
        }
        let order = labels.indices.sorted {
            areNumbers ? numbers[$0] < numbers[$1] : labels[$0].text < labels[$1].text
        }
        return Classes(names: order.map { labels[$0].text }, count: order.count, numbers: Self.inverse(order))
    }

    private func classes(named given: [String], _ numbers: [Int]?) throws(TableError) -> Classes {
        let places = Dictionary(given.enumerated().map { ($1, $0) }) { first, _ in first }
        let byName = labels.compactMap { places[$0.text].map { Int32($0) } }
        if byName.count == labels.count { return Classes(names: given, count: given.count, numbers: byName) }
        if let numbers {
            if numbers.allSatisfy({ given.indices.contains($0) }) {
                return Classes(names: given, count: given.count, numbers: numbers.map { Int32($0) })
            }
            if numbers.count == given.count {
                let order = numbers.indices.sorted { numbers[$0] < numbers[$1] }
                return Classes(names: given, count: given.count, numbers: Self.inverse(order))
            }
        }
        let other = labels.first { places[$0.text] == nil } ?? labels[0]
        throw TableError(
            other.path, line: other.line, column: columns[0],
            expected: "a class of --class-names, \(quoted(given))", found: quoted(other.text),
            "Name every class, or leave --class-names out.")
    }

    private static func inverse(_ order: [Int]) -> [Int32] {
        var numbers = [Int32](repeating: 0, count: order.count)
        for (number, index) in order.enumerated() { numbers[index] = Int32(number) }
        return numbers
    }
}
