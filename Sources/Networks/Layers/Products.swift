import Kernels
public import Tensors

/// Keras's Dot: for every example, the sum over one axis of each of two inputs.
///
///     x (…, K, …) and y (…, K, …) give z (…, …), the other axes of x before those of y
public struct Dot: Layer {
    /// The axis of each input that is summed over: 1 is the first after the examples, negative ones count from the end.
    public let axes: (Int, Int)
    /// The least ‖·‖² along these axes, by whose root both inputs are divided first; nil to leave them as they are.
    ///
    /// Keras 2 has 1e-12, Keras 3 has 1e-14.
    public let normalizationFloor: Float?

    public init(axes: (Int, Int), normalizationFloor: Float? = nil) {
        self.axes = axes
        self.normalizationFloor = normalizationFloor
    }

    private func place(_ axis: Int, _ shape: Shape) -> Int { axis < 0 ? shape.rank + axis : axis - 1 }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2 else { throw ShapeError("takes two inputs, found \(inputs.count)") }
        let (x, y) = (inputs[0], inputs[1]), (a, b) = (place(axes.0, x), place(axes.1, y))
        guard (0..<x.rank).contains(a), (0..<y.rank).contains(b), x[a] == y[b] else {
            throw ShapeError("sums over axes \(axes.0) and \(axes.1), which do not go together in \(list(inputs))")
        }
        let rest = Self.removing(a, x) + Self.removing(b, y)
        return LayerPlan(
            output: Shape(rest.isEmpty ? [1] : rest),
            multiplyAdds: x.elementCount * Self.removing(b, y).reduce(1, *))
    }

    private static func removing(_ axis: Int, _ shape: Shape) -> [Int] {
        shape.axes.enumerated().filter { $0.offset != axis }.map(\.element)
    }

    public func forward(_ pass: ForwardPass) {
        let first = Operand(pass.input(0), place(axes.0, pass.input(0).shape), normalizationFloor)
        let second = Operand(pass.input(1), place(axes.1, pass.input(1).shape), normalizationFloor)
        let z = pass.output
        first.withRows(pass.kernels) { x in
            second.withRows(pass.kernels) { y in
                for example in 0..<z.count {
                    pass.kernels.multiply(
                        first.matrix(x, example), second.matrix(y, example).transposed,
                        into: Matrix(z, rows: first.rows, columns: second.rows, at: example * first.rows * second.rows))
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        let first = Operand(pass.input(0), place(axes.0, pass.input(0).shape), normalizationFloor)
        let second = Operand(pass.input(1), place(axes.1, pass.input(1).shape), normalizationFloor)
        let dz = pass.outputGradient
        func gradient(_ example: Int) -> Matrix {
            Matrix(dz, rows: first.rows, columns: second.rows, at: example * first.rows * second.rows)
        }
        first.withRows(pass.kernels) { x in
            second.withRows(pass.kernels) { y in
                if let dx = pass.inputGradient(0) {
                    first.backward(pass.kernels, x, into: dx) { example in
                        (gradient(example), second.matrix(y, example))
                    }
                }
                if let dy = pass.inputGradient(1) {
                    second.backward(pass.kernels, y, into: dy) { example in
                        (gradient(example).transposed, first.matrix(x, example))
                    }
                }
            }
        }
    }
}

/// One input of a product, seen as a matrix for each example: its other axes × the axis that is summed over.
private struct Operand {
    let tensor: Tensor
    let axis: Int
    let floor: Float?
    /// The product of the other axes, and the extent of the one that is summed over.
    let rows, columns: Int

    init(_ tensor: Tensor, _ axis: Int, _ floor: Float?) {
        self.tensor = tensor
        self.axis = axis
        self.floor = floor
        columns = tensor.shape[axis]
        rows = columns == 0 ? 0 : tensor.shape.elementCount / columns
    }

    /// Whether the rows are in the tensor's own memory, perhaps as columns.
    private var isInPlace: Bool { floor == nil && (axis == 0 || axis == tensor.shape.rank - 1) }
    private var isTransposed: Bool { isInPlace && axis != tensor.shape.rank - 1 }
    private var extents: [Int] { [tensor.count] + tensor.shape.axes }
    /// The axes with the summed one last.
    private var order: [Int] { extents.indices.filter { $0 != axis + 1 } + [axis + 1] }

    /// Lends the tensor, or a copy with the axis last and its rows normalized.
    func withRows(_ kernels: KernelContext, _ body: (Tensor) -> Void) {
        guard !isInPlace else { return body(tensor) }
        kernels.withScratch(tensor.elementCount) { copy in
            permuteAxes(of: tensor, extents, order: order, into: copy)
            if let floor {
                for row in 0..<(tensor.count * rows) {
                    let part = copy.slice(at: row * columns, count: columns)
                    scale(part, by: inverseNorm(part, floor), into: part)
                }
            }
            body(copy)
        }
    }

    private func inverseNorm(_ row: Tensor, _ floor: Float) -> Float {
        1 / max(Float(sumOfSquares(row)), floor).squareRoot()
    }

    /// The rows × columns of one example.
    func matrix(_ prepared: Tensor, _ example: Int) -> Matrix {
        let offset = example * rows * columns
        return isTransposed
            ? Matrix(prepared, rows: columns, columns: rows, at: offset).transposed
            : Matrix(prepared, rows: rows, columns: columns, at: offset)
    }

    /// The gradient of the tensor, where that of each example's matrix is a product.
    func backward(
        _ kernels: KernelContext, _ prepared: Tensor, into gradient: Tensor, _ product: (Int) -> (Matrix, Matrix)
    ) {
        func multiply(into target: Tensor) {
            for example in 0..<tensor.count {
                let (left, right) = product(example), offset = example * rows * columns
                if isTransposed {
                    kernels.multiply(
                        right.transposed, left.transposed,
                        into: Matrix(target, rows: columns, columns: rows, at: offset))
                } else {
                    kernels.multiply(left, right, into: Matrix(target, rows: rows, columns: columns, at: offset))
                }
            }
        }
        guard !isInPlace else { return multiply(into: gradient) }
        kernels.withScratch(2 * tensor.elementCount) { scratch in
            let rowGradient = scratch.slice(at: 0, count: tensor.elementCount)
            multiply(into: rowGradient)
            if let floor {
                let original = scratch.slice(at: tensor.elementCount, count: tensor.elementCount)
                permuteAxes(of: tensor, extents, order: order, into: original)
                denormalize(rowGradient, original, prepared, floor)
            }
            let back = extents.indices.map { order.firstIndex(of: $0) ?? $0 }
            permuteAxes(of: rowGradient, order.map { extents[$0] }, order: back, into: gradient)
        }
    }

    /// dx = (dy − y (y·dy)) / ‖x‖, and dy / √floor below the floor.
    private func denormalize(_ dy: Tensor, _ x: Tensor, _ y: Tensor, _ floor: Float) {
        for row in 0..<(tensor.count * rows) {
            let range = (row * columns)..<((row + 1) * columns)
            let part = dy.slice(at: range.lowerBound, count: columns)
            let source = x.slice(at: range.lowerBound, count: columns)
            if Float(sumOfSquares(source)) > floor {
                let along = range.reduce(Float(0)) { $0 + y[$1] * dy[$1] }
                addScaled(y.slice(at: range.lowerBound, count: columns), by: -along, to: part)
            }
            scale(part, by: inverseNorm(source, floor), into: part)
        }
    }
}

/// The matrix product of the last two axes of two inputs, for everything in front of them: `ops.matmul`.
public struct MatrixProduct: Layer {
    public let transposesFirst, transposesSecond: Bool

    public init(transposesFirst: Bool = false, transposesSecond: Bool = false) {
        self.transposesFirst = transposesFirst
        self.transposesSecond = transposesSecond
    }

    /// (M, K) and (K, N) of the inputs as they are multiplied.
    private func sizes(_ x: Shape, _ y: Shape) -> (first: (Int, Int), second: (Int, Int)) {
        func size(_ shape: Shape, _ isTransposed: Bool) -> (Int, Int) {
            let rows = shape[shape.rank - 2], columns = shape.channels
            return isTransposed ? (columns, rows) : (rows, columns)
        }
        return (size(x, transposesFirst), size(y, transposesSecond))
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2, inputs.allSatisfy({ $0.rank >= 2 }),
            inputs[0].axes.dropLast(2) == inputs[1].axes.dropLast(2)
        else { throw ShapeError("takes two inputs of matrices with the same axes before them, found \(list(inputs))") }
        let (first, second) = sizes(inputs[0], inputs[1])
        guard first.1 == second.0 else { throw ShapeError("cannot multiply \(list(inputs)): the inner axes differ") }
        let batch = Array(inputs[0].axes.dropLast(2))
        return LayerPlan(
            output: Shape(batch + [first.0, second.1]),
            multiplyAdds: batch.reduce(1, *) * first.0 * first.1 * second.1)
    }

    private func matrix(_ tensor: Tensor, _ item: Int) -> Matrix {
        let rows = tensor.shape[tensor.shape.rank - 2], columns = tensor.shape.channels
        return Matrix(tensor, rows: rows, columns: columns, at: item * rows * columns)
    }

    private func itemCount(_ tensor: Tensor) -> Int { tensor.count * tensor.shape.axes.dropLast(2).reduce(1, *) }

    public func forward(_ pass: ForwardPass) {
        for item in 0..<itemCount(pass.output) {
            let x = matrix(pass.input(0), item), y = matrix(pass.input(1), item)
            pass.kernels.multiply(
                transposesFirst ? x.transposed : x, transposesSecond ? y.transposed : y,
                into: matrix(pass.output, item))
        }
    }

    public func backward(_ pass: BackwardPass) {
        for item in 0..<itemCount(pass.output) {
            let x = matrix(pass.input(0), item), y = matrix(pass.input(1), item)
            let left = transposesFirst ? x.transposed : x, right = transposesSecond ? y.transposed : y
            let dz = matrix(pass.outputGradient, item)
            if let dx = pass.inputGradient(0).map({ matrix($0, item) }) {
                if transposesFirst {
                    pass.kernels.multiply(right, dz.transposed, into: dx)
                } else {
                    pass.kernels.multiply(dz, right.transposed, into: dx)
                }
            }
            if let dy = pass.inputGradient(1).map({ matrix($0, item) }) {
                if transposesSecond {
                    pass.kernels.multiply(dz.transposed, left, into: dy)
                } else {
                    pass.kernels.multiply(left.transposed, dz, into: dy)
                }
            }
        }
    }
}
