/// A number of bytes that reads and prints the way people write file sizes.
///
/// `GB` is 10⁹ bytes and `GiB` is 2³⁰, and so for the other units; `1.5MB` is 1,500,000. Units may be in lower case
/// (`100mb`) and without the B (`25M`, `25Mi`).
public struct ByteCount: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public let bytes: Int

    public init(_ bytes: Int) { self.bytes = bytes }

    /// The factors of units in lower case, without the B.
    private static let factors: [String: Int] = [
        "": 1, "k": 1000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000,
        "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
    ]

    /// Reads `256KB`, `1 GiB`, `1.5mb`, `25M` or a bare number of bytes.
    ///
    /// - Throws: `ByteCountError` for anything else: zero, negative numbers, and `Mb`, which stands for megabits.
    public init(reading text: String) throws(ByteCountError) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || ".,_ ".contains($0)) }
        let unit = text.dropFirst(number.count), digits = number.filter { $0 != "_" && $0 != " " }
        let name = unit.lowercased(), factor = Self.factors[name.hasSuffix("b") ? String(name.dropLast()) : name]
        guard let factor, !digits.isEmpty else { throw ByteCountError(text) }
        guard !digits.contains(",") else {
            throw ByteCountError(
                description: "expected a size with a point and no commas, such as 1.5GB, found '\(text)'")
        }
        if unit.count > 1, unit.first?.isUppercase == true, unit.last == "b" {
            throw ByteCountError(
                description:
                    "expected a size in bytes, such as \(digits)\(unit.dropLast())B, found '\(text)', which is in bits")
        }
        guard let value = Double(digits) else { throw ByteCountError(text) }
        let bytes = (value * Double(factor)).rounded(.down)
        guard bytes >= 1, bytes < 9e18 else { throw ByteCountError(text) }
        self.bytes = Int(bytes)
    }

    /// The same; nil for what is no size.
    public init?(_ text: String) { try? self.init(reading: text) }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    /// Every digit, in groups: `1,048,576 bytes`.
    public var description: String { bytes == 1 ? "1 byte" : "\(grouped(bytes)) bytes" }

    /// Three significant digits in decimal units: `1.05 MB`.
    public var short: String {
        let units: [(String, Double)] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
        guard let (name, size) = units.first(where: { Double(abs(bytes)) >= $0.1 * 0.9995 }) else {
            return "\(bytes) B"
        }
        let value = Double(bytes) / size
        let digits = abs(value) < 9.995 ? 2 : abs(value) < 99.95 ? 1 : 0
        return "\(fixed(value, digits: digits)) \(name)"
    }
}

/// A text that is no size, with what was expected.
public struct ByteCountError: Error, CustomStringConvertible {
    public let description: String

    init(description: String) { self.description = description }

    init(_ text: String) {
        description = "expected a size such as 250kB, 1GB (10⁹ bytes) or 1GiB (2³⁰ bytes), found '\(text)'"
    }
}

/// An integer with a comma between groups of three digits.
public func grouped(_ number: Int) -> String {
    var digits = String(number.magnitude)[...]
    var groups: [Substring] = []
    while digits.count > 3 {
        groups.insert(digits.suffix(3), at: 0)
        digits = digits.dropLast(3)
    }
    groups.insert(digits, at: 0)
    return (number < 0 ? "-" : "") + groups.joined(separator: ",")
}

/// A number with exactly `digits` digits behind the point, rounded half away from zero.
public func fixed(_ value: Double, digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    guard value.isFinite, abs(value) < 1e15, abs(value) * scale < 9e18 else { return "\(value)" }
    let scaled = Int((abs(value) * scale).rounded())
    let whole = scaled / Int(scale), rest = scaled % Int(scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let fraction = String(rest)
    return "\(sign)\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
}
