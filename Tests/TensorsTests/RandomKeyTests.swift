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
}
