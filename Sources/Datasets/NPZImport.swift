public import HDF5
import Zip

/// An archive of NumPy's arrays, which is read as the data file that it could be: see `NPZLayout` for their names.
///
/// Bytes of shape (examples, height, width) are gray images, and get an axis of one channel. Labels become class numbers
/// (int32) or rows of zeros and ones (uint8), and mean there what they meant here: see `LabelMeaning`.
public struct NPZImport: ExampleImport, Hashable {
    public var path: String
    public var classNames: [String]?
    public var validationCount = 0
    /// Which share of each class's training examples is for testing, in an archive without test examples; nil for none.
    public var testShare: Double?
    /// What rows of zeros and ones are; nil where they say that themselves.
    public var task: LabelKind?

    public init(path: String, classNames: [String]? = nil) {
        self.path = path
        self.classNames = classNames
    }

    public func amount() throws -> Int {
        let archive = try open()
        let layout = try NPZLayout(of: archive, needsTest: testShare == nil)
        return try layout.splits.reduce(0) { try $0 + NPYArray($1.x, in: archive).shape[0] }
    }

    /// Whether the archive has x and y of all examples, of which some rows are for testing.
    func isUndivided() throws -> Bool {
        let archive = try open()
        return try NPZLayout(of: archive).isUndivided
    }

    /// - Throws: `ExampleFileError` that says what it is, if it is no archive; `ZipError` if it cannot be read.
    func open() throws -> ZipReader {
        // What is no file, whoever opens it says.
        if let kind = FileKind(of: path), !kind.isFolder,
            ![.npz, .zip, .kerasArchive, .pyTorch, .unknown].contains(kind)
        {
            let advice = kind == .npy ? "Put the arrays of all splits into one archive" : "Save the arrays in Python"
            throw ExampleFileError(
                path, expected: "an archive of NumPy's arrays (.npz)", found: kind.name,
                "\(advice): np.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…).")
        }
        return try ZipReader(opening: path)
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        // The rows that --test takes of the archive itself.
        let rows = try testShare.map { try ExampleFile(opening: path, testShare: $0).test.rows }
        try writeExamples(to: root, needsTest: rows == nil, testRows: rows, progress: progress)
    }

    /// - Parameters:
    ///   - needsTest: Whether there must be test examples, or a fixed part of what is undivided becomes such.
    ///   - testRows: The rows of train that become test examples; nil for none.
    func writeExamples(
        to root: borrowing HDF5Group, needsTest: Bool, testRows: [Int]? = nil, progress: (Int) throws -> Void
    ) throws {
        let archive = try open(), layout = try NPZLayout(of: archive, needsTest: needsTest)
        if validationCount > 0, let own = layout.splits.first(where: { $0.name == "validation" }) {
            throw ExampleFileError(
                path, expected: "no validation examples where some of train are to become such",
                found: "'\(own.x.name)'", "Leave --validation out.")
        }
        try check(layout, testRows, in: archive)
        let texts = try textClasses(of: layout.splits, in: archive)
        if let texts, classNames == nil { try root.attributes.write(texts, to: "classes") }
        let classes = Dictionary((texts ?? []).enumerated().map { ($1, $0) }) { first, _ in first }
        try checkLabels(of: layout.splits, classes, in: archive)
        try task?.declare(in: root)
        var done = 0
        for split in layout.splits {
            guard let labels = split.y else { continue }
            let x = try NPYArray(split.x, in: archive), y = try NPYArray(labels, in: archive, allowsText: true)
            let count = x.shape[0], columns = y.columns
            var isForTesting: [Bool] = []
            if split.name == "train", let testRows {
                isForTesting = [Bool](repeating: false, count: count)
                for row in testRows { isForTesting[row] = true }
            } else if layout.isUndivided {
                isForTesting = HeldOut.isForTesting(count)
            }
            func column(_ name: String, _ type: HDF5Type, _ shape: [Int]) throws -> NPZColumn {
                try NPZColumn(
                    name, of: split.name, in: root, type, shape: shape,
                    validation: split.name == "train" ? validationCount : 0, isForTesting: isForTesting)
            }
            try copy(x, to: try column("x", x.type, exampleShape(x))) { try progress(done + $0) }
            let labelColumn =
                try columns > 1 ? column("y", .uint8, [count, columns]) : column("y", .int32, [count])
            try y.readLabels(classes) { block in
                if columns > 1 {
                    try labelColumn.append(block.values.map { UInt8($0) }.span)
                } else {
                    try labelColumn.append(block.classes.span)
                }
            }
            for (name, member) in split.others {
                // What cannot be read is not for us, and no reason to refuse the rest.
                guard let other = try? NPYArray(member, in: archive), other.shape[0] == count else { continue }
                try copy(other, to: try column(name, other.type, other.shape)) { _ in }
            }
            done += count
        }
    }
}

// MARK: - Parts

extension NPZImport {
    /// Writes the examples without labels, as `x`, and perhaps their `length`.
    func writeUnlabeled(to root: borrowing HDF5Group) throws {
        let archive = try open()
        for split in try NPZLayout(unlabeled: archive).splits {
            for (name, member) in [("x", split.x)] + split.others {
                try write(member, in: archive, as: name, to: root)
            }
        }
    }

    /// Writes one array under its own name.
    func write(array name: String, to root: borrowing HDF5Group) throws {
        let archive = try open()
        guard let member = archive["\(name).npy"] else {
            let names = archive.members.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
            throw ExampleFileError(
                path, expected: "an array '\(name)'", found: names.isEmpty ? "an empty archive" : names,
                "Name one of its arrays, as in \(path):x_test.")
        }
        try write(member, in: archive, as: name, to: root)
    }

    private func write(
        _ member: ZipReader.Member, in archive: borrowing ZipReader, as name: String, to root: borrowing HDF5Group
    ) throws {
        let array = try NPYArray(member, in: archive)
        let shape = name == "x" ? exampleShape(array) : array.shape
        try copy(array, to: try NPZColumn(name, of: nil, in: root, array.type, shape: shape)) { _ in }
    }
}

// MARK: - Checks

extension NPZImport {
    /// What can be known from the headers.
    private func check(_ layout: NPZLayout, _ testRows: [Int]?, in archive: borrowing ZipReader) throws {
        let splits = layout.splits
        guard let labels = splits[0].y else { return }
        let first = try NPYArray(splits[0].x, in: archive),
            firstLabels = try NPYArray(labels, in: archive, allowsText: true)
        let count = first.shape[0]
        let testCount = testRows?.count ?? (layout.isUndivided ? HeldOut.testCount(of: count) : 0)
        try leaveSomeToTrain(of: count - testCount, in: path)
        if layout.isUndivided, count < 2 {
            throw first.place.error(
                expected: "at least 2 examples, one of them to test with", found: "\(count)",
                "Give more, or x_train, y_train, x_test and y_test.")
        }
        for split in splits {
            guard let own = split.y else { continue }
            let x = try NPYArray(split.x, in: archive), y = try NPYArray(own, in: archive, allowsText: true)
            guard x.shape.count >= 2 else {
                throw x.place.error(
                    expected: "shape (examples, …)", found: "\(x.shape)",
                    "The first axis counts examples; single numbers are of shape (examples, 1).")
            }
            guard x.type == first.type, x.shape.dropFirst() == first.shape.dropFirst() else {
                throw x.place.error(
                    expected:
                        "\(first.type) examples of shape \(Array(first.shape.dropFirst())), as in '\(splits[0].x.name)'",
                    found: "\(x.type) of shape \(Array(x.shape.dropFirst()))",
                    "All splits must hold the same kind of examples.")
            }
            guard LabelMeaning.columns(y.labelShape) != nil, y.shape[0] == x.shape[0] else {
                throw y.place.error(
                    expected: "\(x.shape[0]) labels, or rows of them, one for each example in '\(split.x.name)'",
                    found: "shape \(y.labelShape)", "Give the examples and labels of the same split.")
            }
            guard y.text == nil || y.columns == 1 else {
                throw y.place.error(
                    expected: "one text an example, the name of its class", found: "shape \(y.labelShape)",
                    "Give multi-label data as rows of zeros and ones.")
            }
            guard y.columns == firstLabels.columns else {
                throw y.place.error(
                    expected: "\(firstLabels.columns) labels an example, as in '\(labels.name)'",
                    found: "\(y.columns)", "All splits must be labeled alike.")
            }
        }
    }

    /// Reads all labels once, and refuses those that cannot be any.
    private func checkLabels(
        of splits: [NPZLayout.Split], _ classes: [String: Int], in archive: borrowing ZipReader
    ) throws {
        for member in splits.compactMap(\.y) {
            let y = try NPYArray(member, in: archive, allowsText: true)
            do {
                var scan = try LabelScan(columns: y.columns, task)
                try y.readLabels(classes) { try scan.look(at: $0) }
            } catch let problem as LabelScan.Problem {
                throw problem.error(path, member.name)
            }
        }
    }
}

// MARK: - Copying

extension NPZImport {
    /// Channels are last, and gray images have one.
    private func exampleShape(_ x: borrowing NPYArray) -> [Int] {
        x.shape + (x.type == .uint8 && x.shape.count == 3 ? [1] : [])
    }

    private func copy(_ x: borrowing NPYArray, to column: NPZColumn, _ progress: (Int) throws -> Void) throws {
        try x.copy(to: column, progress)
    }
}

extension NPYArray {
    /// Writes all elements into a dataset.
    ///
    /// - Parameter progress: Called now and then with how many rows are done.
    func copy(to column: NPZColumn, _ progress: (Int) throws -> Void = { _ in }) throws {
        func copy<Element: NumPyElement>(_ element: Element.Type) throws {
            try readAll(as: element) { rows, elements in
                try column.append(elements)
                try progress(rows.upperBound)
            }
        }
        switch type {
        case .uint8: try copy(UInt8.self)
        case .uint16: try copy(UInt16.self)
        case .uint32: try copy(UInt32.self)
        case .uint64: try copy(UInt64.self)
        case .int8: try copy(Int8.self)
        case .int16: try copy(Int16.self)
        case .int32: try copy(Int32.self)
        case .int64: try copy(Int64.self)
        case .float16: try copy(Float16.self)
        case .float64: try copy(Double.self)
        default: try copy(Float.self)
        }
    }
}

extension NPYArray {
    /// The columns of labels, once their shape was checked.
    fileprivate var columns: Int { LabelMeaning.columns(labelShape) ?? 1 }

    /// Their shape, without the bytes of text.
    fileprivate var labelShape: [Int] { text == nil ? shape : shape.dropLast() }

    /// Hands over all labels, some rows at a time.
    ///
    /// - Parameter classes: The number of each class that is text.
    fileprivate func readLabels(_ classes: [String: Int], _ take: (LabelBlock) throws -> Void) throws {
        if let text {
            return try readTexts(text) { rows, texts in
                try take(LabelBlock(rows, columns: 1, texts.map { classes[$0] ?? LabelBlock.noNumber }))
            }
        }
        switch type {
        case .uint8: try readLabels(as: UInt8.self, take)
        case .uint16: try readLabels(as: UInt16.self, take)
        case .uint32: try readLabels(as: UInt32.self, take)
        case .uint64: try readLabels(as: UInt64.self, take)
        case .int8: try readLabels(as: Int8.self, take)
        case .int16: try readLabels(as: Int16.self, take)
        case .int32: try readLabels(as: Int32.self, take)
        case .int64: try readLabels(as: Int64.self, take)
        case .float16: try readLabels(as: Float16.self, take)
        case .float32: try readLabels(as: Float.self, take)
        default: try readLabels(as: Double.self, take)
        }
    }

    private func readLabels<Element: NumPyElement & LabelElement>(
        as element: Element.Type, _ take: (LabelBlock) throws -> Void
    ) throws {
        let columns = columns
        try readAll(as: element) { rows, elements in
            try take(LabelBlock(rows, columns: columns, elements.indices.map { elements[$0] }))
        }
    }
}
