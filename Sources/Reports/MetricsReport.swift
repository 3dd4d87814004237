import ModelFiles
import Models
import Tensors

/// The keys that every command's JSON has for metrics.
func members(_ metrics: NamedMetrics) -> [JSON.Object.Member] { metrics.map { .init($0.name, .number($0.value)) } }

/// The keys that every command's JSON has for the size of a model; none where there is no model.
func sizeMembers(_ parameters: Int?, _ bytes: ByteCount?) -> [JSON.Object.Member] {
    (parameters.map { [.init("parameters", .integer($0))] } ?? [])
        + (bytes.map { [.init("bytes", .integer($0.bytes))] } ?? [])
}

/// The columns that every table has for metrics.
func columns(_ metrics: NamedMetrics) -> [TextTable.Column] { metrics.map { .init(title($0.name)) } }

func cells(_ metrics: NamedMetrics) -> [String] { metrics.map { fixed($0.value, digits: 4) } }

/// A metric in people's words, where they differ from JSON's.
func title(_ name: String) -> String {
    switch name {
    case "gap_at_20": "GAP@20"
    case "map": "mAP"
    case "hit_at_1": "Hit@1"
    case "perr": "PERR"
    default: name
    }
}
