import Kernels
public import Tensors

/// A layer that is made of others. A graph has its parts, each with parameters of its own.
public protocol CompositeLayer: Sendable {
    /// Its parts, in an order in which they can be computed. The last one's output is its result.
    var parts: [LayerPart] { get }
}

extension LayerGraph {
    /// Adds the parts of a layer, under its name and theirs: `netvlad/assignment`.
    ///
    /// - Throws: What does not fit a part's input.
    @discardableResult
    public mutating func add(
        _ name: String, _ layer: some CompositeLayer, to values: [Value]
    ) throws(ShapeError) -> Value {
        var results: [Value] = []
        for part in layer.parts {
            let id = define(part.suffix.isEmpty ? name : "\(name)/\(part.suffix)", part.layer)
            let masks = part.keepsMask ? MaskPassing.of(values[0]) : part.masks
            results.append(try call(id, part.reads(values, results), stepAxes: part.stepAxes, masks: masks))
        }
        return results[results.count - 1]
    }
}

// What layers for frames of a video have in common.

extension LayerPart {
    /// Divides rows by their length.
    static let unitLength = RowScaling(.length, epsilon: 1e-12)

    /// How much each frame belongs to each cluster: softmax(BN(x · kernel)), (T, F) to (T, clusters).
    static func assignment(to clusters: Int, _ normalization: BatchNormalization) -> [LayerPart] {
        chain([
            LayerPart("assignment", product(clusters)), LayerPart("normalization", normalization),
            LayerPart("softmax", Softmax()),
        ])
    }

    /// A product that begins as in "Learnable pooling with context gating" (Miech, Laptev, Sivic, 2017).
    static func product(_ units: Int) -> Dense {
        Dense(units: units, useBias: false, kernelInitializer: .fanInNormal())
    }
}

extension [LayerPart] {
    /// Adds a part that reads the last one.
    mutating func append(next suffix: String, _ layer: any Layer) {
        append(LayerPart(suffix, layer, inputs: [.part(count - 1)]))
    }

    /// Adds parts that let a value through as the last part says: y = x · sigmoid(BN(z)).
    mutating func append(gate value: LayerPart.Input, _ normalization: BatchNormalization) {
        append(next: "gate_normalization", normalization)
        append(next: "gate", ElementwiseActivation(Activation(.sigmoid)))
        append(LayerPart("gated", Merge(.multiply), inputs: [value, .part(count - 1)]))
    }

    /// Adds parts that give each column of (F, K) the length 1, and make one vector of all, row by row.
    mutating func append(scaledByCluster prefix: String) {
        append(next: "\(prefix)_scaled", ColumnScaling(epsilon: LayerPart.unitLength.epsilon))
        append(next: "\(prefix)_flat", Flatten())
    }
}
