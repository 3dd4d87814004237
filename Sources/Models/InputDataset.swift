import Datasets
import HDF5
import Tensors

/// A dataset of a file: `FILE:DATASET`, such as `digits.h5:test/x`.
public struct DatasetName: Hashable, Sendable, CustomStringConvertible {
    public let file: String
    public let dataset: String

    /// Nil for a text that does not name both.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        file = String(text[..<colon])
        dataset = String(text[colon...].dropFirst())
        if file.isEmpty || dataset.isEmpty { return nil }
    }

    public var description: String { "'\(dataset)' in '\(file)'" }

    /// The last part of the dataset's name: `x` for `test/x`.
    public var shortName: String { dataset.split(separator: "/").last.map(String.init) ?? dataset }
}

/// Examples in a dataset, to be read as floats.
public final class InputDataset: Sendable {
    public let name: DatasetName
    private let dataset: HDF5Dataset
    private let scaling: InputScaling
    /// How many frames of each example are real; nil where all are.
    private let frameCounts: [Int]?

    /// Opens a dataset of an HDF5 file, or an array of a NumPy archive.
    ///
    /// - Throws: `InputDatasetError` for one that does not hold examples, and what reading the file throws.
    public static func open(_ name: DatasetName) throws -> InputDataset {
        try HDF5View.open(name.file, dataset: name.dataset) { try InputDataset(name, $0) }
    }

    private init(_ name: DatasetName, _ file: borrowing HDF5File) throws {
        let dataset = try file.root.dataset(name.dataset)
        guard !dataset.shape.isEmpty, dataset.type.byteCount != nil else {
            throw InputDatasetError(
                "\(name): expected numbers of shape (examples, …), found \(dataset.type) of shape "
                    + "\(Shape(dataset.shape))")
        }
        do {
            scaling = try InputScaling(of: dataset)
        } catch let problem as InputScaling.Problem {
            throw InputDatasetError("\(dataset.place): expected \(problem.expected), found \(problem.found)")
        }
        frameCounts = try Self.frameCounts(beside: name, file.root, shape: dataset.shape)
        self.name = name
        self.dataset = dataset
    }

    /// Those of a dataset `length` in the same group.
    private static func frameCounts(
        beside name: DatasetName, _ root: borrowing HDF5Group, shape: [Int]
    ) throws -> [Int]? {
        let path = name.dataset.split(separator: "/").dropLast().map { $0 + "/" }.joined() + "length"
        guard shape.count >= 3, shape[1] > 0, try root.contains(path) else { return nil }
        let lengths = try root.dataset(path)
        guard lengths.shape == [shape[0]], lengths.type.isInteger else { return nil }
        let counts = try lengths.read(as: Int.self)
        if let row = counts.firstIndex(where: { !(0...shape[1]).contains($0) }) {
            throw InputDatasetError(
                "'\(path)' in '\(name.file)': expected from 0 to \(shape[1]) frames, found \(counts[row]) in row \(row)"
            )
        }
        return counts
    }

    public var count: Int { dataset.shape[0] }
    public var exampleShape: [Int] { Array(dataset.shape.dropFirst()) }

    /// Reads examples one after the other: x·scale + offset, and 0 behind the true length.
    ///
    /// - Throws: `InputDatasetError` for numbers that are NaN or infinite.
    public func read(_ rows: Range<Int>, into values: inout [Float]) throws {
        var span = values.mutableSpan
        try dataset.readNumbers(rows: rows, into: &span)
        scaling.apply(to: &span)
        if let frameCounts { clear(&values, rows, behind: frameCounts) }
        try refuseNotFinite(values, rows)
    }

    private func clear(_ values: inout [Float], _ rows: Range<Int>, behind frameCounts: [Int]) {
        let width = dataset.elementsPerRow, frameWidth = width / dataset.shape[1]
        for (index, row) in rows.enumerated() {
            for place in (index * width + frameCounts[row] * frameWidth)..<((index + 1) * width) { values[place] = 0 }
        }
    }

    /// A model makes some prediction of anything: of NaN, one that cannot be distinguished from the others.
    private func refuseNotFinite(_ values: [Float], _ rows: Range<Int>) throws {
        guard let index = values.firstIndex(where: { !$0.isFinite }) else { return }
        var (row, rest) = index.quotientAndRemainder(dividingBy: dataset.elementsPerRow), place: [Int] = []
        for extent in exampleShape.reversed() {
            place.insert(rest % extent, at: 0)
            rest /= extent
        }
        row += rows.lowerBound
        let found = values[index].isNaN ? "NaN" : "a number beyond float32"
        throw InputDatasetError(
            "\(name): expected finite numbers, found \(found) in row \(row)"
                + (place.isEmpty ? "" : " at \(Shape(place))") + ", both from 0. Replace it, or leave the row out")
    }
}

/// A dataset that no model can read.
public struct InputDatasetError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
