import Foundation
import Reports

/// What is at the other end of standard output or standard error.
struct Terminal {
    let descriptor: Int32
    let isTerminal: Bool
    private let environment: [String: String]

    static let output = Terminal(descriptor: 1)
    static let error = Terminal(descriptor: 2)

    init(descriptor: Int32) {
        environment = ProcessInfo.processInfo.environment
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
    }

    var hasColor: Bool { isTerminal && (environment["NO_COLOR"] ?? "").isEmpty }

    /// Whether bars may be drawn with block characters.
    var hasBlocks: Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return locale != "C" && locale != "POSIX"
    }

    /// The columns of the window.
    var width: Int {
        if let columns = environment["COLUMNS"].flatMap({ Int($0) }), columns > 0 { return columns }
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// The columns that text should keep to; nil where nobody looks at a window.
    var limit: Int? { isTerminal ? width : nil }

    /// Writes text; false if the other end is gone or full.
    ///
    /// Names in it come from files of others: what would move a cursor, change colors or turn the direction of writing is
    /// left out, and on a terminal a line ends after 2,000 characters.
    @discardableResult
    func write(_ text: String) -> Bool { send(clean(text)) }

    /// Writes text for programs, as it is unless someone looks at it.
    func write(data text: String) -> Bool { send(isTerminal ? clean(text) : text) }

    /// Draws a line in the place of the last one.
    func draw(_ line: String) { send("\r\(clean(line))\u{1B}[K") }

    /// Removes a line that was drawn.
    func clearLine() { send("\r\u{1B}[K") }

    private static let longestLine = 2_000

    private func clean(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let isLong = isTerminal && line.count > Self.longestLine
            var scalars = String.UnicodeScalarView()
            for scalar in (isLong ? line.prefix(Self.longestLine) + "…" : line).unicodeScalars {
                if let sequence = Style.sequence(of: scalar) {
                    if hasColor { scalars.append(contentsOf: sequence.unicodeScalars) }
                } else if !scalar.isControl {
                    scalars.append(scalar)
                }
            }
            return String(scalars)
        }
        return lines.joined(separator: "\n")
    }

    @discardableResult
    private func send(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }
}

/// The ways in which text stands out.
///
/// In text, a style is a character of private use (U+10FFD0 to U+10FFEF); only `Terminal` makes an
/// escape sequence of it, so that it can leave out all others.
enum Style: UInt32 {
    case bold = 1, dim = 2, red = 31, green = 32, cyan = 36

    private static let all: [Style] = [.bold, .dim, .red, .green, .cyan]
    private static let first: UInt32 = 0x10FFD0
    fileprivate static let end = "\u{10FFEF}"

    fileprivate var mark: String {
        let index = Self.all.firstIndex(of: self) ?? 0
        return Unicode.Scalar(Self.first + UInt32(index)).map { String(Character($0)) } ?? ""
    }

    /// What makes a terminal begin or end the style of a mark; nil for other characters.
    static func sequence(of scalar: Unicode.Scalar) -> String? {
        if String(Character(scalar)) == end { return "\u{1B}[0m" }
        guard scalar.value >= first, scalar.value < first + UInt32(all.count) else { return nil }
        return "\u{1B}[\(all[Int(scalar.value - first)].rawValue)m"
    }
}

extension String {
    /// The text in a style, if the terminal has any.
    func styled(_ style: Style, on terminal: Terminal) -> String {
        terminal.hasColor ? style.mark + self + Style.end : self
    }
}
