import HDF5
import Testing

@testable import Datasets

/// What labels mean, by type, shape and values; and what is unusual about them.
@Suite struct LabelTests {
    /// A data file whose labels are written by `y`, for the rows of each split.
    private func withLabels<Result>(
        classes: [String]? = nil, _ y: @escaping (String, Int, borrowing HDF5Group) throws -> Void,
        _ body: (ExampleFile) throws -> Result
    ) throws -> Result {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "d.h5").path
            let hyperparameters = Hyperparameters(classes: classes) { name, new in
                guard name.hasSuffix("/y") else { return false }
                try y(name, name.hasPrefix("train") ? 20 : 5, new.file.root)
                return true
            }
            try hyperparameters.write(to: path)
            return try body(try ExampleFile(opening: path))
        }
    }

    /// The class of each example, in the order of the file.
    private func classes(_ split: ExampleSplit) throws -> [Int32] {
        let batch = try ExampleReader(split, batchSize: split.count, order: .sequential).batch(epoch: 0, step: 0)
        var classes = [Int32](repeating: 0, count: split.count)
        var span = classes.mutableSpan
        batch.readClasses(0..<split.count, into: &span)
        return classes
    }

    private static let numberTypes: [HDF5Type] = [
        .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64,
    ]

    @Test(arguments: numberTypes, [[], [1], [1, 1]])
    func readsClassNumbersOfEveryTypeAndShape(type: HDF5Type, axes: [Int]) throws {
        try withLabels { name, count, root in
            let y = try root.createDataset(name, type, shape: [count] + axes)
            let numbers = (0..<count).map { $0 % 4 }
            if type.isFloat { try y.write(numbers.map { Float($0) }) } else { try y.write(numbers) }
        } _: { file in
            #expect(file.labelKind == .multiclass)
            #expect(file.classCount == 4)
            #expect(file.warnings == [])
            let train = try classes(file.train), test = try classes(file.test)
            #expect(train == (0..<20).map { Int32($0 % 4) })
            #expect(test == [0, 1, 2, 3, 0])
        }
    }

    private static let oneHot =
        "every row of y has exactly one 1: y is read as one-hot (multiclass); if it is multi-label, set the file's attribute "
        + "'task' to 'multi-label', which 'compress import npz --task multi-label' does for an archive"

    @Test(arguments: numberTypes)
    func readsOneHotRowsAsClasses(type: HDF5Type) throws {
        try withLabels { name, count, root in
            let y = try root.createDataset(name, type, shape: [count, 5])
            let rows = (0..<count).flatMap { row in (0..<5).map { $0 == row % 4 ? 1 : 0 } }
            if type.isFloat { try y.write(rows.map { Float($0) }) } else { try y.write(rows) }
        } _: { file in
            #expect(file.labelKind == .multiclass)
            #expect(file.classCount == 5)
            let test = try classes(file.test)
            #expect(test == [0, 1, 2, 3, 0])
            #expect(file.warnings == [Self.oneHot, "class 4 has no example in train"])
        }
    }

    /// Rows with one 1 each mean what the file says that they mean.
    @Test(arguments: [HDF5Type.uint8, .float32], LabelKind.allCases)
    func theAttributeTaskDecides(type: HDF5Type, task: LabelKind) throws {
        try withLabels { name, count, root in
            if name == "train/y" { try root.attributes.write(task.rawValue, to: "task") }
            let y = try root.createDataset(name, type, shape: [count, 4])
            let rows = (0..<count).flatMap { row in (0..<4).map { $0 == row % 4 ? 1 : 0 } }
            if type.isFloat { try y.write(rows.map { Float($0) }) } else { try y.write(rows) }
        } _: { file in
            #expect(file.labelKind == task)
            #expect(file.warnings == [])
        }
    }

    @Test(arguments: [
        (
            "multiclass", [3],
            "'train/y' in 'd.h5': expected one 1 in each row, as 'task' is 'multiclass', found 2 in row 7. "
                + "Repair that row, or leave 'task' out."
        ),
        (
            "multi-label", [],
            "'train/y' in 'd.h5': expected a column for each class, as 'task' is 'multi-label', found one "
                + "column. Store rows of zeros and ones, or leave 'task' out."
        ),
        (
            "several", [3],
            "'d.h5': expected 'multiclass' or 'multi-label' as the attribute 'task', found 'several'. Set it to one of them, or "
                + "remove it."
        ),
    ])
    func refusesLabelsOfAnotherTask(task: String, axes: [Int], text: String) throws {
        let error = #expect(throws: ExampleFileError.self) {
            try withLabels { name, count, root in
                if name == "train/y" { try root.attributes.write(task, to: "task") }
                let columns = axes.first ?? 1
                let rows = (0..<count).flatMap { row in
                    (0..<columns).map { UInt8($0 == 0 || row == 7 && $0 == 2 ? 1 : 0) }
                }
                try root.createDataset(name, rows, shape: [count] + axes)
            } _: { _ in
            }
        }
        #expect(error.map { $0.description.replacing($0.path, with: "d.h5") } == text)
    }

    /// One row with two labels, in train alone, makes them several labels in every split.
    @Test(arguments: numberTypes)
    func readsOtherRowsAsSeveralLabels(type: HDF5Type) throws {
        func rows(_ name: String, _ count: Int) -> [Int] {
            (0..<count).flatMap { row in (0..<3).map { $0 == row % 3 || row == 7 && $0 == 2 ? 1 : 0 } }
        }
        try withLabels { name, count, root in
            let y = try root.createDataset(name, type, shape: [count, 3])
            if type.isFloat { try y.write(rows(name, count).map { Float($0) }) } else { try y.write(rows(name, count)) }
        } _: { file in
            #expect(file.labelKind == .multilabel)
            #expect(
                file.warnings.first?.hasPrefix(
                    "24 of 25 rows of y have exactly one 1, as one-hot rows do, but row 7 of train has 2: ") == true)
            for split in [file.train, file.test] {
                let reader = ExampleReader(split, batchSize: split.count, order: .sequential)
                var labels = [Float](repeating: 9, count: split.count * 3)
                var span = labels.mutableSpan
                try reader.batch(epoch: 0, step: 0).readLabels(0..<split.count, into: &span)
                #expect(labels == rows(split.name, split.count).map { Float($0) })
            }
        }
    }

    @Test func refusesWhatCannotBeALabel() throws {
        func refusal(_ y: @escaping (String, Int, borrowing HDF5Group) throws -> Void) throws -> String {
            do {
                return try withLabels(y) { _ in "read" }
            } catch let error as ExampleFileError {
                return "\(error.object ?? ""): \(error.expected); \(error.found)"
            }
        }
        let numbers = "train/y: class numbers from 0 on; "
        #expect(
            try refusal { name, count, root in
                let values = (0..<count).map { $0 == 3 ? UInt64.max : 0 }
                try root.createDataset(name, values, shape: [count])
            } == numbers + "18446744073709551615 in row 3")
        #expect(
            try refusal { name, count, root in
                try root.createDataset(name, (0..<count).map { $0 == 4 ? Float(0.5) : 1 }, shape: [count, 1])
            } == numbers + "0.5 in row 4")
        #expect(
            try refusal { name, count, root in
                try root.createDataset(name, (0..<count).map { $0 == 5 ? Float.nan : 1 }, shape: [count])
            } == numbers + "nan in row 5")
        #expect(
            try refusal { name, count, root in
                try root.createDataset(name, (0..<count).map { $0 == 19 ? Int8(-1) : 1 }, shape: [count])
            } == numbers + "-1 in row 19")
        #expect(
            try refusal { name, count, root in
                let rows: [Float] = (0..<count).flatMap { (row: Int) -> [Float] in row == 2 ? [0.9, 0.1] : [1, 0] }
                try root.createDataset(name, rows, shape: [count, 2])
            } == "train/y: zeros and ones, as it has 2 columns; 0.9 in row 2")
    }

    @Test(arguments: [
        (
            [1, 2, 3, 4], [1, 2],
            ["class 0 has no example: the labels seem to begin at 1; subtract 1, or there is one class too many"]
        ),
        (
            [0, 1000, 2000, 3000], [0],
            ["4 of 3001 classes occur in train: 0, 1000, 2000, 3000; number the classes without gaps"]
        ),
        (
            [0, 1, 2, 255], [0],
            ["4 of 256 classes occur in train: is 255 a mark for examples without a label? Remove those"]
        ),
        (
            [0, 1, 2], [0, 3, 4],
            [
                "2 of 5 classes have no example in train: 3, 4",
                "test has 3 examples of classes that train lacks: 3, 4",
            ]
        ),
        ([0], [0], ["all examples are of one class, 0: is train/y right?"]),
        ([0, 2], [2], ["class 1 has no example in train"]),
        ([0, 1], [0], []),
    ])
    func saysWhatIsUnusual(train: [Int], test: [Int], warnings: [String]) throws {
        try withLabels { name, count, root in
            let classes = name.hasPrefix("train") ? train : test
            try root.createDataset(name, (0..<count).map { classes[$0 % classes.count] }, shape: [count])
        } _: {
            #expect($0.warnings == warnings)
        }
    }

    @Test func namesTheClassesThatAreMissing() throws {
        try withLabels(classes: ["cat", "dog", "owl"]) { name, count, root in
            try root.createDataset(name, [Int](repeating: 1, count: count), shape: [count])
        } _: {
            #expect($0.warnings == ["1 of 3 classes occur in train: 1 ('dog')"])
        }
    }

    @Test func saysThatOneColumnOfBytesHasTheNumbersOfTwoClasses() throws {
        try withLabels { name, count, root in
            try root.createDataset(name, (0..<count).map { UInt8($0 % 2) }, shape: [count, 1])
        } _: { file in
            #expect(file.classCount == 2)
            #expect(
                file.warnings == [
                    "train/y is one column of 0 and 1: it is read as the number of the class, of two"
                ])
        }
    }

    @Test func countsExamplesWithoutLabels() throws {
        try withLabels { name, count, root in
            let rows = (0..<count).flatMap { (row: Int) -> [UInt8] in [row % 4 == 0 ? 0 : 1, row % 8 == 1 ? 1 : 0, 0] }
            try root.createDataset(name, rows, shape: [count, 3])
        } _: { file in
            #expect(
                file.warnings == [
                    "5 of 20 examples of train have no label", "2 of 5 examples of test have no label",
                    "1 of 3 labels have no example in train: 2",
                ])
        }
    }

    @Test func saysThatLabelsSeemToBeginAtOneWhereTheClassesAreNamed() throws {
        let error = #expect(throws: ExampleFileError.self) {
            try withLabels(classes: ["a", "b"]) { name, count, root in
                try root.createDataset(name, (0..<count).map { $0 % 2 + 1 }, shape: [count])
            } _: { _ in
            }
        }
        #expect(
            error?.advice
                == "The labels seem to begin at 1; subtract 1. Name every class, or leave the attribute 'classes' out.")
    }
}
