public import Kernels
public import Tensors

/// An activation function as a layer of its own.
public struct ElementwiseActivation: Layer {
    public let activation: Activation

    public init(_ activation: Activation) { self.activation = activation }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, reads: activation.needsInput ? .inputs : .output)
    }

    public func forward(_ pass: ForwardPass) { activate(activation, pass.input(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        activateGradient(
            activation, value: activation.needsInput ? pass.input() : pass.output,
            outputGradient: pass.outputGradient, into: dx)
    }
}

/// Keras's ReLU and LeakyReLU layers.
public struct Rectify: Layer {
    public let rectifier: Rectifier

    public init(_ rectifier: Rectifier) { self.rectifier = rectifier }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, reads: .inputs)
    }

    public func forward(_ pass: ForwardPass) { rectify(rectifier, pass.input(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        rectifyGradient(rectifier, pass.input(), outputGradient: pass.outputGradient, into: dx)
    }
}

/// y = x where x > 0, else alpha · x, with an alpha for every element but along the shared axes.
public struct PReLU: Layer {
    /// Keras's axes: 1 is the first after the examples.
    public let sharedAxes: [Int]

    public init(sharedAxes: [Int] = []) { self.sharedAxes = sharedAxes }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        var axes = inputs[0].axes
        for axis in sharedAxes {
            guard axis >= 1, axis <= axes.count else {
                throw ShapeError("shares axis \(axis), which its input \(inputs[0]) does not have")
            }
            axes[axis - 1] = 1
        }
        plan.parameters = [ParameterSpec("alpha", Shape(axes), .zeros)]
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, alpha = pass.parameter(0)
        for (element, place) in places(in: x, alpha.shape) {
            y[element] = x[element] > 0 ? x[element] : alpha[place] * x[element]
        }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, alpha = pass.parameter(0), dalpha = pass.parameterGradient(0)
        dalpha.fill(with: 0)
        let dx = pass.inputGradient()
        for (element, place) in places(in: x, alpha.shape) {
            if x[element] <= 0 { dalpha[place] += dy[element] * x[element] }
            dx?[element] = dy[element] * (x[element] > 0 ? 1 : alpha[place])
        }
    }

    /// Each element of `x` with the place of its alpha.
    private func places(in x: Tensor, _ alpha: Shape) -> some Sequence<(Int, Int)> {
        let shape = x.shape
        let places = (0..<shape.elementCount).map { element in
            var rest = element, place = 0, stride = 1
            for axis in (0..<shape.rank).reversed() {
                place += alpha[axis] == 1 ? 0 : rest % shape[axis] * stride
                stride *= alpha[axis]
                rest /= shape[axis]
            }
            return place
        }
        return (0..<x.elementCount).lazy.map { ($0, places[$0 % places.count]) }
    }
}

/// Softmax over the last axis, or the last ones together.
///
///     y = eˣ / Σ eˣ,  dx = y (dy − y·dy)
public struct Softmax: Layer {
    public let axisCount: Int

    public init(axisCount: Int = 1) { self.axisCount = axisCount }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let plan = try elementwisePlan(inputs, reads: .output)
        guard inputs[0].rank >= axisCount else {
            throw ShapeError("takes the softmax over \(axisCount) axes, which its input \(inputs[0]) does not have")
        }
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        softmax(pass.input().joining(last: axisCount), into: pass.output)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        softmaxGradient(pass.output.joining(last: axisCount), outputGradient: pass.outputGradient, into: dx)
    }
}

/// Keras 3's sparsemax over the last axis (after Martins and Astudillo, 2016), which leaves few numbers above 0.
public struct Sparsemax: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let plan = try elementwisePlan(inputs)
        guard inputs[0].channels > 0 else { throw ShapeError("has no channels to choose from") }
        return plan
    }

    public func forward(_ pass: ForwardPass) { sparsemax(pass.input(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        sparsemaxGradient(pass.input(), pass.output, outputGradient: pass.outputGradient, into: dx)
    }
}

/// The gated linear unit (Dauphin et al., 2017): half as many channels, y = a · sigmoid(b) for x = (a, b).
public struct GatedLinearUnit: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        guard inputs[0].rank > 0, inputs[0].channels % 2 == 0 else {
            throw ShapeError("gates one half of its channels by the other, and has \(inputs[0].channels)")
        }
        plan.output = inputs[0].replacingChannels(with: inputs[0].channels / 2)
        return plan
    }

    public func forward(_ pass: ForwardPass) { gateLinearly(pass.input(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        gateLinearlyGradient(pass.input(), outputGradient: pass.outputGradient, into: dx)
    }
}

/// y = x − log Σ eˣ over the last axis, dx = dy − eʸ Σ dy
public struct LogSoftmax: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { try elementwisePlan(inputs) }

    public func forward(_ pass: ForwardPass) { logSoftmax(pass.input(), into: pass.output, pass.kernels) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        logSoftmaxGradient(pass.output, outputGradient: pass.outputGradient, into: dx, pass.kernels)
    }
}

/// y = x − log Σ eˣ over the last axis.
func logSoftmax(_ x: Tensor, into y: Tensor, _ kernels: KernelContext) {
    let columns = x.shape.channels
    kernels.withScratch(x.rowCount) { sums in
        logSumExp(x, into: sums)
        for row in 0..<x.rowCount {
            scale(
                x.slice(at: row * columns, count: columns), by: 1, adding: -sums[row],
                into: y.slice(at: row * columns, count: columns))
        }
    }
}

/// dx = dy − eʸ Σ dy; dx may be dy.
func logSoftmaxGradient(_ y: Tensor, outputGradient dy: Tensor, into dx: Tensor, _ kernels: KernelContext) {
    let columns = y.shape.channels
    kernels.withScratch(y.elementCount) { exponentials in
        activate(Activation(.exponential), y, into: exponentials)
        for row in 0..<y.rowCount {
            let part = exponentials.slice(at: row * columns, count: columns)
            scale(part, by: -dy.slice(at: row * columns, count: columns).values.reduce(0, +), into: part)
        }
        add(dy, exponentials, into: dx)
    }
}

/// One input, an output of the same shape, no parameters.
func elementwisePlan(
    _ inputs: [Shape], sharing: MemorySharing = .never, reads: BackwardReads = .all
) throws(ShapeError) -> LayerPlan {
    guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
    var plan = LayerPlan(output: inputs[0], sharing: sharing, mask: .first)
    plan.backwardReads = reads
    return plan
}
