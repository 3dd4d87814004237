import Kernels
import Networks
import Tensors

extension Permute: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue { call.result(call.graph.transposed(call.input(), [0] + axes)) }
}

extension AxesLast: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let order = permutation(rank: call.shape().rank).axes
        return call.result(call.graph.transposed(call.input(), [0] + order))
    }
}

extension AxisMove: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let order = (try? order(call.shape().rank)) ?? []
        return call.result(call.graph.transposed(call.input(), [0] + order))
    }
}

extension RepeatVector: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        return call.result(g("Expand", g.unsqueezed(call.input(), 1), g.integers([1, times, 1])))
    }
}

extension Resize2D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = call.shape()
        var x = call.input(), before = [0, 0, 0, 0], after = [0, 0, 0, 0]
        for (axis, low, high) in [(1, margins.top, margins.bottom), (2, margins.left, margins.right)] {
            if low < 0 || high < 0 {
                x = g.slice(x, axis: axis, max(-low, 0), shape[axis - 1] - max(-high, 0))
            }
            (before[axis], after[axis]) = (max(low, 0), max(high, 0))
        }
        return call.result(
            before + after == Array(repeating: 0, count: 8) ? x : g("Pad", x, g.integers(before + after)))
    }
}

extension Resize1D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        let row = ONNXValue(g.unsqueezed(call.input(), 1), Shape([1] + call.shape().axes))
        let result = flat.express(call.reading([row], output: Shape([1] + call.output.axes)))
        return call.result(g.squeezed(result.channelsLast(g), 1))
    }
}

extension UpSampling2D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = call.shape()
        let x = g.reshaped(call.input(), [shape[0], 1, shape[1], 1, shape[2]])
        return call.result(g.reshaped(g("Expand", x, g.integers([1, 1, rows, 1, columns, 1])), call.output.axes))
    }
}

extension Resampling2D: ONNXLayer {
    /// Places that are taken as they are, or a product with the weights of all places.
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = call.shape(), samples = samples(for: shape)
        let rows = samples.rows.outputCount
        var x = call.input()
        if let places = samples.rows.places {
            x = g("Gather", x, g.integers(places), with: .integer("axis", 1))
        } else {
            let flat = g.reshaped(x, [shape[0], shape[1] * shape[2]])
            let weights = g.constant(samples.rows.matrix(of: shape[0]), [rows, shape[0]])
            x = g.reshaped(g("MatMul", weights, flat), [rows, shape[1], shape[2]])
        }
        let columns = samples.columns.outputCount
        if let places = samples.columns.places {
            x = g("Gather", x, g.integers(places), with: .integer("axis", 2))
        } else {
            x = g("MatMul", g.constant(samples.columns.matrix(of: shape[1]), [columns, shape[1]]), x)
        }
        guard samples.outside != 0 else { return call.result(x) }
        let inRows = samples.rows.totals, inColumns = samples.columns.totals
        let margin = inRows.flatMap { row in inColumns.map { (1 - row * $0) * samples.outside } }
        return call.result(g("Add", x, g.constant(margin, [rows, columns, 1])))
    }
}

extension AxisSelection: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = call.shape(), places = (try? places(shape)) ?? []
        var x = call.input(), before = [0], after = [0]
        for (axis, places) in places.enumerated() {
            let inside = places.filter { $0 >= 0 }
            before.append(places.prefix { $0 < 0 }.count)
            after.append(places.count - inside.count - before[axis + 1])
            guard let first = inside.first, let last = inside.last else { continue }
            if inside == Array(0..<shape[axis]) { continue }
            x =
                inside == Array(first..<max(last + 1, first))
                ? g.slice(x, axis: axis + 1, first, last + 1)
                : g("Gather", x, g.integers(inside), with: .integer("axis", axis + 1))
        }
        guard (before + after).contains(where: { $0 > 0 }) else { return call.result(x) }
        return call.result(g("Pad", x, g.integers(before + after), g.constant(fill)))
    }
}

extension Piece: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, whole = call.shape().elementCount, size = call.output.elementCount
        let flat = call.shape().rank == 1 ? call.input() : g.reshaped(call.input(), [whole])
        let piece = g.slice(flat, axis: 1, whole - following - size, whole - following)
        return call.result(call.output.rank == 1 ? piece : g.reshaped(piece, call.output.axes))
    }
}

extension FeatureSlice: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph.slice(call.input(), axis: call.shape().rank, start, start + count))
    }
}

extension StopGradient: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue { call.values[0] }
}
