import Kernels
public import Tensors

/// A sequence as Fisher vectors that learn (Miech, Laptev, Sivic, 2017): how the frames of each cluster differ from it in
/// mean and in variance.
///
///     x (T, F), clusters K, gives 2·F·K numbers
///     a = softmax(BN(x · kernel))               (T, K)
///     y = means and variances of `FisherVectors`, each half of length 1, the means' columns before that
public struct NetFV: CompositeLayer {
    public let clusters: Int
    public let normalization: BatchNormalization

    public init(clusters: Int, normalization: BatchNormalization = BatchNormalization()) {
        (self.clusters, self.normalization) = (clusters, normalization)
    }

    public var parts: [LayerPart] {
        var parts = LayerPart.assignment(to: clusters, normalization)
        let vectors = parts.count
        parts.append(LayerPart("vectors", FisherVectors(), inputs: [.all, .part(vectors - 1)]))
        parts.append(next: "means", FeatureSlice(start: 0, count: clusters))
        parts.append(scaledByCluster: "mean")
        parts.append(next: "mean_length", LayerPart.unitLength)
        let means = parts.count - 1
        parts.append(
            LayerPart("variances", FeatureSlice(start: clusters, count: clusters), inputs: [.part(vectors)]))
        parts.append(next: "variance_flat", Flatten())
        parts.append(next: "variance_length", LayerPart.unitLength)
        parts.append(LayerPart("both", Concatenate(), inputs: [.part(means), .part(parts.count - 1)]))
        return parts
    }
}

/// Fisher vectors that learn: how the frames of a cluster differ from it in mean and in variance ("Learnable pooling with
/// context gating for video classification", Miech, Laptev, Sivic, 2017, NetFV).
///
///     x (T, F) and assignments a (T, K) give (F, 2K): first K columns of means, then K of variances
///     M = xᵀ a,  Q = (x²)ᵀ a,  s = Σ_t a,  v = covariances² + 1e-6
///     means      (M − c s) / v
///     variances  (Q − 2 c M + c² s) / v² − s
public struct FisherVectors: Layer {
    public init() {}

    package static let floor: Float = 1e-6

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try clusterPlan(inputs) { [$0, 2 * $1] }
        let shape: Shape = [inputs[0].channels, inputs[1].channels]
        plan.parameters = [
            ParameterSpec("covariances", shape, .fanInNormal(mean: 1)), ParameterSpec("centers", shape, .fanInNormal()),
        ]
        plan.saved = [shape, shape, [inputs[1].channels]]
        plan.multiplyAdds *= 2
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(0), a = pass.input(1), y = pass.output
        let covariances = pass.parameter(0), centers = pass.parameter(1)
        for example in 0..<x.count {
            let M = pass.saved(0).example(example), Q = pass.saved(1).example(example)
            let s = pass.saved(2).example(example), result = y.example(example)
            Assigned.with(x, a, pass.inputMask(), example, pass.kernels) { assigned in
                pass.kernels.multiply(assigned.x.transposed, assigned.a, into: M.rows)
                sumColumns(of: assigned.a, into: s)
                withSquares(x, example, pass.kernels) { squares in
                    pass.kernels.multiply(squares.transposed, assigned.a, into: Q.rows)
                }
            }
            fisherVectors(
                FisherSums(M: M, Q: Q, s: s), covariances: covariances, centers: centers, floor: Self.floor,
                into: result)
        }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(0), a = pass.input(1), clusters = a.shape.channels
        for position in 0..<2 { pass.parameterGradient(position).fill(with: 0) }
        for example in 0..<x.count {
            pass.kernels.withScratch(2 * pass.parameter(0).elementCount + clusters) { scratch in
                let shape = pass.parameter(0).shape, size = shape.elementCount
                let dM = scratch.slice(at: 0, count: size).viewed(count: 1, shape: shape)
                let dQ = scratch.slice(at: size, count: size).viewed(count: 1, shape: shape)
                let ds = scratch.slice(at: 2 * size, count: clusters)
                differentiate(pass, example, dM, dQ, ds)
                Assigned.with(x, a, pass.inputMask(), example, pass.kernels) { assigned in
                    if let dx = pass.inputGradient(0)?.example(example) {
                        pass.kernels.multiply(assigned.a, dQ.rows.transposed, into: dx.rows)
                        multiplyElements(dx, x.example(example), into: dx)
                        scale(dx, by: 2, into: dx)
                        pass.kernels.multiply(assigned.a, dM.rows.transposed, into: dx.rows, adding: true)
                    }
                    guard let da = pass.inputGradient(1)?.example(example) else { return }
                    pass.kernels.multiply(assigned.x, dM.rows, into: da.rows)
                    withSquares(x, example, pass.kernels) { squares in
                        pass.kernels.multiply(squares, dQ.rows, into: da.rows, adding: true)
                    }
                    scaleColumns(da, by: nil, adding: ds, into: da)
                }
            }
        }
        if let da = pass.inputGradient(1) { clearPadding(da, pass.inputMask()) }
    }

    /// The gradients of the three sums of an example, and what it adds to those of the parameters.
    private func differentiate(_ pass: BackwardPass, _ example: Int, _ dM: Tensor, _ dQ: Tensor, _ ds: Tensor) {
        let sums = FisherSums(
            M: pass.saved(0).example(example), Q: pass.saved(1).example(example), s: pass.saved(2).example(example))
        fisherVectorsGradient(
            sums, covariances: pass.parameter(0), centers: pass.parameter(1), floor: Self.floor,
            outputGradient: pass.outputGradient.example(example), into: FisherSums(M: dM, Q: dQ, s: ds),
            covariancesGradient: pass.parameterGradient(0), centersGradient: pass.parameterGradient(1))
    }

    /// Lends x² of an example.
    private func withSquares(_ x: Tensor, _ example: Int, _ kernels: KernelContext, _ body: (Matrix) -> Void) {
        let frames = x.example(example)
        kernels.withScratch(frames.elementCount) { scratch in
            multiplyElements(frames, frames, into: scratch)
            body(Matrix(scratch, rows: x.shape[0], columns: x.shape.channels))
        }
    }
}
