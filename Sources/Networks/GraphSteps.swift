/// A use of a layer, for those that write a network down in operations of another kind.
package struct GraphStep: Sendable {
    /// The name of the layer.
    package let name: String
    package let layer: any Layer
    package let inputs: [LayerGraph.Value]
    package let output: LayerGraph.Value
    /// How many leading axes the layer works on every step of by itself.
    package let stepAxes: Int
    package let parameters: [ParameterLayout.Entry]
    /// Whether it only renames axes, or does nothing at inference.
    package let isUnchanged: Bool
    /// For each input, the step that makes the mask that the layer takes of it: one of the axis behind its own steps.
    package let masks: [Int?]
    /// How it makes a mask of its output, if it does.
    package let mask: MaskMaking?
    /// For each input, the step that makes its mask.
    package let inputMasks: [Int?]
    /// How many leading axes of the output its mask has a number for.
    package let maskAxes: Int
}

/// How a step makes a mask.
package enum MaskMaking: Sendable {
    case byLayer
    /// Of the masks of its inputs: real where any or all of them are, or where they are behind one another.
    case any, all, joined
    /// Of the mask of its input, which has more axes: real where anything is along those.
    case reduced
}

extension LayerGraph {
    /// What is computed, in an order in which it can be.
    package var steps: [GraphStep] {
        let byLayer = Dictionary(grouping: layout.entries, by: \.layer)
        let parameters = entries.map { entry in
            (entry.specs ?? []).compactMap { spec in byLayer[entry.name]?.first { $0.spec.name == spec.name } }
        }
        return nodes.map { node in
            let unchanged = if case .never = node.plan.sharing { false } else { true }
            return GraphStep(
                name: entries[node.entry].name, layer: entries[node.entry].layer, inputs: node.inputs,
                output: node.output, stepAxes: node.stepAxes, parameters: parameters[node.entry],
                isUnchanged: unchanged,
                masks: node.masks.map { source in
                    source.flatMap { maskAxes($0) == node.stepAxes + 1 ? Self.step($0) : nil }
                },
                mask: node.maskAction.map(Self.making), inputMasks: node.inputs.map { masks[$0.index].map(Self.step) },
                maskAxes: node.maskAxes)
        }
    }

    private static func step(_ source: MaskSource) -> Int {
        switch source {
        case .node(let node): node
        }
    }

    private static func making(_ action: MaskAction) -> MaskMaking {
        switch action {
        case .layer: .byLayer
        case .any: .any
        case .all: .all
        case .joined: .joined
        case .reduced: .reduced
        }
    }
}
