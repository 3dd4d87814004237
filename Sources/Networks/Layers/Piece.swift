import Kernels
public import Tensors

/// A run of the numbers of every example, as a value of its own.
///
/// A node of a graph has one output; a layer with several results computes them one behind another, and pieces take
/// them apart. Only the first result may depend on the length of the input, so that places are counted from the end.
public struct Piece: Layer {
    /// How many numbers come behind it.
    public let following: Int
    /// How many it has; nil for all in front of those that follow.
    public let count: Int?
    /// The length of its rows; nil for one vector.
    public let columns: Int?
    /// Whether it has the mask of the whole.
    public let keepsMask: Bool

    public init(before following: Int, count: Int? = nil, columns: Int? = nil, keepsMask: Bool = false) {
        self.following = following
        self.count = count
        self.columns = columns
        self.keepsMask = keepsMask
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        let whole = inputs[0].elementCount, size = count ?? whole - following
        guard size > 0, size + following <= whole, size % (columns ?? 1) == 0 else {
            throw ShapeError("takes \(size) numbers before the last \(following) of \(inputs[0])")
        }
        return LayerPlan(
            output: columns.map { [size / $0, $0] } ?? [size], sharing: size == whole ? .always : .never,
            mask: keepsMask ? .first : .none)
    }

    public func forward(_ pass: ForwardPass) {
        copyRows(from: place(pass.input(), pass.output), to: pass.output.examples)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        dx.fill(with: 0)
        copyRows(from: pass.outputGradient.examples, to: place(dx, pass.outputGradient))
    }

    /// Where `piece` is in `whole`, one row an example.
    private func place(_ whole: Tensor, _ piece: Tensor) -> Matrix {
        let width = whole.shape.elementCount, size = piece.shape.elementCount
        return Matrix(whole, rows: whole.count, columns: size, stride: width, at: width - following - size)
    }
}
