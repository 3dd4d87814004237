import Kernels
import Networks
import Tensors

/// Flow between layers ("A gift from knowledge distillation", Yim, Joo, Bae, Kim, 2017, eq. 2): the squared Frobenius norm
///
///     ‖G_T − G_S‖²
///
/// of the difference of FSP matrices (`FlowMatrix`), each of two layers, the larger of which is max-pooled to the size of the
/// smaller one.
struct FlowLoss: FeatureLoss {
    var layersOfPair: Int { 2 }

    func connect(
        _ student: [LayerGraph.Value], in graph: inout LayerGraph, _ teacher: [LayerGraph.Value],
        in teacherGraph: inout LayerGraph, names: FeatureNames
    ) throws(ShapeError) -> (student: LayerGraph.Value, teacher: LayerGraph.Value) {
        let name = "fsp \(names.pair)"
        return (
            try flow(student[0], student[1], name, &graph), try flow(teacher[0], teacher[1], name, &teacherGraph)
        )
    }

    /// Adds the FSP matrix of two layers, whose heights and widths are made equal.
    private func flow(
        _ first: LayerGraph.Value, _ second: LayerGraph.Value, _ name: String, _ graph: inout LayerGraph
    ) throws(ShapeError) -> LayerGraph.Value {
        let a = graph.shape(of: first), b = graph.shape(of: second)
        guard a.rank == 3, b.rank == 3 else {
            throw ShapeError(
                "the flow between layers is that of images (height, width, channels), found \(a) and \(b)")
        }
        func pooled(_ value: LayerGraph.Value, _ from: Shape, to size: Shape, _ suffix: String) throws(ShapeError)
            -> LayerGraph.Value
        {
            guard from[0] != size[0] || from[1] != size[1] else { return value }
            guard from[0] % size[0] == 0, from[1] % size[1] == 0 else {
                throw ShapeError("\(from) cannot be pooled to \(size[0]) × \(size[1]), which does not divide it")
            }
            return try graph.add(
                graph.freeName("\(name) \(suffix)"), Pooling2D(.max, poolSize: (from[0] / size[0], from[1] / size[1])),
                to: [value])
        }
        let isFirstLarger = a[0] * a[1] > b[0] * b[1]
        let left = isFirstLarger ? try pooled(first, a, to: b, "first") : first
        let right = isFirstLarger ? second : try pooled(second, b, to: a, "second")
        return try graph.add(graph.freeName(name), FlowMatrix(), to: [left, right])
    }

    func needs(_ shape: Shape) -> String { "a matrix of \(shape), which needs the same numbers of channels" }

    func add(_ student: Tensor, _ teacher: Tensor, scale: Float, to gradient: Tensor, kernels: KernelContext) -> Double
    {
        squaredDistance(student, teacher, factor: 1, scale: scale, to: gradient, kernels: kernels)
    }

    func formula(pairs: Int, of teacher: String) -> String {
        "Σ ‖FSP(student) − FSP(teacher\(teacher))‖² over \(counted(pairs, "pair", " of layers"))"
    }
}

extension Loss {
    public static let fsp = Loss(
        "fsp", compares: "the flow between two layers", paper: "Yim et al., 2017", FlowLoss())
}

extension LossTerm.Measure {
    public static func fsp(_ pairs: [(LossTerm.LayerPair, LossTerm.LayerPair)]) -> Self {
        Self(.fsp, pairs: pairs.map { [$0, $1] })
    }
}
