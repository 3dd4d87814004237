import Kernels
import Networks
import Tensors

extension ONNXGraph {
    /// An activation of every number.
    func activated(_ activation: Activation, _ x: String) -> String {
        func clipped(_ x: String, _ low: Float, _ high: Float) -> String {
            self("Clip", x, constant(low), constant(high))
        }
        func times(_ x: String, _ factor: Float) -> String { self("Mul", x, constant(factor)) }
        func plus(_ x: String, _ term: Float) -> String { self("Add", x, constant(term)) }
        switch activation.kind {
        case .linear: return x
        case .relu: return self("Relu", x)
        case .tanh: return self("Tanh", x)
        case .sigmoid: return self("Sigmoid", x)
        case .elu: return self("Elu", x, with: .number("alpha", activation.slope))
        case .selu: return self("Selu", x)
        case .softplus: return self("Softplus", x)
        case .softsign: return self("Softsign", x)
        case .exponential: return self("Exp", x)
        case .relu6: return clipped(x, 0, 6)
        case .hardTanh: return clipped(x, -1, 1)
        case .hardSigmoid, .hardSigmoid2, .sparseSigmoid:
            return self(
                "HardSigmoid", x, with: .number("alpha", activation.hardSlope ?? 0), .number("beta", 0.5))
        case .leakyReLU: return self("LeakyRelu", x, with: .number("alpha", activation.slope))
        case .softShrink: return self("Shrink", x, with: .number("lambd", 0.5), .number("bias", 0.5))
        case .hardShrink: return self("Shrink", x, with: .number("lambd", 0.5), .number("bias", 0))
        case .tanhShrink: return self("Sub", x, self("Tanh", x))
        case .sparsePlus:
            // 0 up to −1, (x + 1)² / 4 up to 1, then x.
            let part = plus(clipped(x, -1, 1), 1)
            return self("Add", times(self("Mul", part, part), 0.25), self("Relu", plus(x, -1)))
        case .gelu:
            return times(self("Mul", x, plus(self("Erf", times(x, Float(0.5).squareRoot())), 1)), 0.5)
        case .geluTanh:
            let cube = self("Mul", x, self("Mul", x, x))
            let inner = times(self("Add", x, times(cube, 0.044715)), 0.7978845608)
            return times(self("Mul", x, plus(self("Tanh", inner), 1)), 0.5)
        case .silu: return self("Mul", x, self("Sigmoid", x))
        case .mish: return self("Mul", x, self("Tanh", self("Softplus", x)))
        case .hardSilu: return self("HardSwish", x)
        case .logSigmoid: return self("Neg", self("Softplus", self("Neg", x)))
        case .squareplus: return times(self("Add", x, self("Sqrt", plus(self("Mul", x, x), 4))), 0.5)
        }
    }
}

extension Activation {
    /// The slope of a hard sigmoid; nil for another activation.
    var hardSlope: Float? {
        switch kind {
        case .hardSigmoid: 1.0 / 6
        case .hardSigmoid2: 0.2
        case .sparseSigmoid: 0.5
        default: nil
        }
    }
}

extension ElementwiseActivation: ONNXLayer {
    var ignoresLeadingAxes: Bool { true }

    func express(_ call: ONNXCall) -> ONNXValue { call.elementwise { call.graph.activated(activation, $0) } }
}

extension Rectify: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, rectifier = rectifier
        return call.elementwise { x in
            let limited = rectifier.maximum < .infinity ? g("Min", x, g.constant(rectifier.maximum)) : x
            if rectifier.threshold == 0, rectifier.negativeSlope == 0 { return g("Relu", limited) }
            if rectifier.threshold == 0, rectifier.maximum == .infinity {
                return g("LeakyRelu", x, with: .number("alpha", rectifier.negativeSlope))
            }
            let isAbove = g("Greater", x, g.constant(rectifier.threshold))
            let below = g("Mul", g("Sub", x, g.constant(rectifier.threshold)), g.constant(rectifier.negativeSlope))
            return g("Where", isAbove, limited, below)
        }
    }
}

extension PReLU: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue { call.result(call.graph("PRelu", call.input(), call.parameter(0))) }
}

extension Softmax: ONNXLayer {
    var ignoresLeadingAxes: Bool { axisCount == 1 }

    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), axes = call.shape().axes
        guard axisCount != 1 else { return call.result(g("Softmax", x, with: .integer("axis", -1))) }
        let joined = Array(axes.dropLast(axisCount)) + [axes.suffix(axisCount).reduce(1, *)]
        return call.result(g.reshaped(g("Softmax", g.reshaped(x, joined), with: .integer("axis", -1)), axes))
    }
}

extension LogSoftmax: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph("LogSoftmax", call.input(), with: .integer("axis", -1)))
    }
}

extension Sparsemax: ONNXLayer {
    /// y = max(x − t, 0), t = (Σ the partial sums of the support, largest first, − 1) / its size
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), rank = call.shape().rank, width = call.shape().channels
        let sorted = g.node("TopK", [x, g.integers([width])], [.integer("axis", -1)], outputs: 2)[0]
        let sums = g("CumSum", sorted, g.integer(rank))
        let places = g.constant((1...width).map { Float($0) }, [width])
        let isInside = g("Greater", g("Add", g("Mul", places, sorted), g.constant(1)), sums)
        let inside = g.float(isInside), total = g.sum(g("Mul", sums, inside), [-1])
        let bound = g("Div", g("Sub", total, g.constant(1)), g.sum(inside, [-1]))
        return call.result(g("Relu", g("Sub", x, bound)))
    }
}

extension GatedLinearUnit: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), axis = call.shape().rank, width = call.output.channels
        let gate = g("Sigmoid", g.slice(x, axis: axis, width, 2 * width))
        return call.result(g("Mul", g.slice(x, axis: axis, 0, width), gate))
    }
}
