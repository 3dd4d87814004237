extension JSON {
    /// The names of classes in the order of their indices, in one of the ways in which people write them down: a list of
    /// names, or an object from names to indices (Keras's `class_indices`) or from indices to names; nil for anything
    /// else.
    public var classNames: [String]? {
        if let array {
            let names = array.compactMap(\.string)
            return names.count == array.count && !names.isEmpty ? names : nil
        }
        guard let object, !object.members.isEmpty else { return nil }
        let pairs = object.members.compactMap { member -> (Int, String)? in
            if let index = member.value.integer { return (index, member.key) }
            guard let index = Int(member.key), let name = member.value.string else { return nil }
            return (index, name)
        }
        return pairs.count == object.members.count ? inOrder(pairs) : nil
    }
}

/// Reads the text of a list of classes: JSON, or a name in each line, perhaps behind its index (`0 cat`, as Teachable
/// Machine writes `labels.txt`).
///
/// Indices are taken off where every line has one, and together they are the numbers from 0 on.
///
/// - Returns: The names in the order of their indices; empty for a text without names.
public func classNames(inText text: String) -> [String] {
    if let names = (try? JSON(parsing: text))?.classNames { return names }
    let lines = text.split(whereSeparator: \.isNewline).map { line in
        String(line.drop { $0 == "\u{FEFF}" || $0.isWhitespace }.trimmingSuffix(while: \.isWhitespace))
    }.filter { !$0.isEmpty }
    let pairs = lines.compactMap { line -> (Int, String)? in
        let digits = line.prefix { $0.isASCII && $0.isNumber }, rest = line.dropFirst(digits.count)
        let name = rest.drop { $0.isWhitespace || ":,;".contains($0) }
        guard let index = Int(digits), name.count < rest.count, !name.isEmpty else { return nil }
        return (index, String(name))
    }
    return pairs.count == lines.count ? inOrder(pairs) ?? lines : lines
}

/// The names by their indices, if these are the numbers from 0 on.
private func inOrder(_ pairs: [(index: Int, name: String)]) -> [String]? {
    let sorted = pairs.sorted { $0.index < $1.index }
    return sorted.map(\.index) == Array(sorted.indices) ? sorted.map(\.name) : nil
}

extension Substring {
    /// Without the last characters of a kind.
    fileprivate func trimmingSuffix(while isLast: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, isLast(last) { rest.removeLast() }
        return rest
    }
}
