public import Tensors

/// The number of the bin that each number falls into: Keras's Discretization.
///
///     y = how many boundaries are no larger than x
public struct Discretization: Layer {
    /// Ascending.
    public let boundaries: [Float]

    public init(boundaries: [Float]) { self.boundaries = boundaries }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        var plan = try elementwisePlan(inputs)
        plan.mask = .none
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        for element in 0..<x.elementCount {
            var low = 0, high = boundaries.count
            while low < high {
                let middle = (low + high) / 2
                if boundaries[middle] <= x[element] { low = middle + 1 } else { high = middle }
            }
            y[element] = Float(low)
        }
    }

    /// A step is flat: nothing is learned through it.
    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.fill(with: 0) }
}

/// Whole numbers as places in a vector: Keras's CategoryEncoding.
///
/// Numbers from `count` on are refused, as Keras 2 does, or leave no trace, as in Keras 3. Refused is also what its backends
/// disagree on: negative numbers, but for `oneHot`, where they leave no trace; and fractions, but for `multiHot`, where they
/// are cut off.
public struct CategoryEncoding: Layer {
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        /// (k) to (count): 1 at every number that occurs.
        case multiHot = "multi_hot"
        /// (k) to (k, count), or (1) to (count): 1 at the number.
        case oneHot = "one_hot"
        /// (k) to (count): how often each number occurs.
        case count
    }

    public let count: Int
    public let mode: Mode
    /// Whether all numbers must have a place.
    public let isStrict: Bool

    public init(count: Int, mode: Mode = .multiHot, isStrict: Bool = false) {
        (self.count, self.mode, self.isStrict) = (count, mode, isStrict)
    }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1, inputs[0].rank == 1 else {
            throw ShapeError("takes one vector of whole numbers, found \(list(inputs))")
        }
        let isMatrix = mode == .oneHot && inputs[0].channels != 1
        return LayerPlan(output: isMatrix ? [inputs[0].channels, count] : [count])
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output, width = x.shape.channels
        y.fill(with: 0)
        for element in 0..<x.elementCount {
            let number = x[element].rounded(.towardZero)
            guard !isRefused(x[element], number) else {
                pass.refuse(element, of: x, rowCount: count)
                continue
            }
            guard number >= 0, number < Float(count) else { continue }
            let place = (mode == .oneHot ? element : element / width) * count + Int(number)
            y[place] = mode == .count ? y[place] + 1 : 1
        }
    }

    private func isRefused(_ value: Float, _ number: Float) -> Bool {
        if value.isNaN || mode != .multiHot && value != number { return true }
        return isStrict ? number < 0 || number >= Float(count) : number < 0 && mode != .oneHot
    }

    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.fill(with: 0) }
}

/// A vector for each whole number, with 1 at its place: `ops.one_hot`, (…) to (…, count). A number without a place leaves
/// zeros.
public struct OneHot: Layer {
    public let count: Int

    public init(count: Int) { self.count = count }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        guard inputs.count == 1 else { throw ShapeError("takes one input, found \(inputs.count)") }
        var plan = LayerPlan(output: Shape(inputs[0].axes + [count]))
        plan.backwardReads = []
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        let x = pass.input(), y = pass.output
        y.fill(with: 0)
        for element in 0..<x.elementCount {
            guard let place = Int(exactly: x[element]) else {
                pass.refuse(element, of: x, rowCount: count)
                continue
            }
            if (0..<count).contains(place) { y[element * count + place] = 1 }
        }
    }

    public func backward(_ pass: BackwardPass) { pass.inputGradient()?.fill(with: 0) }
}
