import Kernels
import Tensors

/// How ONNX has the numbers of a parameter that Keras has in another order.
struct ONNXArrangement: Hashable {
    /// The axes that the numbers are seen with.
    let axes: [Int]
    /// The order of these axes in the file.
    let order: [Int]
    /// Which place along the first axis of that comes when; nil for all in their order.
    var places: [Int]?
    /// The axes of the result.
    let shape: [Int]

    /// A parameter in an arrangement.
    struct Use: Hashable {
        let entry: Int
        let arrangement: ONNXArrangement
    }

    /// The numbers as they are, seen with other axes.
    static func plain(_ shape: [Int]) -> ONNXArrangement {
        ONNXArrangement(axes: shape, order: Array(shape.indices), shape: shape)
    }

    /// Axes in another order.
    ///
    /// - Parameter shape: The result's, if it is not that of the axes.
    static func permuted(_ axes: [Int], _ order: [Int], shape: [Int]? = nil) -> ONNXArrangement {
        ONNXArrangement(axes: axes, order: order, shape: shape ?? order.map { axes[$0] })
    }

    /// The numbers in the order of the file.
    func numbers(of parameter: Tensor) -> Tensor {
        let isPlain = order == Array(order.indices)
        guard !isPlain || places != nil else { return parameter }
        let ordered = Buffer(zeros: parameter.elementCount).tensor
        permuteAxes(of: parameter, axes, order: order, into: ordered)
        guard let places else { return ordered }
        let result = Buffer(zeros: parameter.elementCount).tensor, size = parameter.elementCount / places.count
        for (target, source) in places.enumerated() {
            result.copy((source * size)..<((source + 1) * size), of: ordered, to: target * size)
        }
        return result
    }
}
