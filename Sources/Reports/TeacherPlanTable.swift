public import Models
import Tensors

/// How teachers' inputs and outputs will be converted, as a table, with notes below.
///
///     teacher  parameters     size  input                           output         classes
///     ──────────────────────────────────────────────────────────────────────────────────────
///     conv.h5     279,338  1.19 MB  x (28, 28, 1)                   softmax of 10  by name
///     vgg.h5    1,386,734  5.55 MB  x (28, 28, 1) channels:0-0-0    logits of 10   reordered
///                                     resize:32x32 → (32, 32, 3)
///
/// - Parameter width: The columns of the terminal; nil for no limit.
public func planText(_ plans: [TeacherPlan], width: Int? = nil) -> String {
    let whole = PlanTable(plans, inputWidth: nil)
    let narrow = width.flatMap { $0 < whole.width ? PlanTable(plans, inputWidth: whole.inputWidth(within: $0)) : nil }
    let table = narrow ?? whole
    var notes: [String] = []
    for note in plans.flatMap(\.notes) where !notes.contains(note) { notes.append(note) }
    return "\n" + table.text(width) + notes.map { wrapped($0, width: width, indentation: 2) + "\n" }.joined() + "\n"
}

private struct PlanTable {
    private static let titles = ["teacher", "parameters", "size", "input", "output", "classes"]
    private static let inputColumn = 3
    /// The widths that paths and bindings keep where room is short.
    private static let leastPath = 14, leastInput = 18

    private let rows: [[String]]

    init(_ plans: [TeacherPlan], inputWidth: Int?) {
        rows = plans.flatMap { plan in
            let inputs = plan.bindings.flatMap { Self.lines($0, isNamed: plan.bindings.count > 1, inputWidth) }
            let bindings = plan.recorded.map { [$0] } ?? inputs
            return bindings.enumerated().map { index, binding in
                index == 0
                    ? [
                        plan.title, plan.parameters.map(grouped) ?? "—", plan.bytes?.short ?? "—", binding, plan.output,
                        plan.classes.description,
                    ] : ["", "", "", binding]
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

    /// The columns that are left for bindings.
    func inputWidth(within width: Int) -> Int {
        let path = min(widths[0], Self.leastPath), binding = widths[Self.inputColumn]
        return max(width - (self.width - widths[0] + path - binding), Self.leastInput)
    }

    func text(_ width: Int?) -> String {
        var table = TextTable([
            .path("teacher"), .init("parameters"), .init("size"), .init("input", .left), .init("output", .left),
            .init("classes", .left),
        ])
        for row in rows { table.add(row) }
        return table.text(width: width)
    }

    /// What is read, what is done to it and what it becomes, in lines of some width; those after the first are indented.
    private static func lines(_ binding: TeacherPlan.Binding, isNamed: Bool, _ width: Int?) -> [String] {
        let name = isNamed ? "\(binding.input): " : ""
        let becomes = binding.read == binding.taken ? [] : ["→ \(binding.taken)"]
        let words = ["\(name)\(binding.source)", "\(binding.read)"] + binding.steps.map(\.description) + becomes
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
