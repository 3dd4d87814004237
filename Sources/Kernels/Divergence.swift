import CVector
public import Tensors

/// Σ KL(softmax(v) ‖ softmax(z / T)) over the rows; adds `scale` · (softmax(z / T) − softmax(v)) to `gradient`.
///
/// Computed from logits in such a way that it is never negative, and exact to rounding even where both say nearly the
/// same: not as a difference of entropies. Infinite logits of v are taken for very large ones.
public func divergence(_ z: Tensor, from v: Tensor, temperature: Float, scale: Float, to gradient: Tensor) -> Double {
    precondition(z.elementCount == v.elementCount && gradient.elementCount == z.elementCount)
    return unsafe cv_divergence(z.rowCount, z.shape.channels, temperature, z.base, v.base, scale, gradient.base)
}

/// Σ of the Bernoulli divergences of sigmoid(v) from sigmoid(z / T), each number by itself; else as `divergence`.
public func binaryDivergence(
    _ z: Tensor, from v: Tensor, temperature: Float, scale: Float, to gradient: Tensor
) -> Double {
    precondition(z.elementCount == v.elementCount && gradient.elementCount == z.elementCount)
    return unsafe cv_binary_divergence(
        z.rowCount, z.shape.channels, temperature, z.base, v.base, scale, gradient.base)
}

/// Σ of the binary cross-entropies of sigmoid(z / T) with targets y from 0 to 1, each number by itself:
///
///     log(1 + exp(z / T)) − y z / T
///
/// Never negative, and adds `scale` · (sigmoid(z / T) − y) to `gradient`.
public func binaryCrossEntropy(
    _ z: Tensor, targets y: Tensor, temperature: Float, scale: Float, to gradient: Tensor
) -> Double {
    precondition(z.elementCount == y.elementCount && gradient.elementCount == z.elementCount)
    return unsafe cv_binary_cross_entropy(
        z.rowCount, z.shape.channels, temperature, z.base, y.base, scale, gradient.base)
}

/// Σ over the rows of 1 − ρ(x, y), Pearson's correlation; adds `scale` times its gradient at x to `gradient`.
///
/// Where all numbers of a row are equal, but for rounding (a deviation below 10⁻⁶ of the mean), ρ and the gradient are
/// 0.
public func correlationDistance(_ x: Tensor, _ y: Tensor, scale: Float, to gradient: Tensor) -> Double {
    precondition(x.elementCount == y.elementCount && gradient.elementCount == x.elementCount)
    return unsafe cv_correlation_distance(x.rowCount, x.shape.channels, x.base, y.base, scale, gradient.base)
}

/// ‖x_i − x_j‖² for every two rows, (rows, rows), in double precision.
public func squaredDistances(_ x: Tensor) -> [Double] {
    var result = [Double](repeating: 0, count: x.rowCount * x.rowCount)
    unsafe result.withUnsafeMutableBufferPointer { result in
        guard let base = result.baseAddress else { return }
        unsafe cv_squared_distances(x.rowCount, x.shape.channels, x.base, base)
    }
    return result
}

/// How much the angles between `count` points differ from those between as many others.
///
///     Σ h(cos ∠(i, j, k) − cos ∠(i′, j′, k′))  over all j and i < k, i ≠ j ≠ k;   h(x) = ½ x² to 1, |x| − ½ beyond
///
/// Adds its gradient at the squared distances to `gradient`: that of the distance of i and j is in [i, j] and [j, i]
/// together. The cosine of an angle with a side of length 0 is 0, and so is its gradient.
///
/// - Parameters:
///   - squares: The squared distances of the points, (count, count).
///   - others: Those of the others.
public func angleDistance(
    _ squares: [Double], _ others: [Double], count: Int, to gradient: inout [Double]
) -> Double {
    precondition([squares.count, others.count, gradient.count].allSatisfy { $0 == count * count })
    func inverse(_ squares: [Double]) -> [Double] { squares.map { $0 > 0 ? 1 / $0.squareRoot() : 0 } }
    let inverses = inverse(squares), otherInverses = inverse(others)
    return unsafe gradient.withUnsafeMutableBufferPointer { gradient in
        guard let base = gradient.baseAddress else { return 0 }
        return unsafe cv_angle_distance(count, squares, inverses, others, otherInverses, base)
    }
}
