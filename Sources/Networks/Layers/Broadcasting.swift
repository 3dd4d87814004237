import Kernels
import Tensors

/// How a tensor whose axes of 1 are repeated fills a larger one, as in NumPy.
struct Broadcast {
    /// Axes of the larger tensor, outermost first; neighbours of one kind are one.
    private var axes: [(count: Int, isRepeated: Bool)] = []
    /// How many elements a step of each axis is in the smaller and the larger tensor; one more for the end.
    private var small = [1], large = [1]

    /// - Parameters:
    ///   - extents: All axes of the smaller tensor, that of the examples included.
    ///   - target: As many axes of the larger one.
    init(_ extents: [Int], to target: [Int]) {
        precondition(
            extents.count == target.count && zip(extents, target).allSatisfy { $0 == $1 || $0 == 1 },
            "\(extents) does not fill \(target)")
        for (extent, count) in zip(extents, target) where count != 1 {
            let isRepeated = extent == 1
            if let last = axes.last, last.isRepeated == isRepeated {
                axes[axes.count - 1].count *= count
            } else {
                axes.append((count, isRepeated))
            }
        }
        for axis in axes.reversed() {
            small.insert(small[0] * (axis.isRepeated ? 1 : axis.count), at: 0)
            large.insert(large[0] * axis.count, at: 0)
        }
    }

    /// y = x, repeated.
    func expand(_ x: Tensor, into y: Tensor) {
        precondition(x.elementCount == small[0] && y.elementCount == large[0])
        expand(x, 0, into: y, 0, axis: 0)
    }

    private func expand(_ x: Tensor, _ source: Int, into y: Tensor, _ target: Int, axis: Int) {
        if small[axis] == large[axis] {
            y.slice(at: target, count: large[axis]).copy(from: x.slice(at: source, count: small[axis]))
        } else if axis == axes.count - 1 {
            y.slice(at: target, count: large[axis]).fill(with: x[source])
        } else if axes[axis].isRepeated {
            let size = large[axis + 1]
            expand(x, source, into: y, target, axis: axis + 1)
            let first = y.slice(at: target, count: size)
            for index in 1..<axes[axis].count { y.slice(at: target + index * size, count: size).copy(from: first) }
        } else {
            for index in 0..<axes[axis].count {
                expand(
                    x, source + index * small[axis + 1], into: y, target + index * large[axis + 1], axis: axis + 1)
            }
        }
    }

    /// x = Σ y over the repeated axes: the gradient of `expand`.
    func sum(_ y: Tensor, into x: Tensor) {
        precondition(x.elementCount == small[0] && y.elementCount == large[0])
        sum(y, 0, into: x, 0, axis: 0, adding: false)
    }

    private func sum(_ y: Tensor, _ source: Int, into x: Tensor, _ target: Int, axis: Int, adding: Bool) {
        if small[axis] == large[axis] {
            let part = y.slice(at: source, count: large[axis]), place = x.slice(at: target, count: small[axis])
            if adding { addScaled(part, by: 1, to: place) } else { place.copy(from: part) }
        } else if axis == axes.count - 1 {
            let total = y.slice(at: source, count: large[axis]).withSpan { span in
                span.indices.reduce(Float(0)) { $0 + span[$1] }
            }
            x[target] = (adding ? x[target] : 0) + total
        } else if axes[axis].isRepeated && small[axis + 1] == large[axis + 1] {
            sumColumns(
                of: Matrix(y, rows: axes[axis].count, columns: small[axis + 1], at: source),
                into: x.slice(at: target, count: small[axis + 1]), adding: adding)
        } else {
            for index in 0..<axes[axis].count {
                let isRepeated = axes[axis].isRepeated
                sum(
                    y, source + index * large[axis + 1], into: x, target + (isRepeated ? 0 : index * small[axis + 1]),
                    axis: axis + 1, adding: adding || (isRepeated && index > 0))
            }
        }
    }
}

extension Broadcast {
    /// Repeats the examples of a tensor to fill those of another shape; a shape with fewer axes gets ones in front.
    init(_ x: Tensor, to shape: Shape) {
        self.init(Self.extents(x.shape, rank: shape.rank, count: x.count), to: [x.count] + shape.axes)
    }

    private static func extents(_ shape: Shape, rank: Int, count: Int) -> [Int] {
        [count] + Array(repeating: 1, count: rank - shape.rank) + shape.axes
    }

    /// The shape that all of the given ones fill; nil if there is none.
    static func shape(_ shapes: [Shape]) -> Shape? {
        let rank = shapes.map(\.rank).max() ?? 0
        var axes = [Int](repeating: 1, count: rank)
        for shape in shapes {
            for (axis, extent) in zip((rank - shape.rank)..<rank, shape.axes) where extent != 1 {
                guard axes[axis] == 1 || axes[axis] == extent else { return nil }
                axes[axis] = extent
            }
        }
        return Shape(axes)
    }
}

/// Lends tensors in a larger shape: those that have it as they are, the others repeated.
func withRepeated(_ kernels: KernelContext, _ inputs: [Tensor], _ shape: Shape, _ body: ([Tensor]) -> Void) {
    let size = inputs[0].count * shape.elementCount
    kernels.withScratch(inputs.count { $0.shape != shape } * size) { scratch in
        var offset = 0
        body(
            inputs.map { x in
                guard x.shape != shape else { return x }
                defer { offset += size }
                let y = scratch.slice(at: offset, count: size).viewed(count: x.count, shape: shape)
                Broadcast(x, to: shape).expand(x, into: y)
                return y
            })
    }
}
