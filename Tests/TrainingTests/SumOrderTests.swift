import Testing

@testable import Training

/// Gradients are added as a tree of lanes, whoever has which of them.
@Suite struct SumOrderTests {
    private func chain(_ shards: Range<Int>) -> String {
        shards.dropFirst().reduce("\(shards.lowerBound)") { "(\($0) + \($1))" }
    }

    /// The formula, for lanes `range` of `lanes` of a batch of so many shards; nil for nothing.
    private func tree(_ range: Range<Int>, of lanes: Int, shards: Int) -> String? {
        if range.count == 1 {
            let first = range.lowerBound * shards / lanes, end = range.upperBound * shards / lanes
            return first == end ? nil : chain(first..<end)
        }
        let middle = (range.lowerBound + range.upperBound) / 2
        let halves = [range.lowerBound..<middle, middle..<range.upperBound].compactMap {
            tree($0, of: lanes, shards: shards)
        }
        return halves.count == 2 ? "(\(halves[0]) + \(halves[1]))" : halves.first
    }

    /// What processes make of it by themselves and then together.
    private func sum(_ order: SumOrder, shards: Int, processes: Int) -> (formula: String, computed: [Int]) {
        var addends: [String] = [], roots: [SumOrder.Branch] = [], computed: [Int] = []
        for rank in 0..<processes {
            var sums: [String] = [], stack: [SumOrder.Branch] = []
            for leaf in order.leaves(of: shards, rank: rank) {
                if !leaf.isEmpty { sums.append(chain(leaf.shards)) }
                #expect(sums.count <= order.mostSums(of: shards + 3, rank: rank))
                order.push(leaf, onto: &stack) {
                    let half = sums.removeLast()
                    sums.append("(\(sums.removeLast()) + \(half))")
                }
            }
            #expect(stack == order.roots(of: shards, rank: rank))
            #expect(order.shards(of: shards, rank: rank).count <= order.mostShards(of: shards + 3, rank: rank).own)
            computed += order.shards(of: shards, rank: rank)
            addends += sums
            roots += stack
        }
        for (root, place) in order.additions(roots) { addends[place] = "(\(addends[place]) + \(addends[root]))" }
        return (addends[0], computed)
    }

    @Test(arguments: [1, 2, 4, 8, 16], [1, 2, 3, 4, 5, 8]) func anyNumberOfProcessesAddTheSameTree(
        lanes: Int, processes: Int
    ) throws {
        for shards in 1...19 {
            let (formula, computed) = sum(
                SumOrder(lanes: lanes, processes: processes), shards: shards, processes: processes)
            #expect(try formula == #require(tree(0..<lanes, of: lanes, shards: shards)), "\(shards) shards")
            #expect(computed == Array(0..<shards), "\(shards) shards")
        }
    }

    /// Written out: five shards in four lanes, of which the last process has two.
    @Test func isTheTreeOfThePage() {
        let order = SumOrder(lanes: 4, processes: 3)
        #expect(order.leaves(of: 5, rank: 2).map(\.shards) == [2..<3, 3..<5])
        #expect(order.roots(of: 5, rank: 2).map(\.shards) == [2..<5])
        #expect(sum(order, shards: 5, processes: 3).formula == "((0 + 1) + (2 + (3 + 4)))")
    }

    /// A process has a sum for each level of its part of the tree, and the one at work.
    @Test func aProcessHasFewSumsAtATime() {
        #expect(
            [1, 2, 4, 8, 16].map { SumOrder(lanes: $0, processes: 1).mostSums(of: 64, rank: 0) } == [1, 2, 3, 4, 5])
        #expect([1, 2, 4, 8].map { SumOrder(lanes: 8, processes: $0).mostSums(of: 64, rank: 0) } == [4, 3, 2, 1])
        #expect(SumOrder(lanes: 16, processes: 1).mostSums(of: 2, rank: 0) == 2)
    }
}
