import Kernels
public import Tensors

/// A sequence as its residuals from clusters that learn, one vector of length 1: "NetVLAD: CNN architecture for weakly
/// supervised place recognition" (Arandjelović, Gronat, Torii, Pajdla, Sivic, 2016), as in "Learnable pooling with context
/// gating for video classification" (Miech, Laptev, Sivic, 2017).
///
///     x (T, F), clusters K, gives F·K numbers
///     a = softmax(BN(x · kernel))               (T, K)
///     V = Σ_t a_tk (x_tf − c_fk)                (F, K)
///     y = V, each column divided by its length, then all by the length of all
///
/// Without centers it is NetRVLAD.
public struct NetVLAD: CompositeLayer {
    public let clusters: Int
    public let useCenters: Bool
    public let normalization: BatchNormalization

    public init(clusters: Int, useCenters: Bool = true, normalization: BatchNormalization = BatchNormalization()) {
        (self.clusters, self.useCenters, self.normalization) = (clusters, useCenters, normalization)
    }

    public var parts: [LayerPart] {
        var parts = LayerPart.assignment(to: clusters, normalization)
        parts.append(
            LayerPart("residuals", ClusterResiduals(useCenters: useCenters), inputs: [.all, .part(parts.count - 1)]))
        parts.append(scaledByCluster: "cluster")
        parts.append(next: "length", LayerPart.unitLength)
        return parts
    }
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
