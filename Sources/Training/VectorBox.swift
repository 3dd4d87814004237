public import Networks

/// A vector of parameters that arrays and optionals can hold.
public final class VectorBox: Sendable {
    public let vector: ParameterVector
    init(_ layout: ParameterLayout) { vector = ParameterVector(zeros: layout) }
}
