import HDF5

/// The predictions for the rows of one part of the data.
public final class PredictionRows: Sendable {
    /// The array's path in its file.
    let name: String
    private let path: String
    private let dataset: HDF5Dataset

    init(_ path: String, _ name: String, _ dataset: consuming HDF5Dataset) {
        (self.path, self.name) = (path, name)
        self.dataset = dataset
    }

    public var count: Int { dataset.shape[0] }
    /// The predictions for a row.
    public var columns: Int { dataset.elementsPerRow }
    /// Whether the file has numbers of few digits.
    public var isFloat16: Bool { dataset.type == .float16 || dataset.type == .bfloat16 }

    /// The predictions for some rows, ascending, one after another.
    public func read(_ rows: [Int]) throws -> [Float] {
        let atOnce = max(1, (1 << 20) / (columns * MemoryLayout<Float>.size))
        let chunk = dataset.chunkShape?.first ?? 1
        return try dataset.gather(rows, (atOnce + chunk - 1) / chunk * chunk)
    }

    /// The error that something is wrong with a row.
    public func error(expected: String, found: String, row: Int, _ advice: String) -> ExampleFileError {
        error(expected: expected, found: "\(found) in row \(row)", advice)
    }

    func error(expected: String, found: String, _ advice: String) -> ExampleFileError {
        ExampleFileError(path, name, expected: expected, found: found, advice)
    }

    /// Refuses predictions for other rows or classes than a split's.
    public func refuseOthers(than split: ExampleSplit) throws(ExampleFileError) {
        let classes = split.classCount
        guard count == split.partCount else {
            let isTrain = split.part == .train
            throw error(
                expected: "\(split.partCount) rows, one for each of '\(split.part.rawValue)' in '\(split.path)'"
                    + (isTrain ? ", held-out rows included" : ""), found: "\(count)",
                "Predict all of them, in their order.")
        }
        let isBinary = classes == 2 && split.labelKind == .multiclass && columns == 1
        guard columns == classes || isBinary else {
            throw error(
                expected: "\(classes) columns, one for each class of '\(split.path)'", found: "\(columns)",
                "Columns are the classes of the data, all of them.")
        }
    }

    /// The error of an array that is for nobody knows which rows.
    func unclear(_ data: ExampleFile) -> ExampleFileError {
        let isTest = data.test.part == .test && count == data.test.count
        return error(
            expected: "\(data.train.partCount) rows, one for each of 'train' in '\(data.path)', held-out rows included",
            found: "\(count)" + (isTest ? ", as many as 'test' has" : ""),
            "An array by itself is for train. Name arrays: np.savez('p.npz', train=…, test=…), or a column 'split' in a "
                + "table.")
    }
}
