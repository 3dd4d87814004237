/// The part of the training examples that is kept for validation when a file has none.
///
/// A pure function of the number of examples: every run, whatever its seed, holds out the same rows, so that results
/// can be compared and a resumed run never trains on what it validates with.
public enum HeldOut {
    private static let seed: UInt64 = 20_150_309

    /// How many of `total` rows are held out: a tenth, at most 10,000.
    public static func count(of total: Int) -> Int {
        total < 2 ? 0 : max(1, min(total / 10, 10_000))
    }

    /// The rows held out and the rows left for training, both in ascending order.
    public static func split(_ total: Int) -> (train: [Int], validation: [Int]) {
        let isHeldOut = choice(of: count(of: total), among: total, seed)
        return ((0..<total).filter { !isHeldOut[$0] }, (0..<total).filter { isHeldOut[$0] })
    }

    /// How many of `total` rows that come undivided are for testing: a fifth, at most 10,000.
    static func testCount(of total: Int) -> Int {
        total < 2 ? 0 : max(1, min(total / 5, 10_000))
    }

    /// Which of the rows that come undivided are for testing: the same in every run.
    static func isForTesting(_ total: Int) -> [Bool] {
        choice(of: testCount(of: total), among: total, testSeed)
    }

    static let testSeed: UInt64 = 20_260_101

    /// Chooses rows; every set of this size is equally likely (Knuth, algorithm S).
    private static func choice(of count: Int, among total: Int, _ seed: UInt64) -> [Bool] {
        var random = KeyedRandom(seed, total), wanted = count
        return (0..<total).map { row in
            let isChosen = random.below(total - row) < wanted
            if isChosen { wanted -= 1 }
            return isChosen
        }
    }
}
