import Foundation
import Kernels
import Tensors
import Testing

/// Fast distances between predictions against loops that anyone can read, in double precision.
@Suite struct DivergenceTests {
    static let sizes = [(1, 1), (3, 2), (5, 7), (4, 33), (2, 1001)]

    @Test(arguments: sizes, [0.5, 1, 20] as [Float])
    func divergencesAreSumsOfLogarithms(size: (Int, Int), temperature: Float) {
        let (rows, columns) = size, x = tensor(size, 1, scale: 8), v = tensor(size, 2, scale: 8 / temperature)
        let gradient = tensor(size, 3), before = gradient.values
        let found = divergence(x, from: v, temperature: temperature, scale: 0.5, to: gradient)
        var expected = 0.0
        for row in 0..<rows {
            let p = softmax((0..<columns).map { Double(x[row * columns + $0]) / Double(temperature) })
            let q = softmax((0..<columns).map { Double(v[row * columns + $0]) })
            for (column, (p, q)) in zip(p, q).enumerated() {
                expected += q * log(q / p)
                let index = row * columns + column
                #expect(abs(Double(gradient[index] - before[index]) - 0.5 * (p - q)) <= 1e-6)
            }
        }
        #expect(abs(found - expected) <= 1e-5 * expected, "\(found), not \(expected)")
    }

    @Test(arguments: sizes, [0.5, 1, 20] as [Float])
    func binaryDivergencesAreSumsOfLogarithms(size: (Int, Int), temperature: Float) {
        let x = tensor(size, 1, scale: 8), v = tensor(size, 2, scale: 8 / temperature), gradient = tensor(size, 3)
        let before = gradient.values
        let found = binaryDivergence(x, from: v, temperature: temperature, scale: 0.5, to: gradient)
        var expected = 0.0
        for index in 0..<x.elementCount {
            let p = 1 / (1 + exp(-Double(x[index]) / Double(temperature))), q = 1 / (1 + exp(-Double(v[index])))
            expected += q * log(q / p) + (1 - q) * log((1 - q) / (1 - p))
            #expect(abs(Double(gradient[index] - before[index]) - 0.5 * (p - q)) <= 1e-6)
        }
        #expect(abs(found - expected) <= 1e-5 * expected, "\(found), not \(expected)")
    }

    @Test(arguments: sizes, [0.5, 1, 20] as [Float])
    func binaryCrossEntropiesAreSumsOfLogarithms(size: (Int, Int), temperature: Float) {
        let x = tensor(size, 1, scale: 8), gradient = tensor(size, 3), before = gradient.values
        let y = tensor(size, 2, scale: 1)
        for index in 0..<y.elementCount { y[index] = index.isMultiple(of: 3) ? 1 : abs(y[index]) }
        let found = binaryCrossEntropy(x, targets: y, temperature: temperature, scale: 0.5, to: gradient)
        var expected = 0.0
        for index in 0..<x.elementCount {
            let p = 1 / (1 + exp(-Double(x[index]) / Double(temperature))), y = Double(y[index])
            expected -= y * log(p) + (1 - y) * log(1 - p)
            #expect(abs(Double(gradient[index] - before[index]) - 0.5 * (p - y)) <= 1e-6)
        }
        #expect(abs(found - expected) <= 1e-5 * expected, "\(found), not \(expected)")
    }

    /// For small changes δ the divergence is half the variance of δ: 10⁻⁸ of it can be seen, and none is none.
    @Test func divergencesOfNeighborsAreExact() {
        let x = tensor((4, 9), 1, scale: 3), v = tensor((4, 9), 1, scale: 3), gradient = tensor((4, 9), 3)
        #expect(divergence(x, from: v, temperature: 1, scale: 1, to: gradient) <= 1e-13)
        #expect(binaryDivergence(x, from: v, temperature: 1, scale: 1, to: gradient) <= 1e-13)
        for row in 0..<4 { v[row * 9] += 1 / 1024 }
        var expected = 0.0, expectedBinary = 0.0
        for row in 0..<4 {
            let p = softmax((0..<9).map { Double(x[row * 9 + $0]) })[0], s = 1 / (1 + exp(-Double(x[row * 9])))
            expected += p * (1 - p) / 2 / 1024 / 1024
            expectedBinary += s * (1 - s) / 2 / 1024 / 1024
        }
        let found = divergence(x, from: v, temperature: 1, scale: 1, to: gradient)
        let foundBinary = binaryDivergence(x, from: v, temperature: 1, scale: 1, to: gradient)
        #expect(abs(found - expected) <= 2e-3 * expected, "\(found), not \(expected)")
        #expect(abs(foundBinary - expectedBinary) <= 2e-3 * expectedBinary, "\(foundBinary), not \(expectedBinary)")
    }

    @Test(arguments: [(3, 2), (5, 7), (4, 33), (2, 1001)])
    func correlationsArePearsons(size: (Int, Int)) {
        let (rows, columns) = size, x = tensor(size, 1), y = tensor(size, 2), gradient = tensor(size, 3)
        let before = gradient.values
        func distance(_ x: [Double], _ y: [Double]) -> Double {
            let a = x.reduce(0, +) / Double(columns), b = y.reduce(0, +) / Double(columns)
            func sum(_ term: (Int) -> Double) -> Double { x.indices.reduce(0) { $0 + term($1) } }
            let squares = sum { (x[$0] - a) * (x[$0] - a) } * sum { (y[$0] - b) * (y[$0] - b) }
            return 1 - sum { (x[$0] - a) * (y[$0] - b) } / squares.squareRoot()
        }
        var expected = 0.0
        for row in 0..<rows {
            func values(_ tensor: Tensor) -> [Double] { (0..<columns).map { Double(tensor[row * columns + $0]) } }
            expected += distance(values(x), values(y))
        }
        let found = correlationDistance(x, y, scale: 0.5, to: gradient)
        #expect(abs(found - expected) <= 1e-5 * max(1, expected))
        for index in stride(from: 0, to: x.elementCount, by: max(1, x.elementCount / 20)) {
            let row = index / columns
            var near = (0..<columns).map { Double(x[row * columns + $0]) }
            let y = (0..<columns).map { Double(y[row * columns + $0]) }
            near[index % columns] += 1e-5
            let above = distance(near, y)
            near[index % columns] -= 2e-5
            let slope = (above - distance(near, y)) / 2e-5
            #expect(abs(Double(gradient[index] - before[index]) - 0.5 * slope) <= 1e-5)
        }
    }

    /// What is multiplied, or moved, is as correlated as before; what is the same throughout is not at all.
    @Test func correlationsAreBlindToScaleAndShift() {
        let x = tensor((3, 8), 1), y = tensor((3, 8), 2), other = tensor((3, 8), 1), none = tensor((3, 8), 3)
        scale(x, by: 3, adding: 5, into: other)
        none.fill(with: 0)
        let found = correlationDistance(x, y, scale: 1, to: none)
        #expect(abs(correlationDistance(other, y, scale: 1, to: none) - found) <= 1e-5)
        #expect(correlationDistance(x, other, scale: 1, to: none) <= 1e-11)
        other.fill(with: 1.0 / 3)
        none.fill(with: 0)
        #expect(correlationDistance(other, y, scale: 1, to: none) == 3)
        #expect(correlationDistance(x, other, scale: 1, to: none) == 3)
        #expect(none.values.allSatisfy { $0 == 0 })
    }

    @Test(arguments: sizes)
    func distancesAreSumsOfSquares(size: (Int, Int)) {
        let (rows, columns) = size, x = tensor(size, 1), found = squaredDistances(x)
        for i in 0..<rows {
            for j in 0..<rows {
                let expected = (0..<columns).reduce(0.0) {
                    let difference = Double(x[i * columns + $1]) - Double(x[j * columns + $1])
                    return $0 + difference * difference
                }
                #expect(abs(found[i * rows + j] - expected) <= 1e-12 * max(1, expected))
            }
        }
    }

    @Test(arguments: [1, 2, 3, 6, 9])
    func anglesAreThoseOfTheirSides(count: Int) {
        let x = tensor((count, 4), 1), y = tensor((count, 4), 2)
        var squares = squaredDistances(x)
        let others = squaredDistances(y)
        func cosine(_ d: [Double], _ i: Int, _ j: Int, _ k: Int) -> Double {
            let (a, b, c) = (d[i * count + j], d[j * count + k], d[i * count + k])
            return (a + b - c) / (2 * (a * b).squareRoot())
        }
        func loss() -> Double {
            var sum = 0.0
            for j in 0..<count {
                for i in 0..<count where i != j {
                    for k in (i + 1)..<max(count, i + 1) where k != j {
                        let difference = abs(cosine(squares, i, j, k) - cosine(others, i, j, k))
                        sum += difference > 1 ? difference - 0.5 : difference * difference / 2
                    }
                }
            }
            return sum
        }
        var gradient = [Double](repeating: 1, count: count * count)
        #expect(abs(angleDistance(squares, others, count: count, to: &gradient) - loss()) <= 1e-9)
        for i in 0..<count {
            for j in 0..<i {
                func move(_ change: Double) {
                    squares[i * count + j] += change
                    squares[j * count + i] += change
                }
                move(1e-5)
                let above = loss()
                move(-2e-5)
                let slope = (above - loss()) / 2e-5
                move(1e-5)
                #expect(abs(gradient[i * count + j] + gradient[j * count + i] - 2 - slope) <= 1e-6 * max(1, abs(slope)))
            }
        }
    }

    @Test func rowsAreCenteredAndMultiplied() {
        let x = tensor((3, 5), 1), y = tensor((3, 5), 2), centered = tensor((3, 5), 3), sums = tensor((1, 3), 4)
        centerRows(x, into: centered)
        dotRows(x, y, into: sums)
        for row in 0..<3 {
            let values = (0..<5).map { x[row * 5 + $0] }, mean = values.reduce(0, +) / 5
            for column in 0..<5 { #expect(abs(centered[row * 5 + column] - (values[column] - mean)) <= 1e-6) }
            let dot = (0..<5).reduce(Float(0)) { $0 + values[$1] * y[row * 5 + $1] }
            #expect(abs(sums[row] - dot) <= 1e-6)
        }
    }

    private func softmax(_ x: [Double]) -> [Double] {
        let largest = x.max() ?? 0, e = x.map { exp($0 - largest) }, sum = e.reduce(0, +)
        return e.map { $0 / sum }
    }

    private func tensor(_ size: (Int, Int), _ seed: Int, scale factor: Float = 1) -> Tensor {
        let tensor = random(size.0 * size.1, seed).tensor(count: size.0, shape: [size.1])
        scale(tensor, by: factor, into: tensor)
        return tensor
    }
}
