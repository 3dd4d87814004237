import HDF5

/// How many examples each class has, and what of that is worth a warning.
struct LabelCount {
    /// How many of a list are named.
    private static let namedLimit = 5
    /// The most bytes of labels that are read to be counted, in each split.
    private static let byteLimit = 64 << 20

    let split: String
    let exampleCount: Int
    /// The examples of each class.
    private(set) var perClass: [Int]
    /// Of multi-label data: how many have none.
    private(set) var withoutLabels = 0
    /// Of multi-label data: how many have exactly one, and the first row that has not, with how many it has.
    private(set) var withOneLabel = 0
    private(set) var firstOther: (row: Int, labels: Int)?

    private init(_ source: SplitSource, _ classCount: Int) throws {
        (split, exampleCount) = (source.name, source.count)
        perClass = [Int](repeating: 0, count: classCount)
        guard source.labelKind == .multilabel, let rows = source.labelRows else {
            for label in source.labels { perClass[Int(label)] += 1 }
            return
        }
        let step = max(1, (1 << 20) / classCount)
        for start in stride(from: 0, to: exampleCount, by: step) {
            let range = start..<min(start + step, exampleCount)
            // Floats are read as such, and whole numbers need no more.
            var values = [Float](repeating: 0, count: range.count * classCount)
            var span = values.mutableSpan
            try rows.dataset.read(rows: range, into: &span)
            add(values, from: start)
        }
    }

    private mutating func add(_ values: [Float], from first: Int) {
        let count = perClass.count
        for start in stride(from: 0, to: values.count, by: count) {
            var labels = 0
            for column in 0..<count where values[start + column] != 0 {
                perClass[column] += 1
                labels += 1
            }
            if labels == 0 { withoutLabels += 1 }
            if labels == 1 { withOneLabel += 1 } else { firstOther = firstOther ?? (first + start / count, labels) }
        }
    }

    /// What is unusual, one sentence each; nothing where there is too much to count.
    ///
    /// - Parameters:
    ///   - sources: train first.
    ///   - isDeclared: Whether the file says that its labels are multi-label, or one class each.
    static func warnings(
        _ sources: [SplitSource], _ classCount: Int, _ names: [String]?, isDeclared: Bool
    ) throws -> [String] {
        let isCountable = sources.allSatisfy { $0.labelKind == .multiclass || $0.count * classCount <= byteLimit }
        guard isCountable, let kind = sources.first?.labelKind else { return [] }
        let counts = try sources.map { try LabelCount($0, classCount) }
        let own =
            kind == .multiclass
            ? counts.ofOneClass(names) : (isDeclared ? [] : counts.nearlyOneHot) + counts.ofSeveralLabels(names)
        return column(sources) + own + counts.beyondTrain(names)
    }

    /// One column of bytes could be one label that is there or not.
    private static func column(_ sources: [SplitSource]) -> [String] {
        guard sources[0].isByteColumn, sources.allSatisfy({ $0.labels.allSatisfy { $0 <= 1 } }) else { return [] }
        return ["train/y is one column of 0 and 1: it is read as the number of the class, of two"]
    }

    /// Some classes, the first of them by name.
    static func list(_ classes: [Int], _ names: [String]?) -> String {
        let shown = classes.prefix(namedLimit).map { index in
            names.map { "\(index) ('\($0[index].count > 40 ? $0[index].prefix(40) + "…" : $0[index])')" } ?? "\(index)"
        }
        let rest = classes.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}

extension [LabelCount] {
    /// The classes that a split has no example of.
    private func missing(_ split: Int) -> [Int] {
        self[split].perClass.indices.filter { self[split].perClass[$0] == 0 }
    }

    fileprivate func ofOneClass(_ names: [String]?) -> [String] {
        let missing = missing(0), all = self[0].perClass.count, occurring = all - missing.count
        let isNowhere = { (index: Int) in self.allSatisfy { $0.perClass[index] == 0 } }
        guard !missing.isEmpty else { return all == 1 ? ["all examples are of one class, 0: is train/y right?"] : [] }
        if missing == [0], names == nil, isNowhere(0) {
            return ["class 0 has no example: the labels seem to begin at 1; subtract 1, or there is one class too many"]
        }
        let last = all - 1
        if names == nil, all > 2, missing.contains(last - 1), [99, 127, 255, 999, 9999, 32_767, 65_535].contains(last) {
            return [
                "\(occurring) of \(all) classes occur in train: is \(last) a mark for examples without a label? "
                    + "Remove those"
            ]
        }
        if missing.count == 1 { return ["class \(LabelCount.list(missing, names)) has no example in train"] }
        if occurring >= missing.count {
            return ["\(missing.count) of \(all) classes have no example in train: \(LabelCount.list(missing, names))"]
        }
        let present = self[0].perClass.indices.filter { self[0].perClass[$0] > 0 }
        let isElsewhere = missing.contains { !isNowhere($0) }
        let advice = names == nil && !isElsewhere ? "; number the classes without gaps" : ""
        return ["\(occurring) of \(all) classes occur in train: \(LabelCount.list(present, names))\(advice)"]
    }

    /// That most rows have one label, as one-hot ones do: some may be wrong.
    fileprivate var nearlyOneHot: [String] {
        let all = reduce(0) { $0 + $1.exampleCount }, single = reduce(0) { $0 + $1.withOneLabel }
        guard 10 * single >= 9 * all, let count = first(where: { $0.firstOther != nil }), let other = count.firstOther
        else {
            return []
        }
        return [
            "\(single) of \(all) rows of y have exactly one 1, as one-hot rows do, but row \(other.row) of \(count.split) has "
                + "\(other.labels): y is read as multi-label; if it is one-hot, repair such rows, else set the file's "
                + "attribute 'task' to 'multi-label'"
        ]
    }

    fileprivate func ofSeveralLabels(_ names: [String]?) -> [String] {
        var texts: [String] = []
        for count in self where count.withoutLabels > 0 {
            texts.append("\(count.withoutLabels) of \(count.exampleCount) examples of \(count.split) have no label")
        }
        let missing = missing(0)
        if !missing.isEmpty {
            let all = self[0].perClass.count
            texts.append(
                "\(missing.count) of \(all) labels have no example in train: \(LabelCount.list(missing, names))")
        }
        return texts
    }

    /// What is missing in train, and occurs in other splits.
    fileprivate func beyondTrain(_ names: [String]?) -> [String] {
        dropFirst().compactMap { other in
            let classes = other.perClass.indices.filter { other.perClass[$0] > 0 && self[0].perClass[$0] == 0 }
            guard !classes.isEmpty else { return nil }
            let count = classes.reduce(0) { $0 + other.perClass[$1] }
            return "\(other.split) has \(count) example\(count == 1 ? "" : "s") of classes that train lacks: "
                + LabelCount.list(classes, names)
        }
    }
}
