import Datasets
import Kernels
import Tensors

/// Relational knowledge distillation (Park, Kim, Lu, Cho, 2019), of the logits as points.
///
///     λ_D · mean over pairs of h(‖z_i − z_j‖ / μ(z) − ‖v_i − v_j‖ / μ(v))                μ: mean distance of the pairs
///     λ_A · mean over triplets of h(cos ∠(z_i, z_j, z_k) − cos ∠(v_i, v_j, v_k))
///     h(x) = ½ x² for |x| ≤ 1, |x| − ½ beyond                                             (Huber, δ = 1)
///
/// Pairs and triplets are of different examples. The paper adds up over them, its authors' program takes means, to
/// which their weights for classification belong: λ_D = 25 and λ_A = 50. Both are times the number of examples here,
/// like every loss. Where an example has one class, its logits are less their mean, which softmax does not see.
///
/// All is a function of squared distances, cosines by the law of cosines; with w_ij the slope at ‖z_i − z_j‖², the
/// gradient at z_i is Σ_j 2 w_ij (z_i − z_j). Costs B² C + B³ for B examples: a batch is computed in shards
/// (`Hyperparameters.shardSize`, 64 examples), and the relations are those among the examples of a shard.
struct RelationalLoss: ResponseLoss {
    let distance, angle: Double

    func add(_ responses: Responses, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double {
        kernels.withPoints(responses) { z, v in
            let count = z.count, squares = squaredDistances(z), others = squaredDistances(v)
            // The slopes at the squared distances; that of i and j is in [i, j] and [j, i] together.
            var slopes = [Double](repeating: 0, count: count * count)
            var sum = 0.0
            if count > 2, angle != 0 {
                let weight = angle * Double(count) / Double(count * (count - 1) * (count - 2) / 2)
                sum += weight * angleDistance(squares, others, count: count, to: &slopes)
                for index in slopes.indices { slopes[index] *= weight }
            }
            if count > 1, distance != 0 {
                sum += addDistances(squares, others, count: count, weight: distance * Double(count), to: &slopes)
            }
            kernels.withBlocks(1, count: count, columns: count) { blocks in
                writeLaplacian(slopes, scale: Double(scale), into: blocks[0])
                kernels.multiply(blocks[0].examples, z.examples, into: gradient.examples, adding: true)
            }
            return sum
        }
    }

    func formula(_ labelKind: LabelKind, temperature: String) -> String {
        let terms = "\(trimmed(distance)) · RKD-D + \(trimmed(angle)) · RKD-A"
        return "(\(terms))(logits(ensemble), logits(student))\(atTemperature(temperature))"
    }

    /// `weight` times the mean over pairs; adds its slopes, those of μ included.
    ///
    ///     slope at d_ij = (h′_ij − Σ h′ d / Σ d) / (pairs · μ), at d_ij² half of that over d_ij
    private func addDistances(
        _ squares: [Double], _ others: [Double], count: Int, weight: Double, to slopes: inout [Double]
    ) -> Double {
        // Both triangles of the matrices: every pair twice. Points that are all the same have distances of 0.
        let distances = squares.map { $0.squareRoot() }, total = distances.reduce(0, +)
        let otherDistances = others.map { $0.squareRoot() }, otherTotal = otherDistances.reduce(0, +)
        let pairs = Double(count * (count - 1)), by = total > 0 ? pairs / total : 0
        let otherBy = otherTotal > 0 ? pairs / otherTotal : 0
        var sum = 0.0, along = 0.0
        let turns = distances.indices.map { index in
            let x = distances[index] * by - otherDistances[index] * otherBy, turn = min(max(x, -1), 1)
            sum += turn * (x - turn / 2)
            along += turn * distances[index]
            return turn
        }
        if total > 0 {
            for index in slopes.indices where distances[index] > 0 {
                slopes[index] += weight * (turns[index] - along / total) * by / (pairs * 2 * distances[index])
            }
        }
        return weight * sum / pairs
    }

    /// The matrix by which the points are multiplied to give the gradient: 2 (diag(Σ_j w_ij) − w).
    private func writeLaplacian(_ slopes: [Double], scale: Double, into matrix: Tensor) {
        let count = matrix.count
        for i in 0..<count {
            var diagonal = 0.0
            for j in 0..<count where j != i {
                let weight = 2 * scale * (slopes[i * count + j] + slopes[j * count + i])
                matrix[i * count + j] = Float(-weight)
                diagonal += weight
            }
            matrix[i * count + i] = Float(diagonal)
        }
    }
}

extension Loss {
    public static let rkd = Loss(
        "rkd", compares: "distances and angles between examples", paper: "Park et al., 2019",
        parameters: [("distance", 25), ("angle", 50)],
        { RelationalLoss(distance: $0[0], angle: $0[1]) })
}

extension LossTerm.Measure {
    public static func rkd(distance: Double, angle: Double) -> Self { Self(.rkd, numbers: [distance, angle]) }
}
