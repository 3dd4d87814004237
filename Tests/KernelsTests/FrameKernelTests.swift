import Foundation
import Kernels
import Tensors
import Testing

/// Kernels over the frames of a video against loops that anyone can read.
@Suite struct FrameKernelTests {
    private func random(_ shape: Shape, seed: Int, above floor: Double = -1) -> Tensor {
        let tensor = Buffer(zeros: shape.elementCount).tensor(shape: shape)
        for index in 0..<tensor.elementCount {
            tensor[index] = Float(floor + (1 - floor) * RandomKey(seed: seed).uniform(index))
        }
        return tensor
    }

    private func zeros(_ shape: Shape) -> Tensor { Buffer(zeros: shape.elementCount).tensor(shape: shape) }

    @Test(arguments: [1, 7, 33]) func theFirstMaximumTakesTheGradient(count: Int) {
        let frames = (0..<4).map { random([count], seed: $0) }
        // A tie: the first of two equal frames.
        frames[2].copy(from: frames[1])
        let y = zeros([count]), dy = random([count], seed: 9), left = zeros([count])
        for index in 0..<count { y[index] = frames.map { $0[index] }.max() ?? 0 }
        left.copy(from: dy)
        let gradients = frames.map { frame in
            let dx = zeros([count])
            dx.fill(with: .nan)
            firstMaximumGradient(frame, y, left: left, into: dx)
            return dx
        }
        for index in 0..<count {
            let winner = frames.firstIndex { $0[index] == y[index] }
            for (frame, dx) in gradients.enumerated() { #expect(dx[index] == (frame == winner ? dy[index] : 0)) }
        }
    }

    /// The formulas, and central differences of them, in double precision.
    @Test(arguments: [(1, 1), (3, 5), (6, 17)]) func fisherVectorsFollowTheirFormula(features: Int, clusters: Int) {
        let shape: Shape = [features, clusters], count = features * clusters, floor = 1e-6
        let numbers = [
            random(shape, seed: 1), random(shape, seed: 2), random([clusters], seed: 3, above: 0.2),
            random(shape, seed: 4, above: 0.6), random(shape, seed: 5),
        ]
        let sums = FisherSums(M: numbers[0], Q: numbers[1], s: numbers[2])
        let y = zeros([features, 2 * clusters]), dy = random([features, 2 * clusters], seed: 6)
        fisherVectors(sums, covariances: numbers[3], centers: numbers[4], floor: Float(floor), into: y)

        func expected(_ values: [[Double]]) -> [Double] {
            (0..<(2 * count)).map { place in
                let (feature, column) = place.quotientAndRemainder(dividingBy: 2 * clusters)
                let index = feature * clusters + column % clusters, s = values[2][column % clusters]
                let M = values[0][index], Q = values[1][index], c = values[4][index]
                let v = values[3][index] * values[3][index] + floor
                return column < clusters ? (M - c * s) / v : (Q - 2 * c * M + c * c * s) / (v * v) - s
            }
        }
        let values = numbers.map { $0.values.map { Double($0) } }
        for (index, value) in expected(values).enumerated() {
            #expect(abs(Double(y[index]) - value) <= 1e-5 * max(1, abs(value)), "element \(index)")
        }

        let gradients = [zeros(shape), zeros(shape), zeros([clusters]), zeros(shape), zeros(shape)]
        fisherVectorsGradient(
            sums, covariances: numbers[3], centers: numbers[4], floor: Float(floor), outputGradient: dy,
            into: FisherSums(M: gradients[0], Q: gradients[1], s: gradients[2]), covariancesGradient: gradients[3],
            centersGradient: gradients[4])
        func along(_ values: [[Double]]) -> Double {
            expected(values).enumerated().reduce(0) { $0 + $1.element * Double(dy[$1.offset]) }
        }
        for (position, gradient) in gradients.enumerated() {
            for index in 0..<gradient.elementCount {
                var above = values, below = values
                above[position][index] += 1e-5
                below[position][index] -= 1e-5
                let slope = (along(above) - along(below)) / 2e-5
                let found = Double(gradient[index])
                #expect(abs(found - slope) <= 1e-4 * max(1, abs(slope)), "gradient \(position), element \(index)")
            }
        }
    }

    @Test(arguments: [(1, 1), (5, 3), (4, 33)]) func columnsAreScaledInPlace(rows: Int, columns: Int) {
        let x = random([rows, columns], seed: 1), dy = random([rows, columns], seed: 2)
        let s = random([columns], seed: 3), t = random([columns], seed: 4)
        let expected = (0..<(rows * columns)).map { index in
            Double(s[index % columns]) * Double(dy[index]) - Double(t[index % columns]) * Double(x[index])
        }
        columnScalingGradient(x, by: s, minus: t, outputGradient: dy, into: dy)
        for (index, value) in expected.enumerated() { #expect(abs(Double(dy[index]) - value) <= 1e-6) }
    }
}
