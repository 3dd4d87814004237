/// A table of text in columns, for people to read in a terminal.
///
///     model          parameters       bytes  accuracy
///     teachers/a.h5     101,770     430,040    0.9812
///     ───────────────────────────────────────────────
///     ensemble                    1,290,120    0.9874
public struct TextTable: Sendable {
    public enum Alignment: Sendable { case left, right }

    public struct Column: Sendable {
        public let title: String
        public let alignment: Alignment
        /// Whether cells may lose their beginnings where the table is too wide, as paths may.
        public let isPath: Bool

        public init(_ title: String, _ alignment: Alignment = .right) {
            self.title = title
            self.alignment = alignment
            isPath = false
        }

        private init(path title: String) {
            self.title = title
            alignment = .left
            isPath = true
        }

        /// A column of paths.
        public static func path(_ title: String) -> Column { Column(path: title) }
    }

    private enum Line: Sendable {
        case cells([String])
        case rule
    }

    private let columns: [Column]
    private var lines: [Line] = []

    public init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row; cells that are missing stay empty.
    public mutating func add(_ cells: [String]) {
        precondition(cells.count <= columns.count, "\(cells.count) cells in \(columns.count) columns")
        let shown = cells.map { cell in
            let text = cell.withoutControlCharacters
            return text.count > Self.longestCell ? text.prefix(Self.longestCell - 1) + "…" : text
        }
        lines.append(.cells(shown + repeatElement("", count: columns.count - cells.count)))
    }

    /// The most characters of a cell: names of layers and files can have any number.
    private static let longestCell = 200

    /// Adds a line between rows.
    public mutating func addRule() { lines.append(.rule) }

    /// The text, with a line break after every line.
    ///
    /// Columns in which nothing is written are left out.
    ///
    /// - Parameter width: The columns of the terminal; nil for none, and so no limit.
    public func text(width: Int? = nil) -> String {
        let rows = lines.compactMap { if case .cells(let cells) = $0 { cells } else { nil } }
        let shown = columns.indices.filter { column in rows.isEmpty || rows.contains { !$0[column].isEmpty } }
        var widths = shown.map { column in
            rows.reduce(columns[column].title.count) { max($0, $1[column].count) }
        }
        let excess = widths.reduce(0, +) + 2 * max(widths.count - 1, 0) - (width ?? .max)
        if excess > 0, let path = shown.firstIndex(where: { columns[$0].isPath }) {
            widths[path] = max(widths[path] - excess, min(widths[path], 12))
        }
        let rule = String(repeating: "─", count: widths.reduce(0, +) + 2 * max(widths.count - 1, 0))
        func line(_ cells: [String]) -> String {
            let padded = zip(shown, widths).map { pad(cells[$0], to: $1, columns[$0].alignment) }
            return padded.joined(separator: "  ").trimmingSpaceAtEnd
        }
        let body = lines.map { if case .cells(let cells) = $0 { line(cells) } else { rule } }
        return ([line(columns.map(\.title)), rule] + body).map { $0 + "\n" }.joined()
    }

    private func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
        let text = text.count > width ? "…" + text.suffix(width - 1) : text
        let space = String(repeating: " ", count: width - text.count)
        return alignment == .left ? text + space : space + text
    }
}

extension String {
    fileprivate var trimmingSpaceAtEnd: String {
        guard let last = lastIndex(where: { $0 != " " }) else { return "" }
        return String(self[...last])
    }
}
