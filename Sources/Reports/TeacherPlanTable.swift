public import Models
import Tensors

/// How teachers will be asked and how their answers will be read, as a table, with what should be known of it below.
///
///     teacher  parameters     size  fed with                        answers        classes
///     ──────────────────────────────────────────────────────────────────────────────────────
///     conv.h5     279,338  1.19 MB  x (28, 28, 1)                   softmax of 10  by name
///     vgg.h5    1,386,734  5.55 MB  x (28, 28, 1) channels:0-0-0    logits of 10   reordered
///                                     resize:32x32 → (32, 32, 3)
///
/// - Parameter width: The columns of the terminal; nil for no limit.
public func planText(_ plans: [TeacherPlan], width: Int? = nil) -> String {
    let whole = PlanTable(plans, feedWidth: nil)
    let narrow = width.flatMap { $0 < whole.width ? PlanTable(plans, feedWidth: whole.feedWidth(within: $0)) : nil }
    let table = narrow ?? whole
    var notes: [String] = []
    for note in plans.flatMap(\.notes) where !notes.contains(note) { notes.append(note) }
    return "\n" + table.text(width) + notes.map { wrapped($0, width: width, indentation: 2) + "\n" }.joined() + "\n"
}

private struct PlanTable {
    private static let titles = ["teacher", "parameters", "size", "fed with", "output", "classes"]
    private static let feedColumn = 3
    /// The widths that paths and feeds keep where room is short.
    private static let leastPath = 14, leastFeed = 18

    private let rows: [[String]]

    init(_ plans: [TeacherPlan], feedWidth: Int?) {
        rows = plans.flatMap { plan in
            let feeds = plan.feeds.flatMap { Self.lines($0, isNamed: plan.feeds.count > 1, feedWidth) }
            return feeds.enumerated().map { index, feed in
                index == 0
                    ? [
                        plan.path, plan.parameters.map(grouped) ?? "", plan.bytes?.short ?? "", feed, plan.output,
                        plan.classes.description,
                    ] : ["", "", "", feed]
            }
        }
    }

    private var widths: [Int] {
        Self.titles.indices.map { column in
            rows.reduce(Self.titles[column].count) { max($0, $1.indices.contains(column) ? $1[column].count : 0) }
        }
    }

    /// The columns of the whole table.
    var width: Int { widths.reduce(0, +) + 2 * (widths.count - 1) }

    /// The columns that are left for feeds.
    func feedWidth(within width: Int) -> Int {
        let path = min(widths[0], Self.leastPath), feed = widths[Self.feedColumn]
        return max(width - (self.width - widths[0] + path - feed), Self.leastFeed)
    }

    func text(_ width: Int?) -> String {
        var table = TextTable([
            .path("teacher"), .init("parameters"), .init("size"), .init("fed with", .left), .init("output", .left),
            .init("classes", .left),
        ])
        for row in rows { table.add(row) }
        return table.text(width: width)
    }

    /// What is read, what is done to it and what it becomes, in lines of some width; those after the first are indented.
    private static func lines(_ feed: TeacherPlan.Feed, isNamed: Bool, _ width: Int?) -> [String] {
        let name = isNamed ? "\(feed.input): " : ""
        let becomes = feed.read == feed.taken ? [] : ["→ \(feed.taken)"]
        let words = ["\(name)\(feed.source)", "\(feed.read)"] + feed.steps.map(\.description) + becomes
        var lines: [String] = []
        for word in words {
            // One number for each channel may be more than a line holds.
            let pieces = 2 + word.count <= width ?? .max ? [word] : cut(word)
            for (index, piece) in pieces.enumerated() {
                let space = index == 0 ? " " : ""
                if let last = lines.last, last.count + space.count + piece.count <= width ?? .max {
                    lines[lines.count - 1] += space + piece
                } else {
                    lines.append((lines.isEmpty ? "" : "  ") + piece)
                }
            }
        }
        return lines
    }

    /// The pieces of a word that end in a slash.
    private static func cut(_ word: String) -> [String] {
        let parts = word.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast().map { $0 + "/" } + [String(parts[parts.count - 1])]
    }
}
