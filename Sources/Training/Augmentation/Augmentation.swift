public import Tensors

/// Random changes of examples that leave their meaning, written `crop:4,flip,cutout:8`: steps, done from left to right.
///
/// | step | examples | what it does |
/// | --- | --- | --- |
/// | `crop:4` | images | pads by 4 pixels and cuts the old size out at a random place |
/// | `flip` | images | mirrors left and right, half of the time |
/// | `cutout:8` | images | blanks a square of 8 × 8 around a random pixel, cut off at the border |
/// | `shift:10` | sequences, images | moves along the first axis by up to 10 places either way |
/// | `drop-frames:0.2` | sequences | leaves out each frame with probability 0.2; the others move up |
/// | `noise:0.1` | any | adds normal numbers of deviation 0.1, in the units that the model sees |
/// | `mixup:0.2` | any | λ of an example and 1 − λ of another, labels too, λ from Beta(0.2, 0.2) |
///
/// What is blank has the value that 0 in the data file has after its scale and offset: black, silence, padding.
/// Examples with three axes are images (H, W, C) unless they have true lengths; examples with two axes are sequences
/// (T, C), and so are all that have true lengths. Frames behind an example's true length are no part of it: they are
/// not moved in, and get no noise.
///
/// Every change is a function of the example's key alone, which does not depend on threads, batches or other examples;
/// each step has numbers of its own, so that another step beside it changes nothing of what it does.
public struct Augmentation: Hashable, Sendable {
    /// One change; each may be there once, and `mixup` comes last.
    public enum Step: Hashable, Sendable {
        /// Images (H, W, C), padded on all sides and cut back to H × W (He et al., 2016).
        ///
        ///     y[r, c] = x[r + a, c + b], or blank outside        a, b each uniform in −padding … padding
        case crop(padding: Int)
        /// y[r, c] = x[r, W − 1 − c], half of the time.
        case flip
        /// A square that is blank (DeVries and Taylor, 2017).
        ///
        ///     y[r, c] blank for a − ⌊side / 2⌋ ≤ r < a − ⌊side / 2⌋ + side, and c alike around b; else x[r, c]
        ///
        /// The center (a, b) is any pixel, all equally likely; what of the square lies outside the image is lost.
        case cutout(side: Int)
        /// Frames at later or earlier places.
        ///
        ///     y[t] = x[t − s] where 0 ≤ t − s < length, else blank    s uniform in −m … m, m = min(limit, length − 1)
        ///
        /// The true length stays as it is, and at least one frame of the example does, too.
        case shift(limit: Int)
        /// Frames (T, …), each left out with probability `rate`, as dropout does to units (Srivastava et al., 2014).
        ///
        /// The true length becomes the number of those that stay; all places behind them are blank. Where no frame
        /// would stay, one of them does, all equally likely.
        case dropFrames(rate: Double)
        /// y = x + deviation · n, n standard normal, for every number of every real frame.
        case noise(deviation: Float)
        /// Examples mixed with each other (Zhang et al., 2018): see `Mixing`.
        case mixup(alpha: Double)
    }

    /// In the order in which they are done.
    public let steps: [Step]

    /// Steps that were checked: each once, `mixup` last.
    init(steps: [Step]) { self.steps = steps }

    /// Whether examples are mixed with each other, so that labels are too.
    public var mixes: Bool { alpha != nil }

    var alpha: Double? {
        for case .mixup(let alpha) in steps { return alpha }
        return nil
    }

    /// Changes some examples, all but mixing them.
    ///
    /// - Parameters:
    ///   - source: Examples of a shape without `refusals`.
    ///   - result: Where they are written; may be `source`.
    ///   - lengths: How many frames of each example are real, before and afterwards; nil where all are.
    ///   - keys: One for each example, made of what it should depend on: a seed, the row of the file, the epoch.
    ///   - zero: What 0 in the data file is among these numbers: its offset, one for all channels or one for each.
    public func apply(
        to source: Tensor, into result: Tensor, lengths: inout [Int]?, keys: [RandomKey], zero: [Float] = [0]
    ) {
        let shape = source.shape, size = shape.elementCount
        precondition(result.count == source.count && result.shape == shape, "\(shape) does not fit \(result.shape)")
        precondition(keys.count == source.count, "\(keys.count) keys for \(source.count) examples")
        precondition((lengths?.count ?? source.count) == source.count, "lengths of other examples")
        precondition(refusals(shape: shape.axes, hasLengths: lengths != nil).isEmpty, "steps that do not suit \(shape)")
        result.copy(from: source)
        for (index, key) in keys.enumerated() {
            var example = Example(result, at: index * size, length: lengths?[index], zero: zero)
            for step in steps { step.apply(to: &example, key: key[step.place]) }
            lengths?[index] = example.length
        }
    }
}

/// One example of a tensor, whose first axis is its frames, or its rows if it is an image.
struct Example {
    let values: Tensor
    /// Its first element.
    let start: Int
    let frameCount: Int
    let frameSize: Int
    /// How many of its frames are real.
    var length: Int
    /// What is written where there is nothing: one number, or one for each channel.
    let zero: [Float]

    init(_ values: Tensor, at start: Int, length: Int?, zero: [Float]) {
        let frames = values.shape.axes.first ?? 1
        (self.values, self.start, self.zero) = (values, start, zero)
        frameCount = frames
        frameSize = values.shape.elementCount / max(frames, 1)
        self.length = length ?? frames
        precondition((0...frames).contains(self.length), "\(self.length) of \(frames) frames are real")
    }

    /// The places of some frames in the tensor.
    func places(_ frames: Range<Int>) -> Range<Int> {
        (start + frames.lowerBound * frameSize)..<(start + frames.upperBound * frameSize)
    }

    func move(_ frames: Range<Int>, to frame: Int) {
        values.copy(places(frames), of: values, to: start + frame * frameSize)
    }

    func blank(_ frames: Range<Int>) { clear(places(frames)) }

    /// Writes `zero` to elements of the tensor.
    func clear(_ elements: Range<Int>) {
        guard zero.count > 1 else { return values.fill(elements, with: zero[0]) }
        for element in elements {
            values.fill(element..<(element + 1), with: zero[(element - start) % zero.count])
        }
    }
}

extension Augmentation.Step {
    fileprivate func apply(to example: inout Example, key: RandomKey) {
        switch self {
        case .crop(let padding): example.crop(padding: padding, key: key)
        case .flip: example.flip(key: key)
        case .cutout(let side): example.cutOut(side: side, key: key)
        case .shift(let limit): example.shift(limit: limit, key: key)
        case .dropFrames(let rate): example.dropFrames(rate: rate, key: key)
        case .noise(let deviation): example.addNoise(deviation: deviation, key: key)
        case .mixup: break
        }
    }

    /// A number of its own, wherever it stands.
    fileprivate var place: Int {
        switch self {
        case .crop: 0
        case .flip: 1
        case .cutout: 2
        case .shift: 3
        case .dropFrames: 4
        case .noise: 5
        case .mixup: 6
        }
    }
}
