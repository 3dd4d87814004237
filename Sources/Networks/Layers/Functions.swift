import Kernels
public import Tensors

/// A function of every number that is no activation: `ops.sqrt`, `ops.log`, `ops.power`.
public struct ElementwiseFunction: Layer {
    public enum Function: Hashable, Sendable {
        case absolute, square, squareRoot, logarithm, sine, cosine
        /// 2/√π ∫ exp(−t²) dt from 0 to x.
        case errorFunction
        /// −1, 0 or 1; the whole number below, or towards 0; 1 where x is 0, else 0. Steps are flat: their gradient is 0.
        case sign, floor, truncated, isZero
        /// x to a power.
        case power(Float)
        /// A number to the power of x.
        case exponential(base: Float)
        /// A number divided by x.
        case quotient(Float)
        /// Between two numbers, either of which may be infinite.
        case clip(Float, Float)
    }

    public let function: Function

    public init(_ function: Function) { self.function = function }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { try elementwisePlan(inputs) }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        switch function {
        case .square: multiplyElements(x, x, into: y)
        case .absolute: map(x, into: y) { abs($0) }
        case .squareRoot: map(x, into: y) { $0.squareRoot() }
        case .logarithm: map(x, into: y) { Float(Networks.logarithm(Double($0))) }
        case .power(let exponent): map(x, into: y) { Float(raised(Double($0), Double(exponent))) }
        case .exponential(let base): map(x, into: y) { Float(raised(Double(base), Double($0))) }
        case .quotient(let dividend): map(x, into: y) { dividend / $0 }
        case .clip(let lowest, let highest): map(x, into: y) { min(max($0, lowest), highest) }
        case .sine: map(x, into: y) { Float(Networks.sine(Double($0))) }
        case .cosine: map(x, into: y) { Float(Networks.cosine(Double($0))) }
        case .errorFunction: map(x, into: y) { Float(Networks.errorFunction(Double($0))) }
        case .sign: map(x, into: y) { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
        case .floor: map(x, into: y) { $0.rounded(.down) }
        case .truncated: map(x, into: y) { $0.rounded(.towardZero) }
        case .isZero: map(x, into: y) { $0 == 0 ? 1 : 0 }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), y = pass.output
        switch function {
        case .square: scale(x, by: 2, into: dx)
        case .absolute: map(x, into: dx) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
        case .squareRoot: map(y, into: dx) { 0.5 / $0 }
        case .logarithm: map(x, into: dx) { 1 / $0 }
        case .power(let exponent):
            map(x, into: dx) { exponent * Float(raised(Double($0), Double(exponent) - 1)) }
        case .exponential(let base): scale(y, by: Float(Networks.logarithm(Double(base))), into: dx)
        case .quotient(let dividend): map(x, into: dx) { -dividend / ($0 * $0) }
        case .clip(let lowest, let highest): map(x, into: dx) { $0 >= lowest && $0 <= highest ? 1 : 0 }
        case .sine: map(x, into: dx) { Float(Networks.cosine(Double($0))) }
        case .cosine: map(x, into: dx) { -Float(Networks.sine(Double($0))) }
        case .errorFunction:
            let slope = 2 / Double.pi.squareRoot()
            map(x, into: dx) { Float(slope * Networks.exponential(-Double($0) * Double($0))) }
        case .sign, .floor, .truncated, .isZero: return dx.fill(with: 0)
        }
        multiplyElements(dx, pass.outputGradient, into: dx)
    }

    private func map(_ x: Tensor, into y: Tensor, _ function: (Float) -> Float) {
        x.withSpan { x in
            y.withMutableSpan { y in
                for index in x.indices { y[index] = function(x[index]) }
            }
        }
    }
}

/// Sums, means, maxima or minima over some axes: `ops.mean` and the like.
public struct Reduction: Layer {
    public enum Kind: Hashable, Sendable {
        case sum, mean, maximum, minimum
        /// log Σ exp x
        case logSumExp
    }

    public let kind: Kind
    /// 1 is the first axis after the examples, negative ones count from the end.
    public let axes: [Int]
    /// Whether the axes stay, with an extent of 1.
    public let keepDimensions: Bool

    public init(_ kind: Kind, axes: [Int], keepDimensions: Bool = false) {
        self.kind = kind
        self.axes = axes
        self.keepDimensions = keepDimensions
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        let places = try axisPlaces(axes, inputs[0])
        let kept = inputs[0].axes.enumerated().compactMap { axis, extent in
            places.contains(axis) ? (keepDimensions ? 1 : nil) : extent
        }
        return LayerPlan(output: Shape(kept))
    }

    /// The input as it is where the axes are gone, and how that fills the input.
    private func broadcast(_ x: Tensor) -> Broadcast {
        let places = (try? axisPlaces(axes, x.shape)) ?? []
        return Broadcast(
            [x.count] + x.shape.axes.enumerated().map { places.contains($0.offset) ? 1 : $0.element },
            to: [x.count] + x.shape.axes)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, broadcast = broadcast(x)
        switch kind {
        case .sum: broadcast.sum(x, into: y)
        case .mean:
            broadcast.sum(x, into: y)
            scale(y, by: Float(y.elementCount) / Float(x.elementCount), into: y)
        case .logSumExp: logSumExp(x, into: y)
        case .maximum, .minimum:
            let isMaximum = kind == .maximum
            y.fill(with: isMaximum ? -.infinity : .infinity)
            for (element, place) in places(x, y).enumerated() {
                // A number that is none stays it.
                let isBeyond = isMaximum ? x[element] > y[place] : x[element] < y[place]
                if isBeyond || x[element].isNaN { y[place] = x[element] }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let dy = pass.outputGradient, x = pass.input(), broadcast = broadcast(x)
        switch kind {
        case .sum: broadcast.expand(dy, into: dx)
        case .mean:
            scale(dy, by: Float(dy.elementCount) / Float(dx.elementCount), into: dy)
            broadcast.expand(dy, into: dx)
        case .logSumExp:
            let y = pass.output
            for (element, place) in places(x, y).enumerated() {
                dx[element] = dy[place] * Float(exponential(Double(x[element] - y[place])))
            }
        case .maximum, .minimum:
            // Those that are equal share the gradient, as in Keras.
            let y = pass.output, places = places(x, y)
            for (element, place) in places.enumerated() { dx[element] = x[element] == y[place] ? 1 : 0 }
            pass.kernels.withScratch(y.elementCount) { counts in
                broadcast.sum(dx, into: counts)
                for (element, place) in places.enumerated() { dx[element] *= dy[place] / counts[place] }
            }
        }
    }

    /// m + log Σ exp(x − m), with the largest x as m.
    private func logSumExp(_ x: Tensor, into y: Tensor) {
        let places = places(x, y)
        var largest = [Float](repeating: -.infinity, count: y.elementCount)
        var sums = [Double](repeating: 0, count: y.elementCount)
        for (element, place) in places.enumerated() { largest[place] = max(largest[place], x[element]) }
        for (element, place) in places.enumerated() {
            // What is infinite stays it, where the difference would be no number.
            let shift = largest[place].isFinite ? largest[place] : 0
            sums[place] += exponential(Double(x[element] - shift))
        }
        for place in 0..<y.elementCount {
            y[place] = (largest[place].isFinite ? largest[place] : 0) + Float(logarithm(sums[place]))
        }
    }

    /// The place in the result of every element of the input.
    private func places(_ x: Tensor, _ y: Tensor) -> [Int] {
        let gone = (try? axisPlaces(axes, x.shape)) ?? [], size = x.shape.elementCount
        let places = (0..<size).map { element in
            var rest = element, place = 0, stride = 1
            for axis in (0..<x.shape.rank).reversed() {
                if !gone.contains(axis) {
                    place += rest % x.shape[axis] * stride
                    stride *= x.shape[axis]
                }
                rest /= x.shape[axis]
            }
            return place
        }
        return (0..<x.elementCount).map { places[$0 % size] + $0 / size * y.shape.elementCount }
    }
}

/// The places of Keras's axes in a shape, each once.
private func axisPlaces(_ axes: [Int], _ shape: Shape) throws(ShapeError) -> Set<Int> {
    let places = axes.map { $0 < 0 ? shape.rank + $0 : $0 - 1 }
    guard !axes.isEmpty, places.allSatisfy({ (0..<shape.rank).contains($0) }), Set(places).count == axes.count else {
        throw ShapeError("works along axes \(axes), which its input \(shape) does not have; the axis of examples stays")
    }
    return Set(places)
}

/// The same elements with axes of 1 put in or taken out: `ops.expand_dims` and `ops.squeeze`.
public struct UnitAxes: Layer {
    public enum Change: Hashable, Sendable {
        /// A new axis at this place of the result, 1 being the first after the examples.
        case insert(Int)
        /// Takes out these axes; nil for all axes of 1.
        case remove([Int]?)
    }

    public let change: Change

    public init(_ change: Change) { self.change = change }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        var axes = inputs[0].axes
        switch change {
        case .insert(let axis):
            let place = axis < 0 ? axes.count + 1 + axis : axis - 1
            guard (0...axes.count).contains(place) else {
                throw ShapeError("puts in axis \(axis), which its input \(inputs[0]) has no place for")
            }
            axes.insert(1, at: place)
        case .remove(let given):
            let places = try given.map { given throws(ShapeError) in try axisPlaces(given, inputs[0]) }
            guard places?.allSatisfy({ axes[$0] == 1 }) ?? true else {
                throw ShapeError("takes out axes \(given ?? []), which are not all 1 in its input \(inputs[0])")
            }
            axes = inputs[0].axes.enumerated().filter { axis, extent in
                places.map { !$0.contains(axis) } ?? (extent != 1)
            }.map(\.element)
        }
        return LayerPlan(output: Shape(axes), sharing: .always)
    }

    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}

/// Another layer, whose result has no mask: what sets Keras's operations apart from its layers.
public struct Unmasked: Layer {
    package let layer: any Layer

    public init(_ layer: any Layer) { self.layer = layer }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try layer.plan(for: inputs)
        plan.mask = .none
        return plan
    }

    public func forward(_ pass: ForwardPass) { layer.forward(pass) }
    public func backward(_ pass: BackwardPass) { layer.backward(pass) }
}
