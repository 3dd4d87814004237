import Kernels
public import Tensors

/// Some places of some axes, in any order: `x[:, -1]`, `ops.flip`, `ops.pad`, `ops.tile`.
///
/// Every number of the result is one of the input, or `fill` where the rule names none.
public struct AxisSelection: Layer {
    /// Which places of an axis the result has, in order.
    public enum Rule: Hashable, Sendable {
        /// Python's slice; the step is not 0.
        case slice(start: Int? = nil, stop: Int? = nil, step: Int = 1)
        /// One of several parts of equal size.
        case part(Int, of: Int)
        /// These places; negative ones count from the end.
        case places([Int])
        /// Cells before and after all places.
        case padded(before: Int, after: Int, Edge)
        /// Every place so many times in a row.
        case repeated(Int)
        /// All places, so many times.
        case tiled(Int)
        /// All places, moved up by so many, the last ones first.
        case rolled(Int)
    }

    /// What stands in padding: `fill`, the mirror image without the edge, or with it, or the edge itself.
    public enum Edge: String, Hashable, Sendable, CaseIterable { case constant, reflect, symmetric, edge }

    /// Keras's axes, 1 being the first after the examples and negative ones counting from the end; each at most once.
    public let rules: [(axis: Int, rule: Rule)]
    public let fill: Float

    public init(_ rules: [(axis: Int, rule: Rule)], fill: Float = 0) { (self.rules, self.fill) = (rules, fill) }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        var plan = LayerPlan(output: Shape(try places(inputs[0]).map(\.count)))
        guard !plan.output.axes.contains(0) else {
            throw ShapeError("takes nothing out of its input \(inputs[0])")
        }
        plan.backwardReads = []
        return plan
    }

    /// The places of each axis in the order of the result; −1 for the fill.
    package func places(_ shape: Shape) throws(ShapeError) -> [[Int]] {
        var places = shape.axes.map { Array(0..<$0) }
        for (axis, rule) in rules {
            let place = axis < 0 ? shape.rank + axis : axis - 1
            guard shape.axes.indices.contains(place) else {
                throw ShapeError("works along axis \(axis), which its input \(shape) does not have")
            }
            places[place] = try rule.places(of: shape[place])
        }
        return places
    }

    /// Calls `body` for every run of numbers of one example that stays together; the source is nil for the fill.
    private func eachRun(_ shape: Shape, _ body: (_ source: Int?, _ target: Int, _ length: Int) -> Void) {
        guard let places = try? places(shape) else { return }
        var kept = places.count, length = 1
        while kept > 0, places[kept - 1].elementsEqual(0..<shape[kept - 1]) {
            kept -= 1
            length *= shape[kept]
        }
        func visit(_ axis: Int, _ source: Int?, _ target: inout Int) {
            guard axis < kept else {
                body(source.map { $0 * length }, target, length)
                target += length
                return
            }
            for place in places[axis] {
                visit(axis + 1, place < 0 ? nil : source.map { $0 * shape[axis] + place }, &target)
            }
        }
        var target = 0
        visit(0, 0, &target)
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        let (from, to) = (x.shape.elementCount, y.shape.elementCount)
        eachRun(x.shape) { source, target, length in
            for example in 0..<x.count {
                let place = example * to + target
                if let source {
                    y.copy((example * from + source)..<(example * from + source + length), of: x, to: place)
                } else {
                    y.fill(place..<(place + length), with: fill)
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let dx = pass.inputGradient() else { return }
        let dy = pass.outputGradient
        dx.fill(with: 0)
        eachRun(dx.shape) { source, target, length in
            guard let source else { return }
            for example in 0..<dx.count {
                addScaled(
                    dy.slice(at: example * dy.shape.elementCount + target, count: length), by: 1,
                    to: dx.slice(at: example * dx.shape.elementCount + source, count: length))
            }
        }
    }
}

extension AxisSelection.Rule {
    /// The places that an axis of so many gives; −1 for the fill.
    fileprivate func places(of extent: Int) throws(ShapeError) -> [Int] {
        let all = 0..<extent
        switch self {
        case .slice(let start, let stop, let step): return Self.slice(start, stop, step, extent)
        case .part(let index, let count):
            guard extent % count == 0 else { throw ShapeError("cannot be cut into \(count) equal parts of \(extent)") }
            return Array((index * (extent / count))..<((index + 1) * (extent / count)))
        case .places(let places):
            let found = places.map { $0 < 0 ? extent + $0 : $0 }
            guard found.allSatisfy(all.contains) else {
                throw ShapeError("takes place \(places.first { !(-extent..<extent).contains($0) } ?? 0) of \(extent)")
            }
            return found
        case .padded(let before, let after, let edge):
            guard edge == .constant || (edge == .reflect ? max(before, after) < extent : max(before, after) <= extent)
            else {
                throw ShapeError("pads an axis of \(extent) by \(max(before, after)), and has not so much to mirror")
            }
            return (-before..<(extent + after)).map { edge.place($0, of: extent) }
        case .repeated(let times): return all.flatMap { Array(repeating: $0, count: times) }
        case .tiled(let times): return (0..<times).flatMap { _ in Array(all) }
        case .rolled(let shift): return all.map { (($0 - shift) % extent + extent) % extent }
        }
    }

    /// As Python cuts slices to the length of a sequence.
    private static func slice(_ start: Int?, _ stop: Int?, _ step: Int, _ extent: Int) -> [Int] {
        let (low, high) = step > 0 ? (0, extent) : (-1, extent - 1)
        func bound(_ value: Int?, _ missing: Int) -> Int {
            value.map { min(max($0 < 0 ? $0 + extent : $0, low), high) } ?? missing
        }
        let first = bound(start, step > 0 ? low : high), end = bound(stop, step > 0 ? high : low)
        return Array(stride(from: first, to: end, by: step))
    }
}

extension AxisSelection.Edge {
    /// The place that stands at `index`, which may lie outside.
    fileprivate func place(_ index: Int, of extent: Int) -> Int {
        if (0..<extent).contains(index) { return index }
        switch self {
        case .constant: return -1
        case .edge: return index < 0 ? 0 : extent - 1
        case .reflect: return index < 0 ? -index : 2 * (extent - 1) - index
        case .symmetric: return index < 0 ? -index - 1 : 2 * extent - 1 - index
        }
    }
}

/// Axes in another order, by names that depend on how many there are: `ops.swapaxes` and `ops.moveaxis`.
public struct AxisMove: Layer {
    public enum Change: Hashable, Sendable {
        case swap(Int, Int)
        /// Each of the first axes goes to the place of the second.
        case move([Int], to: [Int])
    }

    /// With Keras's axes: 1 is the first after the examples, negative ones count from the end.
    public let change: Change

    public init(_ change: Change) { self.change = change }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        return try Permute(order(inputs[0].rank)).plan(for: inputs)
    }

    public func forward(_ pass: ForwardPass) { permutation(pass.input().shape.rank)?.forward(pass) }
    public func backward(_ pass: BackwardPass) { permutation(pass.outputGradient.shape.rank)?.backward(pass) }

    private func permutation(_ rank: Int) -> Permute? { (try? order(rank)).map { Permute($0) } }

    /// Keras's numbers of the input's axes in the order of the result.
    package func order(_ rank: Int) throws(ShapeError) -> [Int] {
        func places(_ axes: [Int]) throws(ShapeError) -> [Int] {
            let places = axes.map { $0 < 0 ? rank + 1 + $0 : $0 }
            guard places.allSatisfy({ (1..<(rank + 1)).contains($0) }), Set(places).count == places.count else {
                throw ShapeError("moves axes \(axes) of \(rank) after that of the examples, which stays the first")
            }
            return places
        }
        switch change {
        case .swap(let first, let second):
            let (a, b) = (try places([first])[0], try places([second])[0])
            return (1..<(rank + 1)).map { $0 == a ? b : $0 == b ? a : $0 }
        case .move(let axes, let targets):
            let from = try places(axes), to = try places(targets)
            guard from.count == to.count else { throw ShapeError("moves \(from.count) axes to \(to.count) places") }
            var order = (1..<(rank + 1)).filter { !from.contains($0) }
            for (axis, place) in zip(from, to).sorted(by: { $0.1 < $1.1 }) { order.insert(axis, at: place - 1) }
            return order
        }
    }
}
