import HDF5

/// Some of the examples of a file: its training, validation or test examples.
public struct ExampleSplit: Sendable {
    public let name: String
    /// The rows of the file's datasets that belong to it, ascending.
    public let rows: [Int]
    let source: SplitSource
    /// The datasets that its batches hold: x, unless others were asked for.
    let inputs: [InputSource]
    public let classCount: Int

    public var path: String { source.path }

    /// Where a row of the file is, in words: `'train/x' in 'd.h5', row 17`, counted from 0.
    public func place(ofRow row: Int) -> String {
        let datasets = inputs.map { "'\($0.dataset.place.path.drop { $0 == "/" })'" }.joined(separator: " and ")
        return "\(datasets) in '\(path)', row \(row)"
    }

    public var count: Int { rows.count }
    public var exampleShape: [Int] { source.x.exampleShape }
    public var labelKind: LabelKind { source.labelKind }
    /// What stands among the inputs where nothing is: what 0 in the file is, the offset of x; where examples have true
    /// lengths, 0, as behind these.
    public var zero: Float { hasFrameCounts ? 0 : source.x.offset }
    /// Whether nothing is known of its examples.
    public var isUnlabeled: Bool { source.isUnlabeled }
    /// Whether the file says how many frames of each example are real.
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

    /// How many examples to ask for at a time, reading in sequence: some thousand, or about as many as are in memory
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
        inputs.reduce(0) { $0 + $1.rowByteCount } + (labelKind == .manyLabels ? source.labelsPerExample : 0)
    }
}

/// A dataset of numbers that models are fed with, one row for each example: x·scale + offset.
final class InputSource: Sendable {
    let name: String
    let dataset: HDF5Dataset
    let scale: Float
    let offset: Float

    init(_ name: String, _ dataset: consuming HDF5Dataset, scale: Float, offset: Float) {
        self.name = name
        self.dataset = dataset
        self.scale = scale
        self.offset = offset
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
    /// The labels of each example, where it has many: too large to keep; nil where nothing is known of examples.
    let labelRows: HDF5Dataset?
    let labelsPerExample: Int
    /// How many frames of each example are real.
    let frameCounts: [Int32]?
    let isUnlabeled: Bool

    init(_ root: borrowing HDF5Group, _ name: String, _ path: String) throws {
        for part in ["x", "y"] where try root.kind(of: "\(name)/\(part)") != .dataset {
            let names = try root.names().map { "'\($0)'" }
            throw ExampleFileError(
                path, expected: "a dataset '\(name)/\(part)'",
                found: names.isEmpty ? "an empty file" : "\(names.joined(separator: ", ")) at the top",
                "A data file holds train/x, train/y, test/x and test/y.")
        }
        let x = try root.dataset("\(name)/x"), y = try root.dataset("\(name)/y")
        let place = Place(path: path, split: name)
        try place.checkInputs(x)
        self.labelKind = try place.checkLabels(y, count: x.shape[0])
        self.labels = try labelKind == .oneClass ? place.readLabels(y) : []
        self.labelsPerExample = y.shape.count == 2 ? y.shape[1] : 1
        self.frameCounts = try place.readFrameCounts(root, of: x)
        self.path = path
        self.name = name
        self.count = x.shape[0]
        self.isUnlabeled = false
        self.labelRows = consume y
        let count = x.shape[0]
        let (scale, offset) = try place.scaling(x.attributes, of: "x")
        let input = InputSource("x", x, scale: scale, offset: offset)
        self.x = input
        self.inputs = [input] + (try Self.otherInputs(root, place, count: count))
    }

    /// Examples of which nothing is known: `NAME/x`, or `x` at the top.
    ///
    /// - Parameter split: What labeled examples are like.
    init(unlabeled path: String, like split: SplitSource) throws {
        try Rehearsal.run(path)
        let file = try HDF5File(opening: path)
        let isGrouped = try file.root.contains("train")
        let folder = isGrouped ? "train/" : "", place = Place(path: path, split: isGrouped ? "train" : "")
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
        let (scale, offset) = try place.scaling(x.attributes, of: "x")
        frameCounts = try place.readFrameCounts(file.root, of: x)
        let input = InputSource("x", x, scale: scale, offset: offset)
        (self.x, inputs) = (input, [input])
        (self.path, name, self.count, isUnlabeled) = (path, "unlabeled", count, true)
        (labelKind, labels, labelsPerExample) = (.oneClass, [], 1)
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
    private static func otherInputs(_ root: borrowing HDF5Group, _ place: Place, count: Int) throws -> [InputSource] {
        var inputs: [InputSource] = []
        for name in try root.group(place.split).names() where !["x", "y", "length"].contains(name) {
            guard try root.kind(of: "\(place.split)/\(name)") == .dataset else { continue }
            // What cannot be read is not for us, and no reason to refuse the rest.
            guard let dataset = try? root.dataset("\(place.split)/\(name)") else { continue }
            guard Place.inputTypes.contains(dataset.type), dataset.shape.count >= 2, dataset.shape[0] == count,
                dataset.elementCount > 0
            else { continue }
            let (scale, offset) = try place.scaling(dataset.attributes, of: name)
            inputs.append(InputSource(name, dataset, scale: scale, offset: offset))
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
        if labelKind != train.labelKind || labelKind == .manyLabels && labelsPerExample != train.labelsPerExample {
            throw ExampleFileError(
                path, "\(name)/y", expected: "labels as in 'train/y', of shape (examples\(train.labelColumns))",
                found: "shape (examples\(labelColumns))", "All splits must be labeled alike.")
        }
        if (frameCounts == nil) != (train.frameCounts == nil) {
            throw ExampleFileError(
                path, "\(name)/length",
                expected: frameCounts == nil ? "as in 'train/length'" : "nothing, as in 'train'",
                found: frameCounts == nil ? "nothing" : "a dataset", "Give 'length' for every split, or for none.")
        }
    }

    func refuseLabels(beyond classCount: Int, areNamed: Bool) throws {
        guard labelKind == .oneClass else { return }
        if let row = labels.firstIndex(where: { $0 >= classCount }) {
            throw ExampleFileError(
                path, "\(name)/y", expected: "classes from 0 to \(classCount - 1), as 'classes' names them",
                found: "\(labels[row]) in row \(row)", "Name every class, or leave the attribute 'classes' out.")
        }
    }

    private var labelColumns: String {
        labelKind == .oneClass ? "" : ", \(labelsPerExample)"
    }
}

/// The checks of one group, which all speak of the same place.
private struct Place {
    let path: String
    let split: String

    func error(_ part: String, expected: String, found: String, _ advice: String) -> ExampleFileError {
        ExampleFileError(path, split.isEmpty ? part : "\(split)/\(part)", expected: expected, found: found, advice)
    }

    static let inputTypes: [HDF5Type] = [.uint8, .float16, .float32, .float64]

    func checkInputs(_ x: borrowing HDF5Dataset) throws {
        guard Self.inputTypes.contains(x.type) else {
            throw error(
                "x", expected: "uint8, float16, float32 or float64", found: "\(x.type)",
                "Store the examples as one of these.")
        }
        guard x.shape.count >= 2 else {
            throw error(
                "x", expected: "shape (examples, …)", found: "\(x.shape)",
                "The first axis counts examples; single numbers are of shape (examples, 1).")
        }
        guard x.elementCount > 0 else {
            throw error("x", expected: "at least one example", found: "shape \(x.shape)", "Is the file finished?")
        }
    }

    func checkLabels(_ y: borrowing HDF5Dataset, count: Int) throws -> LabelKind {
        guard y.shape.first == count else {
            throw error(
                "y", expected: "\(count) rows, as many as '\(split)/x' has", found: "shape \(y.shape)",
                "Each example needs its label.")
        }
        if y.shape.count == 1, y.type.isInteger {
            return .oneClass
        }
        if y.shape.count == 2, y.shape[1] > 0, y.type.byteCount == 1 {
            return .manyLabels
        }
        throw error(
            "y", expected: "whole numbers of shape (\(count)), or uint8 of shape (\(count), classes)",
            found: "\(y.type) of shape \(y.shape)",
            "Store the number of the class, or a row of zeros and ones for several labels.")
    }

    func readLabels(_ y: borrowing HDF5Dataset) throws -> [Int32] {
        let labels = try y.read(as: Int.self)
        if let row = labels.firstIndex(where: { $0 < 0 || $0 > Int32.max }) {
            throw error(
                "y", expected: "class numbers from 0 on", found: "\(labels[row]) in row \(row)",
                "Number the classes from 0, and remove examples that have none.")
        }
        return labels.map { Int32($0) }
    }

    func scaling(_ attributes: borrowing HDF5Attributes, of input: String) throws -> (scale: Float, offset: Float) {
        var values: [Float] = [1, 0]
        for (index, name) in ["scale", "offset"].enumerated() where try attributes.contains(name) {
            let value = try attributes.double(name)
            guard Float(value).isFinite else {
                throw error(
                    input, expected: "a finite number in the attribute '\(name)'", found: "\(value)",
                    "Inputs are x·scale + offset.")
            }
            values[index] = Float(value)
        }
        return (values[0], values[1])
    }

    func readFrameCounts(_ root: borrowing HDF5Group, of x: borrowing HDF5Dataset) throws -> [Int32]? {
        let name = split.isEmpty ? "length" : "\(split)/length"
        guard try root.contains(name) else { return nil }
        let lengths = try root.dataset(name)
        guard lengths.shape == [x.shape[0]], lengths.type.isInteger else {
            throw error(
                "length", expected: "whole numbers of shape (\(x.shape[0]))",
                found: "\(lengths.type) of shape \(lengths.shape)", "It says how many frames of each example are real.")
        }
        guard x.shape.count >= 3 else {
            throw error(
                "length", expected: "examples of several frames", found: "'\(split)/x' of shape \(x.shape)",
                "Leave 'length' out where examples have no frames.")
        }
        let counts = try lengths.read(as: Int.self)
        let frames = x.shape[1]
        if let row = counts.firstIndex(where: { !(1...frames).contains($0) }) {
            throw error(
                "length", expected: "from 1 to \(frames) frames", found: "\(counts[row]) in row \(row)",
                "'\(split)/x' has \(frames) frames for each example.")
        }
        return counts.map { Int32($0) }
    }
}
