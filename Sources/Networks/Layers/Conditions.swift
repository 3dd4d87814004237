import Kernels
public import Tensors

/// Whether two numbers compare in some way, as 1 and 0: `ops.greater`, `ops.not_equal`, `ops.logical_and`.
///
/// Axes of 1 are repeated. A step is flat: no gradient flows through it.
public struct Comparison: Layer {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case equal, less, greater
        case notEqual = "not_equal", lessEqual = "less_equal", greaterEqual = "greater_equal"
        case and = "logical_and", or = "logical_or"
    }

    public let kind: Kind

    public init(_ kind: Kind) { self.kind = kind }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 2, let output = Broadcast.shape(inputs), Set(inputs.map(\.rank)).count == 1 else {
            throw ShapeError("takes two inputs of one shape, or with axes of 1 in their place, found \(list(inputs))")
        }
        var plan = LayerPlan(output: output)
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let z = pass.output, kind = kind
        withRepeated(pass.kernels, [pass.input(0), pass.input(1)], z.shape) { inputs in
            let (x, y) = (inputs[0], inputs[1])
            for element in 0..<z.elementCount { z[element] = kind.holds(x[element], y[element]) ? 1 : 0 }
        }
    }

    public func backward(_ pass: BackwardPass) {
        for position in 0..<2 { pass.inputGradient(position)?.fill(with: 0) }
    }
}

extension Comparison.Kind {
    fileprivate func holds(_ x: Float, _ y: Float) -> Bool {
        switch self {
        case .equal: x == y
        case .notEqual: x != y
        case .less: x < y
        case .lessEqual: x <= y
        case .greater: x > y
        case .greaterEqual: x >= y
        case .and: x != 0 && y != 0
        case .or: x != 0 || y != 0
        }
    }
}

/// The second input where the first is not 0, the third elsewhere: `ops.where`.
public struct Choice: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 3, let output = Broadcast.shape(inputs), Set(inputs.map(\.rank)).count == 1 else {
            throw ShapeError("takes a condition and two inputs of one shape, or with axes of 1, found \(list(inputs))")
        }
        var plan = LayerPlan(output: output)
        plan.backwardReads = .inputs
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let y = pass.output
        withRepeated(pass.kernels, (0..<3).map { pass.input($0) }, y.shape) { inputs in
            for element in 0..<y.elementCount {
                y[element] = inputs[0][element] != 0 ? inputs[1][element] : inputs[2][element]
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        let dy = pass.outputGradient
        pass.inputGradient(0)?.fill(with: 0)
        withRepeated(pass.kernels, [pass.input(0)], dy.shape) { inputs in
            pass.kernels.withScratch(dy.elementCount) { part in
                for (position, wanted) in [(1, true), (2, false)] {
                    guard let dx = pass.inputGradient(position) else { continue }
                    for element in 0..<dy.elementCount {
                        part[element] = (inputs[0][element] != 0) == wanted ? dy[element] : 0
                    }
                    Broadcast(dx, to: dy.shape).sum(part, into: dx)
                }
            }
        }
    }
}

/// The same numbers for every example, beside whatever it reads: a constant of a graph, such as a table of positions. It has
/// as many axes as what it reads, the first ones of extent 1.
public struct Constant: Layer {
    public let values: [Float]
    /// The shape of the last axes.
    public let shape: Shape

    public init(_ values: [Float], shape: Shape) {
        precondition(values.count == shape.elementCount, "\(values.count) numbers are not \(shape)")
        (self.values, self.shape) = (values, shape)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, shape.rank <= inputs[0].rank else {
            throw ShapeError("has a constant \(shape) with more axes than an example of \(list(inputs))")
        }
        var plan = LayerPlan(
            output: Shape([Int](repeating: 1, count: inputs[0].rank - shape.rank) + shape.axes))
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let size = values.count
        for example in 0..<pass.count { pass.output.slice(at: example * size, count: size).copy(from: values.span) }
    }

    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.fill(with: 0) }
}
