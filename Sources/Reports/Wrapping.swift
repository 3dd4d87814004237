/// Breaks a text between words into lines of at most `width` columns; lines after the first are indented.
///
/// A number stays with its unit, and products and tolerances stay whole.
///
/// - Parameter width: nil for no limit.
public func wrapped(_ text: String, width: Int?, indentation: Int = 0) -> String {
    let indent = String(repeating: " ", count: indentation)
    let paragraphs = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let width else { return paragraphs.joined(separator: "\n" + indent) }
    var lines: [String] = []
    for paragraph in paragraphs {
        var line = lines.isEmpty ? "" : indent, isEmpty = true
        for word in unbreakable(paragraph, atMost: (width - indentation) / 2) {
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

/// The words of a paragraph, and in one piece those that belong together, up to a length.
private func unbreakable(_ paragraph: Substring, atMost length: Int) -> [String] {
    var pieces: [String] = [], previous: Substring = ""
    for word in paragraph.split(separator: " ", omittingEmptySubsequences: false) {
        if let last = pieces.last, belong(previous, word), last.count + 1 + word.count <= length {
            pieces[pieces.count - 1] = "\(last) \(word)"
        } else {
            pieces.append(String(word))
        }
        previous = word
    }
    return pieces
}

/// Whether a line would better not end between two words.
private func belong(_ first: Substring, _ second: Substring) -> Bool {
    let joints: Set<Character> = ["±", "·", "‖"]
    let units: Set<Substring> = ["%", "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "ms", "s", "bytes", "points"]
    if let last = first.last, joints.contains(last) { return true }
    if let next = second.first, joints.contains(next) { return true }
    let unit = second.prefix { $0.isLetter || $0 == "%" }
    return first.last?.isNumber == true && units.contains(unit)
}

/// Breaks the lines of a text for a window of `width` columns. What goes on below stands under the last column of its line,
/// which two spaces or more, or a word and a colon, separate from what is before it.
public func wrappedLines(_ text: String, width: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        let begin = line.prefixMatch(of: /\ *(?:\S+(?: \S+)*  +|[a-z]+: )?/)?.output.count ?? 0
        return wrapped(String(line), width: width, indentation: begin < width - 10 ? begin : 0)
    }.joined(separator: "\n")
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
