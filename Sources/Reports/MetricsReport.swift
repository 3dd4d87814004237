public import ModelFiles
public import Training

extension Metrics {
    /// The keys that every command's JSON has for them.
    public var members: [JSON.Object.Member] { values.map { JSON.Object.Member($0.name, .number($0.value)) } }

    /// Their names as the titles of columns.
    var columns: [TextTable.Column] { values.map { TextTable.Column($0.title) } }

    var cells: [String] { values.map { $0.text } }
}

extension Metrics.Metric {
    /// In people's words, where they differ from JSON's.
    var title: String {
        switch name {
        case "gap_at_20": "GAP@20"
        case "map": "mAP"
        case "hit_at_1": "Hit@1"
        case "perr": "PERR"
        default: name
        }
    }

    var text: String { share(value) }
}
