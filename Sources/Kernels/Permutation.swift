public import Tensors

/// y = x with its axes in another order: axis `i` of `y` is axis `order[i]` of `x`.
///
/// - Parameter extents: The axes of `x`, that of the examples included.
public func permuteAxes(of x: Tensor, _ extents: [Int], order: [Int], into y: Tensor) {
    precondition(extents.reduce(1, *) == x.elementCount && x.elementCount == y.elementCount)
    precondition(order.sorted() == Array(extents.indices), "\(order) is no order of \(extents.count) axes")
    guard x.elementCount > 0 else { return }
    var axes = runs(extents, order)
    guard let inner = axes.popLast() else { return y.copy(from: x) }
    var counters = [Int](repeating: 0, count: axes.count), source = 0
    for target in stride(from: 0, to: y.elementCount, by: inner.count) {
        if inner.stride == 1 {
            unsafe (y.base + target).update(from: x.base + source, count: inner.count)
        } else {
            for index in 0..<inner.count { unsafe y.base[target + index] = x.base[source + index * inner.stride] }
        }
        for axis in axes.indices.reversed() {
            counters[axis] += 1
            source += axes[axis].stride
            if counters[axis] < axes[axis].count { break }
            source -= axes[axis].stride * axes[axis].count
            counters[axis] = 0
        }
    }
}

/// The axes of the result with their strides in the source; neighbours that stay neighbours are one.
private func runs(_ extents: [Int], _ order: [Int]) -> [(count: Int, stride: Int)] {
    var strides = [Int](repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * extents[axis + 1] }
    var axes: [(count: Int, stride: Int)] = []
    for axis in order where extents[axis] > 1 {
        if let last = axes.last, last.stride == strides[axis] * extents[axis] {
            axes[axes.count - 1] = (last.count * extents[axis], strides[axis])
        } else {
            axes.append((extents[axis], strides[axis]))
        }
    }
    return axes
}
