/// A sequence as how often each word of a learned dictionary is in it (Miech, Laptev, Sivic, 2017), a vector of length 1.
///
///     x (T, F), K words, gives K numbers
///     a = softmax(BN(x · kernel))               (T, K)
///     y = Σ_t a_t / ‖Σ_t a_t‖
public struct SoftDBoF: CompositeLayer {
    public let clusters: Int
    public let normalization: BatchNormalization

    public init(clusters: Int, normalization: BatchNormalization = BatchNormalization()) {
        (self.clusters, self.normalization) = (clusters, normalization)
    }

    public var parts: [LayerPart] {
        var parts = LayerPart.assignment(to: clusters, normalization)
        parts.append(next: "sum", FramePooling(.sum))
        parts.append(next: "length", LayerPart.unitLength)
        return parts
    }
}

/// The sum of a soft bag of words, gated by their maximum ("Building a size constrained predictive model for video
/// classification", Skalic and Austin, 2018).
///
///     x (T, F), K words, gives K numbers
///     a = softmax(BN(x · kernel)),  s = Σ_t a_t,  m = max_t a_t
///     y = s · sigmoid(BN(m/‖m‖ · U · V)), divided by its length
public struct GatedDBoF: CompositeLayer {
    public let clusters, gateUnits: Int
    public let normalization: BatchNormalization

    public init(clusters: Int, gateUnits: Int, normalization: BatchNormalization = BatchNormalization()) {
        (self.clusters, self.gateUnits, self.normalization) = (clusters, gateUnits, normalization)
    }

    public var parts: [LayerPart] {
        var parts = LayerPart.assignment(to: clusters, normalization)
        let frames = parts.count - 1, sum = frames + 1
        parts.append(next: "sum", FramePooling(.sum))
        parts.append(LayerPart("max", FramePooling(.max), inputs: [.part(frames)]))
        parts.append(next: "max_length", LayerPart.unitLength)
        parts.append(next: "inner", LayerPart.product(gateUnits))
        parts.append(next: "outer", LayerPart.product(clusters))
        parts.append(gate: .part(sum), normalization)
        parts.append(next: "length", LayerPart.unitLength)
        return parts
    }
}
