public import Tensors

/// One axis and the last one in each other's place, so that a layer over the last axis can work along any other.
public struct AxisSwap: Layer {
    /// Keras's: 1 is the first after the examples, negative ones count from the end.
    public let axis: Int

    public init(_ axis: Int) { self.axis = axis }

    private func permutation(rank: Int) -> Permute {
        var axes = Array(1..<(rank + 1))
        axes.swapAt(axis < 0 ? rank + axis : axis - 1, rank - 1)
        return Permute(axes)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        let rank = inputs[0].rank
        guard (1...max(rank, 1)).contains(axis < 0 ? rank + axis + 1 : axis), rank > 0 else {
            throw ShapeError("works along axis \(axis), which its input \(inputs[0]) does not have")
        }
        guard axis != rank, axis != -1 else {
            plan.sharing = .always
            return plan
        }
        plan.output = try permutation(rank: rank).plan(for: inputs).output
        return plan
    }

    public func forward(_ pass: ForwardPass) { permutation(rank: pass.input().shape.rank).forward(pass) }
    public func backward(_ pass: BackwardPass) { permutation(rank: pass.input().shape.rank).backward(pass) }
}
