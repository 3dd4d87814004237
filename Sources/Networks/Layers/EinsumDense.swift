public import Kernels
public import Tensors

/// A dense layer whose axes an equation names: `abc,cde->abde`, `...x,xy->...y`.
///
///     y = f(einsum(equation, x, kernel) + bias)
///
/// Letters of the input are matched with those of the kernel and the output: those that the kernel lacks are rows (F),
/// those that the output lacks are summed over (K), and those in all three have a kernel each (S). Letters of the kernel
/// alone are units (N). Then x is (S, F, K), the kernel (S, K, N) and the output (S, F, N), each with its axes in
/// another order.
public struct EinsumDense: Layer {
    public let equation: String
    /// The extents of the output's axes behind the examples, as far as the ellipsis does not stand for them; nil for
    /// those of the input.
    public let outputShape: [Int?]
    /// The letters of the output that the bias has axes for.
    public let biasAxes: String?
    public let activation: Activation
    public let kernelInitializer: Initializer

    public init(
        equation: String, outputShape: [Int?], biasAxes: String? = nil, activation: Activation = Activation(.linear),
        kernelInitializer: Initializer = .glorotUniform
    ) {
        precondition(!activation.needsInput, "\(activation) cannot be fused")
        self.equation = equation
        self.outputShape = outputShape
        self.biasAxes = biasAxes
        self.activation = activation
        self.kernelInitializer = kernelInitializer
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        let axes = try Axes(equation, inputs[0], outputShape)
        var parameters = [ParameterSpec("kernel", Shape(axes.kernel.map { axes[$0] }), kernelInitializer)]
        if let biasAxes { parameters.append(ParameterSpec("bias", Shape(try axes.bias(biasAxes)), .zeros)) }
        return LayerPlan(
            output: Shape(axes.output.dropFirst().map { axes[$0] }), parameters: parameters, mask: .first,
            multiplyAdds: axes.product(axes.shared + axes.rows) * axes.product(axes.summed + axes.units))
    }

    /// The letters of input, kernel and output, those of the ellipsis among them; for an input that `plan` has seen.
    package func letters(for input: Shape) -> [[Character]] {
        guard let axes = try? Axes(equation, input, outputShape) else { return [] }
        return [axes.input, axes.kernel, axes.output]
    }

    /// The axes for the given input, which `plan` has seen.
    private func axes(_ x: Tensor) -> Axes {
        guard var axes = try? Axes(equation, x.shape, outputShape) else {
            preconditionFailure("'\(equation)' does not fit \(x.shape)")
        }
        axes.setExampleCount(x.count)
        return axes
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, axes = axes(x)
        axes.withOrder(pass.kernels, x, axes.input, axes.shared + axes.rows + axes.summed) { x in
            axes.withOrder(
                pass.kernels, pass.parameter(0), axes.kernel, axes.shared + axes.summed + axes.units
            ) { kernel in
                axes.withResult(pass.kernels, y, axes.output, axes.shared + axes.rows + axes.units) { y in
                    for item in 0..<axes.product(axes.shared) {
                        pass.kernels.multiply(
                            axes.matrix(x, axes.rows, axes.summed, item),
                            axes.matrix(kernel, axes.summed, axes.units, item),
                            into: axes.matrix(y, axes.rows, axes.units, item))
                    }
                }
            }
        }
        if biasAxes != nil { addBias(pass.parameter(1), axes, pass.kernels, to: y) }
        if activation.kind != .linear { activate(activation, y, into: y) }
    }

    private func addBias(_ bias: Tensor, _ axes: Axes, _ kernels: KernelContext, to y: Tensor) {
        let columns = bias.elementCount
        if bias.shape.axes == Array(y.shape.axes.suffix(bias.shape.rank)) {
            Kernels.addBias(
                bias.viewed(count: 1, shape: [columns]),
                to: Matrix(y, rows: y.elementCount / columns, columns: columns), then: Activation(.linear))
        } else {
            kernels.withScratch(y.elementCount) { repeated in
                spread(bias, y).expand(bias, into: repeated)
                add(y, repeated, into: y)
            }
        }
    }

    private func spread(_ bias: Tensor, _ y: Tensor) -> Broadcast {
        let rank = y.shape.rank + 1
        return Broadcast(
            Array(repeating: 1, count: rank - bias.shape.rank) + bias.shape.axes, to: [y.count] + y.shape.axes)
    }

    public func backward(_ pass: BackwardPass) {
        let x = pass.input(), dy = pass.outputGradient, axes = axes(x)
        if activation.kind != .linear {
            activateGradient(activation, value: pass.output, outputGradient: dy, into: dy)
        }
        if biasAxes != nil { spread(pass.parameterGradient(1), dy).sum(dy, into: pass.parameterGradient(1)) }
        let kernelOrder = axes.shared + axes.summed + axes.units
        axes.withOrder(pass.kernels, dy, axes.output, axes.shared + axes.rows + axes.units) { dy in
            axes.withOrder(pass.kernels, x, axes.input, axes.shared + axes.rows + axes.summed) { x in
                axes.withResult(pass.kernels, pass.parameterGradient(0), axes.kernel, kernelOrder) { dkernel in
                    for item in 0..<axes.product(axes.shared) {
                        pass.kernels.multiply(
                            axes.matrix(x, axes.rows, axes.summed, item).transposed,
                            axes.matrix(dy, axes.rows, axes.units, item),
                            into: axes.matrix(dkernel, axes.summed, axes.units, item))
                    }
                }
            }
            guard let dx = pass.inputGradient() else { return }
            axes.withOrder(pass.kernels, pass.parameter(0), axes.kernel, kernelOrder) { kernel in
                axes.withResult(pass.kernels, dx, axes.input, axes.shared + axes.rows + axes.summed) { dx in
                    for item in 0..<axes.product(axes.shared) {
                        pass.kernels.multiply(
                            axes.matrix(dy, axes.rows, axes.units, item),
                            axes.matrix(kernel, axes.summed, axes.units, item).transposed,
                            into: axes.matrix(dx, axes.rows, axes.summed, item))
                    }
                }
            }
        }
    }
}

/// What the letters of an equation stand for, the axes of an ellipsis being letters too.
private struct Axes: NamedAxes {
    /// The letters of each array, that of the examples first.
    private(set) var input: [Character] = [], kernel: [Character] = [], output: [Character] = []
    /// Letters by their role, each in the order of the output, or of the kernel.
    private(set) var shared: [Character] = [], rows: [Character] = [], summed: [Character] = []
    private(set) var units: [Character] = []
    private(set) var extents: [Character: Int] = [:]

    init(_ equation: String, _ shape: Shape, _ outputShape: [Int?]) throws(ShapeError) {
        let text = equation.filter { $0 != " " }
        let terms = text.replacing("->", with: ",").split(separator: ",", omittingEmptySubsequences: false)
        guard terms.count == 3, text.contains("->") else {
            throw ShapeError("has the equation '\(equation)', expected one such as 'abc,cd->abd'")
        }
        let hidden = Self.hiddenLetters(shape.rank + 1 - terms[0].filter(\.isLetter).count, terms[0])
        input = Self.letters(terms[0], hidden)
        kernel = Self.letters(terms[1], [])
        output = Self.letters(terms[2], hidden)
        let parts = [input, kernel, output]
        guard input.count == shape.rank + 1, parts.allSatisfy({ Set($0).count == $0.count && !$0.isEmpty }),
            input[0] == output[0], !kernel.contains(input[0])
        else { throw ShapeError("has the equation '\(equation)', which does not fit its input \(shape)") }
        extents = Dictionary(uniqueKeysWithValues: zip(input, [1] + shape.axes))

        let named = terms[2].first == "." ? output.filter(\.isASCII) : Array(output.filter(\.isASCII).dropFirst())
        guard named.count == outputShape.count else {
            throw ShapeError("has an output shape of \(outputShape.count) axes, the equation has \(named.count)")
        }
        for (letter, extent) in zip(named, outputShape) {
            guard let extent else { continue }
            guard extents[letter] ?? extent == extent else {
                throw ShapeError("has an output shape with \(extent) where its input \(shape) has another extent")
            }
            extents[letter] = extent
        }
        shared = output.filter { input.contains($0) && kernel.contains($0) }
        rows = output.filter { input.contains($0) && !kernel.contains($0) }
        summed = kernel.filter { input.contains($0) && !output.contains($0) }
        units = output.filter { !input.contains($0) }
        guard input.allSatisfy({ output.contains($0) || kernel.contains($0) }),
            (kernel + output).allSatisfy({ extents[$0] != nil }), units.allSatisfy(kernel.contains),
            kernel.allSatisfy({ input.contains($0) || output.contains($0) })
        else { throw ShapeError("has the equation '\(equation)', in which a letter stands alone") }
    }

    /// As many letters as the ellipsis of the input stands for; no equation has them.
    private static func hiddenLetters(_ count: Int, _ term: Substring) -> [Character] {
        guard term.contains("..."), count > 0 else { return [] }
        return (0..<count).compactMap { UnicodeScalar(0x4E00 + $0).map { Character($0) } }
    }

    private static func letters(_ term: Substring, _ hidden: [Character]) -> [Character] {
        Array(term.replacing("...", with: String(hidden)))
    }

    mutating func setExampleCount(_ count: Int) { extents[input[0]] = count }

    /// The axes of a bias: from the first that it has on, with 1 for those that it has not.
    func bias(_ letters: String) throws(ShapeError) -> [Int] {
        guard !letters.isEmpty, letters.allSatisfy({ output.dropFirst().contains($0) }),
            let first = output.firstIndex(where: { letters.contains($0) })
        else { throw ShapeError("has the bias axes '\(letters)', which are not all in its output '\(String(output))'") }
        return output[first...].map { letters.contains($0) ? self[$0] : 1 }
    }
}
