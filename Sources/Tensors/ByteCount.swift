/// A number of bytes that reads and prints the way people write file sizes.
///
/// `GB` is 10⁹ bytes and `GiB` is 2³⁰, and so for the other units; `1.5MB` is 1,500,000.
public struct ByteCount: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public let bytes: Int

    public init(_ bytes: Int) { self.bytes = bytes }

    private static let units: [(suffix: String, size: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ]

    /// Reads `256KB`, `1 GiB`, `1.5MB` or a bare number of bytes; nil for anything else, zero and negative included.
    public init?(_ text: String) {
        let unit = Self.units.first { text.hasSuffix($0.suffix) }
        let number = text.dropLast(unit?.suffix.count ?? 0).filter { $0 != "_" && $0 != " " }
        guard !number.isEmpty, number.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let value = Double(number)
        else { return nil }
        let bytes = (value * Double(unit?.size ?? 1)).rounded(.down)
        guard bytes >= 1, bytes < 9e18 else { return nil }
        self.bytes = Int(bytes)
    }

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

/// An integer with a comma between groups of three digits.
public func grouped(_ number: Int) -> String {
    var digits = String(abs(number))[...]
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
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = Int((abs(value) * scale).rounded())
    let whole = scaled / Int(scale), rest = scaled % Int(scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let fraction = String(rest)
    return "\(sign)\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
}
