import Networks
import Tensors

/// Everything that a model file says but its numbers: what a format is given to write.
public struct ModelContent: Sendable {
    let built: BuiltArchitecture
    let encodings: WeightEncodings
    let notes: ExportPlan.Notes
    /// The parameters of each layer that has any, by its position, in the order in which Keras lists them.
    let slots: [Int: [WeightSlot]]

    init(_ built: BuiltArchitecture, _ encodings: WeightEncodings, _ notes: ExportPlan.Notes) {
        self.built = built
        self.encodings = encodings
        self.notes = notes
        slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
    }

    /// What each parameter takes.
    func report(file byteCount: Int) -> SizeReport {
        let stored = slots.values.joined().map { slot in
            let encoding = encodings[slot.entry]
            return (slot, encoding.byteCount(of: slot.entry.spec.shape), encoding.description)
        }
        return built.report(path: built.architecture.origin, file: byteCount, stored: stored)
    }
}
