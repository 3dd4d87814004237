public import Tensors

extension Architecture {
    /// The shape in which examples of a given shape enter an input: the same but for axes of size 1; nil if there is none.
    public static func fit(_ example: [Int], to input: Input) -> Shape? {
        fit(example[...], input.axes[...]).map { Shape($0) }
    }

    /// Goes along both shapes, and skips ones.
    private static func fit(_ example: ArraySlice<Int>, _ axes: ArraySlice<Int?>) -> [Int]? {
        guard let extent = example.first else {
            return axes.allSatisfy { ($0 ?? 1) == 1 } ? axes.map { _ in 1 } : nil
        }
        if let axis = axes.first {
            if axis ?? extent == extent, let rest = fit(example.dropFirst(), axes.dropFirst()) {
                return [extent] + rest
            }
            if axis == 1, let rest = fit(example, axes.dropFirst()) { return [1] + rest }
        }
        return extent == 1 ? fit(example.dropFirst(), axes) : nil
    }
}

extension Architecture.Input: CustomStringConvertible {
    /// As errors name it: `'input_1' (28, 28, 1)`, with `?` for an axis that is left open.
    public var description: String { "'\(name)' (\(axes.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")))" }
}
