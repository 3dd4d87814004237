import CVector
public import Tensors

/// y = a + b; y may be a or b.
public func add(_ a: Tensor, _ b: Tensor, into y: Tensor) {
    precondition(a.elementCount == y.elementCount && b.elementCount == y.elementCount)
    unsafe cv_add(y.elementCount, a.base, b.base, y.base)
}

/// y = a − b
public func subtract(_ a: Tensor, _ b: Tensor, into y: Tensor) {
    precondition(a.elementCount == y.elementCount && b.elementCount == y.elementCount)
    unsafe cv_subtract(y.elementCount, a.base, b.base, y.base)
}

/// y = a · b, elementwise
public func multiplyElements(_ a: Tensor, _ b: Tensor, into y: Tensor) {
    precondition(a.elementCount == y.elementCount && b.elementCount == y.elementCount)
    unsafe cv_multiply(y.elementCount, a.base, b.base, y.base)
}

/// y = max(a, b), or min.
public func extremum(isMaximum: Bool, _ a: Tensor, _ b: Tensor, into y: Tensor) {
    precondition(a.elementCount == y.elementCount && b.elementCount == y.elementCount)
    if isMaximum {
        unsafe cv_maximum(y.elementCount, a.base, b.base, y.base)
    } else {
        unsafe cv_minimum(y.elementCount, a.base, b.base, y.base)
    }
}

/// da = dy where a won, db = dy where b won, half to each in a tie.
public func extremumGradient(
    isMaximum: Bool, _ a: Tensor, _ b: Tensor, outputGradient dy: Tensor, into da: Tensor, _ db: Tensor
) {
    precondition(a.elementCount == dy.elementCount && b.elementCount == dy.elementCount)
    precondition(da.elementCount == dy.elementCount && db.elementCount == dy.elementCount)
    unsafe cv_extremum_gradient(dy.elementCount, isMaximum ? 1 : -1, a.base, b.base, dy.base, da.base, db.base)
}

/// y = scale · x + offset; y may be x.
public func scale(_ x: Tensor, by scale: Float, adding offset: Float = 0, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_affine(y.elementCount, scale, offset, x.base, y.base)
}

/// y += scale · x
public func addScaled(_ x: Tensor, by scale: Float, to y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_add_scaled(y.elementCount, scale, x.base, y.base)
}

/// y[r, c] = x[r, c] · scale[c] + offset[c]; y may be x.
public func scaleColumns(_ x: Tensor, by scale: Tensor?, adding offset: Tensor?, into y: Tensor) {
    let columns = x.shape.channels
    precondition(x.elementCount == y.elementCount && (scale?.elementCount ?? columns) == columns)
    precondition((offset?.elementCount ?? columns) == columns)
    unsafe cv_scale_columns(x.rowCount, columns, x.base, scale?.base, offset?.base, y.base)
}

/// y[r, c] = x[r, c] · scale[r], a row being all channels of one position; y may be x.
public func scaleRows(_ x: Tensor, by scale: Tensor, into y: Tensor) {
    precondition(x.elementCount == y.elementCount && scale.elementCount == x.rowCount)
    unsafe cv_scale_rows(x.rowCount, x.shape.channels, x.base, scale.base, y.base)
}

/// sums[c] = Σ over the rows of `matrix`, added to what is there when `adding`.
public func sumColumns(of matrix: Matrix, into sums: Tensor, adding: Bool = false) {
    precondition(sums.elementCount == matrix.columns && !matrix.isTransposed)
    unsafe cv_column_sums(matrix.rows, matrix.columns, matrix.stride, matrix.base, adding ? 1 : 0, sums.base)
}

/// sums[c] = Σ over the rows of a · b.
public func dotColumns(_ a: Tensor, _ b: Tensor, into sums: Tensor) {
    precondition(a.elementCount == b.elementCount && sums.elementCount == a.shape.channels)
    unsafe cv_column_dots(a.rowCount, a.shape.channels, a.base, b.base, sums.base)
}

/// sums[r] = Σ over the last axis of a · b.
public func dotRows(_ a: Tensor, _ b: Tensor, into sums: Tensor) {
    precondition(a.elementCount == b.elementCount && sums.elementCount == a.rowCount)
    unsafe cv_row_dots(a.rowCount, a.shape.channels, a.base, b.base, sums.base)
}

/// y = x minus its mean over the last axis; y may be x.
public func centerRows(_ x: Tensor, into y: Tensor) {
    precondition(x.elementCount == y.elementCount)
    unsafe cv_center_rows(x.rowCount, x.shape.channels, x.base, y.base)
}

/// Σ x², summed in a fixed order.
public func sumOfSquares(_ x: Tensor) -> Double { unsafe cv_sum_of_squares(x.elementCount, x.base) }

/// Whether no element is infinite or not a number.
public func isFinite(_ x: Tensor) -> Bool { unsafe cv_all_finite(x.elementCount, x.base) != 0 }

/// Whether an element is no number, which infinity is.
public func hasNaN(_ x: Tensor) -> Bool {
    x.withSpan { x in
        var found: UInt32 = 0
        for index in x.indices { found |= x[index].isNaN ? 1 : 0 }
        return found != 0
    }
}

/// y = x / (1 − rate), or 0 with probability `rate`, as `key` decides.
///
/// With `group` > 1 the elements (group, channels) of an example's positions share their fate channel by channel, as in
/// Keras's spatial dropout. The same call on a gradient is the gradient.
public func dropOut(_ x: Tensor, rate: Float, key: RandomKey, group: Int = 1, into y: Tensor) {
    precondition(x.elementCount == y.elementCount && rate >= 0 && rate < 1)
    unsafe cv_dropout(x.elementCount, group, x.shape.channels, rate, key.bits, x.base, y.base)
}

/// Each row of the last axis with mean 0 and variance 1, times gamma, plus beta.
public func normalizeRows(
    _ x: Tensor, epsilon: Float, gamma: Tensor?, beta: Tensor?, into y: Tensor, mean: Tensor, inverse: Tensor
) {
    precondition(x.elementCount == y.elementCount && mean.elementCount == x.rowCount)
    precondition(inverse.elementCount == x.rowCount)
    unsafe cv_layer_norm(
        x.rowCount, x.shape.channels, epsilon, x.base, gamma?.base, beta?.base, y.base, mean.base, inverse.base)
}

/// The gradients of `normalizeRows`, overwritten.
public func normalizeRowsGradient(
    _ x: Tensor, gamma: Tensor?, mean: Tensor, inverse: Tensor, outputGradient dy: Tensor, into dx: Tensor?,
    gammaGradient: Tensor?, betaGradient: Tensor?
) {
    precondition(x.elementCount == dy.elementCount)
    unsafe cv_layer_norm_gradient(
        x.rowCount, x.shape.channels, x.base, gamma?.base, mean.base, inverse.base, dy.base, dx?.base,
        gammaGradient?.base, betaGradient?.base)
}

/// What `scaleRowsToLength` divides a row by.
public enum RowLength: Hashable, Sendable {
    /// √(mean x² + epsilon)
    case rootMeanSquare
    /// √(variance + epsilon)
    case deviation
    /// √max(Σ x², epsilon)
    case length

    fileprivate var code: Int32 {
        switch self {
        case .rootMeanSquare: Int32(CV_ROOT_MEAN_SQUARE)
        case .deviation: Int32(CV_DEVIATION)
        case .length: Int32(CV_LENGTH)
        }
    }
}

/// Each row of the last axis divided by what `length` says of it, times gamma.
public func scaleRowsToLength(
    _ length: RowLength, _ x: Tensor, epsilon: Float, gamma: Tensor?, into y: Tensor
) {
    precondition(x.elementCount == y.elementCount && (gamma?.elementCount ?? x.shape.channels) == x.shape.channels)
    unsafe cv_length_norm(length.code, x.rowCount, x.shape.channels, epsilon, x.base, gamma?.base, y.base)
}

/// The gradients of `scaleRowsToLength`, overwritten.
public func scaleRowsToLengthGradient(
    _ length: RowLength, _ x: Tensor, epsilon: Float, gamma: Tensor?, outputGradient dy: Tensor, into dx: Tensor?,
    gammaGradient: Tensor?
) {
    precondition(x.elementCount == dy.elementCount && (dx?.elementCount ?? dy.elementCount) == dy.elementCount)
    unsafe cv_length_norm_gradient(
        length.code, x.rowCount, x.shape.channels, epsilon, x.base, gamma?.base, dy.base, dx?.base,
        gammaGradient?.base)
}

/// Each group of neighbouring channels, over all positions of an example, with mean 0 and variance 1, times gamma, plus
/// beta. `mean` and `inverse` have a number for each group of each example.
public func normalizeGroups(
    _ x: Tensor, groups: Int, epsilon: Float, gamma: Tensor?, beta: Tensor?, into y: Tensor, mean: Tensor,
    inverse: Tensor
) {
    precondition(x.elementCount == y.elementCount && mean.elementCount == x.count * groups)
    precondition(inverse.elementCount == x.count * groups && x.shape.channels % groups == 0)
    unsafe cv_group_norm(
        x.count, x.shape.rowCount, groups, x.shape.channels / groups, epsilon, x.base, gamma?.base, beta?.base, y.base,
        mean.base, inverse.base)
}

/// The gradients of `normalizeGroups`, overwritten.
public func normalizeGroupsGradient(
    _ x: Tensor, groups: Int, gamma: Tensor?, mean: Tensor, inverse: Tensor, outputGradient dy: Tensor,
    into dx: Tensor?, gammaGradient: Tensor?, betaGradient: Tensor?
) {
    precondition(x.elementCount == dy.elementCount && x.shape.channels % groups == 0)
    unsafe cv_group_norm_gradient(
        x.count, x.shape.rowCount, groups, x.shape.channels / groups, x.base, gamma?.base, mean.base, inverse.base,
        dy.base, dx?.base, gammaGradient?.base, betaGradient?.base)
}

/// Mean and biased variance of each channel over all positions of all examples.
///
/// - Parameter weight: A number for each position; those with 0 are left out.
public func columnMoments(_ x: Tensor, weight: Tensor? = nil, mean: Tensor, variance: Tensor) {
    precondition(mean.elementCount == x.shape.channels && variance.elementCount == x.shape.channels)
    precondition((weight?.elementCount ?? x.rowCount) == x.rowCount)
    unsafe cv_column_moments(x.rowCount, x.shape.channels, x.base, weight?.base, mean.base, variance.base)
}

/// sums[c] = Σ dy (x − mean)
public func dotColumnsCentered(_ x: Tensor, mean: Tensor, _ dy: Tensor, into sums: Tensor) {
    precondition(x.elementCount == dy.elementCount && sums.elementCount == x.shape.channels)
    unsafe cv_column_dots_centered(x.rowCount, x.shape.channels, x.base, mean.base, dy.base, sums.base)
}

/// dx of batch normalisation, where the statistics were those of this very batch.
///
/// dx = scale (dy − Σdy / n − (x − mean) inverse² Σdy(x − mean) / n), with scale = gamma · inverse. Positions of weight 0
/// have no part in the statistics, and so the last two terms are not theirs.
public func batchNormalizationGradient(
    _ x: Tensor, weight: Tensor? = nil, mean: Tensor, scale: Tensor, inverse: Tensor, sum: Tensor, dot: Tensor,
    outputGradient dy: Tensor,
    into dx: Tensor
) {
    precondition(x.elementCount == dy.elementCount && dx.elementCount == dy.elementCount)
    precondition((weight?.elementCount ?? x.rowCount) == x.rowCount)
    unsafe cv_batch_norm_gradient(
        x.rowCount, x.shape.channels, x.base, weight?.base, mean.base, scale.base, inverse.base, sum.base, dot.base,
        dy.base, dx.base)
}

/// The rows of one matrix into those of another of the same size, whatever their strides.
public func copyRows(from source: Matrix, to target: Matrix) {
    precondition(source.rows == target.rows && source.columns == target.columns)
    precondition(!source.isTransposed && !target.isTransposed)
    for row in 0..<source.rows {
        unsafe (target.base + row * target.stride).update(
            from: source.base + row * source.stride, count: source.columns)
    }
}

/// How many of the numbers are NaN or infinite.
public func countNotFinite(_ x: Tensor) -> Int { unsafe cv_count_not_finite(x.elementCount, x.base) }
