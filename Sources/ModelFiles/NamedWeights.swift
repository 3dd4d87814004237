import Networks
import Tensors

extension ModelOutline {
    /// How many classes an architecture has whose weights these are.
    func classCount(of file: ArchitectureFile) throws(ModelFileError) -> Int {
        // The last numbers of a file of weights are mostly a bias or a kernel of the last layer.
        guard form == .named else { return groups.last?.weights.last?.shape.last ?? 1 }
        let weights = groups.flatMap(\.weights)
        for layer in try file.architecture(classes: 1).layers.reversed() {
            if let weight = weights.first(where: { $0.name.hasPrefix(layer.name + "/") }) {
                return weight.shape.last ?? 1
            }
        }
        return 1
    }
}

/// The tensors of a file that names them, dealt out to the parameters of a network: `dense/kernel`.
///
/// A tensor belongs to the layer whose name it begins with, and there to the parameter that it is called, or that the last part
/// of its name says: Keras calls variables of an LSTM `lstm/lstm_cell/kernel`, and of one in Bidirectional
/// `bidirectional/forward_lstm/lstm_cell/kernel`.
struct NamedWeights {
    private let weights: [ModelOutline.Weight]

    init(_ groups: [ModelOutline.Group]) { weights = groups.flatMap(\.weights) }

    /// The tensors of a layer, with what is left of their names.
    private func rest(of layer: Architecture.Layer) -> [(name: String, weight: ModelOutline.Weight)] {
        weights.compactMap { weight in
            guard weight.name.hasPrefix(layer.name + "/") else { return nil }
            let rest = weight.name.dropFirst(layer.name.count + 1)
            // Keras 2 numbers the results of what made a variable.
            return (rest.hasSuffix(":0") ? String(rest.dropLast(2)) : String(rest), weight)
        }
    }

    /// The tensor of each parameter of a layer; what is wrong if not every one has its own.
    func dealt(_ slots: [WeightSlot]) -> (weights: [ModelOutline.Weight?], problems: [String]) {
        guard let layer = slots.first?.layer else { return ([], []) }
        let found = rest(of: layer)
        var problems: [String] = []
        let dealt = slots.map { slot -> ModelOutline.Weight? in
            if let same = found.first(where: { $0.name == slot.name }) { return same.weight }
            let candidates = found.filter { Self.fits($0.name, slot) }
            if candidates.count == 1 { return candidates[0].weight }
            let names = found.map(\.weight.name)
            let expected = "expected a tensor '\(layer.name)/\(slot.name)'"
            problems.append(
                candidates.isEmpty
                    ? "\(slot): \(expected), found none"
                        + didYouMean("\(layer.name)/\(slot.name)", names.isEmpty ? weights.map(\.name) : names)
                    : "\(slot): \(expected), found \(candidates.map { "'\($0.weight.name)'" }.joined(separator: " and "))"
            )
            return nil
        }
        return (dealt, problems)
    }

    /// Whether the last part of a name is that of the parameter, and its beginning that of the part of the layer: `forward` of
    /// `forward_kernel`.
    private static func fits(_ name: String, _ slot: WeightSlot) -> Bool {
        let parameter = slot.entry.spec.name
        guard name == parameter || name.hasSuffix("/" + parameter) else { return false }
        let part = slot.name == parameter ? "" : slot.name.dropLast(parameter.count + 1)
        return name.hasPrefix(part)
    }
}
