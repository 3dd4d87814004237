public import HDF5
import Zip

/// An archive of numpy's with the arrays `x_train`, `y_train`, `x_test` and `y_test`, as Keras publishes data sets.
///
/// Also `train_x` or `train/x`, and `images` and `labels` for `x` and `y`; arrays of `validation` or `val` may be there,
/// too. Bytes of shape (examples, height, width) are grey pictures, and get an axis of one channel.
///
/// Labels are whole numbers of shape (examples) or (examples, 1), or rows of zeros and ones. If each of the rows has
/// exactly one 1, these are class numbers, too; else an example may have several labels.
public struct NPZImport: ExampleImport, Hashable {
    public var path: String
    public var classNames: [String]?
    public var validationCount = 0

    public init(path: String, classNames: [String]? = nil) {
        self.path = path
        self.classNames = classNames
    }

    public func amount() throws -> Int {
        let archive = try ZipReader(opening: path)
        return try splits(in: archive).reduce(0) { try $0 + NPYArray($1.x, in: archive).shape[0] }
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        let archive = try ZipReader(opening: path), splits = try splits(in: archive)
        try check(splits, in: archive)
        let kind = try labelKind(of: splits, in: archive)
        var done = 0
        for split in splits {
            let validation = split.name == "train" ? validationCount : 0
            var x = try NPYArray(split.x, in: archive), y = try NPYArray(split.y, in: archive)
            let count = x.shape[0], classes = kind == .manyLabels ? [y.shape[1]] : []
            let inputs = try ImportedColumn(
                "x", of: split.name, in: root, x.type, shape: exampleShape(x), validation: validation)
            let labels = try ImportedColumn(
                "y", of: split.name, in: root, kind == .manyLabels ? .uint8 : .int32, shape: [count] + classes,
                validation: validation)
            try copy(&x, to: inputs) { try progress(done + $0) }
            try y.readLabels { try kind.write($0, to: labels) }
            done += count
        }
    }
}

// MARK: - What is there

extension NPZImport {
    private struct Split {
        let name: String
        let x: ZipReader.Member
        let y: ZipReader.Member
    }

    /// Train, perhaps validation, test.
    private func splits(in archive: borrowing ZipReader) throws -> [Split] {
        let found = try [("train", ["train"]), ("validation", ["validation", "val"]), ("test", ["test"])].compactMap {
            name, words in
            let x = member(["x", "images"], words, in: archive), y = member(["y", "labels"], words, in: archive)
            if name == "validation", x == nil, y == nil { return Split?.none }
            guard let x, let y else {
                let names = archive.members.map { "'\($0.name)'" }.joined(separator: ", ")
                throw ExampleFileError(
                    path,
                    expected: "arrays 'x_\(name)' and 'y_\(name)', or 'train_x', 'train/x', 'train_images' and "
                        + "the like", found: names.isEmpty ? "an empty archive" : names,
                    "Save them with np.savez(…, x_train=…, y_train=…, x_test=…, y_test=…).")
            }
            return Split(name: name, x: x, y: y)
        }
        if validationCount > 0, found.count == 3 {
            throw ExampleFileError(
                path, expected: "no validation examples where some of train are to become such",
                found: "'\(found[1].x.name)'", "Leave --validation out.")
        }
        return found
    }

    private func member(
        _ kinds: [String], _ splits: [String], in archive: borrowing ZipReader
    ) -> ZipReader.Member? {
        for kind in kinds {
            for split in splits {
                for name in ["\(kind)_\(split)", "\(split)_\(kind)", "\(split)/\(kind)"] {
                    if let member = archive["\(name).npy"] { return member }
                }
            }
        }
        return nil
    }

    /// What can be known from the headers.
    private func check(_ splits: [Split], in archive: borrowing ZipReader) throws {
        let first = try NPYArray(splits[0].x, in: archive), firstLabels = try NPYArray(splits[0].y, in: archive)
        try leaveSomeToTrain(of: first.shape[0], in: path)
        for split in splits {
            let x = try NPYArray(split.x, in: archive), y = try NPYArray(split.y, in: archive)
            guard [.uint8, .float16, .float32, .float64].contains(x.type), x.shape.count >= 2 else {
                throw x.place.error(
                    expected: "uint8, float16, float32 or float64 of shape (examples, …)",
                    found: "\(x.type) of shape \(x.shape)", "Save it as x.astype('float32'), or with another shape.")
            }
            guard x.type == first.type, x.shape.dropFirst() == first.shape.dropFirst() else {
                throw x.place.error(
                    expected:
                        "\(first.type) examples of shape \(Array(first.shape.dropFirst())), as in '\(splits[0].x.name)'",
                    found: "\(x.type) of shape \(Array(x.shape.dropFirst()))",
                    "All splits must hold the same kind of examples.")
            }
            guard y.shape.count <= 2, y.shape[0] == x.shape[0] else {
                throw y.place.error(
                    expected: "\(x.shape[0]) labels, or rows of them, one for each example in '\(split.x.name)'",
                    found: "shape \(y.shape)", "Give the examples and labels of the same split.")
            }
            guard y.labelsPerRow == firstLabels.labelsPerRow else {
                throw y.place.error(
                    expected: "\(firstLabels.labelsPerRow) labels an example, as in '\(splits[0].y.name)'",
                    found: "\(y.labelsPerRow)", "All splits must be labelled alike.")
            }
        }
    }

    /// Reads all labels once, and refuses those that cannot be any.
    private func labelKind(of splits: [Split], in archive: borrowing ZipReader) throws -> NPZLabelKind {
        var kind: NPZLabelKind?
        for split in splits {
            var y = try NPYArray(split.y, in: archive)
            let width = y.labelsPerRow, place = y.place
            guard width > 1 else {
                kind = .classNumbers
                try y.readLabels { labels in
                    if let row = labels.values.firstIndex(where: { $0 < 0 || $0 > Int(Int32.max) }) {
                        throw place.error(
                            expected: "class numbers from 0 on",
                            found: "\(labels.words(row)) in row \(labels.rows.lowerBound + row)",
                            "Number the classes from 0, and remove examples that have none.")
                    }
                }
                continue
            }
            kind = kind ?? .oneHot
            try y.readLabels { labels in
                if let index = labels.values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
                    throw place.error(
                        expected: "zeros and ones, as it has \(width) columns",
                        found: "\(labels.words(index)) in row \(labels.rows.lowerBound + index / width)",
                        "Give one class number an example, or a row of zeros and ones.")
                }
                let isOneHot = stride(from: 0, to: labels.values.count, by: width).allSatisfy {
                    labels.values[$0..<($0 + width)].reduce(0, +) == 1
                }
                if !isOneHot { kind = .manyLabels }
            }
        }
        return kind ?? .classNumbers
    }
}

// MARK: - Copying

extension NPZImport {
    /// Channels are last, and grey images have one.
    private func exampleShape(_ x: borrowing NPYArray) -> [Int] {
        x.shape + (x.type == .uint8 && x.shape.count == 3 ? [1] : [])
    }

    private func copy(_ x: inout NPYArray, to column: ImportedColumn, _ progress: (Int) throws -> Void) throws {
        func copy<Element: NumPyElement>(_ element: Element.Type) throws {
            try x.readAll(as: element) { rows, elements in
                try column.append(elements)
                try progress(rows.upperBound)
            }
        }
        switch x.type {
        case .uint8: try copy(UInt8.self)
        case .float16: try copy(Float16.self)
        case .float64: try copy(Double.self)
        default: try copy(Float.self)
        }
    }
}

/// How an array says what an example is.
private enum NPZLabelKind {
    case classNumbers, oneHot, manyLabels

    func write(_ labels: NPZLabels, to column: ImportedColumn) throws {
        switch self {
        case .classNumbers: try column.append(labels.values.map { Int32(truncatingIfNeeded: $0) })
        case .manyLabels: try column.append(labels.values.map { UInt8(truncatingIfNeeded: $0) })
        case .oneHot:
            let width = labels.values.count / labels.rows.count
            let places = labels.values.indices.filter { labels.values[$0] == 1 }
            try column.append(places.map { Int32($0 % width) })
        }
    }
}

/// Some rows of labels, one after another; what is no whole number is -1.
private struct NPZLabels {
    let rows: Range<Int>
    let values: [Int]

    func words(_ index: Int) -> String { values[index] == -1 ? "-1 or a fraction" : "\(values[index])" }
}

extension NPYArray {
    fileprivate var labelsPerRow: Int { shape.count == 2 ? shape[1] : 1 }

    /// Hands over all labels, some rows at a time.
    fileprivate mutating func readLabels(_ take: (NPZLabels) throws -> Void) throws {
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

    private mutating func readLabels<Element: NumPyElement>(
        as element: Element.Type, _ take: (NPZLabels) throws -> Void
    ) throws {
        try readAll(as: element) { rows, elements in
            try take(NPZLabels(rows: rows, values: elements.indices.map { elements[$0].wholeNumber ?? -1 }))
        }
    }
}
