import HDF5
import Networks
import Tensors

/// Everything that a model file says but its numbers: what a format is given to write.
public struct ModelContent: Sendable {
    let built: BuiltArchitecture
    /// How numbers are stored.
    let type: HDF5Type
    let notes: ExportPlan.Notes
    /// The parameters of each layer that has any, by its position, in the order in which Keras lists them.
    let slots: [Int: [WeightSlot]]

    init(_ built: BuiltArchitecture, _ type: HDF5Type, _ notes: ExportPlan.Notes) {
        self.built = built
        self.type = type
        self.notes = notes
        slots = Dictionary(grouping: built.weightOrder.flatMap(\.slots), by: \.layerIndex)
    }

    /// What each parameter takes.
    func report(file byteCount: Int) -> SizeReport {
        let elementSize = type.byteCount ?? 0
        let stored = slots.values.joined().map { ($0, $0.entry.spec.shape.elementCount * elementSize, type) }
        return built.report(path: built.architecture.origin, file: byteCount, stored: stored)
    }
}
