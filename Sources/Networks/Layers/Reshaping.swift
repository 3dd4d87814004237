public import Kernels
public import Tensors

/// All axes in one, row-major.
public struct Flatten: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        return LayerPlan(output: [inputs[0].elementCount], sharing: .always)
    }

    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}

/// The same elements under other axes; one of them may be −1, and is computed.
public struct Reshape: Layer {
    public let target: [Int]

    public init(to target: [Int]) { self.target = target }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        let known = target.filter { $0 != -1 }.reduce(1, *), count = inputs[0].elementCount
        let isValid = target.allSatisfy { $0 > 0 || $0 == -1 } && target.count(where: { $0 == -1 }) <= 1
        let free = known > 0 ? count / known : 0
        guard isValid, target.contains(-1) ? free * known == count : known == count else {
            throw ShapeError("cannot give \(inputs[0]) the shape (\(target.map(String.init).joined(separator: ", ")))")
        }
        return LayerPlan(output: Shape(target.map { $0 == -1 ? free : $0 }), sharing: .always)
    }

    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}

/// The same elements with their axes in another order; Keras's numbers, 1 for the first axis.
public struct Permute: Layer {
    public let axes: [Int]

    public init(_ axes: [Int]) { self.axes = axes }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, axes.sorted() == Array(1..<(inputs[0].rank + 1)) else {
            throw ShapeError("orders axes \(axes), which are not those of \(list(inputs))")
        }
        var plan = LayerPlan(output: Shape(axes.map { inputs[0][$0 - 1] }))
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) { Self.move(pass.input(), axes, into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        Self.move(pass.outputGradient, axes.indices.map { (axes.firstIndex(of: $0 + 1) ?? 0) + 1 }, into: dx)
    }

    /// Axis `order[i]` of x becomes axis i of y.
    private static func move(_ x: Tensor, _ order: [Int], into y: Tensor) {
        let axes = x.shape.axes, kept = zip(order, 1...).prefix { $0 == $1 }.count
        guard kept < order.count else { return y.copy(from: x) }
        let outer = axes.prefix(kept).reduce(x.count, *)
        // Neighbours that change places with neighbours: all that most networks ask for.
        if let cut = (kept + 1..<order.count).first(where: { order[$0] == kept + 1 }) {
            let moved = order.count - cut
            let end = order[cut...].enumerated().prefix { $0.element == kept + 1 + $0.offset }.count
            let front = order[kept..<cut].enumerated().prefix { $0.element == kept + 1 + end + $0.offset }.count
            if front == cut - kept, end == moved || order[(cut + end)...].elementsEqual((cut + end + 1)...order.count) {
                let a = axes[kept..<(kept + end)].reduce(1, *), b = axes[(kept + end)..<(cut + end)].reduce(1, *)
                swapAxes(x, outer: outer, a: a, b: b, inner: axes[(cut + end)...].reduce(1, *), into: y)
                return
            }
        }
        var strides = [Int](repeating: 1, count: axes.count)
        for axis in (0..<axes.count).reversed().dropFirst() { strides[axis] = strides[axis + 1] * axes[axis + 1] }
        let size = x.shape.elementCount, output = order.map { axes[$0 - 1] }, moves = order.map { strides[$0 - 1] }
        for target in 0..<size {
            var rest = target, source = 0
            for axis in (0..<axes.count).reversed() {
                source += rest % output[axis] * moves[axis]
                rest /= output[axis]
            }
            for example in 0..<x.count { y[example * size + target] = x[example * size + source] }
        }
    }
}

/// (C) to (count, C), every row the same.
public struct RepeatVector: Layer {
    public let times: Int

    public init(_ times: Int) { self.times = times }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 1 else {
            throw ShapeError("takes one vector, found \(list(inputs))")
        }
        return LayerPlan(output: [times, inputs[0].channels])
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), size = x.shape.channels
        for row in 0..<(x.count * times) {
            pass.output.slice(at: row * size, count: size).copy(from: x.slice(at: row / times * size, count: size))
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let size = dx.shape.channels
        for example in 0..<dx.count {
            sumColumns(
                of: Matrix(pass.outputGradient, rows: times, columns: size, at: example * times * size),
                into: dx.slice(at: example * size, count: size))
        }
    }
}

/// Zeros added around, or cells cut off, H and W of (H, W, C).
///
/// Padding and cropping are each other's gradient, so one layer is both.
public struct Resize2D: Layer {
    /// Cells to add on each side; negative ones are cut off.
    public let margins: Margins

    public init(_ margins: Margins) { self.margins = margins }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let height = inputs[0][0] + margins.top + margins.bottom, width = inputs[0][1] + margins.left + margins.right
        guard height > 0, width > 0 else { throw ShapeError("cuts off more than its input \(inputs[0]) has") }
        return LayerPlan(output: [height, width, inputs[0].channels])
    }

    public func forward(_ pass: ForwardPass) {
        move(pass.input(), to: pass.output, top: margins.top, left: margins.left)
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        move(pass.outputGradient, to: dx, top: -margins.top, left: -margins.left)
    }

    private func move(_ from: Tensor, to: Tensor, top: Int, left: Int) {
        let (height, width, channels) = (to.shape[0], to.shape[1], to.shape[2])
        let first = max(left, 0), last = min(from.shape[1] + left, width)
        to.fill(with: 0)
        for example in 0..<to.count {
            for row in max(top, 0)..<min(from.shape[0] + top, height) {
                let source = ((example * from.shape[0] + row - top) * from.shape[1] + first - left) * channels
                let target = ((example * height + row) * width + first) * channels
                to.slice(at: target, count: (last - first) * channels)
                    .copy(from: from.slice(at: source, count: (last - first) * channels))
            }
        }
    }
}

/// Keras's ZeroPadding2D.
public func ZeroPadding2D(_ margins: Margins) -> Resize2D { Resize2D(margins) }

/// Keras's Cropping2D.
public func Cropping2D(_ margins: Margins) -> Resize2D {
    Resize2D(Margins(top: -margins.top, bottom: -margins.bottom, left: -margins.left, right: -margins.right))
}

/// Frames added before and after, or cut off where negative, T of (T, C).
public struct Resize1D: Layer {
    package let flat: Resize2D

    public init(before: Int, after: Int) { flat = Resize2D(Margins(left: before, right: after)) }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2 else {
            throw ShapeError("takes one input (time, channels), found \(list(inputs))")
        }
        let plan = try flat.plan(for: [Shape([1] + inputs[0].axes)])
        return LayerPlan(output: Shape(Array(plan.output.axes.dropFirst())))
    }

    public func forward(_ pass: ForwardPass) { flat.forward(pass.asRows) }
    public func backward(_ pass: BackwardPass) { flat.backward(pass.asRows) }
}

/// Keras's ZeroPadding1D.
public func ZeroPadding1D(before: Int, after: Int) -> Resize1D { Resize1D(before: before, after: after) }

/// Keras's Cropping1D.
public func Cropping1D(before: Int, after: Int) -> Resize1D { Resize1D(before: -before, after: -after) }

/// Every cell of (H, W, C) repeated `rows` × `columns` times.
public struct UpSampling2D: Layer {
    public let rows, columns: Int

    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        return LayerPlan(output: [inputs[0][0] * rows, inputs[0][1] * columns, inputs[0].channels])
    }

    public func forward(_ pass: ForwardPass) {
        eachCell(pass.input().shape, count: pass.count) { source, target, size in
            pass.output.slice(at: target, count: size).copy(from: pass.input().slice(at: source, count: size))
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        dx.fill(with: 0)
        eachCell(dx.shape, count: pass.count) { source, target, size in
            addScaled(pass.outputGradient.slice(at: target, count: size), by: 1, to: dx.slice(at: source, count: size))
        }
    }

    private func eachCell(_ input: Shape, count: Int, _ body: (_ source: Int, _ target: Int, _ size: Int) -> Void) {
        let (height, width, size) = (input[0], input[1], input[2])
        for example in 0..<count {
            for row in 0..<(height * rows) {
                for column in 0..<(width * columns) {
                    body(
                        ((example * height + row / rows) * width + column / columns) * size,
                        ((example * height * rows + row) * width * columns + column) * size, size)
                }
            }
        }
    }
}

/// The output is the input.
public struct Identity: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        try elementwisePlan(inputs, sharing: .always)
    }
    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}

/// The output is the input, and no gradient flows back: `ops.stop_gradient`.
public struct StopGradient: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { try elementwisePlan(inputs, reads: []) }
    public func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.input()) }
    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.fill(with: 0) }
}
