import Kernels
import Tensors
import Testing

/// Kernels that normalise, choose and move, against loops anyone can read, for odd sizes too.
@Suite struct ShapingKernelTests {
    /// `count` examples of a shape, filled with numbers from −1 to 1.
    private func examples(_ count: Int, _ shape: Shape, seed: Int = 1) -> Tensor {
        let buffer = Buffer(zeros: count * shape.elementCount), key = RandomKey(seed: seed)
        let tensor = buffer.tensor.viewed(count: count, shape: shape)
        for element in 0..<tensor.elementCount { tensor[element] = Float(key.uniform(element) * 2 - 1) }
        return tensor
    }

    @Test(arguments: [(1, 1, 1, 1), (3, 17, 33, 1), (2, 16, 5, 7), (1, 40, 3, 2)])
    func swapsAxes(outer: Int, a: Int, b: Int, inner: Int) {
        let x = examples(1, [outer, a, b, inner]), y = examples(1, [outer, b, a, inner], seed: 2)
        swapAxes(x, outer: outer, a: a, b: b, inner: inner, into: y)
        for n in 0..<outer {
            for i in 0..<a {
                for j in 0..<b {
                    for k in 0..<inner {
                        let source = ((n * a + i) * b + j) * inner + k, target = ((n * b + j) * a + i) * inner + k
                        #expect(y[target] == x[source], "[\(n), \(i), \(j), \(k)]")
                    }
                }
            }
        }
    }

    /// In any vector lane, as the first number or the second.
    @Test(arguments: [1, 7, 40])
    func extremaOfNoNumberAreNone(count: Int) {
        for (isMaximum, place) in [(true, 0), (false, 0), (true, count - 1), (false, count - 1)] {
            let x = examples(1, [count]), none = examples(1, [count], seed: 2), y = examples(1, [count], seed: 3)
            none[place] = .nan
            for (a, b) in [(x, none), (none, x)] {
                extremum(isMaximum: isMaximum, a, b, into: y)
                for index in 0..<count {
                    let expected = isMaximum ? max(a[index], b[index]) : min(a[index], b[index])
                    #expect(index == place ? y[index].isNaN : y[index] == expected)
                }
            }
        }
    }

    @Test(arguments: [2, 3]) func theLargestOfNoNumberIsNone(size: Int) {
        let geometry = PoolingGeometry(
            height: size, width: size, channels: 5, outputHeight: 1, outputWidth: 1, poolHeight: size, poolWidth: size,
            strideHeight: size, strideWidth: size)
        for place in 0..<(size * size) {
            let x = examples(1, [size, size, 5]), y = examples(1, [1, 1, 5])
            x[5 * place + 1] = .nan
            maxPool(geometry, x, into: y)
            #expect((0..<5).map { y[$0].isNaN } == [false, true, false, false, false])
        }
    }

    /// Keras's formula, by sorting.
    @Test(arguments: [1, 2, 7, 33])
    func sparsemaxIsThatOfKeras(columns: Int) {
        let x = examples(9, [columns]), y = examples(9, [columns], seed: 2)
        scale(x, by: 3, into: x)
        sparsemax(x, into: y)
        for row in 0..<9 {
            let values = (0..<columns).map { Double(x[row * columns + $0]) }
            let sorted = values.sorted(by: >)
            let sums = sorted.indices.map { sorted[...$0].reduce(0, +) }
            let support = sorted.indices.filter { sorted[$0] - (sums[$0] - 1) / Double($0 + 1) > 0 }
            let threshold = (support.reduce(0) { $0 + sums[$1] } - 1) / Double(support.count)
            for column in 0..<columns {
                #expect(abs(Double(y[row * columns + column]) - max(values[column] - threshold, 0)) < 1e-5)
            }
        }
    }

    @Test(arguments: [(1, 1, 1), (5, 3, 1), (7, 2, 3), (1, 1, 11)])
    func groupsHaveMeanZeroAndVarianceOne(positions: Int, groups: Int, size: Int) {
        let shape: Shape = [positions, groups * size]
        let x = examples(2, shape), y = examples(2, shape, seed: 2)
        let mean = examples(2, [groups]), inverse = examples(2, [groups])
        normalizeGroups(
            x, groups: groups, epsilon: 0.1, gamma: nil, beta: nil, into: y, mean: mean, inverse: inverse)
        for example in 0..<2 {
            for group in 0..<groups {
                let places = (0..<positions).flatMap { position in
                    (0..<size).map { ((example * positions + position) * groups + group) * size + $0 }
                }
                let values = places.map { Double(x[$0]) }, n = Double(values.count)
                let average = values.reduce(0, +) / n
                let variance = values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / n
                for (place, value) in zip(places, values) {
                    #expect(abs(Double(y[place]) - (value - average) / (variance + 0.1).squareRoot()) < 1e-5)
                }
            }
        }
    }

    @Test func resamplesByItsWeights() {
        let sampling = AxisSampling([(0, [1]), (1, [0.25, 0.75]), (0, [0.5, -1, 2])])
        #expect(sampling.totals == [1, 1, 1.5])
        let x = examples(1, [2, 3, 5]), y = examples(1, [2, 3, 5], seed: 2)
        resample(sampling, x, outer: 2, inputs: 3, inner: 5, into: y)
        for outer in 0..<2 {
            for inner in 0..<5 {
                func input(_ index: Int) -> Float { x[(outer * 3 + index) * 5 + inner] }
                let expected = [
                    input(0), 0.25 * input(1) + 0.75 * input(2), 0.5 * input(0) - input(1) + 2 * input(2),
                ]
                for output in 0..<3 { #expect(abs(y[(outer * 3 + output) * 5 + inner] - expected[output]) < 1e-6) }
            }
        }
    }
}
