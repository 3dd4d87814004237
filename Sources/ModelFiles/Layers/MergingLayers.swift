import Kernels
import Networks

// Layers in which several inputs become one.

extension LayerCatalog {
    static let merging: [LayerEntry] = [
        LayerEntry(name: "Add") { merge(.add, $0) },
        LayerEntry(name: "Subtract") { merge(.subtract, $0) },
        LayerEntry(name: "Multiply") { merge(.multiply, $0) },
        LayerEntry(name: "Average") { merge(.average, $0) },
        LayerEntry(name: "Maximum") { merge(.maximum, $0) },
        LayerEntry(name: "Minimum") { merge(.minimum, $0) },
        LayerEntry(name: "Concatenate") { settings in
            let axis = settings.integer("axis", default: -1, in: -16...16)
            return [LayerPart(Concatenate(axis: axis, mask: settings.mergedMask))]
        },
    ]

    private static func merge(_ operation: Merge.Operation, _ settings: LayerSettings) -> [LayerPart] {
        let leavesOutPadding = settings.version.mergingLeavesOutPadding
        return [LayerPart(Merge(operation, mask: settings.mergedMask, leavesOutPadding: leavesOutPadding))]
    }
}

extension LayerSettings {
    /// What mask a merging layer's result has.
    var mergedMask: MaskRule { dialect == .keras2 ? .all : version.masksOfListsGoOn ? .any : .none }
}
