import Kernels
import Networks
import Tensors

extension BatchNormalization: ONNXLayer {
    /// An operation of its own where channels come first, so that it can become part of a convolution.
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, statistics = (scale ? 1 : 0) + (center ? 1 : 0)
        let mean = call.parameter(statistics), variance = call.parameter(statistics + 1)
        let channels = call.shape().channels
        if call.values[0].isChannelsFirst || call.shape().rank == 1 {
            func all(_ number: Float) -> String {
                g("Expand", g.constant(number), g.integers([channels]))
            }
            let x = call.shape().rank == 1 ? call.input() : call.values[0].channelsFirst(g)
            let y = g(
                "BatchNormalization", x, scale ? call.parameter(0) : all(1),
                center ? call.parameter(scale ? 1 : 0) : all(0), mean, variance, with: .number("epsilon", epsilon))
            return call.shape().rank == 1 ? call.result(y) : ONNXValue(channelsFirst: y, call.output)
        }
        let deviation = g("Sqrt", g("Add", variance, g.constant(epsilon)))
        var y = g("Div", g("Sub", call.input(), mean), deviation)
        if scale { y = g("Mul", y, call.parameter(0)) }
        if center { y = g("Add", y, call.parameter(scale ? 1 : 0)) }
        return call.result(y)
    }
}

extension LayerNormalization: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, axes = Array(call.shape().axes.suffix(axisCount))
        let gamma = scale ? call.parameter(0) : g("Expand", g.constant(1), g.integers(axes))
        let inputs = [call.input(), gamma] + (center ? [call.parameter(scale ? 1 : 0)] : [])
        return call.result(
            g.node(
                "LayerNormalization", inputs, [.integer("axis", -axisCount), .number("epsilon", epsilon)],
                outputs: 1)[0])
    }
}

extension RowScaling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), axes = Array(-axisCount..<0)
        let square: String
        switch length {
        case .length: return call.result(scaled(call, g.normalized(x, axes, floor: epsilon)))
        case .rootMeanSquare: square = g.reduced("ReduceMean", g("Mul", x, x), axes)
        case .deviation:
            let difference = g("Sub", x, g.reduced("ReduceMean", x, axes))
            square = g.reduced("ReduceMean", g("Mul", difference, difference), axes)
        }
        return call.result(scaled(call, g("Div", x, g("Sqrt", g("Add", square, g.constant(epsilon))))))
    }

    private func scaled(_ call: ONNXCall, _ x: String) -> String {
        factors == nil ? x : call.graph("Mul", x, call.parameter(0))
    }
}

extension GroupNormalization: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = call.shape(), count = groups == -1 ? shape.channels : groups
        let x = g.reshaped(call.input(), [shape.rowCount, count, shape.channels / count])
        let difference = g("Sub", x, g.reduced("ReduceMean", x, [1, 3]))
        let variance = g.reduced("ReduceMean", g("Mul", difference, difference), [1, 3])
        var y = g("Div", difference, g("Sqrt", g("Add", variance, g.constant(epsilon))))
        y = g.reshaped(y, shape.axes)
        if scale { y = g("Mul", y, call.parameter(0)) }
        if center { y = g("Add", y, call.parameter(scale ? 1 : 0)) }
        return call.result(y)
    }
}

extension AdaptedNormalization: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.input(), mean = call.parameter(0)
        let deviation = g("Max", g("Sqrt", call.parameter(1)), g.constant(1e-7))
        return call.result(
            isInverse ? g("Add", g("Mul", x, deviation), mean) : g("Div", g("Sub", x, mean), deviation))
    }
}

extension Rescaling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        return call.elementwise { x in
            let y = scale == 1 ? x : g("Mul", x, g.constant(scale))
            return offset == 0 ? y : g("Add", y, g.constant(offset))
        }
    }
}

extension ChannelScaling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        return call.result(
            g("Add", g("Mul", call.input(), g.constant(scale, shape.axes)), g.constant(offset, shape.axes)))
    }
}

extension LayerScale: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph("Mul", call.input(), call.parameter(0)))
    }
}

extension ColumnScaling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph.normalized(call.input(), [1], floor: epsilon))
    }
}
