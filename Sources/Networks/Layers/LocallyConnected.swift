public import Kernels
public import Tensors

/// A convolution with a kernel of its own at every place: Keras 2's LocallyConnected2D, and in one row LocallyConnected1D.
///
///     y[i, j] = f(Σ x[window at i, j] · kernel[i, j] + bias[i, j])
///
/// The kernel is (places, height · width · channels, filters), the bias has the shape of the output.
public struct LocallyConnected: Layer {
    public let filters: Int
    public let kernelSize, strides: (Int, Int)
    /// Whether it works on (T, C), as an image of one row.
    public let isRow: Bool
    public let useBias: Bool
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        filters: Int, kernelSize: (Int, Int), strides: (Int, Int) = (1, 1), isRow: Bool = false,
        useBias: Bool = true, activation: Activation = Activation(.linear),
        kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        (self.filters, self.kernelSize, self.strides, self.isRow) = (filters, kernelSize, strides, isRow)
        (self.useBias, self.activation, self.kernelInitializer) = (useBias, activation, kernelInitializer)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == (isRow ? 2 : 3) else {
            throw ShapeError(
                "takes one input (\(isRow ? "time" : "height, width"), channels), found \(list(inputs))")
        }
        let input = isRow ? Shape([1] + inputs[0].axes) : inputs[0]
        let (height, width) = extents(input), patch = patchSize(input)
        guard height > 0, width > 0 else { throw ShapeError("has a window larger than its input \(inputs[0])") }
        let kernel = ParameterSpec("kernel", [height * width, patch, filters], kernelInitializer)
        let output: Shape = isRow ? [width, filters] : [height, width, filters]
        return LayerPlan(
            output: output, parameters: [kernel] + (useBias ? [ParameterSpec("bias", output, .zeros)] : []),
            multiplyAdds: height * width * patch * filters)
    }

    private func extents(_ input: Shape) -> (Int, Int) {
        func count(_ size: Int, _ window: Int, _ stride: Int) -> Int {
            size < window ? 0 : (size - window) / stride + 1
        }
        return (count(input[0], kernelSize.0, strides.0), count(input[1], kernelSize.1, strides.1))
    }

    private func patchSize(_ input: Shape) -> Int { kernelSize.0 * kernelSize.1 * input.channels }

    /// Calls `body` for every run of numbers of a window at a place: where it is in an example, and in the window.
    private func eachRun(_ input: Shape, _ place: Int, _ body: (_ source: Int, _ target: Int, _ length: Int) -> Void) {
        let width = extents(input).1, length = kernelSize.1 * input.channels
        let (top, left) = (place / width * strides.0, place % width * strides.1)
        for row in 0..<kernelSize.0 {
            body(((top + row) * input[1] + left) * input.channels, row * length, length)
        }
    }

    private func matrix(_ values: Tensor, _ place: Int, of count: Int) -> Matrix {
        Matrix(values, rows: values.count, columns: filters, stride: count * filters, at: place * filters)
    }

    private func kernel(_ kernels: Tensor, _ place: Int, _ patch: Int) -> Matrix {
        Matrix(kernels, rows: patch, columns: filters, at: place * patch * filters)
    }

    /// Lends the windows at a place, one row an example.
    private func gather(_ x: Tensor, _ place: Int, into patches: Tensor, _ patch: Int) {
        eachRun(x.shape, place) { source, target, length in
            for example in 0..<x.count {
                let from = example * x.shape.elementCount + source
                patches.copy(from..<(from + length), of: x, to: example * patch + target)
            }
        }
    }

    public func forward(_ pass: ForwardPass) {
        let pass = isRow ? pass.asRows : pass
        let x = pass.input(), y = pass.output, patch = patchSize(x.shape), places = y.shape.elementCount / filters
        pass.kernels.withScratch(x.count * patch) { patches in
            for place in 0..<places {
                gather(x, place, into: patches, patch)
                pass.kernels.multiply(
                    Matrix(patches, rows: x.count, columns: patch), kernel(pass.parameter(0), place, patch),
                    into: matrix(y, place, of: places))
            }
        }
        addBias(
            useBias ? pass.parameter(1).viewed(count: 1, shape: [places * filters]) : nil, to: y.examples,
            then: activation)
    }

    public func backward(_ pass: BackwardPass) {
        let pass = isRow ? pass.asRows : pass
        let x = pass.input(), dy = pass.outputGradient, patch = patchSize(x.shape)
        let places = dy.shape.elementCount / filters
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        if useBias {
            sumColumns(of: dy.examples, into: pass.parameterGradient(1).viewed(count: 1, shape: [places * filters]))
        }
        let dx = pass.inputGradient()
        dx?.fill(with: 0)
        pass.kernels.withScratch(x.count * patch) { patches in
            let rows = Matrix(patches, rows: x.count, columns: patch)
            for place in 0..<places {
                gather(x, place, into: patches, patch)
                pass.kernels.multiply(
                    rows.transposed, matrix(dy, place, of: places),
                    into: kernel(pass.parameterGradient(0), place, patch))
                guard let dx else { continue }
                pass.kernels.multiply(
                    matrix(dy, place, of: places), kernel(pass.parameter(0), place, patch).transposed, into: rows)
                eachRun(x.shape, place) { source, target, length in
                    for example in 0..<x.count {
                        addScaled(
                            patches.slice(at: example * patch + target, count: length), by: 1,
                            to: dx.slice(at: example * x.shape.elementCount + source, count: length))
                    }
                }
            }
        }
    }
}
