import Kernels
import Networks
import Tensors

// Convolutions and pooling compute with the channels behind the examples.

extension ONNXCall {
    /// The input with its channels first, as an image of one row where it is a sequence.
    fileprivate func image() -> String {
        let shape = shape(), x = values[0].channelsFirst(graph)
        return shape.rank == 3 ? x : graph.unsqueezed(x, 2)
    }

    /// The result of an image with its channels first.
    fileprivate func result(ofImage name: String) -> ONNXValue {
        ONNXValue(channelsFirst: output.rank == 3 ? name : graph.squeezed(name, 2), output)
    }

    /// The input's height and width.
    fileprivate var extents: (Int, Int) { shape().rank == 3 ? (shape()[0], shape()[1]) : (1, shape()[0]) }
}

/// What a window does at the edges, on both axes.
private struct WindowAxes {
    let rows, columns: WindowAxis

    init(
        _ extents: (Int, Int), _ window: (Int, Int), _ strides: (Int, Int), dilation: (Int, Int) = (1, 1),
        _ padding: Padding
    ) {
        rows = WindowAxis(
            size: extents.0, window: window.0, stride: strides.0, dilation: dilation.0, padding: padding)
        columns = WindowAxis(
            size: extents.1, window: window.1, stride: strides.1, dilation: dilation.1, padding: padding)
    }

    /// Keras's odd cell of padding is behind the input, as these say.
    var pads: ONNXAttribute { .integers("pads", [rows.before, columns.before, rows.after, columns.after]) }
}

/// What the convolutions that are a node Conv have alike.
private protocol ConvolutionNode {
    var kernelSize: (Int, Int) { get }
    var strides: (Int, Int) { get }
    var dilation: (Int, Int) { get }
    var padding: Padding { get }
    var activation: Activation { get }
    var useBias: Bool { get }
}

extension ConvolutionNode {
    /// - Parameter kernel: As ONNX has it: (filters, channels of a group, height, width).
    func express(_ call: ONNXCall, kernel: ONNXArrangement, groups: Int) -> ONNXValue {
        let g = call.graph, edges = WindowAxes(call.extents, kernelSize, strides, dilation: dilation, padding)
        let inputs = [call.image(), call.parameter(0, kernel)] + (useBias ? [call.parameter(1)] : [])
        let sum = g.node(
            "Conv", inputs,
            [
                .integers("dilations", [dilation.0, dilation.1]), .integer("group", groups), edges.pads,
                .integers("strides", [strides.0, strides.1]),
            ], outputs: 1)[0]
        return call.result(ofImage: g.activated(activation, sum))
    }
}

extension Convolution2D: ONNXLayer, ConvolutionNode {
    func express(_ call: ONNXCall) -> ONNXValue {
        let channels = call.shape().channels / groups
        let kernel = ONNXArrangement.permuted([kernelSize.0, kernelSize.1, channels, filters], [3, 2, 0, 1])
        return express(call, kernel: kernel, groups: groups)
    }
}

extension Convolution1D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue { flat.express(call) }
}

extension DepthwiseConvolution2D: ONNXLayer, ConvolutionNode {
    func express(_ call: ONNXCall) -> ONNXValue {
        let channels = call.shape().channels
        let kernel = ONNXArrangement.permuted(
            [kernelSize.0, kernelSize.1, channels, depthMultiplier], [2, 3, 0, 1],
            shape: [channels * depthMultiplier, 1, kernelSize.0, kernelSize.1])
        return express(call, kernel: kernel, groups: channels)
    }
}

extension TransposedConvolution2D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, (height, width) = call.extents, channels = call.shape().channels
        let geometry = geometry(for: Shape([height, width, channels])), margins = geometry.margins
        let kernel = ONNXArrangement.permuted([kernelSize.0, kernelSize.1, filters, channels], [3, 2, 0, 1])
        /// The cells behind those that windows reach.
        func rest(_ size: Int, _ cells: Int, _ window: Int, _ stride: Int, _ dilation: Int, _ padding: Int) -> Int {
            size - ((cells - 1) * stride + (window - 1) * dilation + 1 - padding)
        }
        let rows = rest(
            geometry.height, height, kernelSize.0, strides.0, dilation.0, margins.top + margins.bottom)
        let columns = rest(
            geometry.width, width, kernelSize.1, strides.1, dilation.1, margins.left + margins.right)
        let inputs = [call.image(), call.parameter(0, kernel)] + (useBias ? [call.parameter(1)] : [])
        let sum = g.node(
            "ConvTranspose", inputs,
            [
                .integers("dilations", [dilation.0, dilation.1]), .integers("output_padding", [rows, columns]),
                .integers("pads", [margins.top, margins.left, margins.bottom, margins.right]),
                .integers("strides", [strides.0, strides.1]),
            ], outputs: 1)[0]
        return call.result(ofImage: g.activated(activation, sum))
    }
}

extension OneRow: ONNXLayer {
    func express(_ call: ONNXCall) throws(ONNXProblem) -> ONNXValue {
        guard let layer = layer as? any ONNXLayer else { throw ONNXProblem(text: "has no counterpart in ONNX") }
        let g = call.graph, row = Shape([1] + call.shape().axes), output = Shape([1] + call.output.axes)
        let inside = ONNXValue(g.unsqueezed(call.input(), 1), row)
        let result = try layer.express(call.reading([inside], output: output))
        return call.result(g.squeezed(result.channelsLast(g), 1))
    }
}

extension Unmasked: ONNXLayer {
    func express(_ call: ONNXCall) throws(ONNXProblem) -> ONNXValue {
        guard let layer = layer as? any ONNXLayer else { throw ONNXProblem(text: "has no counterpart in ONNX") }
        return try layer.express(call)
    }
}

extension SpectralNormalization: ONNXLayer {
    func express(_ call: ONNXCall) throws(ONNXProblem) -> ONNXValue {
        guard let layer = layer as? any ONNXLayer else { throw ONNXProblem(text: "has no counterpart in ONNX") }
        return try layer.express(call)
    }
}

// MARK: - Pooling

extension Pooling2D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let edges = WindowAxes(call.extents, poolSize, strides, padding)
        let settings: [ONNXAttribute] = [
            .integers("kernel_shape", [poolSize.0, poolSize.1]), edges.pads,
            .integers("strides", [strides.0, strides.1]),
        ]
        // Padding is left out of a mean unless one asks for it.
        let operation = kind == .max ? "MaxPool" : "AveragePool"
        return call.result(ofImage: call.graph.node(operation, [call.image()], settings, outputs: 1)[0])
    }
}

extension Pooling1D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue { flat.express(call) }
}

extension GlobalPooling: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph, x = call.values[0], rank = x.shape.rank
        if kind == .average, rank == 2, let mask = call.mask() {
            let weights = g.unsqueezed(mask, 2)
            let sum = g.sum(g("Mul", call.input(), weights), [1], keep: keepDimensions)
            return call.result(g("Div", sum, g.sum(weights, [1], keep: keepDimensions)))
        }
        let operation = kind == .average ? "ReduceMean" : "ReduceMax"
        guard x.isChannelsFirst, !keepDimensions else {
            return call.result(g.reduced(operation, call.input(), Array(1..<rank), keep: keepDimensions))
        }
        return call.result(g.reduced(operation, x.channelsFirst(g), Array(2...rank), keep: false))
    }
}

extension AdaptiveMaxPooling2D: ONNXLayer {
    func express(_ call: ONNXCall) -> ONNXValue {
        let g = call.graph
        func pooled(_ x: String, axis: Int, _ windows: [Range<Int>]) -> String {
            g.joined(
                windows.map { window in
                    g.reduced("ReduceMax", g.slice(x, axis: axis, window.lowerBound, window.upperBound), [axis])
                }, axis: axis)
        }
        let rows = pooled(call.input(), axis: 1, adaptiveWindows(height, of: call.shape()[0]))
        return call.result(pooled(rows, axis: 2, adaptiveWindows(width, of: call.shape()[1])))
    }
}
