import HDF5

/// Some of the examples of a file: its training, validation or test examples.
public struct ExampleSplit: Sendable {
    public let name: String
    /// The rows of the file's datasets that belong to it, ascending.
    public let rows: [Int]
    let source: SplitSource
    /// The datasets that its batches hold: x, unless others were requested.
    let inputs: [InputSource]
    public let classCount: Int

    public var path: String { source.path }
    /// The part of its file that its rows are counted in.
    public var part: PredictedPart {
        isUnlabeled ? .unlabeled : PredictedPart(rawValue: source.name) ?? .train
    }
    /// How many rows that part has.
    public var partCount: Int { source.count }

    /// Where a row of the file is, in words: `'train/x' in 'd.h5', row 17`, counted from 0.
    public func place(ofRow row: Int) -> String {
        let datasets = inputs.map { "'\($0.dataset.place.path.drop { $0 == "/" })'" }.joined(separator: " and ")
        return "\(datasets) in '\(path)', row \(row)"
    }

    public var count: Int { rows.count }
    public var exampleShape: [Int] { source.x.exampleShape }
    public var labelKind: LabelKind { source.labelKind }
    /// What stands among the inputs where nothing is: what 0 in the file is, the offset of x, one number or one for each
    /// channel; where examples have true lengths, 0, as behind these.
    public var zero: [Float] { hasFrameCounts ? [0] : source.x.scaling.offset }
    /// Whether nothing is known of its examples.
    public var isUnlabeled: Bool { source.isUnlabeled }
    /// Whether the file has the number of real frames of each example.
    public var hasFrameCounts: Bool { source.frameCounts != nil }

    init(_ source: SplitSource, _ classCount: Int) {
        self.init(source.name, Array(0..<source.count), source, [source.x], classCount)
    }

    private init(
        _ name: String, _ rows: [Int], _ source: SplitSource, _ inputs: [InputSource], _ classCount: Int
    ) {
        self.name = name
        self.rows = rows
        self.source = source
        self.inputs = inputs
        self.classCount = classCount
    }

    /// The given rows of this split, which must be ascending.
    public func selecting(_ rows: [Int], name: String) -> ExampleSplit {
        precondition(
            zip(rows, rows.dropFirst()).allSatisfy(<) && rows.allSatisfy(self.rows.indices.contains),
            "rows must be ascending positions of the split")
        return ExampleSplit(name, rows.map { self.rows[$0] }, source, inputs, classCount)
    }

    /// The same examples, whose batches hold other datasets than x, in this order.
    ///
    /// - Parameter names: Those of `ExampleFile.inputs`.
    public func reading(_ names: [String]) -> ExampleSplit {
        let inputs = names.map { name in
            guard let input = source.inputs.first(where: { $0.name == name }) else {
                preconditionFailure("'\(source.name)' has no input '\(name)'")
            }
            return input
        }
        return ExampleSplit(name, rows, source, inputs, classCount)
    }

    /// How many examples to read at a time, reading in sequence: some thousand, or about as many as are in memory
    /// anyway.
    public func countReadTogether(multipleOf size: Int) -> Int {
        let rows = ReadingPlan.windowByteCount / max(1, rowByteCount)
        return rows >= Self.mostReadTogether ? Self.mostReadTogether : max(size, rows / size * size)
    }

    private static let mostReadTogether = 4096

    /// The bytes that a reader of examples has in memory at most: two windows that a batch lies in, and one read ahead.
    public var readingMemory: Int { min(count * rowByteCount, 3 * ReadingPlan.windowByteCount) }

    /// The bytes that one example takes in memory as it is read.
    var rowByteCount: Int {
        inputs.reduce(0) { $0 + $1.rowByteCount } + (labelKind == .multilabel ? source.labelsPerExample : 0)
    }
}

/// A dataset of numbers that models are fed with, one row for each example: x·scale + offset.
final class InputSource: Sendable {
    let name: String
    let dataset: HDF5Dataset
    let scaling: InputScaling

    init(_ name: String, _ dataset: consuming HDF5Dataset, _ scaling: InputScaling) {
        self.name = name
        self.dataset = dataset
        self.scaling = scaling
    }

    /// - Parameters:
    ///   - other: The training examples that it is to be like.
    ///   - holder: What errors call them.
    /// - Throws: `ExampleFileError` where models would get other numbers for what is the same in both.
    fileprivate func refuseScaling(
        otherThan other: InputSource, of holder: String, at place: SplitPlace
    ) throws(ExampleFileError) {
        // The same for every channel is one number.
        func plain(_ numbers: [Float]) -> [Float] { Set(numbers).count == 1 ? [numbers[0]] : numbers }
        for (attribute, own, others) in [
            ("scale", scaling.scale, other.scaling.scale), ("offset", scaling.offset, other.scaling.offset),
        ] {
            let found = plain(own), wanted = plain(others)
            guard found != wanted else { continue }
            throw place.error(
                name, expected: "\(attribute) \(list(wanted)), as \(holder) has it", found: list(found),
                "Give '\(attribute)' the same value in both; without the attribute it is "
                    + "\(attribute == "scale" ? 1 : 0).")
        }
    }

    var exampleShape: [Int] { Array(dataset.shape.dropFirst()) }

    /// How many numbers share one place of the first axis of an example.
    var elementsPerFrame: Int { dataset.shape.dropFirst(2).reduce(1, *) }

    fileprivate var rowByteCount: Int {
        dataset.elementsPerRow * (dataset.type == .uint8 ? 1 : dataset.type == .float16 ? 2 : 4)
    }
}

/// One group of a file, `train`, `validation` or `test`, open and checked.
final class SplitSource: Sendable {
    let path: String
    let name: String
    let count: Int
    let x: InputSource
    /// x, and whatever else models could be fed with, by name.
    let inputs: [InputSource]
    let labelKind: LabelKind
    /// The class of each example, where it has one.
    let labels: [Int32]
    /// The labels of each example; where it has many, they are too large to keep. Nil where nothing is known of examples.
    let labelRows: LabelRows?
    /// The columns of the labels: 1 where they are numbers of classes.
    let labelsPerExample: Int
    let isByteColumn: Bool
    /// How many frames of each example are real.
    let frameCounts: [Int32]?
    let isUnlabeled: Bool

    /// - Parameter meaning: What the labels of all splits mean.
    init(_ root: borrowing HDF5Group, _ name: String, _ path: String, _ meaning: LabelMeaning) throws {
        let place = SplitPlace(path: path, split: name)
        for part in ["x", "y"] where try root.kind(of: "\(name)/\(part)") != .dataset {
            throw try place.missing(part, root)
        }
        let x = try root.dataset("\(name)/x"), y = try root.dataset("\(name)/y")
        try place.checkInputs(x)
        let stored = try place.labels(y, count: x.shape[0])
        self.labelKind = stored.columns > 1 && meaning != .oneHot ? .multilabel : .multiclass
        var labels: [Int32] = []
        if labelKind == .multiclass { try stored.readAll { labels += $0.classes } }
        self.labels = labels
        self.labelsPerExample = stored.columns
        self.frameCounts = try place.readFrameCounts(root, of: x)
        self.path = path
        self.name = name
        self.count = x.shape[0]
        self.isUnlabeled = false
        self.isByteColumn = stored.isByteColumn
        self.labelRows = LabelRows(stored.taken())
        let count = x.shape[0]
        let scaling = try place.scaling(x, of: "x"), input = InputSource("x", x, scaling)
        self.x = input
        self.inputs = [input] + (try Self.otherInputs(root, place, count: count))
    }

    /// Examples of which nothing is known: `NAME/x`, or `x` at the top.
    ///
    /// - Parameter split: What labeled examples are like.
    init(unlabeled file: borrowing HDF5File, _ path: String, like split: SplitSource) throws {
        let isGrouped = try file.root.contains("train")
        let folder = isGrouped ? "train/" : "", place = SplitPlace(path: path, split: isGrouped ? "train" : "")
        guard try file.root.kind(of: "\(folder)x") == .dataset else {
            let names = try file.root.names().map { "'\($0)'" }
            throw ExampleFileError(
                path, expected: "a dataset 'train/x' or 'x' of examples without labels",
                found: names.isEmpty ? "an empty file" : "\(names.joined(separator: ", ")) at the top",
                "A file of unlabeled examples holds them as train/x or x; labels are not read.")
        }
        let x = try file.root.dataset("\(folder)x")
        try place.checkInputs(x)
        let shape = Array(x.shape.dropFirst()), count = x.shape[0]
        guard shape == split.x.exampleShape else {
            throw place.error(
                "x", expected: "examples of shape \(split.x.exampleShape), as in '\(split.path)'", found: "\(shape)",
                "The student takes one kind of examples.")
        }
        let scaling = try place.scaling(x, of: "x")
        frameCounts = try place.readFrameCounts(file.root, of: x)
        let input = InputSource("x", x, scaling)
        try input.refuseScaling(otherThan: split.x, of: "'train/x' in '\(split.path)'", at: place)
        if (frameCounts == nil) != (split.frameCounts == nil) {
            throw place.error(
                "length", expected: frameCounts == nil ? "as in '\(split.path)'" : "nothing, as in '\(split.path)'",
                found: frameCounts == nil ? "nothing" : "a dataset", "Give 'length' in both files, or in none.")
        }
        (self.x, inputs) = (input, [input])
        (self.path, name, self.count, isUnlabeled) = (path, "unlabeled", count, true)
        (labelKind, labels, labelsPerExample, isByteColumn) = (.multiclass, [], 1, false)
        labelRows = nil
    }

    /// How many frames of each example of an input are real; nil where all are.
    ///
    /// The lengths are those of x, and of every other input with as many frames.
    func frameCounts(of input: InputSource) -> [Int32]? {
        let shape = input.exampleShape
        return shape.count >= 2 && shape[0] == x.exampleShape[0] ? frameCounts : nil
    }

    /// The datasets beside x and y that have a row of numbers for each example, in the order of their names.
    private static func otherInputs(_ root: borrowing HDF5Group, _ place: SplitPlace, count: Int) throws
        -> [InputSource]
    {
        var inputs: [InputSource] = []
        for name in try root.group(place.split).names() where !["x", "y", "length"].contains(name) {
            guard try root.kind(of: "\(place.split)/\(name)") == .dataset else { continue }
            // What cannot be read is not for us, and no reason to refuse the rest.
            guard let dataset = try? root.dataset("\(place.split)/\(name)") else { continue }
            guard dataset.type.byteCount != nil, dataset.shape.count >= 2, dataset.shape[0] == count,
                dataset.elementCount > 0
            else { continue }
            let scaling = try place.scaling(dataset, of: name)
            inputs.append(InputSource(name, dataset, scaling))
        }
        return inputs
    }

    /// All parts of a file hold the same kind of examples.
    func refuseDifference(from train: SplitSource) throws {
        if x.exampleShape != train.x.exampleShape {
            throw ExampleFileError(
                path, "\(name)/x", expected: "examples of shape \(train.x.exampleShape), as in 'train/x'",
                found: "\(x.exampleShape)", "All splits must hold the same kind of examples.")
        }
        if labelKind != train.labelKind || labelsPerExample != train.labelsPerExample {
            throw ExampleFileError(
                path, "\(name)/y", expected: "labels as in 'train/y', of shape (examples\(train.labelColumns))",
                found: "shape (examples\(labelColumns))", "All splits must be labeled alike.")
        }
        for input in inputs {
            guard let other = train.inputs.first(where: { $0.name == input.name }) else { continue }
            try input.refuseScaling(
                otherThan: other, of: "'train/\(input.name)'", at: SplitPlace(path: path, split: name))
        }
        if (frameCounts == nil) != (train.frameCounts == nil) {
            throw ExampleFileError(
                path, "\(name)/length",
                expected: frameCounts == nil ? "as in 'train/length'" : "nothing, as in 'train'",
                found: frameCounts == nil ? "nothing" : "a dataset", "Give 'length' for every split, or for none.")
        }
    }

    func refuseLabels(beyond classCount: Int, areNamed: Bool) throws {
        guard labelKind == .multiclass else { return }
        if let row = labels.firstIndex(where: { $0 >= classCount }) {
            throw ExampleFileError(
                path, "\(name)/y", expected: "classes from 0 to \(classCount - 1), as 'classes' names them",
                found: "\(labels[row]) in row \(row)",
                (labels.contains(0) ? "" : "The labels seem to begin at 1; subtract 1. ")
                    + "Name every class, or leave the attribute 'classes' out.")
        }
    }

    private var labelColumns: String {
        labelsPerExample == 1 ? "" : ", \(labelsPerExample)"
    }
}

/// One number, or some with a limit.
private func list(_ numbers: [Float]) -> String {
    numbers.prefix(4).map { "\($0)" }.joined(separator: ", ") + (numbers.count > 4 ? ", …" : "")
}
