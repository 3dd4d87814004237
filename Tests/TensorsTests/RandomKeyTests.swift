import Tensors
import Testing

@Suite struct RandomKeyTests {
    @Test func branchesAreReproducibleAndDiffer() {
        let key = RandomKey(seed: 7)
        #expect(key[1][2] == RandomKey(seed: 7)[1][2])
        #expect(Set((0..<1000).map { key[$0] }).count == 1000)
        #expect(key[1][2] != key[2][1])
        #expect(RandomKey(seed: 8) != key)
    }

    @Test func uniformNumbersHaveTheirMeanAndVariance() {
        let key = RandomKey(seed: 1)
        let numbers = (0..<100_000).map { key.uniform($0) }
        let mean = numbers.reduce(0, +) / 1e5
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
        #expect(abs(mean - 0.5) < 0.004)
        #expect(abs(variance - 1 / 12.0) < 0.001)
    }

    @Test func aPermutationHoldsEveryNumberOnce() {
        let order = RandomKey(seed: 3).permutation(of: 1000)
        #expect(order != Array(0..<1000))
        #expect(order.sorted() == Array(0..<1000))
    }

    @Test func normalNumbersHaveTheirMoments() {
        let key = RandomKey(seed: 2), pairs = (0..<50_000).map { key.normals($0) }
        for numbers in [pairs.map(\.0), pairs.map(\.1)] {
            let moments = (1...4).map { power in
                numbers.reduce(0) { sum, x in sum + (0..<power).reduce(1.0) { product, _ in product * x } } / 5e4
            }
            #expect(abs(moments[0]) < 0.016)
            #expect(abs(moments[1] - 1) < 0.022)
            #expect(abs(moments[2]) < 0.062)
            #expect(abs(moments[3] - 3) < 0.16)
        }
        #expect(abs(pairs.reduce(0) { $0 + $1.0 * $1.1 } / 5e4) < 0.016)
    }
}
