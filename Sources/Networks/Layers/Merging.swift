import Kernels
public import Tensors

/// Several inputs become one, elementwise.
///
/// Axes of 1 are repeated to fit the other inputs', and inputs of fewer axes get axes of 1 in front.
///
/// With `leavesOutPadding`, a step is merged from the inputs in which it is real, as Keras does it from 3.4 on for
/// products, maxima and minima. Of a step that is padding in all of them, a product is 0, an extremum the first input.
public struct Merge: Layer {
    public enum Operation: Hashable, Sendable { case add, subtract, multiply, average, maximum, minimum }

    public let operation: Operation
    /// What mask the result has: versions of Keras differ.
    public let mask: MaskRule
    /// Whether steps that are padding in an input are merged from the others.
    public let leavesOutPadding: Bool
    /// Whether inputs of fewer axes are refused, since operations, unlike layers, would put ones before the examples.
    public let needsSameRank: Bool

    public init(
        _ operation: Operation, mask: MaskRule = .any, leavesOutPadding: Bool = false, needsSameRank: Bool = false
    ) {
        self.operation = operation
        self.mask = mask
        self.leavesOutPadding = leavesOutPadding && [.multiply, .maximum, .minimum].contains(operation)
        self.needsSameRank = needsSameRank
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count >= 2, operation != .subtract || inputs.count == 2 else {
            throw ShapeError("takes \(operation == .subtract ? "two" : "two or more") inputs, found \(inputs.count)")
        }
        guard let output = Broadcast.shape(inputs), !needsSameRank || Set(inputs.map(\.rank)).count == 1 else {
            throw ShapeError("takes inputs of one shape, or with axes of 1 in their place, found \(list(inputs))")
        }
        // Partial products or extrema, so that each input's gradient can be computed apart from the others'.
        let folds = [.multiply, .maximum, .minimum].contains(operation) && inputs.count > 2 ? inputs.count - 2 : 0
        var plan = LayerPlan(
            output: output, saved: Array(repeating: output, count: folds), mask: mask,
            maskReading: leavesOutPadding ? .attached : .planned)
        plan.backwardReads = [.multiply, .maximum, .minimum].contains(operation) ? .inputs : []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let y = pass.output, last = pass.inputCount - 1, padding = padding(pass)
        withOperands(pass.kernels, (0...last).map { pass.input($0) }, padding, y.shape) { inputs in
            var left = inputs[0]
            for position in 1...last {
                let right = inputs[position]
                switch operation {
                case .add, .average: add(left, right, into: y)
                case .subtract: subtract(left, right, into: y)
                case .multiply, .maximum, .minimum:
                    let target = position == last ? y : pass.saved(position - 1)
                    if operation == .multiply {
                        multiplyElements(left, right, into: target)
                    } else {
                        extremum(isMaximum: operation == .maximum, left, right, into: target)
                    }
                    left = target
                    continue
                }
                left = y
            }
        }
        if operation == .average { scale(y, by: 1 / Float(pass.inputCount), into: y) }
        padding.eachHidden { example, step in fillHidden(y, example, step, from: pass.input(0)) }
    }

    public func backward(_ pass: BackwardPass) {
        let dy = pass.outputGradient, shape = dy.shape, positions = 0..<pass.inputCount
        let places = positions.map { pass.inputGradient($0) }
        let isSmall = places.map { $0.map { $0.shape != shape } ?? false }
        pass.kernels.withScratch(isSmall.count(where: { $0 }) * dy.elementCount) { scratch in
            var offset = 0
            let gradients: [Tensor?] = positions.map { position in
                guard isSmall[position] else { return places[position] }
                defer { offset += dy.elementCount }
                return scratch.slice(at: offset, count: dy.elementCount).viewed(count: dy.count, shape: shape)
            }
            switch operation {
            case .add, .average, .subtract: scaleGradient(dy, into: gradients)
            case .multiply, .maximum, .minimum:
                unfoldReal(pass, into: gradients)
            }
            for (position, dx) in places.enumerated() where isSmall[position] {
                if let dx, let full = gradients[position] { Broadcast(dx, to: shape).sum(full, into: dx) }
            }
        }
    }

    private func scaleGradient(_ dy: Tensor, into gradients: [Tensor?]) {
        for (position, dx) in gradients.enumerated() {
            guard let dx else { continue }
            let factor: Float =
                operation == .average ? 1 / Float(gradients.count) : operation == .subtract && position == 1 ? -1 : 1
            scale(dy, by: factor, into: dx)
        }
    }

    /// The gradients of a product or extremum of several, from the last to the first.
    func unfold(_ pass: BackwardPass, _ inputs: [Tensor], into gradients: [Tensor?]) {
        let dy = pass.outputGradient
        pass.kernels.withScratch(2 * dy.elementCount) { scratch in
            let spare = scratch.slice(at: 0, count: dy.elementCount)
            let other = scratch.slice(at: dy.elementCount, count: dy.elementCount)
            for position in (1..<inputs.count).reversed() {
                let left = position == 1 ? inputs[0] : pass.saved(position - 2), right = inputs[position]
                let dleft = position == 1 ? gradients[0] ?? spare : spare, dright = gradients[position] ?? other
                if operation == .multiply {
                    multiplyElements(dy, left, into: dright)
                    multiplyElements(dy, right, into: dleft)
                } else {
                    extremumGradient(
                        isMaximum: operation == .maximum, left, right, outputGradient: dy, into: dleft, dright)
                }
                if position > 1 { dy.copy(from: dleft) }
            }
        }
    }
}

/// Inputs one after another along an axis.
public struct Concatenate: Layer {
    /// Keras's: 1 is the first after the examples, negative ones count from the end.
    public let axis: Int
    /// What mask the result has, unless the inputs are joined in time: versions of Keras differ.
    public let mask: MaskRule

    public init(axis: Int = -1, mask: MaskRule = .any) {
        self.axis = axis
        self.mask = mask
    }

    private func place(_ rank: Int) -> Int { axis < 0 ? rank + axis : axis - 1 }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard let first = inputs.first, first.rank >= 1, (0..<first.rank).contains(place(first.rank)) else {
            throw ShapeError("joins axis \(axis), which \(list(inputs)) does not have")
        }
        let place = place(first.rank)
        for shape in inputs.dropFirst() {
            guard shape.rank == first.rank, (0..<first.rank).allSatisfy({ $0 == place || shape[$0] == first[$0] })
            else {
                throw ShapeError("joins axis \(axis) of inputs that differ in another: \(list(inputs))")
            }
        }
        var axes = first.axes
        axes[place] = inputs.reduce(0) { $0 + $1[place] }
        let joinsTime = place == 0 && first.rank > 1 && mask != .none
        var plan = LayerPlan(output: Shape(axes), mask: joinsTime ? .joined : mask)
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        var offset = 0
        for position in 0..<pass.inputCount {
            let x = pass.input(position)
            eachRun(x, in: pass.output, at: &offset) { source, target, length in
                pass.output.slice(at: target, count: length).copy(from: x.slice(at: source, count: length))
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        var offset = 0
        for position in 0..<pass.inputCount {
            let dx = pass.inputGradient(position)
            eachRun(pass.input(position), in: pass.output, at: &offset) { source, target, length in
                dx?.slice(at: source, count: length).copy(from: pass.outputGradient.slice(at: target, count: length))
            }
        }
    }

    /// Calls `body` for every run of elements of `part` that stays together in `whole`.
    private func eachRun(_ part: Tensor, in whole: Tensor, at offset: inout Int, _ body: (Int, Int, Int) -> Void) {
        let place = place(part.shape.rank)
        let length = part.shape.axes[place...].reduce(1, *), stride = whole.shape.axes[place...].reduce(1, *)
        guard length > 0 else { return }
        for run in 0..<(part.elementCount / length) { body(run * length, run * stride + offset, length) }
        offset += length
    }
}
