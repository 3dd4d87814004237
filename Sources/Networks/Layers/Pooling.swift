import Kernels
public import Tensors

public enum PoolingKind: Hashable, Sendable { case max, average }

/// The largest value, or the mean, of each window over H and W of (H, W, C). Padding is left out of both.
public struct Pooling2D: Layer {
    public let kind: PoolingKind
    public let poolSize, strides: (Int, Int)
    public let padding: Padding

    public init(_ kind: PoolingKind, poolSize: (Int, Int), strides: (Int, Int)? = nil, padding: Padding = .valid) {
        self.kind = kind
        self.poolSize = poolSize
        self.strides = strides ?? poolSize
        self.padding = padding
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 3 else {
            throw ShapeError("takes one input (height, width, channels), found \(list(inputs))")
        }
        let geometry = geometry(for: inputs[0])
        guard geometry.output.elementCount > 0 else {
            throw ShapeError("has a window of \(poolSize.0) × \(poolSize.1), larger than its input \(inputs[0])")
        }
        return LayerPlan(output: geometry.output)
    }

    public func forward(_ pass: ForwardPass) {
        let geometry = geometry(for: pass.input().shape)
        switch kind {
        case .max: maxPool(geometry, pass.input(), into: pass.output)
        case .average: averagePool(geometry, pass.input(), into: pass.output)
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let geometry = geometry(for: pass.input().shape)
        switch kind {
        case .max: maxPoolGradient(geometry, pass.input(), pass.output, outputGradient: pass.outputGradient, into: dx)
        case .average: averagePoolGradient(geometry, outputGradient: pass.outputGradient, into: dx)
        }
    }

    private func geometry(for input: Shape) -> PoolingGeometry {
        let rows = WindowAxis(size: input[0], window: poolSize.0, stride: strides.0, padding: padding)
        let columns = WindowAxis(size: input[1], window: poolSize.1, stride: strides.1, padding: padding)
        var geometry = PoolingGeometry(
            height: input[0], width: input[1], channels: input[2], outputHeight: rows.output,
            outputWidth: columns.output, poolHeight: poolSize.0, poolWidth: poolSize.1, strideHeight: strides.0,
            strideWidth: strides.1)
        (geometry.top, geometry.left) = (rows.before, columns.before)
        return geometry
    }
}

/// Pooling over T of (T, C).
public struct Pooling1D: Layer {
    package let flat: Pooling2D

    public init(_ kind: PoolingKind, poolSize: Int, strides: Int? = nil, padding: Padding = .valid) {
        flat = Pooling2D(kind, poolSize: (1, poolSize), strides: (1, strides ?? poolSize), padding: padding)
    }

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

/// The largest value, or the mean, of each channel over all other axes. The mean counts only frames that are real.
public struct GlobalPooling: Layer {
    public let kind: PoolingKind
    public let keepDimensions: Bool

    public init(_ kind: PoolingKind, keepDimensions: Bool = false) {
        self.kind = kind
        self.keepDimensions = keepDimensions
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank >= 2, inputs[0].rowCount > 0 else {
            throw ShapeError("takes one input with axes to pool over, found \(list(inputs))")
        }
        let channels = inputs[0].channels
        let axes = keepDimensions ? Array(repeating: 1, count: inputs[0].rank - 1) + [channels] : [channels]
        return LayerPlan(output: Shape(axes))
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        if kind == .average, x.shape.rank == 2, let mask = pass.inputMask() {
            averageRealFrames(x, mask, into: y)
        } else if kind == .average {
            averagePool(Self.geometry(x.shape), x, into: y)
        } else {
            maxPool(Self.geometry(x.shape), x, into: y)
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), dy = pass.outputGradient
        if kind == .average, x.shape.rank == 2, let mask = pass.inputMask() {
            let frames = x.shape.rowCount, channels = x.shape.channels
            for example in 0..<x.count {
                let real = (0..<frames).reduce(Float(0)) { $0 + mask[example * frames + $1] }
                for frame in 0..<frames {
                    scale(
                        dy.slice(at: example * channels, count: channels),
                        by: mask[example * frames + frame] / max(real, 1),
                        into: dx.slice(at: (example * frames + frame) * channels, count: channels))
                }
            }
        } else if kind == .average {
            averagePoolGradient(Self.geometry(x.shape), outputGradient: dy, into: dx)
        } else {
            maxPoolGradient(Self.geometry(x.shape), x, pass.output, outputGradient: dy, into: dx)
        }
    }

    /// Sum over real frames / their number; an example without any gives NaN, as in Keras.
    private func averageRealFrames(_ x: Tensor, _ mask: Tensor, into y: Tensor) {
        let frames = x.shape.rowCount, channels = x.shape.channels
        y.fill(with: 0)
        for example in 0..<x.count {
            let sum = y.slice(at: example * channels, count: channels)
            var real: Float = 0
            for frame in 0..<frames where mask[example * frames + frame] != 0 {
                addScaled(x.slice(at: (example * frames + frame) * channels, count: channels), by: 1, to: sum)
                real += 1
            }
            if real > 0 { scale(sum, by: 1 / real, into: sum) } else { sum.fill(with: .nan) }
        }
    }

    private static func geometry(_ input: Shape) -> PoolingGeometry {
        PoolingGeometry(
            height: 1, width: input.rowCount, channels: input.channels, outputHeight: 1, outputWidth: 1, poolHeight: 1,
            poolWidth: input.rowCount, strideHeight: 1, strideWidth: input.rowCount)
    }
}
