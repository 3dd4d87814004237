import Kernels
import Tensors

/// A distance between what a layer of the student and one of a teacher hold of some examples.
protocol LayerLoss: Sendable {
    /// Adds `scale` times the gradient of the sum over the examples at the student's values to `gradient`, and returns
    /// that sum. All have the same shape, one block for each example.
    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
}

extension LossTerm.Measure {
    /// The distance of the layers, where the measure is one of layers; nil for those of predictions.
    ///
    /// It is one of the values that the paper compares: `FlowMatrix` makes them for fsp, `AttentionMap` for attention.
    var layerLoss: (any LayerLoss)? {
        switch kind {
        case .fsp: SquaredDistance(factor: 1)
        case .hint: SquaredDistance(factor: 0.5)
        case .attention: AttentionDistance()
        case .kl, .crossEntropy, .mse, .dkd, .dist, .rkd: nil
        }
    }
}

/// Squared error of a layer.
///
///     ‖G_T − G_S‖²       flow between layers, the squared Frobenius norm (Yim, Joo, Bae, Kim, 2017, eq. 2)
///     ½ ‖u_h − r(v_g)‖²  hints, r the student's adapter (Romero, Ballas, Kahou, Chassang, Gatta, Bengio, 2015)
struct SquaredDistance: LayerLoss {
    let factor: Double

    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    {
        kernels.withScratch(student.elementCount) { difference in
            subtract(student, teacher, into: difference)
            addScaled(difference, by: Float(2 * factor) * scale, to: gradient)
            return factor * sumOfSquares(difference)
        }
    }
}

/// Distance of attention maps (Zagoruyko and Komodakis, 2017, eq. 2, with p = 2).
///
///     ½ ‖u − w‖,  u = Q_S / ‖Q_S‖, w = Q_T / ‖Q_T‖;   gradient  ½ (u − w − ½ ‖u − w‖² u) / (‖u − w‖ ‖Q_S‖)
///
/// The paper's β is the weight of the term. The norm has no slope where u is w: 0 is taken, as for a map of zeros,
/// which has no direction and is left as it is. Maps closer than rounding to one another count as equal.
struct AttentionDistance: LayerLoss {
    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    {
        let count = student.count, positions = student.shape.elementCount
        return kernels.withBlocks(3, count: count, columns: positions) { blocks in
            let (u, w, change) = (blocks[0], blocks[1], blocks[2])
            for (map, unit) in [(student, u), (teacher, w)] {
                scaleRowsToLength(
                    .length, map.viewed(count: count, shape: [positions]), epsilon: .leastNormalMagnitude, gamma: nil,
                    into: unit)
            }
            subtract(u, w, into: change)
            var sum = 0.0
            for example in 0..<count {
                func row(_ tensor: Tensor) -> Tensor {
                    tensor.slice(at: example * positions, count: positions)
                }
                let square = sumOfSquares(row(change)), length = sumOfSquares(row(student)).squareRoot()
                guard square > 1e-13 else { continue }
                sum += square.squareRoot() / 2
                guard length > 0, sumOfSquares(row(w)) > 0 else { continue }
                let slope = scale * Float(0.5 / (square.squareRoot() * length)), target = row(gradient)
                addScaled(row(change), by: slope, to: target)
                addScaled(row(u), by: -slope * Float(square / 2), to: target)
            }
            return sum
        }
    }
}
