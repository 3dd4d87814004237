import Zip

/// Elements of text as numpy stores them: `S`, bytes, or `U`, characters of four bytes, filled up with zeros.
struct NPYText: Hashable {
    /// How many bytes an element has.
    let byteCount: Int
    private let isWide: Bool
    private let isBigEndian: Bool

    private static let mostCharacters = 1024

    /// - Parameter description: Such as `<U10` or `|S5`; nil is returned for others.
    init?(_ description: String) {
        guard let order = description.first, "<>|=".contains(order), let kind = description.dropFirst().first,
            "US".contains(kind), let count = Int(description.dropFirst(2)), (1...Self.mostCharacters).contains(count)
        else { return nil }
        isWide = kind == "U"
        isBigEndian = order == ">"
        byteCount = isWide ? 4 * count : count
    }

    /// The text of an element; nil if its bytes are none.
    func string(_ bytes: [UInt8]) -> String? {
        guard isWide else {
            return String(validating: bytes.prefix(1 + (bytes.lastIndex { $0 != 0 } ?? -1)), as: UTF8.self)
        }
        var scalars = stride(from: 0, to: bytes.count, by: 4).map { start in
            let character = bytes[start..<(start + 4)]
            return (isBigEndian ? Array(character) : character.reversed()).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        while scalars.last == 0 { scalars.removeLast() }
        return String(validating: scalars, as: UTF32.self)
    }
}

extension NPYArray {
    /// The texts of all rows, some rows at a time, in C order. An array without axes is one row.
    func readTexts(_ text: NPYText, _ take: (Range<Int>, [String]) throws -> Void) throws {
        var rest: [UInt8] = []
        let place = place, rowByteCount = shape.count > 1 ? shape.dropFirst().reduce(1, *) : text.byteCount
        var first = 0
        // Without axes, a row of the bytes is one of them.
        try readAll(as: UInt8.self) { _, bytes in
            for index in bytes.indices { rest.append(bytes[index]) }
            let count = rest.count / rowByteCount
            guard count > 0 else { return }
            let texts = try stride(from: 0, to: count * rowByteCount, by: text.byteCount).map { start in
                guard let string = text.string(Array(rest[start..<(start + text.byteCount)])) else {
                    throw place.error(
                        expected: "text", found: "other bytes in row \(first + start / rowByteCount)",
                        "Save it as text.")
                }
                return string
            }
            try take(first..<(first + count), texts)
            first += count
            rest.removeFirst(count * rowByteCount)
        }
    }

    /// All elements of an array of text; nil for one of numbers.
    func texts() throws -> [String]? {
        guard let text else { return nil }
        var all: [String] = []
        try readTexts(text) { _, texts in all += texts }
        return all
    }
}

extension NPZImport {
    private static let mostClasses = 10_000

    /// The classes where labels are text, in the order of their texts, or of numbers as text; nil where labels are numbers.
    func textClasses(of splits: [NPZLayout.Split], in archive: borrowing ZipReader) throws -> [String]? {
        var found: Set<String> = [], hasNumbers = false
        for member in splits.compactMap(\.y) {
            let y = try NPYArray(member, in: archive, allowsText: true)
            guard let text = y.text else {
                hasNumbers = true
                continue
            }
            let place = y.place
            try y.readTexts(text) { rows, texts in
                if let row = texts.firstIndex(where: \.isEmpty) {
                    throw place.error(
                        expected: "the name of a class", found: "no text in row \(rows.lowerBound + row)",
                        "Remove examples without a label.")
                }
                found.formUnion(texts)
                guard found.count <= Self.mostClasses else {
                    throw place.error(
                        expected: "at most \(Self.mostClasses) classes", found: "more", "Are these the labels?")
                }
            }
        }
        guard !found.isEmpty, let first = splits.first?.y else { return nil }
        guard !hasNumbers else {
            throw NPYPlace(path: path, name: first.name).error(
                expected: "labels that are all text, or all numbers", found: "both", "All splits must be labeled alike."
            )
        }
        if let classNames {
            guard let other = found.subtracting(classNames).min() else { return classNames }
            throw NPYPlace(path: path, name: first.name).error(
                expected: "classes of --class-names", found: quoted(other), "Name every class.")
        }
        return found.allSatisfy { Int($0) != nil }
            ? found.sorted { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) } : found.sorted()
    }
}
