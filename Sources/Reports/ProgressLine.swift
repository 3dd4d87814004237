import Tensors

/// How far a phase of work is, as one line of text.
public struct ProgressLine: Sendable {
    public var phase: String
    public var done: Int
    public var total: Int
    /// What is counted, such as `examples`.
    public var unit: String
    public var seconds: Double
    /// What else is worth knowing, such as the loss.
    public var note: String

    public init(phase: String, done: Int, total: Int, unit: String, seconds: Double, note: String = "") {
        self.phase = phase
        self.done = done
        self.total = total
        self.unit = unit
        self.seconds = seconds
        self.note = note
    }

    public var share: Double { total > 0 ? min(max(Double(done) / Double(total), 0), 1) : 0 }

    public var rate: Double { seconds > 0 ? Double(done) / seconds : 0 }

    /// The seconds that are left, if it goes on like this.
    public var remaining: Double? { rate > 0 ? Double(max(total - done, 0)) / rate : nil }

    private func numbers(namingUnit: Bool = true) -> [String] {
        let rate = rate >= 10 ? grouped(Int(rate)) : fixed(rate, digits: 1)
        return ["\(rate)\(namingUnit ? " \(unit)" : "")/s", "ETA " + (remaining.map(duration) ?? "–"), note].filter {
            !$0.isEmpty
        }
    }

    private var percent: String {
        let percent = String(Int(share * 100))
        return String(repeating: " ", count: 3 - percent.count) + percent + " %"
    }

    /// A line for a terminal, of at most `width` columns: name, bar, percent, rate, time left, note.
    ///
    /// Where room is short the name of the unit goes first, then the bar, then what stands last.
    ///
    /// - Parameter paint: Gives the bar a color.
    public func text(width: Int, hasBlocks: Bool = true, paint: (String) -> String = { $0 }) -> String {
        func length(_ parts: [String]) -> Int { phase.count + parts.reduce(0) { $0 + 2 + $1.count } }
        var parts = [percent] + numbers()
        if width - length(parts) - 4 < Self.shortestBar { parts = [percent] + numbers(namingUnit: false) }
        while length(parts) > width, parts.count > 1 { parts.removeLast() }
        let room = width - length(parts) - 4
        if room >= Self.shortestBar {
            return ([phase, paint(bar(min(room, 40), hasBlocks))] + parts).joined(separator: "  ")
        }
        return String(([phase] + parts).joined(separator: "  ").prefix(width))
    }

    private static let shortestBar = 8

    private func bar(_ width: Int, _ hasBlocks: Bool) -> String {
        guard hasBlocks else {
            let filled = Int(share * Double(width))
            return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]"
        }
        let eighths = Int(share * Double(width) * 8), blocks = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        let filled = String(repeating: "█", count: eighths / 8) + blocks[eighths % 8]
        return "▕" + filled + String(repeating: " ", count: width - filled.count) + "▏"
    }

    /// A line for a log, while the phase goes on.
    public var plain: String { ([phase + ":" + percent.drop { $0 == " " }.spaced] + numbers()).joined(separator: ", ") }

    /// A line for when the phase is over.
    public var summary: String {
        let rate = rate >= 10 ? grouped(Int(rate)) : fixed(rate, digits: 1)
        let text = "\(phase): \(grouped(done)) \(unit) in \(duration(seconds)) (\(rate)/s)"
        return note.isEmpty ? text : "\(text), \(note)"
    }
}

extension Substring {
    fileprivate var spaced: String { " \(self)" }
}

/// Seconds as people write them: `0.4 s`, `12 s`, `3:07`, `1:02:45`.
public func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "–" }
    if seconds < 9.95 { return "\(fixed(max(seconds, 0), digits: 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
}
