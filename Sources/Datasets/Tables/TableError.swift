/// What is wrong with a table of text, in which line and column, and what to do.
public struct TableError: Error, Hashable, CustomStringConvertible {
    public let path: String
    /// The line, from 1 on; nil if it is the whole file.
    public let line: Int?
    /// The name of the column, or its number; nil if it is the whole line.
    public let column: String?
    public let expected: String
    public let found: String
    public let advice: String

    init(
        _ path: String, line: Int? = nil, column: String? = nil, expected: String, found: String, _ advice: String
    ) {
        (self.path, self.line, self.column) = (path, line, column)
        (self.expected, self.found, self.advice) = (expected, found, advice)
    }

    public var description: String {
        let line = line.map { ", line \($0)" } ?? "", column = column.map { ", column \(quoted($0))" } ?? ""
        return "'\(path)'\(line)\(column): expected \(expected), found \(found). \(advice)"
    }
}

/// A text from a file in quotes, with a limit.
func quoted(_ text: String) -> String { "'\(text.count > 40 ? text.prefix(40) + "…" : text)'" }

/// Some texts from a file, with a limit.
func quoted(_ texts: [String], limit: Int = 8) -> String {
    let shown = texts.prefix(limit).map { quoted($0) }.joined(separator: ", ")
    return texts.count > limit ? "\(shown) and \(texts.count - limit) more" : shown
}
