import CVector
public import Tensors

/// The gradient of a maximum over frames y = max x_t at one frame; called from the first frame to the last.
///
///     dx = what is left of dy where x = y, and there nothing is left of it for later frames
public func firstMaximumGradient(_ x: Tensor, _ y: Tensor, left: Tensor, into dx: Tensor) {
    precondition([y, left, dx].allSatisfy { $0.elementCount == x.elementCount })
    unsafe cv_first_maximum_gradient(x.elementCount, x.base, y.base, left.base, dx.base)
}

/// The sums over frames that Fisher vectors are made of, of one example: M and Q (F, K), s (K).
public struct FisherSums {
    public let M, Q, s: Tensor

    public init(M: Tensor, Q: Tensor, s: Tensor) {
        precondition(M.elementCount == Q.elementCount && M.shape.channels == s.elementCount)
        (self.M, self.Q, self.s) = (M, Q, s)
    }

    fileprivate var clusters: Int { s.elementCount }
    fileprivate var features: Int { M.elementCount / max(clusters, 1) }
}

/// The Fisher vectors of one example, (F, 2K): with v = covariances² + floor and centers c
///
///     (M − c s) / v  and  (Q − 2 c M + c² s) / v² − s
public func fisherVectors(
    _ sums: FisherSums, covariances: Tensor, centers: Tensor, floor: Float, into y: Tensor
) {
    precondition([covariances, centers].allSatisfy { $0.elementCount == sums.M.elementCount })
    precondition(y.elementCount == 2 * sums.M.elementCount)
    unsafe cv_fisher(
        sums.features, sums.clusters, floor, covariances.base, centers.base, sums.M.base, sums.Q.base, sums.s.base,
        y.base)
}

/// The gradients at the sums, and added to those of the parameters what the example has to add.
public func fisherVectorsGradient(
    _ sums: FisherSums, covariances: Tensor, centers: Tensor, floor: Float, outputGradient dy: Tensor,
    into gradient: FisherSums, covariancesGradient: Tensor, centersGradient: Tensor
) {
    precondition(
        [covariances, centers, gradient.M, covariancesGradient, centersGradient].allSatisfy {
            $0.elementCount == sums.M.elementCount
        })
    precondition(dy.elementCount == 2 * sums.M.elementCount && gradient.clusters == sums.clusters)
    unsafe cv_fisher_gradient(
        sums.features, sums.clusters, floor, covariances.base, centers.base, sums.M.base, sums.Q.base, sums.s.base,
        dy.base, gradient.M.base, gradient.Q.base, gradient.s.base, covariancesGradient.base, centersGradient.base)
}

/// dx = s · dy − t · x, with a number s and t for each column; dx may be dy.
public func columnScalingGradient(
    _ x: Tensor, by s: Tensor, minus t: Tensor, outputGradient dy: Tensor, into dx: Tensor
) {
    let columns = s.elementCount
    precondition(x.elementCount == dy.elementCount && dx.elementCount == dy.elementCount && t.elementCount == columns)
    precondition(columns > 0 && x.elementCount % columns == 0)
    unsafe cv_column_scaling_gradient(x.elementCount / columns, columns, x.base, s.base, t.base, dy.base, dx.base)
}
