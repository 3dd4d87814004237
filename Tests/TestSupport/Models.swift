import Foundation
public import ModelFiles
import Networks
public import Tensors

/// The graph of an architecture in the words of an architecture file.
public func build(_ text: String, classes: Int = 3, input: Shape? = nil) throws -> BuiltArchitecture {
    try ArchitectureFile(parsing: text, path: "test.yaml").architecture(classes: classes, input: input).graph()
}

/// Writes a Keras model with random weights.
///
/// - Parameter scale: A factor of the first values: larger ones make a surer model.
public func writeModel(
    _ text: String, classes: Int = 3, input: Shape? = nil, seed: Int, scale: Float = 1, to path: String
) throws {
    let built = try build(text, classes: classes, input: input)
    let weights = ParameterVector(initializing: built.graph.layout, key: RandomKey(seed: seed))
    for index in 0..<built.graph.layout.trainableExtent { weights.tensor[index] *= scale }
    try ExportPlan(built).write(weights, to: path)
}

/// The bits of numbers, for comparisons that allow nothing: NaN equals NaN, and 0 is not −0.
public func bits(_ tensor: Tensor) -> [UInt32] { tensor.values.map(\.bitPattern) }

extension JSON {
    /// The JSON of a file.
    public init(reading path: String) throws {
        self = try JSON(parsing: String(contentsOfFile: path, encoding: .utf8))
    }

    /// An array of numbers; empty if this is none.
    public var numbers: [Double] { array?.compactMap(\.number) ?? [] }

    /// An array of arrays of numbers.
    public var rows: [[Double]] { array?.map(\.numbers) ?? [] }
}
