/// Breaks a text between words into lines of at most `width` columns; lines after the first are indented.
///
/// - Parameter width: nil for no limit.
public func wrapped(_ text: String, width: Int?, indentation: Int = 0) -> String {
    let indent = String(repeating: " ", count: indentation)
    let paragraphs = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let width else { return paragraphs.joined(separator: "\n" + indent) }
    var lines: [String] = []
    for paragraph in paragraphs {
        var line = lines.isEmpty ? "" : indent, isEmpty = true
        for word in paragraph.split(separator: " ", omittingEmptySubsequences: false) {
            if !isEmpty && line.count + 1 + word.count > width {
                lines.append(line)
                (line, isEmpty) = (indent, true)
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        lines.append(line)
    }
    return lines.joined(separator: "\n")
}

extension String {
    /// Without what would move a terminal's cursor, change its colors or turn the direction of writing; for words that come
    /// from files of others.
    public var withoutControlCharacters: String {
        String(String.UnicodeScalarView(unicodeScalars.filter { !$0.isControl }))
    }
}

extension Unicode.Scalar {
    /// Whether it does something to a terminal, or to the order of letters, and is no letter itself.
    public var isControl: Bool {
        switch value {
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: properties.generalCategory == .control
        }
    }
}
