public import Kernels
public import Tensors

/// The convolution that leads back: Keras's Conv2DTranspose.
///
/// Its forward pass is the gradient of a convolution by its input, and its gradient is that convolution:
///
///     y  = ∂(y ∗ kernel)/∂y · x + bias
///     dx = dy ∗ kernel
///
/// The kernel is (kh, kw, filters, C), as the convolution from the output to the input has it.
public struct TransposedConvolution2D: Layer {
    public let filters: Int
    public let kernelSize, strides, dilation: (Int, Int)
    public let padding: Padding
    /// Cells to add to the smallest output that the input can come from; nil for the size that Keras takes by itself.
    public let outputPadding: (Int, Int)?
    public let useBias: Bool
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        filters: Int, kernelSize: (Int, Int), strides: (Int, Int) = (1, 1), padding: Padding = .valid,
        dilation: (Int, Int) = (1, 1), outputPadding: (Int, Int)? = nil, useBias: Bool = true,
        activation: Activation = Activation(.linear), kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        (self.filters, self.kernelSize, self.strides, self.padding) = (filters, kernelSize, strides, padding)
        (self.dilation, self.outputPadding) = (dilation, outputPadding)
        (self.useBias, self.activation, self.kernelInitializer) = (useBias, activation, kernelInitializer)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3, inputs[0].elementCount > 0 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let geometry = geometry(for: inputs[0])
        guard geometry.outputHeight == inputs[0][0], geometry.outputWidth == inputs[0][1] else {
            throw ShapeError(
                "would make (\(geometry.height), \(geometry.width)) of its input \(inputs[0]), which does not lead back "
                    + "to it with this output_padding")
        }
        return LayerPlan(
            output: [geometry.height, geometry.width, filters],
            parameters: [ParameterSpec("kernel", geometry.kernel, kernelInitializer)] + bias(filters, if: useBias),
            multiplyAdds: geometry.multiplyAdds)
    }

    public func forward(_ pass: ForwardPass) {
        pass.kernels.convolveGradient(
            geometry(for: pass.input().shape), kernel: pass.parameter(0), outputGradient: pass.input(),
            intoInputGradient: pass.output)
        addBias(useBias ? pass.parameter(1) : nil, to: pass.output.rows, then: activation)
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, geometry = geometry(for: x.shape)
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        pass.kernels.convolveGradient(
            geometry, dy, outputGradient: x, intoKernelGradient: pass.parameterGradient(0), biasGradient: nil)
        if useBias { sumColumns(of: dy.rows, into: pass.parameterGradient(1)) }
        if let dx = pass.inputGradient() {
            pass.kernels.convolve(geometry, dy, kernel: pass.parameter(0), bias: nil, relu: false, into: dx)
        }
    }

    /// The convolution from the output to the input.
    package func geometry(for input: Shape) -> ConvolutionGeometry {
        let height = size(input[0], kernelSize.0, strides.0, dilation.0, outputPadding?.0)
        let width = size(input[1], kernelSize.1, strides.1, dilation.1, outputPadding?.1)
        let rows = WindowAxis(
            size: height, window: kernelSize.0, stride: strides.0, dilation: dilation.0, padding: padding)
        let columns = WindowAxis(
            size: width, window: kernelSize.1, stride: strides.1, dilation: dilation.1, padding: padding)
        var geometry = ConvolutionGeometry(
            height: height, width: width, channels: filters, filters: input[2], kernelHeight: kernelSize.0,
            kernelWidth: kernelSize.1)
        (geometry.strideHeight, geometry.strideWidth) = strides
        (geometry.dilationHeight, geometry.dilationWidth) = dilation
        geometry.margins = Margins(top: rows.before, bottom: rows.after, left: columns.before, right: columns.after)
        return geometry
    }

    /// Cells of the output, as Keras counts them.
    private func size(_ cells: Int, _ window: Int, _ stride: Int, _ dilation: Int, _ outputPadding: Int?) -> Int {
        let span = (window - 1) * dilation + 1
        guard let outputPadding else { return cells * stride + (padding == .same ? 0 : max(span - stride, 0)) }
        return (cells - 1) * stride + (padding == .same ? span % 2 : span) + outputPadding
    }
}
