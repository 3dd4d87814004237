import ArgumentParser
import Datasets
import HDF5
import ModelFiles
import Tensors

/// A dataset on the command line: `FILE:DATASET`, such as `digits.h5:test/x`.
struct DatasetName: ExpressibleByArgument, CustomStringConvertible {
    let file: String
    let dataset: String

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":") else { return nil }
        file = String(argument[..<colon])
        dataset = String(argument[colon...].dropFirst())
        if file.isEmpty || dataset.isEmpty { return nil }
    }

    var description: String { "'\(dataset)' in '\(file)'" }

    /// The last part of the dataset's name: `x` for `test/x`.
    var shortName: String { dataset.split(separator: "/").last.map(String.init) ?? dataset }
}

/// Examples in a dataset, to be read as floats.
final class InputDataset: Sendable {
    let name: DatasetName
    private let dataset: HDF5Dataset
    private let scale: Float
    private let offset: Float

    init(opening name: DatasetName) throws {
        try Rehearsal.run(name.file)
        let file = try HDF5File(opening: name.file)
        let dataset = try file.root.dataset(name.dataset)
        guard !dataset.shape.isEmpty, dataset.type.byteCount != nil else {
            throw Failure(
                .badInput,
                "\(name): expected numbers of shape (examples, …), found \(dataset.type) of shape "
                    + "\(Shape(dataset.shape))")
        }
        scale = try Self.number("scale", of: dataset, usually: 1)
        offset = try Self.number("offset", of: dataset, usually: 0)
        self.name = name
        self.dataset = dataset
    }

    private static func number(_ name: String, of dataset: borrowing HDF5Dataset, usually: Float) throws -> Float {
        try dataset.attributes.contains(name) ? Float(dataset.attributes.double(name)) : usually
    }

    var count: Int { dataset.shape[0] }
    var exampleShape: [Int] { Array(dataset.shape.dropFirst()) }

    /// Reads examples one after the other: x·scale + offset.
    func read(_ rows: Range<Int>, into values: inout [Float]) throws {
        var span = values.mutableSpan
        try dataset.read(rows: rows, into: &span)
        guard scale != 1 || offset != 0 else { return }
        for index in values.indices { values[index] = values[index] * scale + offset }
    }
}
