/// A piece of HTML or SVG.
///
/// Whatever is put into one is text, and escaped, unless it is markup itself: names in models and data come from files of others.
///
///     let cell: Markup = "<td>\(name)</td>"
struct Markup: ExpressibleByStringInterpolation {
    var html = ""

    init() {}
    init(stringLiteral value: String) { html = value }
    init(stringInterpolation: Interpolation) { html = stringInterpolation.html }

    struct Interpolation: StringInterpolationProtocol {
        var html = ""

        init(literalCapacity: Int, interpolationCount: Int) { html.reserveCapacity(literalCapacity) }
        mutating func appendLiteral(_ literal: String) { html += literal }
        mutating func appendInterpolation(_ markup: Markup) { html += markup.html }
        mutating func appendInterpolation(_ markup: [Markup]) { for one in markup { html += one.html } }
        mutating func appendInterpolation(_ markup: Markup?) { if let markup { html += markup.html } }
        mutating func appendInterpolation(_ text: String) { html += Markup.escaped(text) }
        mutating func appendInterpolation(_ number: Int) { html += "\(number)" }
        /// A length or a place in a drawing.
        mutating func appendInterpolation(_ number: Double) { html += Markup.coordinate(number) }
    }

    /// Markup that stands there only sometimes.
    static func only(_ isShown: Bool, _ markup: @autoclosure () -> Markup) -> Markup { isShown ? markup() : "" }

    static func += (left: inout Markup, right: Markup) { left.html += right.html }

    /// Text as it stands between tags and in attributes.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars where !scalar.isControl || scalar == "\n" {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A share from 0 to 1, as styles have it.
    static func decimal(_ number: Double) -> String {
        "\((number > 0 ? min(number, 1) * 1000 : 0).rounded() / 1000)"
    }

    /// A tenth of a unit is finer than a screen; numbers that are none are at 0.
    private static func coordinate(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e9 else { return "0" }
        let tenths = Int((number * 10).rounded()), whole = abs(tenths) / 10, rest = abs(tenths) % 10
        return (tenths < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
    }
}
