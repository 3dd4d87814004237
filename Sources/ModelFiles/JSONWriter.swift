extension JSON: CustomStringConvertible {
    /// The shortest text, as Python would read it: with `NaN` and `Infinity` where numbers are not finite.
    public var description: String {
        var text = ""
        write(to: &text, nonFinite: nil, indentation: nil)
        return text
    }

    /// A text for people and programs: indented, and strict, so that numbers that are not finite become null.
    public var indented: String {
        var text = ""
        write(to: &text, nonFinite: "null", indentation: 0)
        return text
    }

    /// The shortest strict text: numbers that are not finite become null.
    public var compact: String {
        var text = ""
        write(to: &text, nonFinite: "null", indentation: nil)
        return text
    }

    private func write(to text: inout String, nonFinite: String?, indentation: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += Self.text(of: value, nonFinite: nonFinite)
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            // Lists of numbers, such as shapes, stay on one line.
            let isFlat = elements.allSatisfy { $0.array == nil && $0.object == nil }
            Self.writeList(elements, "[", "]", to: &text, indentation: isFlat ? nil : indentation) {
                $0.write(to: &$1, nonFinite: nonFinite, indentation: $2)
            }
        case .object(let object):
            Self.writeList(object.members, "{", "}", to: &text, indentation: indentation) { member, text, indentation in
                Self.write(member.key, to: &text)
                text += indentation == nil ? ":" : ": "
                member.value.write(to: &text, nonFinite: nonFinite, indentation: indentation)
            }
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String, indentation: Int?,
        write: (Element, inout String, Int?) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            text += index == 0 ? "" : ","
            if let indentation { text += "\n" + String(repeating: "  ", count: indentation + 1) }
            write(element, &text, indentation.map { $0 + 1 })
        }
        if let indentation, !elements.isEmpty { text += "\n" + String(repeating: "  ", count: indentation) }
        text += close
    }

    private static func text(of value: Double, nonFinite: String?) -> String {
        if value.isFinite { return "\(value)" }
        return nonFinite ?? (value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
