extension ExampleFile {
    /// Cuts the training rows into parts of equal size, so that each row is in one: for models that are each trained without
    /// one part.
    ///
    /// Of multiclass data every part has an equal share of each class (stratified); rows are dealt out in random order.
    ///
    /// - Returns: Each part's rows of `train`, ascending: a function of the labels, the count and the seed.
    /// - Throws: `ExampleFileError` where there are too few rows.
    public func folds(_ count: Int, seed: Int) throws(ExampleFileError) -> [[Int]] {
        precondition(count >= 2, "\(count) folds")
        guard train.count >= 2 * count else {
            throw ExampleFileError(
                path, "train/x", expected: "at least \(2 * count) rows for \(count) folds", found: "\(train.count)",
                "Take fewer folds.")
        }
        var folds = [[Int]](repeating: [], count: count), dealt = 0
        for (label, rows) in rowsByClass.enumerated() {
            var random = KeyedRandom(UInt64(bitPattern: Int64(seed)), label), rows = rows
            random.shuffle(&rows)
            for row in rows {
                folds[dealt % count].append(row)
                dealt += 1
            }
        }
        return folds.map { $0.sorted() }
    }

    /// The training rows of each class; all together where examples have several labels.
    private var rowsByClass: [[Int]] {
        guard labelKind == .multiclass else { return [Array(0..<train.count)] }
        var rows = [[Int]](repeating: [], count: classCount)
        for (row, label) in train.source.labels.enumerated() { rows[Int(label)].append(row) }
        return rows
    }
}
