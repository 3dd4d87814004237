import Foundation

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
    @discardableResult
    func write(_ text: String) -> Bool {
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
enum Style: Int {
    case bold = 1, dim = 2, red = 31, green = 32, cyan = 36
}

extension String {
    /// The text in a style, if the terminal has any.
    func styled(_ style: Style, on terminal: Terminal) -> String {
        terminal.hasColor ? "\u{1B}[\(style.rawValue)m\(self)\u{1B}[0m" : self
    }
}
