import Networks
import Tensors

// Layers for the frames of a video, and mixtures of experts.

extension FramePooling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input()
        guard let mask = call.mask() else {
            switch kind {
            case .mean: return call.result(g.reduced("ReduceMean", x, [1], keep: false))
            case .max: return call.result(g.reduced("ReduceMax", x, [1], keep: false))
            case .sum: return call.result(g.sum(x, [1], keep: false))
            }
        }
        let real = g.unsqueezed(mask, 2)
        if kind == .max {
            let low = g("Where", g.isSet(real), x, g.constant(-.greatestFiniteMagnitude))
            // An example without real frames gives zeros.
            return call.result(
                g("Mul", g.reduced("ReduceMax", low, [1], keep: false), g.reduced("ReduceMax", real, [1], keep: false)))
        }
        let sum = g.sum(g("Mul", x, real), [1], keep: false)
        guard kind == .mean else { return call.result(sum) }
        return call.result(g("Div", sum, g("Max", g.sum(real, [1], keep: false), g.constant(1))))
    }
}

extension PaddingToZero: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        guard let mask = call.mask() else { return call.values[0] }
        return call.result(call.graph("Mul", call.input(), call.graph.unsqueezed(mask, 2)))
    }
}

extension ONNXCall {
    /// The assignments of frames to clusters, 0 for those that are padding.
    fileprivate var assigned: String {
        guard let mask = mask() else { return input(1) }
        return graph("Mul", input(1), graph.unsqueezed(mask, 2))
    }
}

extension ClusterResiduals: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, a = call.assigned
        let sums = g("MatMul", g.transposed(call.input(0), [0, 2, 1]), a)
        guard useCenters else { return call.result(sums) }
        return call.result(g("Sub", sums, g("Mul", call.parameter(0), g.sum(a, [1]))))
    }
}

extension FisherVectors: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, a = call.assigned, x = g.transposed(call.input(0), [0, 2, 1])
        let covariances = call.parameter(0), centers = call.parameter(1)
        let v = g("Add", g("Mul", covariances, covariances), g.constant(Self.floor)), s = g.sum(a, [1])
        let M = g("MatMul", x, a), Q = g("MatMul", g("Mul", x, x), a)
        let means = g("Div", g("Sub", M, g("Mul", centers, s)), v)
        let square = g("Mul", g("Mul", centers, centers), s)
        let spread = g("Add", g("Sub", Q, g("Mul", g("Mul", centers, g.constant(2)), M)), square)
        let variances = g("Sub", g("Div", spread, g("Mul", v, v)), s)
        return call.result(g.joined([means, variances], axis: 2))
    }
}

extension ExpertMixture: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, units = call.output[0]
        let gates = g.slice(call.input(0), axis: 2, 0, experts)
        let opinions = g.reshaped(call.input(1), [units, experts])
        return call.result(g.sum(g("Mul", gates, opinions), [2], keep: false))
    }
}

extension LogOdds: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        let p = g("Clip", call.input(), g.constant(Self.range.lowerBound), g.constant(Self.range.upperBound))
        return call.result(g("Log", g("Div", p, g("Sub", g.constant(1), p))))
    }
}
