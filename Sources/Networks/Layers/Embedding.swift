import Kernels
public import Tensors

/// A row of a table for each whole number: Keras's Embedding.
public struct Embedding: Layer {
    /// The number of rows; numbers beyond it take the last one.
    public let count: Int
    public let units: Int
    /// Whether number 0 marks padding.
    public let masksZero: Bool

    public init(count: Int, units: Int, masksZero: Bool = false) {
        (self.count, self.units, self.masksZero) = (count, units, masksZero)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        return LayerPlan(
            output: Shape(inputs[0].axes + [units]),
            parameters: [ParameterSpec("embeddings", [count, units], .uniform(limit: 0.05))],
            mask: masksZero ? .computed : .none, maskAxes: inputs[0].rank)
    }

    private func row(_ number: Float) -> Int {
        number.isFinite ? Int(min(max(number, 0), Float(count - 1))) : 0
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), table = pass.parameter(0)
        for element in 0..<x.elementCount {
            pass.output.slice(at: element * units, count: units)
                .copy(from: table.slice(at: row(x[element]) * units, count: units))
        }
        guard masksZero, let mask = pass.outputMask else { return }
        for element in 0..<x.elementCount { mask[element] = x[element] == 0 ? 0 : 1 }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, dtable = pass.parameterGradient(0)
        dtable.fill(with: 0)
        for element in 0..<x.elementCount {
            addScaled(
                dy.slice(at: element * units, count: units), by: 1,
                to: dtable.slice(at: row(x[element]) * units, count: units))
        }
        pass.inputGradient()?.fill(with: 0)
    }
}
