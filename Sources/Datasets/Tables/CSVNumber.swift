/// Numbers as text: `-12`, `3.5`, `.5`, `1e-3`.
enum CSVNumber {
    /// The powers of ten that a `Double` has exactly.
    private static let powers: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }
    private static let exactDigits = 15

    /// - Returns: nil if the text is no number in decimal digits.
    static func value(of text: [UInt8], _ range: Range<Int>) -> Double? {
        var place = range.lowerBound
        let end = range.upperBound
        var mantissa = 0, digits = 0, exponent = 0, count = 0, isNegative = false
        func digit() -> Int? {
            guard place < end, text[place] &- 48 < 10 else { return nil }
            return Int(text[place] &- 48)
        }
        if place < end, text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "+") {
            isNegative = text[place] == UInt8(ascii: "-")
            place += 1
        }
        func take(_ value: Int) {
            count += 1
            if digits > 0 || value > 0 { digits += 1 }
            if digits <= exactDigits { mantissa = mantissa * 10 + value }
            place += 1
        }
        while let value = digit() { take(value) }
        if place < end, text[place] == UInt8(ascii: ".") {
            place += 1
            while let value = digit() {
                take(value)
                exponent -= 1
            }
        }
        guard count > 0 else { return nil }
        if place < end, text[place] | 0x20 == UInt8(ascii: "e") {
            place += 1
            var sign = 1, power = 0, powerDigits = 0
            if place < end, text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "+") {
                sign = text[place] == UInt8(ascii: "-") ? -1 : 1
                place += 1
            }
            while let value = digit() {
                power = min(power * 10 + value, 100_000)
                powerDigits += 1
                place += 1
            }
            guard powerDigits > 0 else { return nil }
            exponent += sign * power
        }
        guard place == end else { return nil }
        // Both factors are exact, so that the result is the nearest number (Clinger 1990).
        if digits <= exactDigits, abs(exponent) < powers.count {
            let value = exponent < 0 ? Double(mantissa) / powers[-exponent] : Double(mantissa) * powers[exponent]
            return isNegative ? -value : value
        }
        return Double(String(decoding: text[range], as: UTF8.self))
    }

    /// What stands for a value that is missing.
    private static let missing: Set<String> = ["na", "n/a", "#n/a", "<na>", "nan", "null", "?"]

    static func isMissing(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        return range.count <= 4 && missing.contains(String(decoding: text[range], as: UTF8.self).lowercased())
    }
}
