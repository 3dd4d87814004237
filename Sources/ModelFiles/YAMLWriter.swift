import Foundation

extension JSON {
    /// A YAML text that reads back as the same value: a line for each member and element, texts in quotes where they
    /// could be taken for something else.
    public var yaml: String {
        var text = ""
        writeLines(to: &text, indentation: "")
        return text
    }

    private func writeLines(to text: inout String, indentation: String) {
        switch self {
        case .object(let object) where !object.members.isEmpty:
            for member in object.members {
                let value = member.value
                let hasLines = value.array?.isEmpty == false || value.object?.members.isEmpty == false
                text += "\(indentation)\(Self.scalar(member.key)):\(hasLines ? "\n" : "")"
                value.writeLines(to: &text, indentation: hasLines ? indentation + "  " : " ")
            }
        case .array(let elements) where !elements.isEmpty:
            for element in elements {
                var lines = ""
                element.writeLines(to: &lines, indentation: indentation + "  ")
                text += "\(indentation)- \(lines.dropFirst(indentation.count + 2))"
            }
        case .string(let value): text += "\(indentation)\(Self.scalar(value))\n"
        case .number(let value) where !value.isFinite:
            text += indentation + (value.isNaN ? ".nan" : value > 0 ? ".inf" : "-.inf") + "\n"
        default: text += "\(indentation)\(self)\n"
        }
    }

    /// A text without quotes where everyone can see that it is one.
    private static func scalar(_ value: String) -> String {
        let signs = "0123456789/._-:,@+*=".unicodeScalars
        let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        let begins = value.unicodeScalars.first.map { $0.properties.isAlphabetic || $0 == "/" } ?? false
        let isPlain = value.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || signs.contains($0)
        }
        let isWord = words.contains(value.lowercased()) || Double(value) != nil || value.hasSuffix(":")
        return begins && isPlain && !isWord ? value : quoted(value)
    }

    /// In quotes, as JSON has it; what YAML would take for a line's end or refuse is a number in hexadecimal digits.
    private static func quoted(_ value: String) -> String {
        JSON.string(value).description.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned:
                text += String(format: "\\U%08X", scalar.value)
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
