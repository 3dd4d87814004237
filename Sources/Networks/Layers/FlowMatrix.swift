import Kernels
public import Tensors

/// The flow between two layers ("A gift from knowledge distillation", Yim, Joo, Bae, Kim, 2017, eq. 1): how much each
/// channel of one and each of the other are active together.
///
///     x (…, m) and y (…, n), with the same P positions, give G (m, n)
///     G  = 1/P Σ_p x_p y_pᵀ
///     dx = 1/P y dGᵀ,  dy = 1/P x dG
public struct FlowMatrix: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2, inputs.allSatisfy({ $0.rank >= 2 }),
            inputs[0].axes.dropLast() == inputs[1].axes.dropLast()
        else {
            throw ShapeError(
                """
                takes two inputs of the same positions, such as (H, W, m) and (H, W, n), found \(list(inputs)): choose \
                layers between which no pooling or stride is
                """)
        }
        let (x, y) = (inputs[0], inputs[1])
        return LayerPlan(output: [x.channels, y.channels], multiplyAdds: x.elementCount * y.channels)
    }

    /// What an example has of a tensor, positions × channels.
    private func positions(_ tensor: Tensor, _ example: Int) -> Matrix {
        Matrix(
            tensor, rows: tensor.shape.rowCount, columns: tensor.shape.channels,
            at: example * tensor.shape.elementCount)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(0), y = pass.input(1), G = pass.output
        for example in 0..<G.count {
            pass.kernels.multiply(positions(x, example).transposed, positions(y, example), into: positions(G, example))
        }
        scale(G, by: 1 / Float(x.shape.rowCount), into: G)
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(0), y = pass.input(1), dG = pass.outputGradient
        scale(dG, by: 1 / Float(x.shape.rowCount), into: dG)
        for example in 0..<dG.count {
            let slope = positions(dG, example)
            if let dx = pass.inputGradient(0) {
                pass.kernels.multiply(positions(y, example), slope.transposed, into: positions(dx, example))
            }
            if let dy = pass.inputGradient(1) {
                pass.kernels.multiply(positions(x, example), slope, into: positions(dy, example))
            }
        }
    }
}
