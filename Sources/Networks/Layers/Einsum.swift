import Kernels
public import Tensors

/// A product of two inputs whose axes an equation names: `bij,bjk->bik`, `ops.einsum`.
///
/// Letters in both inputs and the output have a product each (S), those in both inputs alone are summed over (K); the
/// first input has rows (M) of its own, the second columns (N). Then the inputs are (S, M, K) and (S, K, N) and the
/// output (S, M, N), each with its axes in another order. The first letter is that of the examples, in all three.
public struct Einsum: Layer {
    public let equation: String

    public init(_ equation: String) { self.equation = equation }

    public func plan(for inputs: [Shape]) throws(ShapeError) -> LayerPlan {
        let letters = try Letters(equation, inputs)
        var plan = LayerPlan(
            output: Shape(letters.output.dropFirst().map { letters.extents[$0] ?? 1 }),
            multiplyAdds: letters.product(letters.shared + letters.rows + letters.summed + letters.columns))
        plan.backwardReads = .inputs
        return plan
    }

    public func forward(_ pass: ForwardPass) {
        guard let letters = Letters(equation, pass.input(0), pass.input(1)) else { return }
        letters.withOrder(pass.kernels, pass.input(0), letters.first, letters.firstOrder) { x in
            letters.withOrder(pass.kernels, pass.input(1), letters.second, letters.secondOrder) { y in
                letters.withResult(pass.kernels, pass.output, letters.output, letters.outputOrder) { z in
                    for item in 0..<letters.product(letters.shared) {
                        pass.kernels.multiply(
                            letters.firstMatrix(x, item), letters.secondMatrix(y, item),
                            into: letters.outputMatrix(z, item))
                    }
                }
            }
        }
    }

    public func backward(_ pass: BackwardPass) {
        guard let letters = Letters(equation, pass.input(0), pass.input(1)) else { return }
        let kernels = pass.kernels
        letters.withOrder(kernels, pass.outputGradient, letters.output, letters.outputOrder) { dz in
            if let dx = pass.inputGradient(0) {
                letters.withOrder(kernels, pass.input(1), letters.second, letters.secondOrder) { y in
                    letters.withResult(kernels, dx, letters.first, letters.firstOrder) { dx in
                        for item in 0..<letters.product(letters.shared) {
                            kernels.multiply(
                                letters.outputMatrix(dz, item), letters.secondMatrix(y, item).transposed,
                                into: letters.firstMatrix(dx, item))
                        }
                    }
                }
            }
            if let dy = pass.inputGradient(1) {
                letters.withOrder(kernels, pass.input(0), letters.first, letters.firstOrder) { x in
                    letters.withResult(kernels, dy, letters.second, letters.secondOrder) { dy in
                        for item in 0..<letters.product(letters.shared) {
                            kernels.multiply(
                                letters.firstMatrix(x, item).transposed, letters.outputMatrix(dz, item),
                                into: letters.secondMatrix(dy, item))
                        }
                    }
                }
            }
        }
    }
}

/// What the letters of an equation stand for.
private struct Letters: NamedAxes {
    let first, second, output: [Character]
    let shared, rows, summed, columns: [Character]
    private(set) var extents: [Character: Int] = [:]

    var firstOrder: [Character] { shared + rows + summed }
    var secondOrder: [Character] { shared + summed + columns }
    var outputOrder: [Character] { shared + rows + columns }

    init(_ equation: String, _ inputs: [Shape]) throws(ShapeError) {
        guard inputs.count == 2 else { throw ShapeError("takes two inputs, found \(inputs.count)") }
        let terms = equation.filter { $0 != " " }.replacing("->", with: ",").split(
            separator: ",", omittingEmptySubsequences: false)
        guard equation.contains("->"), terms.count == 3, terms.allSatisfy({ $0.allSatisfy(\.isLetter) }) else {
            throw ShapeError("has the equation '\(equation)', expected one of two inputs such as 'bij,bjk->bik'")
        }
        let (a, b, c) = (Array(terms[0]), Array(terms[1]), Array(terms[2]))
        (first, second, output) = (a, b, c)
        shared = c.filter { a.contains($0) && b.contains($0) }
        rows = c.filter { a.contains($0) && !b.contains($0) }
        columns = c.filter { !a.contains($0) && b.contains($0) }
        summed = a.filter { b.contains($0) && !c.contains($0) }
        let isPlain = [a, b, c].allSatisfy { Set($0).count == $0.count && !$0.isEmpty && $0[0] == a[0] }
        guard isPlain, a.count == shared.count + rows.count + summed.count,
            b.count == shared.count + summed.count + columns.count,
            c.count == shared.count + rows.count + columns.count
        else {
            throw ShapeError(
                "has the equation '\(equation)'; all three terms must begin with the letter of the examples, and no "
                    + "letter may stand alone or twice in one")
        }
        for (letters, shape) in [(a, inputs[0]), (b, inputs[1])] {
            guard letters.count == shape.rank + 1 else {
                throw ShapeError("has the equation '\(equation)', which does not fit its inputs \(list(inputs))")
            }
            for (letter, extent) in zip(letters, [1] + shape.axes) {
                guard extents[letter] ?? extent == extent else {
                    throw ShapeError("has the equation '\(equation)', which does not fit its inputs \(list(inputs))")
                }
                extents[letter] = extent
            }
        }
    }

    /// For tensors whose shapes a plan has seen.
    init?(_ equation: String, _ x: Tensor, _ y: Tensor) {
        guard let letters = try? Letters(equation, [x.shape, y.shape]) else { return nil }
        self = letters
        extents[first[0]] = x.count
    }

    func firstMatrix(_ tensor: Tensor, _ item: Int) -> Matrix { matrix(tensor, rows, summed, item) }
    func secondMatrix(_ tensor: Tensor, _ item: Int) -> Matrix { matrix(tensor, summed, columns, item) }
    func outputMatrix(_ tensor: Tensor, _ item: Int) -> Matrix { matrix(tensor, rows, columns, item) }
}
