import Kernels
import Networks
import Tensors

extension Dense: ONNXLayer {
    var ignoresLeadingAxes: Bool { true }

    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, product = g("MatMul", call.input(), call.parameter(0))
        let sum = useBias ? g("Add", product, call.parameter(1)) : product
        return call.result(g.activated(activation, sum))
    }
}

extension SquareProduct: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph("MatMul", call.input(), call.parameter(0)))
    }
}

extension ONNXGraph {
    /// A product of two tensors whose axes letters name; axes of any names get letters that ONNX takes.
    func product(_ x: String, _ letters: [Character], _ y: String, _ others: [Character], to result: [Character])
        -> String
    {
        var known: [Character: Character] = [:]
        func text(_ letters: [Character]) -> String {
            for letter in letters where known[letter] == nil {
                known[letter] = Character(UnicodeScalar(UInt8(0x61 + known.count)))
            }
            return String(letters.compactMap { known[$0] })
        }
        let equation = "\(text(letters)),\(text(others))->\(text(result))"
        return self("Einsum", x, y, with: .text("equation", equation))
    }
}

extension EinsumDense: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, letters = letters(for: call.shape())
        let product = g.product(call.input(), letters[0], call.parameter(0), letters[1], to: letters[2])
        let sum = biasAxes == nil ? product : g("Add", product, call.parameter(1))
        return call.result(g.activated(activation, sum))
    }
}

extension Einsum: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(
            call.graph("Einsum", call.input(0), call.input(1), with: .text("equation", equation.filter { $0 != " " })))
    }
}

extension Dot: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        /// An input, normalized if need be, and the place of the axis that is summed over.
        func operand(_ position: Int, _ axis: Int) -> (String, Int) {
            let place = axis < 0 ? call.shape(position).rank + 1 + axis : axis, x = call.input(position)
            return (normalizationFloor.map { g.normalized(x, [place], floor: $0) } ?? x, place)
        }
        let (x, a) = operand(0, axes.0), (y, b) = operand(1, axes.1)
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz"), rank = call.shape(0).rank
        var first = Array(alphabet[...rank]), second = Array(alphabet[(rank + 1)...(rank + 1 + call.shape(1).rank)])
        (first[0], second[0], first[a], second[b]) = ("z", "z", "y", "y")
        let rest = ["z"] + (first + second).filter { $0 != "z" && $0 != "y" }
        let product = g.product(x, first, y, second, to: rest)
        return call.result(rest.count == 1 ? g.reshaped(product, [1]) : product)
    }
}

extension MatrixProduct: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        func operand(_ position: Int, _ isTransposed: Bool) -> String {
            let rank = call.shape(position).rank
            return isTransposed
                ? g.transposed(call.input(position), Array(0..<(rank - 1)) + [rank, rank - 1]) : call.input(position)
        }
        return call.result(g("MatMul", operand(0, transposesFirst), operand(1, transposesSecond)))
    }
}

extension Embedding: ONNXLayer, ONNXMasking {
    func express(_ call: ONNXCall) -> ONNXValue {
        call.result(call.graph("Gather", call.parameter(0), call.graph.whole(call.input())))
    }

    func mask(_ call: ONNXCall) -> String { call.graph.float(call.graph.isSet(call.input())) }
}

extension LocallyConnected: ONNXLayer {
    /// The windows of all places, a matrix product each.
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, shape = isRow ? Shape([1] + call.shape().axes) : call.shape()
        let output = isRow ? Shape([1] + call.output.axes) : call.output
        var places: [Int] = []
        for row in 0..<output[0] {
            for column in 0..<output[1] {
                for windowRow in 0..<kernelSize.0 {
                    let first = ((row * strides.0 + windowRow) * shape[1] + column * strides.1) * shape[2]
                    places += first..<(first + kernelSize.1 * shape[2])
                }
            }
        }
        let count = output[0] * output[1], patch = kernelSize.0 * kernelSize.1 * shape[2]
        let flat = g.reshaped(call.input(), [shape.elementCount])
        let windows = g.reshaped(g("Gather", flat, g.integers(places), with: .integer("axis", 1)), [count, 1, patch])
        let product = g.reshaped(g("MatMul", windows, call.parameter(0)), call.output.axes)
        let sum = useBias ? g("Add", product, call.parameter(1)) : product
        return call.result(g.activated(activation, sum))
    }
}
