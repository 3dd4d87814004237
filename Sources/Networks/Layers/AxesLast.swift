import Kernels
public import Tensors

/// Some axes behind all the others, in their order, so that a layer over the last axes can work along any; and back.
///
/// `AxesLast([1])` makes (C, H, W) to (H, W, C).
public struct AxesLast: Layer {
    /// Keras's: 1 is the first after the examples, negative ones count from the end.
    public let axes: [Int]
    /// Whether it puts the axes back where they were.
    public let isInverse: Bool

    public init(_ axes: [Int], isInverse: Bool = false) {
        self.axes = axes
        self.isInverse = isInverse
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs, reads: [])
        let rank = inputs[0].rank, resolved = Self.resolve(axes, rank: rank)
        guard resolved.allSatisfy({ (1...max(rank, 1)).contains($0) }), rank > 0, Set(resolved).count == axes.count
        else { throw ShapeError("works along \(Self.words(axes)), which its input \(inputs[0]) does not have") }
        let permutation = permutation(rank: rank)
        // The first axis is the one that a mask is about.
        plan.mask = permutation.axes.first == 1 ? .first : .none
        if permutation.axes == Array(1..<(rank + 1)) {
            plan.sharing = .always
        } else {
            plan.output = try permutation.plan(for: inputs).output
        }
        return plan
    }

    public func forward(_ pass: ForwardPass) { permutation(rank: pass.input().shape.rank).forward(pass) }
    public func backward(_ pass: BackwardPass) { permutation(rank: pass.input().shape.rank).backward(pass) }

    package func permutation(rank: Int) -> Permute {
        let last = Self.resolve(axes, rank: rank).sorted()
        let order = (1..<(rank + 1)).filter { !last.contains($0) } + last
        guard isInverse else { return Permute(order) }
        return Permute((1..<(rank + 1)).map { axis in (order.firstIndex(of: axis) ?? 0) + 1 })
    }

    private static func resolve(_ axes: [Int], rank: Int) -> [Int] { axes.map { $0 < 0 ? rank + 1 + $0 : $0 } }

    private static func words(_ axes: [Int]) -> String {
        axes.count == 1 ? "axis \(axes[0])" : "the axes \(axes.map(String.init).joined(separator: ", "))"
    }
}

extension Shape {
    /// The shape of the last `count` axes.
    func last(_ count: Int) -> Shape { Shape(Array(axes.suffix(count))) }
}

extension Tensor {
    /// The same numbers with their last `count` axes as one.
    func joining(last count: Int) -> Tensor {
        guard count != 1 else { return self }
        let width = shape.last(count).elementCount
        return viewed(count: self.count, shape: Shape(Array(shape.axes.dropLast(count)) + [width]))
    }
}
