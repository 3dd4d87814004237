import Testing

@testable import Datasets

@Suite struct ReadingPlanTests {
    @Test(arguments: [1, 7, 100, 1000], [40, 10_000])
    func deliversEveryRowOnce(count: Int, windowByteCount: Int) {
        let plan = ReadingPlan(
            rows: Array(0..<count), rowByteCount: 10, order: .shuffled(seed: 5), windowByteCount: windowByteCount,
            segmentByteCount: 30)
        for epoch in 0..<3 {
            #expect(plan.rows(epoch: epoch).sorted() == Array(0..<count))
        }
    }

    @Test func keepsTheOrderOfTheFileIfAsked() {
        let rows = (0..<1000).filter { $0 % 3 != 0 }
        let plan = ReadingPlan(
            rows: rows, rowByteCount: 10, order: .sequential, windowByteCount: 200, segmentByteCount: 50)
        #expect(plan.rows(epoch: 0) == rows)
        #expect(plan.rows(epoch: 9) == rows)
    }

    @Test func shufflesEachEpochAndSeedDifferently() {
        let orders = [(1, 0), (1, 1), (2, 0)].map { seed, epoch in
            ReadingPlan(rows: Array(0..<200), rowByteCount: 1, order: .shuffled(seed: seed)).rows(epoch: epoch)
        }
        #expect(Set(orders).count == 3)
        #expect(!orders.contains(Array(0..<200)))
    }

    @Test func neverReadsMoreThanAWindowAtOnce() {
        let plan = ReadingPlan(
            rows: Array(0..<1000), rowByteCount: 10, order: .shuffled(seed: 5), windowByteCount: 500,
            segmentByteCount: 100)
        let windows = plan.windows(epoch: 0)
        #expect(windows.count == 20)
        #expect(windows.allSatisfy { $0.positions.count == 50 })
        // Rows far from each other meet in one window.
        #expect(windows.contains { (plan.rows($0).max() ?? 0) - (plan.rows($0).min() ?? 0) > 500 })
    }

    @Test func keepsCompressedChunksTogether() {
        let plan = ReadingPlan(
            rows: Array(0..<100), rowByteCount: 10, rowsPerChunk: 16, order: .shuffled(seed: 5), windowByteCount: 400,
            segmentByteCount: 20)
        #expect(plan.segments.allSatisfy { $0.lowerBound % 16 == 0 })
    }

    /// The order of an epoch is part of a run's description: it must never change.
    @Test func staysTheSameForever() {
        let whole = ReadingPlan(rows: Array(0..<10), rowByteCount: 1, order: .shuffled(seed: 42))
        #expect(whole.rows(epoch: 0) == [3, 7, 5, 8, 2, 4, 6, 1, 0, 9])
        #expect(whole.rows(epoch: 1) == [5, 7, 6, 4, 3, 2, 0, 9, 8, 1])
        let windows = ReadingPlan(
            rows: Array(0..<10), rowByteCount: 1, order: .shuffled(seed: 42), windowByteCount: 4, segmentByteCount: 2)
        #expect(windows.rows(epoch: 0) == [7, 0, 6, 1, 2, 3, 9, 8, 4, 5])
        #expect(HeldOut.split(30).validation == [18, 24, 26])
    }

    @Test func holdsOutATenthButNotTooMany() {
        #expect([0, 1, 2, 19, 20, 60_000, 5_000_000].map(HeldOut.count) == [0, 0, 1, 1, 2, 6000, 10_000])
        let (train, validation) = HeldOut.split(60_000)
        #expect(train.count == 54_000)
        #expect(validation.count == 6000)
        // Spread evenly: files are often sorted by class.
        for part in 0..<6 {
            let count = validation.count { $0 / 10_000 == part }
            #expect((900...1100).contains(count))
        }
    }
}
