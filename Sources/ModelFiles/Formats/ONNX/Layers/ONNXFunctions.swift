import Networks
import Tensors

extension ElementwiseFunction: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        return call.elementwise { x in
            switch function {
            case .absolute: g("Abs", x)
            case .square: g("Mul", x, x)
            case .squareRoot: g("Sqrt", x)
            case .logarithm: g("Log", x)
            case .sine: g("Sin", x)
            case .cosine: g("Cos", x)
            case .errorFunction: g("Erf", x)
            case .sign: g("Sign", x)
            case .floor: g("Floor", x)
            case .truncated: g("Mul", g("Sign", x), g("Floor", g("Abs", x)))
            case .isZero: g.float(g("Equal", x, g.constant(0)))
            case .power(let exponent): g("Pow", x, g.constant(exponent))
            case .exponential(let base): g("Pow", g.constant(base), x)
            case .quotient(let dividend): g("Div", g.constant(dividend), x)
            case .clip(let lowest, let highest): g("Min", g("Max", x, g.constant(lowest)), g.constant(highest))
            }
        }
    }
}

extension Reduction: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), rank = call.shape().rank, keep = keepDimensions
        let axes = axes.map { $0 < 0 ? rank + 1 + $0 : $0 }
        return switch kind {
        case .sum: call.result(g.sum(x, axes, keep: keep))
        case .mean: call.result(g.reduced("ReduceMean", x, axes, keep: keep))
        case .maximum: call.result(g.reduced("ReduceMax", x, axes, keep: keep))
        case .minimum: call.result(g.reduced("ReduceMin", x, axes, keep: keep))
        case .logSumExp: call.result(g.reduced("ReduceLogSumExp", x, axes, keep: keep))
        }
    }
}

extension Comparison: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(0), y = call.input(1)
        let holds =
            switch kind {
            case .equal: g("Equal", x, y)
            case .notEqual: g("Not", g("Equal", x, y))
            case .less: g("Less", x, y)
            case .lessEqual: g("LessOrEqual", x, y)
            case .greater: g("Greater", x, y)
            case .greaterEqual: g("GreaterOrEqual", x, y)
            case .and: g("And", g.isSet(x), g.isSet(y))
            case .or: g("Or", g.isSet(x), g.isSet(y))
            }
        return call.result(g.float(holds))
    }
}

extension Choice: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        return call.result(g("Where", g.isSet(call.input(0)), call.input(1), call.input(2)))
    }
}

extension Constant: ONNXLayer {
    /// The same for one example as for many: whatever reads it repeats it.
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, axes = call.output.axes
        return call.result(g.filled(g.constant(values, [1] + axes), like: call.input(), axes))
    }
}

extension Discretization: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, rank = call.shape().rank
        guard !boundaries.isEmpty else { return call.result(g("Mul", call.input(), g.constant(0))) }
        let x = g("Unsqueeze", call.input(), g.integers([rank + 1]))
        let isPassed = g.float(g("GreaterOrEqual", x, g.constant(boundaries, [boundaries.count])))
        return call.result(g.sum(isPassed, [rank + 1], keep: false))
    }
}

extension ONNXGraph {
    /// A vector for each number, with 1 at its place.
    fileprivate func oneHot(_ x: String, rank: Int, count: Int) -> String {
        let places = constant((0..<count).map { Float($0) }, [count])
        return float(self("Equal", self("Unsqueeze", x, integers([rank + 1])), places))
    }
}

extension OneHot: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph.oneHot(call.input(), rank: call.shape().rank, count: count))
    }
}

extension CategoryEncoding: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input()
        let whole = mode == .multiHot ? g("Mul", g("Sign", x), g("Floor", g("Abs", x))) : x
        let all = g.oneHot(whole, rank: 1, count: count)
        switch mode {
        case .multiHot: return call.result(g.reduced("ReduceMax", all, [1], keep: false))
        case .count: return call.result(g.sum(all, [1], keep: false))
        case .oneHot: return call.result(call.output.rank == 1 ? g.squeezed(all, 1) : all)
        }
    }
}
