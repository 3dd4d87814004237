public import Tensors

/// A layer over (H, W, C) used on (T, C), as an image of one row.
public struct OneRow: Layer {
    package let layer: any Layer

    /// - Parameter layer: A layer whose window, strides and factors are 1 along H.
    public init(_ layer: any Layer) { self.layer = layer }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2 else {
            throw ShapeError("takes one input (time, channels), found \(list(inputs))")
        }
        var plan = try layer.plan(for: [Shape([1] + inputs[0].axes)])
        plan.output = Shape(Array(plan.output.axes.dropFirst()))
        for index in plan.parameters.indices where plan.parameters[index].shape.rank > 1 {
            plan.parameters[index].shape = Shape(Array(plan.parameters[index].shape.axes.dropFirst()))
        }
        return plan
    }

    public func forward(_ pass: ForwardPass) { layer.forward(pass.asRows) }
    public func backward(_ pass: BackwardPass) { layer.backward(pass.asRows) }
}
