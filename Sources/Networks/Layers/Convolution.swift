public import Kernels
public import Tensors

/// A convolution over H and W of (H, W, C); a cross-correlation, as everywhere in the field.
///
///     y[h, w, f] = f(Σ x[h·stride + i·dilation − top, w·…, c] kernel[i, j, c, f] + bias[f])
public struct Convolution2D: Layer {
    public let filters: Int
    public let kernelSize, strides, dilation: (Int, Int)
    public let padding: Padding
    public let groups: Int
    public let useBias: Bool
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        filters: Int, kernelSize: (Int, Int), strides: (Int, Int) = (1, 1), padding: Padding = .valid,
        dilation: (Int, Int) = (1, 1), groups: Int = 1, useBias: Bool = true,
        activation: Activation = Activation(.linear), kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        (self.filters, self.kernelSize, self.strides, self.dilation) = (filters, kernelSize, strides, dilation)
        (self.padding, self.groups, self.useBias, self.activation) = (padding, groups, useBias, activation)
        self.kernelInitializer = kernelInitializer
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let channels = inputs[0].channels
        guard channels % groups == 0, filters % groups == 0 else {
            throw ShapeError("has \(groups) groups, which do not divide \(channels) channels and \(filters) filters")
        }
        let geometry = geometry(for: inputs[0])
        guard geometry.output.elementCount > 0 else {
            throw ShapeError("has a kernel of \(kernelSize.0) × \(kernelSize.1), larger than its input \(inputs[0])")
        }
        return LayerPlan(
            output: geometry.output,
            parameters: [ParameterSpec("kernel", geometry.kernel, kernelInitializer)] + bias(filters, if: useBias),
            multiplyAdds: geometry.multiplyAdds)
    }

    public func forward(_ pass: ForwardPass) {
        pass.kernels.convolve(
            geometry(for: pass.input().shape), pass.input(), kernel: pass.parameter(0),
            bias: useBias ? pass.parameter(1) : nil, relu: activation.kind == .relu, into: pass.output)
        if activation.kind != .relu { addBias(nil, to: pass.output.rows, then: activation) }
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, geometry = geometry(for: x.shape)
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        pass.kernels.convolveGradient(
            geometry, x, outputGradient: dy, intoKernelGradient: pass.parameterGradient(0),
            biasGradient: useBias ? pass.parameterGradient(1) : nil)
        if let dx = pass.inputGradient() {
            pass.kernels.convolveGradient(
                geometry, kernel: pass.parameter(0), outputGradient: dy, intoInputGradient: dx)
        }
    }

    private func geometry(for input: Shape) -> ConvolutionGeometry {
        ConvolutionGeometry(
            input, filters: filters, kernelSize: kernelSize, strides: strides, dilation: dilation, padding: padding,
            groups: groups)
    }
}

/// A convolution over T of (T, C): a two-dimensional one of height 1.
public struct Convolution1D: Layer {
    package let flat: Convolution2D

    public init(
        filters: Int, kernelSize: Int, strides: Int = 1, padding: Padding = .valid, dilation: Int = 1, groups: Int = 1,
        useBias: Bool = true, activation: Activation = Activation(.linear),
        kernelInitializer: Initializer = .glorotUniform
    ) {
        flat = Convolution2D(
            filters: filters, kernelSize: (1, kernelSize), strides: (1, strides), padding: padding,
            dilation: (1, dilation), groups: groups, useBias: useBias, activation: activation,
            kernelInitializer: kernelInitializer)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2 else {
            throw ShapeError("takes one input (time, channels), found \(list(inputs))")
        }
        var plan = try flat.plan(for: [Shape([1] + inputs[0].axes)])
        plan.output = Shape(Array(plan.output.axes.dropFirst()))
        plan.parameters[0].shape = Shape(Array(plan.parameters[0].shape.axes.dropFirst()))
        return plan
    }

    public func forward(_ pass: ForwardPass) { flat.forward(pass.asRows) }
    public func backward(_ pass: BackwardPass) { flat.backward(pass.asRows) }
}

/// A convolution of each channel by itself, with `depthMultiplier` kernels a channel.
public struct DepthwiseConvolution2D: Layer {
    public let kernelSize, strides, dilation: (Int, Int)
    public let padding: Padding
    public let depthMultiplier: Int
    public let useBias: Bool
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        kernelSize: (Int, Int), strides: (Int, Int) = (1, 1), padding: Padding = .valid, dilation: (Int, Int) = (1, 1),
        depthMultiplier: Int = 1, useBias: Bool = true, activation: Activation = Activation(.linear),
        kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        (self.kernelSize, self.strides, self.dilation, self.padding) = (kernelSize, strides, dilation, padding)
        (self.depthMultiplier, self.useBias, self.activation) = (depthMultiplier, useBias, activation)
        self.kernelInitializer = kernelInitializer
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let geometry = geometry(for: inputs[0])
        guard geometry.output.elementCount > 0 else {
            throw ShapeError("has a kernel of \(kernelSize.0) × \(kernelSize.1), larger than its input \(inputs[0])")
        }
        return LayerPlan(
            output: geometry.output,
            parameters: [
                ParameterSpec(
                    "depthwise_kernel", [kernelSize.0, kernelSize.1, inputs[0].channels, depthMultiplier],
                    kernelInitializer)
            ] + bias(geometry.filters, if: useBias),
            multiplyAdds: geometry.output.elementCount * kernelSize.0 * kernelSize.1)
    }

    public func forward(_ pass: ForwardPass) {
        geometry(for: pass.input().shape).depthwiseConvolve(pass.input(), kernel: pass.parameter(0), into: pass.output)
        addBias(useBias ? pass.parameter(1) : nil, to: pass.output.rows, then: activation)
    }

    public func backward(_ pass: BackwardPass) {
        let dy = pass.outputGradient
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        geometry(for: pass.input().shape).depthwiseGradient(
            pass.input(), kernel: pass.parameter(0), outputGradient: dy, into: pass.inputGradient(),
            kernelGradient: pass.parameterGradient(0))
        if useBias { sumColumns(of: dy.rows, into: pass.parameterGradient(1)) }
    }

    private func geometry(for input: Shape) -> ConvolutionGeometry {
        ConvolutionGeometry(
            input, filters: input.channels * depthMultiplier, kernelSize: kernelSize, strides: strides,
            dilation: dilation, padding: padding)
    }
}

extension ConvolutionGeometry {
    /// The sizes of a convolution of an input (height, width, channels) with Keras's options.
    fileprivate init(
        _ input: Shape, filters: Int, kernelSize: (Int, Int), strides: (Int, Int), dilation: (Int, Int),
        padding: Padding, groups: Int = 1
    ) {
        let rows = WindowAxis(
            size: input[0], window: kernelSize.0, stride: strides.0, dilation: dilation.0, padding: padding)
        let columns = WindowAxis(
            size: input[1], window: kernelSize.1, stride: strides.1, dilation: dilation.1, padding: padding)
        self.init(
            height: input[0], width: input[1], channels: input[2], filters: filters, kernelHeight: kernelSize.0,
            kernelWidth: kernelSize.1)
        (strideHeight, strideWidth) = strides
        (dilationHeight, dilationWidth) = dilation
        self.groups = groups
        margins = Margins(top: rows.before, bottom: rows.after, left: columns.before, right: columns.after)
    }
}
