import Foundation
import HDF5

/// The four files of a data set like MNIST.
public struct IDXImport: Hashable, Sendable {
    public var trainImages: String
    public var trainLabels: String
    public var testImages: String
    public var testLabels: String
    /// The names of the classes, which IDX files do not hold.
    public var classNames: [String]?
    /// How many of the last training examples become the validation examples.
    public var validationCount = 0

    public init(
        trainImages: String, trainLabels: String, testImages: String, testLabels: String, classNames: [String]? = nil
    ) {
        self.trainImages = trainImages
        self.trainLabels = trainLabels
        self.testImages = testImages
        self.testLabels = testLabels
        self.classNames = classNames
    }

    /// The files under their usual names in a folder, such as `train-images-idx3-ubyte.gz`.
    public init(folder: String, classNames: [String]? = nil) throws {
        self.init(
            trainImages: try Self.find("train-images", "idx3", in: folder),
            trainLabels: try Self.find("train-labels", "idx1", in: folder),
            testImages: try Self.find("t10k-images", "idx3", in: folder),
            testLabels: try Self.find("t10k-labels", "idx1", in: folder), classNames: classNames)
    }

    private static func find(_ name: String, _ kind: String, in folder: String) throws -> String {
        let names = ["-", "."].flatMap { dot in ["", ".gz"].map { "\(name)\(dot)\(kind)-ubyte\($0)" } }
        let paths = names.map { URL(filePath: folder).appending(path: $0).path }
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw ExampleFileError(
                folder, expected: "a file '\(name)-\(kind)-ubyte', plain or .gz", found: "none",
                "Name the folder that holds the four files.")
        }
        return path
    }
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
}

extension IDXImport {
    /// Writes the images and labels to a data file, which appears under its name only when it is whole.
    ///
    /// - Parameter progress: Is told now and then how many examples are done, and may throw to stop.
    public func write(to output: String, progress: (Int) throws -> Void = { _ in }) throws -> ImportReport {
        var data: ExampleFile?
        let byteCount = try HDF5File.writeWhole(to: output) { file in
            try writeAll(to: file.root, progress)
        } check: { _ in
            data = try ExampleFile(opening: output + ".partial")
        }
        guard let data else { preconditionFailure("a file was written without a check") }
        return ImportReport(
            path: output, trainCount: data.train.count, validationCount: data.validation?.count,
            testCount: data.test.count, classCount: data.classCount, byteCount: byteCount)
    }

    private func writeAll(to root: borrowing HDF5Group, _ progress: (Int) throws -> Void) throws {
        if let classNames {
            try root.attributes.write(classNames, to: "classes")
        }
        var done = 0
        func write(_ images: String, _ labels: String, _ name: String, last: Int) throws {
            var images = try IDXFile(opening: images), labels = try IDXFile(opening: labels)
            try check(images, labels, last: last)
            let count = images.shape[0]
            for (split, rows) in [(name, count - last), ("validation", last)] where rows > 0 {
                // Channels are last, and grey images have one.
                let shape = [rows] + images.shape.dropFirst() + (images.shape.count == 3 ? [1] : [])
                try copy(&images, to: root.createDataset("\(split)/x", .uint8, shape: shape)) {
                    try progress(done + $0)
                }
                try copy(&labels, to: root.createDataset("\(split)/y", .uint8, shape: [rows])) { _ in }
                done += rows
            }
            try images.finish()
            try labels.finish()
        }
        try write(trainImages, trainLabels, "train", last: validationCount)
        try write(testImages, testLabels, "test", last: 0)
    }

    private func check(_ images: borrowing IDXFile, _ labels: borrowing IDXFile, last: Int) throws {
        guard images.shape.count >= 2 else {
            throw ExampleFileError(
                images.path, expected: "images, of at least two axes", found: "shape \(images.shape)",
                "Are images and labels exchanged?")
        }
        guard labels.shape == [images.shape[0]] else {
            throw ExampleFileError(
                labels.path, expected: "\(images.shape[0]) labels, one for each image in '\(images.path)'",
                found: "shape \(labels.shape)", "Give the images and labels of the same examples.")
        }
        guard last < images.shape[0] else {
            throw ExampleFileError(
                images.path, expected: "more than the \(last) images wanted for validation",
                found: "\(images.shape[0])", "Leave some to train with.")
        }
    }

    private func copy(
        _ file: inout IDXFile, to dataset: borrowing HDF5Dataset, _ progress: (Int) throws -> Void
    ) throws {
        let width = file.bytesPerRow, count = dataset.shape[0]
        let step = max(1, min(count, (1 << 20) / width))
        var bytes = [UInt8](repeating: 0, count: step * width)
        for start in stride(from: 0, to: count, by: step) {
            let rows = start..<min(start + step, count)
            var span = bytes.mutableSpan
            var part = span._mutatingExtracting(0..<(rows.count * width))
            try file.read(into: &part)
            try dataset.write(rows: rows, part.span)
            try progress(rows.upperBound)
        }
    }
}
