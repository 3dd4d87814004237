import Kernels
import Tensors

/// What a layer knows of one example: frames x (T, F), and how much each belongs to each cluster, a (T, K).
struct Assigned {
    let x, a: Matrix

    /// Lends them, with nothing assigned of the frames that are padding.
    static func with(
        _ x: Tensor, _ a: Tensor, _ mask: Tensor?, _ example: Int, _ kernels: KernelContext,
        _ body: (Assigned) -> Void
    ) {
        let frames = x.shape[0], width = a.shape.channels, size = frames * width
        let values = a.slice(at: example * size, count: size).viewed(count: 1, shape: [frames, width])
        let rows = x.matrix(example)
        guard let mask else { return body(Assigned(x: rows, a: values.rows)) }
        kernels.withScratch(size) { scratch in
            let real = scratch.viewed(count: 1, shape: [frames, width])
            scaleRows(values, by: mask.slice(at: example * frames, count: frames), into: real)
            body(Assigned(x: rows, a: real.rows))
        }
    }
}

extension Tensor {
    /// One example, (rows, columns).
    func matrix(_ example: Int) -> Matrix {
        Matrix(self, rows: shape.rowCount, columns: shape.channels, at: example * shape.elementCount)
    }

    /// One example's numbers, in rows of its last axis.
    func example(_ example: Int) -> Tensor {
        slice(at: example * shape.elementCount, count: shape.elementCount).viewed(count: 1, shape: shape)
    }
}

/// The gradient of the assignments of frames that are padding is zero.
func clearPadding(_ da: Tensor, _ mask: Tensor?) {
    if let mask { scaleRows(da, by: mask, into: da) }
}

/// The plan of a layer that reads frames (T, F) and their assignments (T, K).
func clusterPlan(_ inputs: [Shape], output: (_ features: Int, _ clusters: Int) -> Shape) throws(ShapeError)
    -> LayerPlan
{
    guard inputs.count == 2, inputs.allSatisfy({ $0.rank == 2 }), inputs[0][0] == inputs[1][0] else {
        throw ShapeError("takes one sequence (time, features), found \(inputs.first.map { list([$0]) } ?? "none")")
    }
    let features = inputs[0].channels, clusters = inputs[1].channels
    var plan = LayerPlan(output: output(features, clusters), multiplyAdds: inputs[0][0] * features * clusters)
    plan.backwardReads = .inputs
    return plan
}
