/// A value of the graph that depends on the examples, and the tensor of Keras that has its numbers.
///
/// Keras has examples first and channels last, ONNX anything: channels behind the examples, time before them, heads and examples
/// as one axis. So an axis of the value is a list of axes of the tensor, the outermost first: what they are together. An empty
/// list is an axis of 1. Transposing, inserting and joining axes then costs nothing, and layers of Keras see their own order.
///
///     a picture (N, C, H, W) as tensor (N, H, W, C)               [0] [3] [1] [2]
///     queries of attention (N · heads, T, D) as (N, T, heads, D)  [0, 2] [1] [3]
struct ONNXFeature {
    /// The layer whose result the tensor is, and which of its results.
    var source: Source
    /// The axes of the tensor. The first is that of the examples, and stands here as 1.
    var extents: [Int]
    var axes: [[Int]]

    struct Source: Hashable {
        var layer: String
        var result = 0
    }

    /// The shape in the graph.
    var shape: [ONNXExtent] { axes.map(extent) }

    var rank: Int { axes.count }

    private func extent(_ factors: [Int]) -> ONNXExtent {
        ONNXExtent(factors.reduce(1) { $0 * extents[$1] }, perExample: factors.contains(0))
    }

    /// The numbers of one example.
    var count: Int { extents.reduce(1, *) }

    /// How the value's axes are made of other axes of the tensor.
    ///
    /// - Parameter groups: Which old axes each new one is made of; old ones in none of them have an extent of 1.
    func regrouped(_ groups: [[Int]]) -> [[Int]] {
        axes.map { factors in
            var rest = factors[...], result: [Int] = []
            while let first = rest.first {
                if let group = groups.firstIndex(where: { $0.first == first && rest.starts(with: $0) }) {
                    result.append(group)
                    rest = rest.dropFirst(groups[group].count)
                } else {
                    rest = rest.dropFirst()
                }
            }
            return result
        }
    }

    /// The axis, counted from the end where it is negative.
    func place(_ axis: Int) throws(ONNXRefusal) -> Int { try axisPlace(axis, rank) }
}

/// The axis of so many, counted from the end where it is negative.
func axisPlace(_ axis: Int, _ rank: Int) throws(ONNXRefusal) -> Int {
    let place = axis < 0 ? axis + rank : axis
    guard (0..<rank).contains(place) else { throw ONNXRefusal("works along axis \(axis) of \(rank)") }
    return place
}
