import Kernels
import Networks
public import Tensors

/// Something that is done to every example before a model sees it.
public enum InputStep: Hashable, Sendable {
    /// x · a, with one number, or one for each channel.
    case scale([Float])
    /// x + b, with one number, or one for each channel.
    case offset([Float])
    /// Images (H, W), (H, W, C) or (…, H, W, C) of another size, as Keras's `Resizing` makes them.
    case resize(height: Int, width: Int, isNearest: Bool)
    /// The axes of one example in another order, counted from 0.
    case transpose([Int])
    /// The same numbers, in the same order, under other axes.
    case reshape(Shape)
    /// The channels at these places: in another order, fewer, or the same one several times.
    case channels([Int])

    /// The most numbers of one example: a gibibyte, as networks have it too.
    static let valueLimit = 1 << 28

    /// The shape of an example after this step.
    public func shape(after shape: Shape) throws(ShapeError) -> Shape {
        let result = try uncheckedShape(after: shape)
        guard result.axes.reduce(1.0, { $0 * Double($1) }) <= Double(Self.valueLimit) else {
            throw ShapeError("makes \(shape) more than a gibibyte an example")
        }
        return result
    }

    private func uncheckedShape(after shape: Shape) throws(ShapeError) -> Shape {
        switch self {
        case .scale(let values), .offset(let values):
            guard values.count == 1 || values.count == shape.channels else {
                throw ShapeError("has \(values.count) numbers, but \(shape) has \(channelsInWords(shape))")
            }
            return shape
        case .resize(let height, let width, _):
            guard shape.rank >= 2 else { throw ShapeError("takes images (H, W) or (H, W, C), found \(shape)") }
            guard shape.rank > 2 else { return [height, width] }
            return Shape(shape.axes.dropLast(3) + [height, width, shape.channels])
        case .transpose(let axes):
            guard axes.sorted() == Array(0..<shape.rank) else {
                let all = (0..<shape.rank).map(String.init).joined(separator: ", ")
                throw ShapeError("must name the axes \(all) of \(shape) once each")
            }
            return Shape(axes.map { shape[$0] })
        case .reshape(let other):
            guard other.elementCount == shape.elementCount else {
                throw ShapeError(
                    "has \(grouped(other.elementCount)) numbers, but \(shape) has \(grouped(shape.elementCount))")
            }
            return other
        case .channels(let places):
            guard shape.rank > 0, places.allSatisfy({ $0 < shape.channels }) else {
                throw ShapeError("counts channels from 0, and \(shape) has \(channelsInWords(shape))")
            }
            return shape.replacingChannels(with: places.count)
        }
    }

    private func channelsInWords(_ shape: Shape) -> String {
        "\(grouped(shape.channels)) channel\(shape.channels == 1 ? "" : "s")"
    }

    /// Does it to the examples of `x`; `y` has their shape afterwards.
    func apply(_ x: Tensor, into y: Tensor) {
        switch self {
        case .scale(let a): affine(x, a, [0], into: y)
        case .offset(let b): affine(x, [1], b, into: y)
        case .resize(_, _, let isNearest): resizeImages(x, isNearest ? .nearest : .bilinear, into: y)
        case .transpose(let axes): permute(x, axes, into: y)
        case .reshape: y.copy(from: x)
        case .channels(let places): pick(places, of: x, into: y)
        }
    }

    /// a · x + b, with one number each or one for each channel.
    private func affine(_ x: Tensor, _ a: [Float], _ b: [Float], into y: Tensor) {
        if a.count == 1 && b.count == 1 { return Kernels.scale(x, by: a[0], adding: b[0], into: y) }
        func row(_ values: [Float]) -> Buffer? {
            guard values.count > 1 else { return nil }
            let buffer = Buffer(zeros: values.count)
            buffer.tensor.copy(from: values)
            return buffer
        }
        let factors = row(a), summands = row(b)
        scaleColumns(x, by: factors?.tensor, adding: summands?.tensor, into: y)
    }

    private func pick(_ places: [Int], of x: Tensor, into y: Tensor) {
        let width = x.shape.channels, rows = x.rowCount
        x.withSpan { x in
            y.withMutableSpan { y in
                for row in 0..<rows {
                    for (column, place) in places.enumerated() {
                        y[row * places.count + column] = x[row * width + place]
                    }
                }
            }
        }
    }

    private func permute(_ x: Tensor, _ axes: [Int], into y: Tensor) {
        // The step in x of each axis of y, after that of the examples.
        var strides = [Int](repeating: 1, count: x.shape.rank)
        for axis in strides.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * x.shape[axis + 1] }
        let steps = [x.shape.elementCount] + axes.map { strides[$0] }, extents = [x.count] + y.shape.axes
        x.withSpan { x in
            y.withMutableSpan { y in
                var index = [Int](repeating: 0, count: extents.count), place = 0
                for element in y.indices {
                    y[element] = x[place]
                    for axis in extents.indices.reversed() {
                        index[axis] += 1
                        place += steps[axis]
                        if index[axis] < extents[axis] { break }
                        place -= steps[axis] * extents[axis]
                        index[axis] = 0
                    }
                }
            }
        }
    }
}

// MARK: - In words

extension InputStep: CustomStringConvertible {
    /// As it is written in a rule.
    public var description: String {
        func list(_ values: [Int], _ separator: String) -> String {
            values.map(String.init).joined(separator: separator)
        }
        func list(_ values: [Float]) -> String { values.map(trimmed).joined(separator: "/") }
        return switch self {
        case .scale(let values): "scale:\(list(values))"
        case .offset(let values): "offset:\(list(values))"
        case .resize(let height, let width, let isNearest): "resize:\(height)x\(width)\(isNearest ? ":nearest" : "")"
        case .transpose(let axes): "transpose:\(list(axes, "-"))"
        case .reshape(let shape): "reshape:\(list(shape.axes, "x"))"
        case .channels(let places): "channels:\(list(places, "-"))"
        }
    }
}

/// A number without a needless fraction.
private func trimmed(_ value: Float) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
