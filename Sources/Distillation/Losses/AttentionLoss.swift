import Kernels
import Networks
import Tensors

/// Distance of attention maps (`AttentionMap`; "Paying more attention to attention", Zagoruyko and Komodakis, 2017, eq. 2,
/// with p = 2).
///
///     ½ ‖u − w‖,  u = Q_S / ‖Q_S‖, w = Q_T / ‖Q_T‖;   gradient  ½ (u − w − ½ ‖u − w‖² u) / (‖u − w‖ ‖Q_S‖)
///
/// The paper's β is the weight of the term. The norm has no slope where u is w: 0 is taken, as for a map of zeros,
/// which has no direction and is left as it is. Maps closer than rounding to one another count as equal.
struct AttentionLoss: FeatureLoss {
    var layersOfPair: Int { 1 }

    func connect(
        _ student: [LayerGraph.Value], in graph: inout LayerGraph, _ teacher: [LayerGraph.Value],
        in teacherGraph: inout LayerGraph, names: FeatureNames
    ) throws(ShapeError) -> (student: LayerGraph.Value, teacher: LayerGraph.Value) {
        let name = "attention \(names.pair)"
        return (
            try graph.add(graph.freeName(name), AttentionMap(), to: student),
            try teacherGraph.add(teacherGraph.freeName(name), AttentionMap(), to: teacher)
        )
    }

    func needs(_ shape: Shape) -> String { "a map of \(shape), which needs the same height and width" }

    func formula(pairs: Int, of teacher: String) -> String {
        "½ Σ ‖attention − attention\(teacher)‖ over \(counted(pairs, "layer"))"
    }

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

extension Loss {
    public static let attention = Loss(
        "attention", compares: "where a layer is active", paper: "Zagoruyko and Komodakis, 2017", AttentionLoss())
}

extension LossTerm.Measure {
    public static func attention(_ pairs: [LossTerm.LayerPair]) -> Self { Self(.attention, pairs: pairs.map { [$0] }) }
}
