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
        /// Which end of a cell is kept where the table is too wide; nil for columns that are never cut.
        fileprivate let keptEnd: Alignment?

        public init(_ title: String, _ alignment: Alignment = .right) {
            self.init(title, alignment, keptEnd: nil)
        }

        private init(_ title: String, _ alignment: Alignment, keptEnd: Alignment?) {
            self.title = title
            self.alignment = alignment
            self.keptEnd = keptEnd
        }

        /// A column of paths, which may lose their beginnings where the table is too wide.
        public static func path(_ title: String) -> Column { Column(title, .left, keptEnd: .right) }

        /// A column of words, which may lose their ends where the table is too wide.
        public static func words(_ title: String) -> Column { Column(title, .left, keptEnd: .left) }
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
    /// Columns in which nothing is written are left out. Where there is no room for all, titles take two lines, columns move
    /// together, paths and words are cut, and at last the columns that are left over stand in a table below, beside the first
    /// ones again.
    ///
    /// - Parameter width: The columns of the terminal; nil for none, and so no limit.
    public func text(width: Int? = nil) -> String {
        let rows = lines.compactMap { if case .cells(let cells) = $0 { cells } else { nil } }
        let shown = columns.indices.filter { column in rows.isEmpty || rows.contains { !$0[column].isEmpty } }
        let spread = Layout(shown, self, rows, breaksTitles: false, gap: 2)
        guard let width else { return text(spread) }
        let layouts = [
            spread, Layout(shown, self, rows, breaksTitles: true, gap: 2),
            Layout(shown, self, rows, breaksTitles: true, gap: 1),
        ]
        for least in [Int.max, Self.comfortable, Self.shortest] {
            for layout in layouts {
                if let layout = layout.shortened(to: width, least: least, self) { return text(layout) }
            }
        }
        return blocks(shown, rows, width: width).joined(separator: "\n")
    }

    /// To how many characters cells are cut: while other means are left, and at last.
    private static let comfortable = 20, shortest = 12

    /// Tables of as many columns as there is room for, each with the columns that say what a row is.
    private func blocks(_ shown: [Int], _ rows: [[String]], width: Int) -> [String] {
        let first = shown.firstIndex { columns[$0].keptEnd != nil } ?? 0
        let keyCount = first + max(shown[first...].prefix { columns[$0].keptEnd != nil }.count, 1)
        let key = shown.prefix(keyCount)
        func layout(_ others: [Int]) -> Layout {
            Layout(Array(key) + others, self, rows, breaksTitles: true, gap: 2)
        }
        func fits(_ others: [Int]) -> Bool { layout(others).shortened(to: width, least: Self.shortest, self) != nil }
        var blocks: [[Int]] = []
        for column in shown.dropFirst(keyCount) {
            if let last = blocks.last, fits(last + [column]) {
                blocks[blocks.count - 1].append(column)
            } else {
                blocks.append([column])
            }
        }
        return blocks.enumerated().map { index, others in
            let whole = layout(others)
            let fitted = whole.shortened(to: width, least: Self.shortest, self) ?? whole
            return text(fitted, needing: index == 0 ? [] : others)
        }
    }

    /// - Parameter needed: Columns of which a row must have some, or is left out; none for all rows.
    private func text(_ layout: Layout, needing needed: [Int] = []) -> String {
        let gap = String(repeating: " ", count: layout.gap)
        let rule = String(repeating: "─", count: layout.width)
        func line(_ cells: [String]) -> String {
            let padded = zip(layout.shown, zip(layout.widths, cells)).map { pad($1.1, to: $1.0, columns[$0]) }
            return padded.joined(separator: gap).trimmingSpaceAtEnd
        }
        let isSplit = layout.titles.contains { $0.count > 1 }
        var text = isSplit ? [line(layout.titles.map { $0.count > 1 ? $0[0] : "" })] : []
        text += [line(layout.titles.map { $0[$0.count - 1] }), rule]
        for item in lines {
            guard case .cells(let cells) = item else {
                if text.last != rule { text.append(rule) }
                continue
            }
            let isEmpty = !needed.isEmpty && needed.allSatisfy { cells[$0].isEmpty }
            if !isEmpty { text.append(line(layout.shown.map { cells[$0] })) }
        }
        return text.map { $0 + "\n" }.joined()
    }

    private func pad(_ text: String, to width: Int, _ column: Column) -> String {
        var text = text
        if text.count > width {
            let indent = text.prefix { $0 == " " }
            text =
                column.keptEnd == .left
                ? text.prefix(width - 1) + "…" : indent + "…" + text.suffix(max(width - 1 - indent.count, 0))
        }
        let space = String(repeating: " ", count: max(width - text.count, 0))
        return column.alignment == .left ? text + space : space + text
    }

    /// Which columns a table has, and how wide they are.
    private struct Layout {
        let shown: [Int]
        /// The lines of each title, one or two.
        let titles: [[String]]
        var widths: [Int]
        /// The spaces between columns.
        let gap: Int

        var width: Int { widths.reduce(0, +) + gap * max(widths.count - 1, 0) }

        init(_ shown: [Int], _ table: TextTable, _ rows: [[String]], breaksTitles: Bool, gap: Int) {
            let cells = shown.map { column in rows.reduce(0) { max($0, $1[column].count) } }
            let titles = zip(shown, cells).map { column, cells in
                let title = table.columns[column].title
                return breaksTitles && title.count > cells ? title.inTwoLines : [title]
            }
            self.shown = shown
            self.titles = titles
            self.gap = gap
            widths = zip(titles, cells).map { title, cells in title.reduce(cells) { max($0, $1.count) } }
        }

        /// The same with paths and words cut, the longest first, each to no fewer than `least` characters; nil if that is
        /// not enough.
        func shortened(to width: Int, least: Int, _ table: TextTable) -> Layout? {
            var layout = self
            let cut = shown.indices.filter { table.columns[shown[$0]].keptEnd != nil }
            while layout.width > width {
                guard let longest = cut.max(by: { layout.widths[$0] < layout.widths[$1] }),
                    layout.widths[longest] > max(least, titles[longest].reduce(0) { max($0, $1.count) })
                else { return nil }
                layout.widths[longest] -= 1
            }
            return layout
        }
    }
}

extension String {
    fileprivate var trimmingSpaceAtEnd: String {
        guard let last = lastIndex(where: { $0 != " " }) else { return "" }
        return String(self[...last])
    }

    /// A title in two lines, as narrow as it can be, broken at a space or behind a hyphen within it; or as it is.
    fileprivate var inTwoLines: [String] {
        let breaks = indices.dropFirst().filter { index in
            self[index] == " " || self[index] == "-" && self[self.index(before: index)].isLetter
        }
        let halves = breaks.map { index in
            let end = self[index] == " " ? index : self.index(after: index)
            return [String(self[..<end]), String(self[self.index(after: index)...])]
        }
        return halves.min { $0.map(\.count).max() ?? 0 < $1.map(\.count).max() ?? 0 } ?? [self]
    }
}
