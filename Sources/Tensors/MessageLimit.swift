extension String {
    /// The most that a message has.
    public static let messageLimit = 500
    private static let lineLimit = 10
    /// What is kept of a name, a path or a value where a message is too long.
    private static let quotedLimit = 60

    /// The text as a message of at most 500 characters and ten lines, however long the names and values are that it
    /// quotes: these are cut in the middle first, so that the message about them stays.
    ///
    /// - Parameter count: The most characters.
    public func limited(to count: Int = messageLimit) -> String {
        let lines = split(separator: "\n", omittingEmptySubsequences: false)
        guard self.count > count || lines.count > Self.lineLimit else { return self }
        if lines.count == 1 { return withShortQuotes.cut(to: count) }
        var kept: [String] = [], left = count - 20
        for (index, line) in lines.enumerated() {
            let line = String(line).limited(to: min(count * 3 / 5, max(left, 0)))
            guard index < Self.lineLimit - 1, line.count <= left, !line.isEmpty || lines[index].isEmpty else { break }
            kept.append(line)
            left -= line.count + 1
        }
        let more = lines.count - kept.count
        return kept.joined(separator: "\n") + (more > 0 ? "\nand \(more) more" : "")
    }

    /// The text with everything in single quotes, and every word, cut to what a reader takes in.
    private var withShortQuotes: String {
        split(separator: "'", omittingEmptySubsequences: false)
            .map { part in
                part.split(separator: " ", omittingEmptySubsequences: false)
                    .map { String($0).cut(to: Self.quotedLimit) }.joined(separator: " ")
            }
            .enumerated().map { index, part in
                // Every second part is in quotes, unless an apostrophe stands alone.
                index % 2 == 1 && part.count > Self.quotedLimit && !part.contains(": ")
                    ? part.cut(to: Self.quotedLimit) : part
            }
            .joined(separator: "'")
    }

    /// The text without its middle, if it is longer.
    private func cut(to count: Int) -> String {
        guard self.count > count else { return self }
        guard count > 4 else { return String(prefix(max(count, 0))) }
        let end = (count - 1) * 2 / 5
        return prefix(count - 1 - end) + "…" + suffix(end)
    }
}
