import Kernels
public import Tensors

/// What a layer knows of one example: frames x (T, F), and how much each belongs to each cluster, a (T, K).
private struct Assigned {
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
    fileprivate func matrix(_ example: Int) -> Matrix {
        Matrix(self, rows: shape.rowCount, columns: shape.channels, at: example * shape.elementCount)
    }

    /// One example's numbers, in rows of its last axis.
    fileprivate func example(_ example: Int) -> Tensor {
        slice(at: example * shape.elementCount, count: shape.elementCount).viewed(count: 1, shape: shape)
    }
}

/// The gradient of the assignments of frames that are padding is zero.
private func clearPadding(_ da: Tensor, _ mask: Tensor?) {
    if let mask { scaleRows(da, by: mask, into: da) }
}

private func clusterPlan(_ inputs: [Shape], output: (_ features: Int, _ clusters: Int) -> Shape) throws(ShapeError)
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

/// How far frames are from the centers of their clusters: "NetVLAD: CNN architecture for weakly supervised place
/// recognition" (Arandjelović, Gronat, Torii, Pajdla, Sivic, 2016), eq. 4.
///
///     x (T, F) and assignments a (T, K) give V (F, K)
///     V  = Σ_t a_tk (x_tf − c_fk) = xᵀ a − c · s,  s_k = Σ_t a_tk
///     dx = a dVᵀ,  da = x dV − Σ_f c · dV,  dc = −s · dV
///
/// Without centers it is NetRVLAD's sum xᵀ a (Miech, Laptev, Sivic, 2017).
public struct ClusterResiduals: Layer {
    public let useCenters: Bool

    public init(useCenters: Bool = true) { self.useCenters = useCenters }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try clusterPlan(inputs) { [$0, $1] }
        if useCenters { plan.parameters = [ParameterSpec("centers", plan.output, .fanInNormal())] }
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(0), a = pass.input(1), V = pass.output, clusters = a.shape.channels
        for example in 0..<x.count {
            Assigned.with(x, a, pass.inputMask(), example, pass.kernels) { assigned in
                pass.kernels.multiply(assigned.x.transposed, assigned.a, into: V.matrix(example))
                guard useCenters else { return }
                pass.kernels.withScratch(clusters + V.shape.elementCount) { scratch in
                    let sums = scratch.slice(at: 0, count: clusters)
                    let shift = scratch.slice(at: clusters, count: V.shape.elementCount)
                    sumColumns(of: assigned.a, into: sums)
                    scaleColumns(pass.parameter(0), by: sums, adding: nil, into: shift)
                    addScaled(shift, by: -1, to: V.example(example))
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(0), a = pass.input(1), dV = pass.outputGradient, clusters = a.shape.channels
        if useCenters { pass.parameterGradient(0).fill(with: 0) }
        for example in 0..<x.count {
            Assigned.with(x, a, pass.inputMask(), example, pass.kernels) { assigned in
                if let dx = pass.inputGradient(0) {
                    pass.kernels.multiply(assigned.a, dV.matrix(example).transposed, into: dx.matrix(example))
                }
                if let da = pass.inputGradient(1) {
                    pass.kernels.multiply(assigned.x, dV.matrix(example), into: da.matrix(example))
                }
                guard useCenters else { return }
                pass.kernels.withScratch(clusters + dV.shape.elementCount) { scratch in
                    let sums = scratch.slice(at: 0, count: clusters)
                    let shift = scratch.slice(at: clusters, count: dV.shape.elementCount)
                    if let da = pass.inputGradient(1) {
                        dotColumns(pass.parameter(0), dV.example(example), into: sums)
                        scale(sums, by: -1, into: sums)
                        scaleColumns(da.example(example), by: nil, adding: sums, into: da.example(example))
                    }
                    sumColumns(of: assigned.a, into: sums)
                    scaleColumns(dV.example(example), by: sums, adding: nil, into: shift)
                    addScaled(shift, by: -1, to: pass.parameterGradient(0))
                }
            }
        }
        if let da = pass.inputGradient(1) { clearPadding(da, pass.inputMask()) }
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

    private static let floor: Float = 1e-6

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

/// The columns of each example (rows, columns), divided by their length: NetVLAD's intra-normalization, of a cluster's
/// residuals over the features ("All about VLAD", Arandjelović and Zisserman, 2013).
///
///     y_fk = x_fk s_k,  s_k = 1 / √max(Σ_f x_fk², epsilon)
///     dx   = s dy − s³ x Σ_f x dy, the last term where the sum of squares is above epsilon
public struct ColumnScaling: Layer {
    public let epsilon: Float

    public init(epsilon: Float) { self.epsilon = epsilon }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: .inputs)
        guard inputs[0].rank == 2, inputs[0].channels > 0 else {
            throw ShapeError("scales columns, which its input \(inputs[0]) does not have")
        }
        plan.mask = .none
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, columns = x.shape.channels
        pass.kernels.withScratch(columns) { factors in
            for example in 0..<x.count {
                _ = scales(of: x.example(example), into: factors)
                scaleColumns(x.example(example), by: factors, adding: nil, into: y.example(example))
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), dy = pass.outputGradient, columns = x.shape.channels
        pass.kernels.withScratch(2 * columns) { scratch in
            let factors = scratch.slice(at: 0, count: columns), slopes = scratch.slice(at: columns, count: columns)
            for example in 0..<x.count {
                let isScaled = scales(of: x.example(example), into: factors)
                dotColumns(x.example(example), dy.example(example), into: slopes)
                for column in 0..<columns {
                    let s = factors[column]
                    slopes[column] = isScaled[column] ? s * s * s * slopes[column] : 0
                }
                columnScalingGradient(
                    x.example(example), by: factors, minus: slopes, outputGradient: dy.example(example),
                    into: dx.example(example))
            }
        }
    }

    /// What each column is multiplied by, and whether that changes with it.
    private func scales(of x: Tensor, into factors: Tensor) -> [Bool] {
        dotColumns(x, x, into: factors)
        return (0..<factors.elementCount).map { column in
            let squares = factors[column]
            factors[column] = 1 / max(squares, epsilon).squareRoot()
            return squares > epsilon
        }
    }
}
