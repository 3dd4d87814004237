import HDF5

/// A dataset that an array becomes, row after row; where some of the rows are for testing, a dataset of train and one of test.
final class NPZColumn {
    private let main: ImportedColumn
    private let test: ImportedColumn?
    private let isForTesting: [Bool]
    private let width: Int
    private var rowsDone = 0

    /// - Parameters:
    ///   - split: Nil for a dataset at the top.
    ///   - validation: How many of the last rows go to the split `validation`.
    ///   - isForTesting: Whether each row goes to the split `test`; empty where none does.
    init(
        _ name: String, of split: String?, in root: borrowing HDF5Group, _ type: HDF5Type, shape: [Int],
        validation: Int = 0, isForTesting: [Bool] = []
    ) throws {
        let example = Array(shape.dropFirst())
        self.isForTesting = isForTesting
        let testCount = isForTesting.count { $0 }
        width = example.reduce(1, *)
        main = try ImportedColumn(
            name, of: split, in: root, type, shape: [shape[0] - testCount] + example, validation: validation)
        test =
            try testCount > 0
            ? ImportedColumn(name, of: "test", in: root, type, shape: [testCount] + example, validation: 0) : nil
    }

    /// Writes the next rows.
    func append<Element: HDF5Element>(_ elements: Span<Element>) throws {
        guard let test else { return try main.append(elements) }
        var kept: [Element] = [], aside: [Element] = []
        for row in 0..<(elements.count / width) {
            let values = (row * width)..<((row + 1) * width)
            if isForTesting[rowsDone + row] {
                for index in values { aside.append(elements[index]) }
            } else {
                for index in values { kept.append(elements[index]) }
            }
        }
        rowsDone += elements.count / width
        if !kept.isEmpty { try main.append(kept) }
        if !aside.isEmpty { try test.append(aside) }
    }
}
