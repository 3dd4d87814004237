import Kernels
public import Tensors

/// How a recurrent layer walks over time; Keras's words.
public struct RecurrentOptions: Hashable, Sendable {
    /// Whether every step's output is returned, in the order of computation, rather than the last one's.
    public var returnSequences = false
    /// Whether the last states come behind the output.
    public var returnState = false
    /// Whether time runs from the last frame to the first.
    public var goBackwards = false
    /// Whether the output of a padding frame is zero, rather than the output before it.
    public var zeroOutputForMask = false
    /// Whether the sequence is returned in the reverse order of computation: with `goBackwards`, in the order of the input.
    public var reversesOutput = false
    /// Whether nothing is padding once initial states are given, as in Keras 3, which then looks for another mask.
    public var forgetsMaskWithStates = false
    /// The share of the input's features, and of the state, that is left out in training, the same at every step.
    public var dropout: Float = 0, recurrentDropout: Float = 0
    /// Whether each gate leaves out others (Keras's `implementation` 1, and always with recurrent dropout).
    public var dropsEachGate = false

    public init(
        returnSequences: Bool = false, returnState: Bool = false, goBackwards: Bool = false,
        zeroOutputForMask: Bool = false, reversesOutput: Bool = false, forgetsMaskWithStates: Bool = false,
        dropout: Float = 0, recurrentDropout: Float = 0, dropsEachGate: Bool = false
    ) {
        self.returnSequences = returnSequences
        self.returnState = returnState
        self.goBackwards = goBackwards
        self.zeroOutputForMask = zeroOutputForMask
        self.reversesOutput = reversesOutput
        self.forgetsMaskWithStates = forgetsMaskWithStates
        self.dropout = dropout
        self.recurrentDropout = recurrentDropout
        self.dropsEachGate = dropsEachGate
    }
}

/// A recurrent layer over T of (T, C): the last output (u), or all of them (T, u).
///
/// The initial states, each (u), may be given as further inputs; without them they are zero. With `returnState` the
/// output is flat: the numbers just said, then the last states; a `Piece` takes each out.
public struct Recurrent: Layer {
    let cell: any RecurrentCell
    public let options: RecurrentOptions

    public var units: Int { cell.units }
    /// How many states a step hands to the next: the output, and LSTM's c.
    public var stateCount: Int { cell.stateCount }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard let sequence = inputs.first, sequence.rank == 2, sequence[0] > 0 else {
            throw ShapeError("takes one sequence (time, features), found \(list(inputs))")
        }
        let states = Array(inputs.dropFirst())
        guard states.isEmpty || states == Array(repeating: [cell.units], count: cell.stateCount) else {
            let count = cell.stateCount == 1 ? "one initial state" : "\(cell.stateCount) initial states"
            throw ShapeError("takes a sequence, and \(count) of (\(cell.units)) or none, found \(list(inputs))")
        }
        for rate in [options.dropout, options.recurrentDropout] where !(rate >= 0 && rate < 1) {
            throw ShapeError("has a dropout of \(rate), expected 0 ≤ dropout < 1")
        }
        let (steps, features) = (sequence[0], sequence[1])
        let output: Shape = options.returnSequences ? [steps, cell.units] : [cell.units]
        return LayerPlan(
            output: options.returnState ? [output.elementCount + cell.stateCount * cell.units] : output,
            parameters: cell.parameters(features: features),
            saved: [
                [steps, features], [steps, cell.gateCount * cell.units], [steps + 1, cell.units],
                [steps + 1, cell.extraCount * cell.units],
            ],
            mask: options.returnSequences ? .first : .none,
            multiplyAdds: steps * (features + cell.units) * cell.gateCount * cell.units)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), count = pass.count, u = cell.units, g = cell.gateCount * u, e = cell.extraCount * u
        let steps = x.shape[0]
        let (inputs, gates, states, extras) = (pass.saved(0), pass.saved(1), pass.saved(2), pass.saved(3))
        let bias = cell.useBias ? pass.parameter(2) : nil
        toTimeMajor(x, steps: steps, into: inputs)
        let initial = [states, extras].prefix(cell.stateCount).map { $0.slice(at: 0, count: count * u) }
        for (index, state) in initial.enumerated() {
            if pass.inputCount > 1 { state.copy(from: pass.input(index + 1)) } else { state.fill(with: 0) }
        }
        withProducts(
            pass.key, pass.parameter(0), pass.parameter(1), isTraining: pass.isTraining, count: count, pass.kernels
        ) { product, stateProduct in
            let gateRows = Matrix(gates, rows: steps * count, columns: g)
            product.apply(to: inputs, gates: 0..<cell.gateCount, into: gates, adding: false)
            if let bias { addBias(bias.slice(at: 0, count: g), to: gateRows, then: Activation(.linear)) }
            withMasks(pass.inputMask(), hasInitial: pass.inputCount > 1, steps: steps, count, pass.kernels) { masks in
                for step in 0..<steps {
                    let output = block(states, step + 1, count, u)
                    cell.forward(
                        RecurrentStep(
                            kernels: pass.kernels, product: stateProduct, bias: bias, mask: masks.real(step),
                            gates: block(gates, step, count, g), previous: block(states, step, count, u),
                            output: output, extra: block(extras, step + 1, count, e),
                            previousExtra: block(extras, step, count, e), outputGradient: output,
                            gateGradient: output, extraGradient: output, carry: output, stateGradient: output))
                }
                writeOutput(states, extras, steps: steps, masks, into: pass.output)
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        let count = pass.count, u = cell.units, g = cell.gateCount * u, e = cell.extraCount * u
        let d = cell.extraGradientCount * u
        let steps = pass.input().shape[0], features = pass.input().shape[1]
        let (inputs, gates, states, extras) = (pass.saved(0), pass.saved(1), pass.saved(2), pass.saved(3))
        let dy = pass.outputGradient
        pass.kernels.withScratch(steps * count * (g + d) + 3 * count * u) { scratch in
            var next = 0
            func take(_ size: Int) -> Tensor {
                defer { next += size }
                return scratch.slice(at: next, count: size)
            }
            let gateGradients = take(steps * count * g), extraGradients = take(steps * count * d)
            let dh = take(count * u).viewed(count: count, shape: [u])
            let carry = take(count * u).viewed(count: count, shape: [u])
            let stateGradient = take(count * u).viewed(count: count, shape: [u])
            for (index, gradient) in [carry, stateGradient].enumerated() {
                readStateGradient(dy, index, into: gradient)
            }
            withProducts(
                pass.key, pass.parameter(0), pass.parameter(1), isTraining: true, isBackward: true, count: count,
                pass.kernels
            ) { product, stateProduct in
                withMasks(pass.inputMask(), hasInitial: pass.inputCount > 1, steps: steps, count, pass.kernels) {
                    masks in
                    for step in (0..<steps).reversed() {
                        dh.copy(from: carry)
                        addOutputGradient(dy, step: step, steps: steps, visible: masks.visible(step), to: dh)
                        cell.backward(
                            RecurrentStep(
                                kernels: pass.kernels, product: stateProduct, bias: nil, mask: masks.real(step),
                                gates: block(gates, step, count, g), previous: block(states, step, count, u),
                                output: block(states, step + 1, count, u), extra: block(extras, step + 1, count, e),
                                previousExtra: block(extras, step, count, e), outputGradient: dh,
                                gateGradient: block(gateGradients, step, count, g),
                                extraGradient: block(extraGradients, step, count, d), carry: carry,
                                stateGradient: stateGradient))
                    }
                }
                let rows = steps * count, gradientRows = Matrix(gateGradients, rows: rows, columns: g)
                let allGates = 0..<cell.gateCount
                product.kernelGradient(
                    inputs, gradientRows: gateGradients, gates: allGates, into: pass.parameterGradient(0))
                if cell.useBias {
                    sumColumns(of: gradientRows, into: pass.parameterGradient(2).slice(at: 0, count: g))
                }
                cell.finishBackward(
                    RecurrentSequence(
                        product: stateProduct, steps: steps, count: count, units: u, states: states, extras: extras,
                        gateGradients: gateGradients, extraGradients: extraGradients), pass)
                if let dx = pass.inputGradient() {
                    // The inputs are not needed any more: their memory takes their gradient.
                    product.inputGradient(of: gateGradients, gates: allGates, into: inputs, adding: false)
                    fromTimeMajor(inputs, steps: steps, features: features, into: dx)
                }
            }
            for (index, gradient) in [carry, stateGradient].enumerated() where index + 1 < pass.inputCount {
                pass.inputGradient(index + 1)?.copy(from: gradient)
            }
        }
    }

    // MARK: Dropout

    /// Lends what multiplies the input with its kernel, and the state with its own.
    ///
    /// On the way back every step multiplies by the transposed kernel of the state: it is transposed once for all.
    private func withProducts(
        _ key: RandomKey, _ kernel: Tensor, _ recurrentKernel: Tensor, isTraining: Bool, isBackward: Bool = false,
        count: Int, _ kernels: KernelContext, _ body: (GateProduct, GateProduct) -> Void
    ) {
        let sides = [(kernel, options.dropout), (recurrentKernel, options.recurrentDropout)]
        let maskCount = options.dropsEachGate ? cell.gateCount : 1
        let sizes = sides.map { isTraining && $1 > 0 ? maskCount * count * $0.shape[0] : 0 }
        let transposedSize = isBackward ? recurrentKernel.elementCount : 0
        kernels.withScratch(transposedSize + sizes[0] + sizes[1]) { scratch in
            let transposed = scratch.slice(at: 0, count: transposedSize)
            if isBackward {
                swapAxes(
                    recurrentKernel, outer: 1, a: recurrentKernel.shape[0], b: recurrentKernel.shape[1], inner: 1,
                    into: transposed)
            }
            var offset = transposedSize
            let products = sides.enumerated().map { side, pair in
                let masks = scratch.slice(at: offset, count: sizes[side])
                offset += sizes[side]
                masks.fill(with: 1)
                if sizes[side] > 0 { dropOut(masks, rate: pair.1, key: key[side], into: masks) }
                return GateProduct(
                    kernels: kernels, kernel: pair.0, transposed: isBackward && side == 1 ? transposed : nil,
                    units: cell.units, gateCount: cell.gateCount,
                    masks: sizes[side] > 0 ? masks : nil, maskCount: maskCount)
            }
            body(products[0], products[1])
        }
    }

    // MARK: Places

    /// The frame that is computed at `step`.
    private func frame(_ step: Int, of steps: Int) -> Int { options.goBackwards ? steps - 1 - step : step }

    /// The row of the output that is computed at `step`.
    private func outputRow(_ step: Int, of steps: Int) -> Int { options.reversesOutput ? steps - 1 - step : step }

    private func block(_ tensor: Tensor, _ step: Int, _ count: Int, _ width: Int) -> Tensor {
        tensor.slice(at: step * count * width, count: count * width).viewed(count: count, shape: [width])
    }

    private func toTimeMajor(_ x: Tensor, steps: Int, into target: Tensor) {
        let width = x.shape[1]
        for step in 0..<steps {
            copyRows(
                from: Matrix(
                    x, rows: x.count, columns: width, stride: steps * width, at: frame(step, of: steps) * width),
                to: Matrix(target, rows: x.count, columns: width, at: step * x.count * width))
        }
    }

    private func fromTimeMajor(_ source: Tensor, steps: Int, features width: Int, into x: Tensor) {
        for step in 0..<steps {
            copyRows(
                from: Matrix(source, rows: x.count, columns: width, at: step * x.count * width),
                to: Matrix(x, rows: x.count, columns: width, stride: steps * width, at: frame(step, of: steps) * width))
        }
    }

    // MARK: Output

    private func writeOutput(_ states: Tensor, _ extras: Tensor, steps: Int, _ masks: FrameMasks, into y: Tensor) {
        let u = cell.units, count = y.count, width = y.shape.elementCount
        for step in (options.returnSequences ? 0 : steps - 1)..<steps {
            let place = options.returnSequences ? outputRow(step, of: steps) * u : 0
            copyRows(
                from: Matrix(states, rows: count, columns: u, at: (step + 1) * count * u),
                to: Matrix(y, rows: count, columns: u, stride: width, at: place))
            guard let visible = masks.visible(step) else { continue }
            for example in 0..<count where visible[example] == 0 {
                y.slice(at: example * width + place, count: u).fill(with: 0)
            }
        }
        guard options.returnState else { return }
        let last = [block(states, steps, count, u), block(extras, steps, count, cell.extraCount * u)]
        for (index, state) in last.prefix(cell.stateCount).enumerated() {
            copyRows(
                from: Matrix(state, rows: count, columns: u),
                to: Matrix(y, rows: count, columns: u, stride: width, at: statePlace(index, in: width)))
        }
    }

    /// Where a returned state is in an example's output.
    private func statePlace(_ index: Int, in width: Int) -> Int { width - (cell.stateCount - index) * cell.units }

    /// The gradient that comes to a state from outside; zero if it is not returned.
    private func readStateGradient(_ dy: Tensor, _ index: Int, into gradient: Tensor) {
        guard options.returnState, index < cell.stateCount else { return gradient.fill(with: 0) }
        let width = dy.shape.elementCount
        copyRows(
            from: Matrix(dy, rows: dy.count, columns: cell.units, stride: width, at: statePlace(index, in: width)),
            to: gradient.examples)
    }

    /// dh += the part of the output's gradient that belongs to `step`.
    private func addOutputGradient(_ dy: Tensor, step: Int, steps: Int, visible: Tensor?, to dh: Tensor) {
        let u = cell.units, width = dy.shape.elementCount
        guard options.returnSequences || step == steps - 1 else { return }
        let place = options.returnSequences ? outputRow(step, of: steps) * u : 0
        for example in 0..<dh.count where visible?[example] != 0 {
            addScaled(dy.slice(at: example * width + place, count: u), by: 1, to: dh.slice(at: example * u, count: u))
        }
    }

    // MARK: Masks

    /// Time-major masks, one number an example: the frames that are real, and those whose state is the output.
    private struct FrameMasks {
        let count: Int
        let isReal, isVisible: Tensor?

        func real(_ step: Int) -> Tensor? { isReal?.slice(at: step * count, count: count) }
        func visible(_ step: Int) -> Tensor? { isVisible?.slice(at: step * count, count: count) }
    }

    /// Padding shows the output before it, which before the first real frame is zero, whatever the initial state.
    private func withMasks(
        _ mask: Tensor?, hasInitial: Bool, steps: Int, _ count: Int, _ kernels: KernelContext,
        _ body: (FrameMasks) -> Void
    ) {
        guard let mask, !(hasInitial && options.forgetsMaskWithStates) else {
            return body(FrameMasks(count: count, isReal: nil, isVisible: nil))
        }
        kernels.withScratch(2 * steps * count) { scratch in
            let real = scratch.slice(at: 0, count: steps * count)
            let seen = scratch.slice(at: steps * count, count: steps * count)
            for step in 0..<steps {
                for example in 0..<count {
                    let isReal = mask[example * steps + frame(step, of: steps)]
                    real[step * count + example] = isReal
                    seen[step * count + example] = max(isReal, step > 0 ? seen[(step - 1) * count + example] : 0)
                }
            }
            let visible = options.zeroOutputForMask ? real : hasInitial ? seen : nil
            body(FrameMasks(count: count, isReal: real, isVisible: visible))
        }
    }
}
