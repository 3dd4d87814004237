/// One layer of the graph that a composite layer, or a layer of Keras, becomes; most become a single one.
public struct LayerPart: Sendable {
    public enum Input: Sendable {
        /// Everything the whole reads.
        case all
        /// What the whole reads at these positions, as far as it reads so much.
        case positions(Range<Int>)
        /// The result of an earlier part.
        case part(Int)
    }

    /// What is added to the name of the whole; empty for the layer itself.
    public var suffix: String
    public var layer: any Layer
    public var inputs: [Input]
    /// How many leading axes it works on every step of by itself.
    public var stepAxes = 0
    /// What becomes of masks.
    public var masks = LayerGraph.MaskPassing.byLayer
    /// Whether its output is a result of the whole: of several, in their order; if no part is, the last one's.
    public var isResult = false
    /// Whether its result has the mask of what the whole reads.
    public var keepsMask = false

    /// The only part of a layer.
    public init(_ layer: any Layer) { self.init("", layer) }

    public init(_ suffix: String, _ layer: any Layer, inputs: [Input] = [.all]) {
        self.suffix = suffix
        self.layer = layer
        self.inputs = inputs
    }

    /// How many of `count` values that the whole reads it uses.
    public func readCount(of count: Int) -> Int {
        inputs.map { input in
            switch input {
            case .all: count
            case .positions(let range): min(range.upperBound, count)
            case .part: 0
            }
        }.max() ?? 0
    }

    /// The values that it reads.
    ///
    /// - Parameters:
    ///   - values: What the whole reads.
    ///   - results: Those of the earlier parts.
    public func reads(_ values: [LayerGraph.Value], _ results: [LayerGraph.Value]) -> [LayerGraph.Value] {
        inputs.flatMap { input in
            switch input {
            case .all: values
            case .positions(let range): Array(values[range.clamped(to: values.indices)])
            case .part(let index): [results[index]]
            }
        }
    }

    /// Parts, each of which reads the one before.
    public static func chain(_ parts: [LayerPart]) -> [LayerPart] {
        parts.enumerated().map { index, part in
            var part = part
            if index > 0 { part.inputs = [.part(index - 1)] }
            return part
        }
    }
}

extension [LayerPart] {
    /// The parts whose outputs are the results of the whole.
    public var results: [Int] {
        let named = indices.filter { self[$0].isResult }
        return named.isEmpty ? [Int](indices.suffix(1)) : named
    }
}
