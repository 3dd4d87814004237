public import Networks

/// A vector of parameters that arrays and optionals can hold.
public final class VectorBox: Sendable {
    public let vector: ParameterVector

    /// - Parameter inPieces: Whether pieces of it will be used alone, and what lies between them must take no memory.
    init(_ layout: ParameterLayout, inPieces: Bool = false) {
        vector = ParameterVector(zeros: layout, inPieces: inPieces)
    }
}
