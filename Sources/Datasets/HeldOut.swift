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
        var random = KeyedRandom(seed, total)
        var wanted = count(of: total)
        var train: [Int] = [], validation: [Int] = []
        train.reserveCapacity(total - wanted)
        validation.reserveCapacity(wanted)
        for row in 0..<total {
            // Every set of rows of this size is equally likely (Knuth, algorithm S).
            if random.below(total - row) < wanted {
                validation.append(row)
                wanted -= 1
            } else {
                train.append(row)
            }
        }
        return (train, validation)
    }
}
