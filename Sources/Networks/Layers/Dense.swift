public import Kernels
public import Tensors

/// A fully connected layer, on the last axis.
///
///     y = f(x · kernel + bias)
public struct Dense: Layer {
    public let units: Int
    public let useBias: Bool
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        units: Int, useBias: Bool = true, activation: Activation = Activation(.linear),
        kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        self.units = units
        self.useBias = useBias
        self.activation = activation
        self.kernelInitializer = kernelInitializer
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank >= 1, inputs[0].channels > 0 else {
            throw ShapeError("takes one input with features, found \(list(inputs))")
        }
        let features = inputs[0].channels
        var plan = LayerPlan(
            output: inputs[0].replacingChannels(with: units),
            parameters: [ParameterSpec("kernel", [features, units], kernelInitializer)] + bias(units, if: useBias),
            mask: .first, multiplyAdds: inputs[0].rowCount * features * units)
        plan.backwardReads = activation.kind == .linear ? .inputs : .all
        plan.mayDeferKernel = true
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        pass.kernels.multiply(pass.input().rows, pass.parameter(0).rows, into: pass.output.rows)
        addBias(useBias ? pass.parameter(1) : nil, to: pass.output.rows, then: activation)
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        if !pass.defersKernel {
            pass.kernels.multiply(x.rows.transposed, dy.rows, into: pass.parameterGradient(0).rows)
        }
        if useBias { sumColumns(of: dy.rows, into: pass.parameterGradient(1)) }
        if let dx = pass.inputGradient() {
            pass.kernels.multiply(dy.rows, pass.parameter(0).rows.transposed, into: dx.rows)
        }
    }
}

/// The bias of a layer that may have one.
func bias(_ count: Int, if isUsed: Bool) -> [ParameterSpec] {
    isUsed ? [ParameterSpec("bias", [count], .zeros)] : []
}
