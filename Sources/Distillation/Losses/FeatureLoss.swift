import Kernels
import Networks
import Tensors

/// A distance between layers of the student and of a teacher (a feature-based loss).
protocol FeatureLoss: Sendable {
    /// How many layers of either network it compares at once.
    var layersOfPair: Int { get }

    /// Adds nodes for what is compared of `layersOfPair` layers of both networks, of the same shape if they fit.
    func connect(
        _ student: [LayerGraph.Value], in graph: inout LayerGraph, _ teacher: [LayerGraph.Value],
        in teacherGraph: inout LayerGraph, names: FeatureNames
    ) throws(ShapeError) -> (student: LayerGraph.Value, teacher: LayerGraph.Value)

    /// What a shape of the student's value needs of the teacher's to fit: "a map of (3, 3), which needs the same height and
    /// width".
    func needs(_ shape: Shape) -> String

    /// Adds `scale` times the gradient of the sum over the examples at the student's values to `gradient`, and returns
    /// that sum. All have the same shape, one block for each example.
    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double

    /// The formula for some pairs, as the plan prints it.
    ///
    /// - Parameter teacher: " of NAME" where the teacher is named.
    func formula(pairs: Int, of teacher: String) -> String
}

/// The names of the nodes that compare one pair.
struct FeatureNames {
    /// Tells it from other pairs.
    let pair: String
    /// For what learns: the same wherever the pair stands, so that it goes on from the first stage to the next.
    let adapter: String
}

/// "1 layer", "2 layers".
func counted(_ count: Int, _ noun: String, _ rest: String = "") -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")\(rest)"
}

/// factor · ‖student − teacher‖², summed over examples.
func squaredDistance(
    _ student: Tensor, _ teacher: Tensor, factor: Double, scale: Float, to gradient: Tensor, kernels: KernelContext
) -> Double {
    kernels.withScratch(student.elementCount) { difference in
        subtract(student, teacher, into: difference)
        addScaled(difference, by: Float(2 * factor) * scale, to: gradient)
        return factor * sumOfSquares(difference)
    }
}
