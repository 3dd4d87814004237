import Kernels
import Networks
import Tensors

/// Hints ("FitNets: hints for thin deep nets", Romero, Ballas, Kahou, Chassang, Gatta, Bengio, 2015)
///
///     ½ ‖u_h − r(v_g)‖²
///
/// of a teacher's layer u_h and the student's v_g; the adapter r, a Dense layer of the teacher's channels, learns, too.
struct HintLoss: FeatureLoss {
    var layersOfPair: Int { 1 }

    func connect(
        _ student: [LayerGraph.Value], in graph: inout LayerGraph, _ teacher: [LayerGraph.Value],
        in teacherGraph: inout LayerGraph, names: FeatureNames
    ) throws(ShapeError) -> (student: LayerGraph.Value, teacher: LayerGraph.Value) {
        let channels = teacherGraph.shape(of: teacher[0]).channels
        let name = graph.freeName("hint \(names.adapter)")
        return (try graph.add(name, Dense(units: channels), to: student), teacher[0])
    }

    func needs(_ shape: Shape) -> String { "\(shape), which needs the same height and width, or as many steps" }

    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    {
        squaredDistance(student, teacher, factor: 0.5, scale: scale, to: gradient, kernels: kernels)
    }

    func formula(pairs: Int, of teacher: String) -> String {
        "½ Σ ‖adapted layer − layer\(teacher)‖² over \(counted(pairs, "layer"))"
    }
}

extension Loss {
    public static let hint = Loss(
        "hint", compares: "a layer's activations, through a learned linear adapter", paper: "Romero et al., 2015",
        HintLoss())
}

extension LossTerm.Measure {
    public static func hint(_ pairs: [LossTerm.LayerPair]) -> Self { Self(.hint, pairs: pairs.map { [$0] }) }
}
