import Kernels
public import Tensors

/// A row of a table for each whole number: Keras's Embedding.
public struct Embedding: Layer {
    /// The number of rows: inputs are whole numbers from 0 to one less.
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

    /// The row of a number; nil if there is none.
    private func row(_ number: Float) -> Int? {
        guard let row = Int(exactly: number), (0..<count).contains(row) else { return nil }
        return row
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), table = pass.parameter(0)
        for element in 0..<x.elementCount {
            let output = pass.output.slice(at: element * units, count: units)
            if let row = row(x[element]) {
                output.copy(from: table.slice(at: row * units, count: units))
            } else {
                pass.refuse(element, of: x, rowCount: count)
                output.fill(with: .nan)
            }
        }
        guard masksZero, let mask = pass.outputMask else { return }
        for element in 0..<x.elementCount { mask[element] = x[element] == 0 ? 0 : 1 }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, dtable = pass.parameterGradient(0)
        dtable.fill(with: 0)
        for element in 0..<x.elementCount {
            guard let row = row(x[element]) else { continue }
            addScaled(
                dy.slice(at: element * units, count: units), by: 1, to: dtable.slice(at: row * units, count: units))
        }
        pass.inputGradient()?.fill(with: 0)
    }
}
