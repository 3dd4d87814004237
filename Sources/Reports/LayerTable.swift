public import ModelFiles
import Tensors

/// What can be done with every layer of Keras: a table for people, in a terminal or a page, and as JSON.
///
/// One mark for each question: `2, 3` are versions of Keras, `—` is no.
public struct LayerTable: Sendable {
    private static let titles = ["layer", "reads", "predicts", "trains", ".h5", ".keras", "students"]

    public init() {}

    private func cells(_ layer: LayerFacts) -> [String] {
        [
            layer.className, versions(layer.versions), "yes", layer.training.word, layer.hdf5.word, "yes",
            layer.suitsStudents ? "yes" : "—",
        ]
    }

    private func versions(_ versions: [Int]) -> String { versions.map(String.init).joined(separator: ", ") }
}

extension LayerFacts.Training {
    fileprivate var word: String {
        switch self {
        case .yes: "yes"
        case .identity: "identity"
        case .stops: "stops"
        case .no: "—"
        }
    }
}

extension LayerFacts.HDF5Spelling {
    fileprivate var word: String {
        switch self {
        case .loaded(let versions): versions.map(String.init).joined(separator: ", ")
        case .asRead: "as read"
        }
    }
}

// MARK: - In a terminal

extension LayerTable {
    /// The columns, in words.
    private static let legend: [(name: String, meaning: String)] = [
        ("reads", "the versions of Keras whose files are read"),
        ("predicts", "whether it computes what Keras computes"),
        (
            "trains",
            "whether gradients flow through it as in Keras; identity: numbers pass as they are; stops: its inputs get none"
        ),
        (
            ".h5",
            "the versions of Keras that load what is written, if they know the options; as read: the version of the file "
                + "that it was read from"
        ),
        (".keras", "whether it can be written to an archive for Keras 3"),
        ("students", "whether it may stand in an architecture file, or in a model that is trained"),
    ]

    /// - Parameter width: The columns of the terminal; nil for no limit.
    public func text(width: Int?) -> String {
        var table = TextTable(Self.titles.enumerated().map { .init($1, $0 == 0 ? .left : .right) })
        for (index, group) in LayerFacts.groups.enumerated() {
            if index > 0 { table.addRule() }
            for layer in group.layers { table.add(cells(layer)) }
        }
        var lines = Self.legend.map { ("\($0.name)", $0.meaning) }
        lines += LayerFacts.groups.flatMap(\.layers).filter { !$0.remark.isEmpty }.map {
            ($0.className, plain($0.remark))
        }
        lines += LayerFacts.groups.filter { !$0.note.isEmpty }.map { ($0.title, plain($0.note)) }
        let refusals = LayerFacts.refusals.map { ($0.classes.joined(separator: ", "), $0.advice) }
        func list(_ lines: [(name: String, text: String)]) -> String {
            lines.map { wrapped("\($0.name): \($0.text)", width: width, indentation: 2) + "\n" }.joined()
        }
        return table.text(width: width) + "\n" + list(lines) + "\nRefused by name:\n" + list(refusals)
    }

    private func plain(_ text: String) -> String { text.replacing("`", with: "") }
}

// MARK: - As a page

extension LayerTable {
    /// The page `Architectures/LAYERS.md`.
    public var markdown: String {
        var lines = [
            "# Layers of Keras", "",
            "What `compress layers` prints; `Tools/layer-table` writes this page from it.", "",
        ]
        lines += Self.legend.map { "- **\($0.name)**: \($0.meaning)" }
        for group in LayerFacts.groups {
            lines += ["", "## \(group.title)", ""]
            if !group.note.isEmpty { lines += [group.note, ""] }
            lines += [row(Self.titles + ["remarks"]), row(["---"] + Array(repeating: ":---:", count: 6) + ["---"])]
            lines += group.layers.map { layer in
                let cells = cells(layer)
                return row(["`\(cells[0])`"] + cells.dropFirst() + [layer.remark])
            }
        }
        lines += ["", "## Refused by name", "", row(["layers", "why, and what to do"]), row(["---", "---"])]
        lines += LayerFacts.refusals.map { refusal in
            row([refusal.classes.map { "`\($0)`" }.joined(separator: ", "), refusal.advice])
        }
        lines += [
            "",
            "A star stands for any letters. Every other class is refused as not supported, before anything runs, with "
                + "the name of the layer.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
}

// MARK: - For programs

extension LayerTable {
    public var json: JSON {
        let layers = LayerFacts.groups.flatMap { group in
            group.layers.map { layer -> JSON in
                [
                    "class": .string(layer.className), "group": .string(group.title),
                    "reads": .array(layer.versions.map { .integer($0) }), "predicts": true,
                    "trains": .string(layer.training.rawValue), "h5": hdf5(layer.hdf5), "keras": true,
                    "students": .bool(layer.suitsStudents), "remark": .string(layer.remark),
                ]
            }
        }
        let refusals = LayerFacts.refusals.map { refusal -> JSON in
            ["classes": .array(refusal.classes.map { .string($0) }), "advice": .string(refusal.advice)]
        }
        return ["layers": .array(layers), "refused": .array(refusals)]
    }

    private func hdf5(_ spelling: LayerFacts.HDF5Spelling) -> JSON {
        switch spelling {
        case .loaded(let versions): .array(versions.map { .integer($0) })
        case .asRead: "as read"
        }
    }
}
