import Kernels
public import Tensors

/// What frames are, together: (T, C) becomes (C). Padding has no part in it, and an example without real frames gives
/// zeros.
///
///     mean  y = Σ x_t / n,  over the n frames that are real
///     sum   y = Σ x_t
///     max   y = max x_t
public struct FramePooling: Layer {
    public enum Kind: String, Hashable, Sendable, CaseIterable { case mean, max, sum }

    public let kind: Kind

    public init(_ kind: Kind) { self.kind = kind }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2, inputs[0][0] > 0 else {
            throw ShapeError("takes one sequence (time, features), found \(list(inputs))")
        }
        var plan = LayerPlan(output: [inputs[0].channels])
        plan.backwardReads = kind == .max ? .all : []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, channels = y.shape.channels
        y.fill(with: 0)
        for example in 0..<x.count {
            let real = realFrames(of: x, pass.inputMask(), example)
            let result = y.slice(at: example * channels, count: channels)
            for (place, frame) in real.enumerated() {
                let row = x.frame(frame, of: example)
                switch kind {
                case .max where place == 0: result.copy(from: row)
                case .max: extremum(isMaximum: true, result, row, into: result)
                case .mean, .sum: add(result, row, into: result)
                }
            }
            if kind == .mean, !real.isEmpty { scale(result, by: 1 / Float(real.count), into: result) }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let x = pass.input(), y = pass.output, dy = pass.outputGradient, channels = dy.shape.channels
        dx.fill(with: 0)
        for example in 0..<x.count {
            let real = realFrames(of: x, pass.inputMask(), example), first = example * channels
            if kind == .max {
                // The first of those that are equal.
                pass.kernels.withScratch(channels) { left in
                    left.copy(from: dy.slice(at: first, count: channels))
                    for frame in real {
                        firstMaximumGradient(
                            x.frame(frame, of: example), y.slice(at: first, count: channels), left: left,
                            into: dx.frame(frame, of: example))
                    }
                }
            } else {
                let factor = kind == .mean ? 1 / Float(max(real.count, 1)) : 1
                let slope = dy.slice(at: first, count: channels)
                for frame in real { scale(slope, by: factor, into: dx.frame(frame, of: example)) }
            }
        }
    }
}

/// In training every real frame gives its place to one that is drawn from the real frames, with replacement; nothing at
/// inference, where all of them count.
///
///     y_t = x_r(⌊n u_t⌋),  u_t uniform in [0, 1), r(i) the i-th of the n real frames
///
/// The frames' order is lost, which suits networks that read a set ("Learnable pooling with context gating for video
/// classification", Miech, Laptev, Sivic, 2017).
public struct FrameSampling: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2 else {
            throw ShapeError("takes one sequence (time, features), found \(list(inputs))")
        }
        return try elementwisePlan(inputs, sharing: .atInference, reads: [])
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        y.copy(from: x)
        for example in 0..<x.count {
            for (frame, drawn) in draws(of: x, pass.inputMask(), example, pass.key) {
                y.frame(frame, of: example).copy(from: x.frame(drawn, of: example))
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let dy = pass.outputGradient
        dx.copy(from: dy)
        for example in 0..<dx.count {
            let draws = draws(of: pass.input(), pass.inputMask(), example, pass.key)
            for (frame, _) in draws { dx.frame(frame, of: example).fill(with: 0) }
            for (frame, drawn) in draws {
                addScaled(dy.frame(frame, of: example), by: 1, to: dx.frame(drawn, of: example))
            }
        }
    }

    /// The real frames of an example, and what takes their places.
    private func draws(
        of x: Tensor, _ mask: Tensor?, _ example: Int, _ key: RandomKey
    ) -> [(frame: Int, drawn: Int)] {
        let real = realFrames(of: x, mask, example), key = key[example]
        return real.map { ($0, real[key.integer($0, below: real.count)]) }
    }
}

/// Some neighbouring features of every position: (…, C) becomes (…, count).
public struct FeatureSlice: Layer {
    public let start, count: Int

    public init(start: Int, count: Int) { (self.start, self.count) = (start, count) }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: [])
        guard inputs[0].rank >= 1, start >= 0, count > 0, start + count <= inputs[0].channels else {
            throw ShapeError(
                "takes the features \(start) to \(start + count - 1), counted from 0, which its input \(inputs[0]) "
                    + "does not have")
        }
        plan.output = inputs[0].replacingChannels(with: count)
        return plan
    }

    public func forward(_ pass: ForwardPass) { copyRows(from: place(in: pass.input()), to: pass.output.rows) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        dx.fill(with: 0)
        copyRows(from: pass.outputGradient.rows, to: place(in: dx))
    }

    private func place(in x: Tensor) -> Matrix {
        Matrix(x, rows: x.rowCount, columns: count, stride: x.shape.channels, at: start)
    }
}

/// Zeros where a sequence is padding, for what follows without its mask.
public struct PaddingToZero: Layer {
    public init() {}

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan { try elementwisePlan(inputs, reads: []) }

    public func forward(_ pass: ForwardPass) { clear(pass.input(), pass.inputMask(), into: pass.output) }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        clear(pass.outputGradient, pass.inputMask(), into: dx)
    }

    private func clear(_ x: Tensor, _ mask: Tensor?, into y: Tensor) {
        if let mask { scaleRows(x, by: mask, into: y) } else { y.copy(from: x) }
    }
}

/// Each frame's channels as several frames of fewer: (T, C) becomes (T · groups, C / groups).
public struct ChannelGroups: Layer {
    public let groups: Int

    public init(_ groups: Int) { self.groups = groups }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 2, groups > 0, inputs[0].channels % groups == 0 else {
            throw ShapeError("takes one sequence whose features \(groups) groups divide, found \(list(inputs))")
        }
        return LayerPlan(output: [inputs[0][0] * groups, inputs[0].channels / groups], sharing: .always)
    }

    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}

/// The frames of an example that are not padding.
func realFrames(of x: Tensor, _ mask: Tensor?, _ example: Int) -> [Int] {
    let frames = x.shape[0]
    return (0..<frames).filter { frame in mask.map { $0[example * frames + frame] != 0 } ?? true }
}

extension Tensor {
    /// One frame of a sequence (T, C).
    fileprivate func frame(_ frame: Int, of example: Int) -> Tensor {
        slice(at: (example * shape[0] + frame) * shape.channels, count: shape.channels)
    }
}
