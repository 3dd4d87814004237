public import HDF5
import Zip

/// An archive of numpy's with the arrays `x_train`, `y_train`, `x_test` and `y_test`, as Keras publishes data sets.
///
/// Also `train_x` or `train/x`, and `images` and `labels` for `x` and `y`; arrays of `validation` or `val` may be there,
/// too. Bytes of shape (examples, height, width) are grey pictures, and get an axis of one channel.
///
/// What labels mean, `LabelMeaning` says.
public struct NPZImport: ExampleImport, Hashable {
    public var path: String
    public var classNames: [String]?
    public var validationCount = 0

    public init(path: String, classNames: [String]? = nil) {
        self.path = path
        self.classNames = classNames
    }

    public func amount() throws -> Int {
        let archive = try open()
        return try splits(in: archive).reduce(0) { try $0 + NPYArray($1.x, in: archive).shape[0] }
    }

    /// - Throws: `ExampleFileError` that says what it is, if it is no archive; `ZipError` if it cannot be read.
    private func open() throws -> ZipReader {
        if let kind = FileKind(of: path), ![.npz, .zip, .kerasArchive, .pyTorch, .unknown].contains(kind) {
            let advice = kind == .npy ? "Put the arrays of all splits into one archive" : "Save the arrays in Python"
            throw ExampleFileError(
                path, expected: "an archive of NumPy's arrays (.npz)", found: kind.name,
                "\(advice): np.savez('d.npz', x_train=…, y_train=…, x_test=…, y_test=…).")
        }
        return try ZipReader(opening: path)
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        let archive = try open(), splits = try splits(in: archive)
        try check(splits, in: archive)
        let meaning = try meaning(of: splits, in: archive)
        var done = 0
        for split in splits {
            let validation = split.name == "train" ? validationCount : 0
            var x = try NPYArray(split.x, in: archive), y = try NPYArray(split.y, in: archive)
            let count = x.shape[0], isMany = meaning == .severalLabels
            let inputs = try ImportedColumn(
                "x", of: split.name, in: root, x.type, shape: exampleShape(x), validation: validation)
            let labels = try ImportedColumn(
                "y", of: split.name, in: root, isMany ? .uint8 : .int32, shape: [count] + (isMany ? [y.columns] : []),
                validation: validation)
            try copy(&x, to: inputs) { try progress(done + $0) }
            try y.readLabels { block in
                if isMany {
                    try labels.append(block.values.map { UInt8($0) })
                } else {
                    try labels.append(block.classes)
                }
            }
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
            guard LabelMeaning.columns(y.shape) != nil, y.shape[0] == x.shape[0] else {
                throw y.place.error(
                    expected: "\(x.shape[0]) labels, or rows of them, one for each example in '\(split.x.name)'",
                    found: "shape \(y.shape)", "Give the examples and labels of the same split.")
            }
            guard y.columns == firstLabels.columns else {
                throw y.place.error(
                    expected: "\(firstLabels.columns) labels an example, as in '\(splits[0].y.name)'",
                    found: "\(y.columns)", "All splits must be labeled alike.")
            }
        }
    }

    /// Reads all labels once, and refuses those that cannot be any.
    private func meaning(of splits: [Split], in archive: borrowing ZipReader) throws -> LabelMeaning {
        var meaning: LabelMeaning?
        for split in splits {
            var y = try NPYArray(split.y, in: archive)
            var scan = LabelScan(columns: y.columns)
            do {
                try y.readLabels { try scan.look(at: $0) }
            } catch let problem as LabelScan.Problem {
                throw problem.error(path, split.y.name)
            }
            if meaning != .severalLabels { meaning = scan.meaning }
        }
        return meaning ?? .classNumbers
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
    fileprivate var columns: Int { LabelMeaning.columns(shape) ?? 1 }

    /// Hands over all labels, some rows at a time.
    fileprivate mutating func readLabels(_ take: (LabelBlock) throws -> Void) throws {
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

    private mutating func readLabels<Element: NumPyElement & LabelElement>(
        as element: Element.Type, _ take: (LabelBlock) throws -> Void
    ) throws {
        let columns = columns
        try readAll(as: element) { rows, elements in
            try take(LabelBlock(rows, columns: columns, elements.indices.map { elements[$0] }))
        }
    }
}
