import HDF5

/// What a model can be fed with: a dataset that every split has.
public struct ExampleInput: Hashable, Sendable {
    /// `x`, or the name of another dataset beside it.
    public let name: String
    /// The extents of one example.
    public let shape: [Int]

    public init(_ name: String, _ shape: [Int]) {
        self.name = name
        self.shape = shape
    }
}

/// A file of examples: `train/x`, `train/y`, `test/x`, `test/y`, and optionally `validation/x`, `validation/y`; or a NumPy
/// archive with such arrays.
///
/// Beside `x` there may be other inputs under names of their own, such as `train/rgb` and `train/audio`, for models that
/// want them.
///
/// Opening it checks everything that can be known without reading `x`.
public struct ExampleFile: Sendable {
    public let path: String
    public let labelKind: LabelKind
    public let classCount: Int
    public let classNames: [String]?
    /// The extents of one example.
    public let exampleShape: [Int]
    /// What models can be fed with: `x` first, then the others that every split has, in the order of their names.
    public let inputs: [ExampleInput]
    /// All training examples.
    public let train: ExampleSplit
    public let test: ExampleSplit
    /// The validation examples, if the file has a group of them.
    public let validation: ExampleSplit?
    /// What is unusual about the labels, but possible: sentences for whoever is to trust the result.
    public private(set) var warnings: [String]

    /// Labels beyond this are taken for damage, unless the file names its classes.
    private static let mostClasses = 1 << 20

    /// - Parameters:
    ///   - isOurs: Whether this program has just written it.
    ///   - testShare: Which share of its training examples is for testing, of each class the same, as nearly as whole examples
    ///     allow; the same examples in every run. Nil where the file has test examples.
    public init(opening path: String, isOurs: Bool = false, testShare: Double? = nil) throws {
        self = try HDF5View.open(path, testShare == nil ? .splits : .splitsButTest, isOurs: isOurs) {
            try ExampleFile($0, path, testShare)
        }
        if !isOurs, testShare == nil, let archive = HDF5View.archive(path), try archive.isUndivided() {
            warnings.append(
                "the archive has x and y of all examples: a fixed fifth of them, \(test.count) of "
                    + "\(train.count + test.count), is for testing; give x_test and y_test to choose which, or --test to choose how many"
            )
        }
    }

    private init(_ file: borrowing HDF5File, _ path: String, _ testShare: Double?) throws {
        let names = try Self.classNames(file, path)
        let hasValidation = try file.root.contains("validation")
        let task = try LabelKind(declaredIn: file.root, path)
        if testShare != nil, try file.root.contains("test") {
            throw ExampleFileError(
                path, expected: "no test examples, as --test is to take some of train", found: "'test'",
                "Leave --test out.")
        }
        let meaning = try StoredLabels.meaning(
            file.root, ["train", "test"] + (hasValidation ? ["validation"] : []), task, path)
        let train = try SplitSource(file.root, "train", path, meaning)
        let test = testShare == nil ? try SplitSource(file.root, "test", path, meaning) : nil
        let validation = hasValidation ? try SplitSource(file.root, "validation", path, meaning) : nil
        let sources = [train] + [test, validation].compactMap(\.self)
        for source in sources.dropFirst() {
            try source.refuseDifference(from: train)
        }
        let classCount = try Self.classCount(sources, names)
        for source in sources {
            try source.refuseLabels(beyond: classCount, areNamed: names != nil)
        }
        self.warnings =
            (meaning == .oneHot && task == nil ? [LabelMeaning.oneHotNotice] : [])
            + (try LabelCount.warnings(sources, classCount, names, isDeclared: task != nil))
        self.path = path
        self.labelKind = train.labelKind
        self.classCount = classCount
        self.classNames = names
        self.exampleShape = train.x.exampleShape
        self.inputs = train.inputs.filter { input in
            sources.allSatisfy { source in
                source.inputs.contains { $0.name == input.name && $0.exampleShape == input.exampleShape }
            }
        }.map { ExampleInput($0.name, $0.exampleShape) }
        (self.train, self.test) = try Self.trainAndTest(train, test, testShare ?? 0, classCount)
        self.validation = validation.map { ExampleSplit($0, classCount) }
    }

    private static func trainAndTest(
        _ train: SplitSource, _ test: SplitSource?, _ share: Double, _ classCount: Int
    ) throws(ExampleFileError) -> (ExampleSplit, ExampleSplit) {
        let all = ExampleSplit(train, classCount)
        if let test { return (all, ExampleSplit(test, classCount)) }
        let split = StratifiedSplit(
            train.labelKind == .multiclass ? train.labels : [Int32](repeating: 0, count: train.count), validation: 0,
            test: share, seed: HeldOut.testSeed)
        let rows = split.rows(of: .test)
        guard !rows.isEmpty else {
            throw ExampleFileError(
                train.path, "train/x", expected: "examples of which some can be for testing",
                found: "\(train.count), of which each is the only one of its class", "Give more.")
        }
        return (all.selecting(split.rows(of: .train), name: "train"), all.selecting(rows, name: "test"))
    }

    /// What to train with and what to validate with: the file's own parts, or a fixed part of train held out.
    public func trainAndValidation() -> (train: ExampleSplit, validation: ExampleSplit) {
        if let validation {
            return (train, validation)
        }
        let rows = HeldOut.split(train.count)
        return (train.selecting(rows.train, name: "train"), train.selecting(rows.validation, name: "validation"))
    }

    /// Opens a file of further examples of which nothing is known: `train/x`, or `x` at the top; labels are not read.
    ///
    /// - Throws: `ExampleFileError` where they are not like those of this file.
    public func unlabeled(_ path: String) throws -> ExampleSplit {
        let source = try HDF5View.open(path, .unlabeled) { try SplitSource(unlabeled: $0, path, like: train.source) }
        return ExampleSplit(source, classCount)
    }

    private static func classNames(_ file: borrowing HDF5File, _ path: String) throws -> [String]? {
        let hasNames = try file.root.attributes.contains("classes") || file.root.attributes.contains("classes0")
        guard hasNames else { return nil }
        let names = try file.root.attributes.strings("classes")
        guard !names.isEmpty else {
            throw ExampleFileError(
                path, expected: "an attribute 'classes' with the name of each class", found: "an empty list",
                "Write the names, or leave the attribute out.")
        }
        return names
    }

    private static func classCount(_ sources: [SplitSource], _ names: [String]?) throws -> Int {
        guard let first = sources.first else { return 0 }
        if first.labelsPerExample > 1 {
            let count = first.labelsPerExample
            if let names, names.count != count {
                throw ExampleFileError(
                    first.path, "train/y", expected: "\(names.count) columns, one for each name in 'classes'",
                    found: "\(count)", "Name every column once, or leave the attribute 'classes' out.")
            }
            return count
        }
        if let names { return names.count }
        for source in sources {
            if let row = source.labels.firstIndex(where: { $0 >= mostClasses }) {
                throw ExampleFileError(
                    source.path, "\(source.name)/y", expected: "class numbers from 0 on",
                    found: "\(source.labels[row]) in row \(row)",
                    "Number the classes without gaps, or name them in the file's attribute 'classes'.")
            }
        }
        return Int(sources.compactMap { $0.labels.max() }.max() ?? 0) + 1
    }
}
