public import HDF5

/// Examples in other people's files, which become a data file.
public protocol ExampleImport: Sendable {
    /// The names of the classes, from class 0 on; nil if nobody knows them.
    var classNames: [String]? { get }
    /// How many of the last training examples become the validation examples.
    var validationCount: Int { get }
    /// What its work is counted in, such as examples.
    var unit: String { get }
    /// How much there is to do, known before an example is read.
    func amount() throws -> Int
    /// Writes `train/x`, `train/y`, `test/x` and `test/y`, and `validation/…` if it is wanted.
    ///
    /// - Parameter progress: Called now and then with how much is done; may throw to stop.
    func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws
}

/// What an import wrote.
public struct ImportReport: Hashable, Sendable {
    public let path: String
    public let trainCount: Int
    /// Nil where the file has no validation examples of its own.
    public let validationCount: Int?
    public let testCount: Int
    public let classCount: Int
    public let byteCount: Int
    /// Those of the data file: `ExampleFile.warnings`.
    public let warnings: [String]
}

extension ExampleImport {
    public var unit: String { "examples" }

    /// Writes a data file, which appears under its name only when it is whole.
    ///
    /// - Parameter progress: Called now and then with how much is done; may throw to stop.
    public func write(to output: String, progress: (Int) throws -> Void = { _ in }) throws -> ImportReport {
        var data: ExampleFile?
        let byteCount = try HDF5File.writeWhole(to: output) { file in
            if let classNames {
                try file.root.attributes.write(classNames, to: "classes")
            }
            try writeExamples(to: file.root, progress: progress)
        } check: { partial, _ in
            data = try ExampleFile(opening: partial, isOurs: true)
        }
        guard let data else { preconditionFailure("a file was written without a check") }
        return ImportReport(
            path: output, trainCount: data.train.count, validationCount: data.validation?.count,
            testCount: data.test.count, classCount: data.classCount, byteCount: byteCount,
            warnings: data.warnings)
    }

    /// Refuses to make all training examples validation examples.
    func leaveSomeToTrain(of count: Int, in path: String) throws {
        guard validationCount < count else {
            throw ExampleFileError(
                path, expected: "more than the \(validationCount) examples wanted for validation", found: "\(count)",
                "Leave some to train with.")
        }
    }
}

/// A dataset of a split as it is written, row after row, such as `train/x`, whose last rows may become `validation/x`.
final class ImportedColumn {
    private let first: HDF5Dataset
    private let last: HDF5Dataset?
    private var rowsDone = 0

    /// - Parameters:
    ///   - split: Nil for a dataset at the top.
    ///   - validation: How many of the last rows go to the split `validation`.
    init(
        _ name: String, of split: String?, in root: borrowing HDF5Group, _ type: HDF5Type, shape: [Int],
        validation: Int
    ) throws {
        let example = Array(shape.dropFirst())
        self.first = try root.createDataset(
            split.map { "\($0)/\(name)" } ?? name, type, shape: [shape[0] - validation] + example)
        self.last =
            validation > 0 ? try root.createDataset("validation/\(name)", type, shape: [validation] + example) : nil
    }

    /// Writes the next rows.
    func append<Element: HDF5Element>(_ elements: [Element]) throws { try append(elements.span) }

    /// Writes the next rows.
    func append<Element: HDF5Element>(_ elements: Span<Element>) throws {
        let width = first.elementsPerRow, rows = rowsDone..<(rowsDone + elements.count / width)
        let end = first.shape[0], split = min(max(end, rows.lowerBound), rows.upperBound)
        let cut = (split - rows.lowerBound) * width
        if split > rows.lowerBound {
            try first.write(rows: rows.lowerBound..<split, elements.extracting(0..<cut))
        }
        if split < rows.upperBound {
            try last?.write(rows: (split - end)..<(rows.upperBound - end), elements.extracting(cut...))
        }
        rowsDone = rows.upperBound
    }
}
