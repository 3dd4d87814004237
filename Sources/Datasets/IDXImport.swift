import Foundation
public import HDF5

/// The four files of a data set like MNIST.
public struct IDXImport: ExampleImport, Hashable {
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

extension IDXImport {
    public func amount() throws -> Int {
        let train = try IDXFile(opening: trainImages), test = try IDXFile(opening: testImages)
        return train.shape[0] + test.shape[0]
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        var done = 0
        func write(_ images: String, _ labels: String, _ split: String, validation: Int) throws {
            var images = try IDXFile(opening: images), labels = try IDXFile(opening: labels)
            try check(images, labels)
            if validation > 0 { try leaveSomeToTrain(of: images.shape[0], in: images.path) }
            // Channels are last, and grey images have one.
            let shape = images.shape + (images.shape.count == 3 ? [1] : [])
            let x = try ImportedColumn("x", of: split, in: root, .uint8, shape: shape, validation: validation)
            let y = try ImportedColumn("y", of: split, in: root, .uint8, shape: labels.shape, validation: validation)
            try copy(&images, to: x) { try progress(done + $0) }
            try copy(&labels, to: y) { _ in }
            done += images.shape[0]
        }
        try write(trainImages, trainLabels, "train", validation: validationCount)
        try write(testImages, testLabels, "test", validation: 0)
    }

    private func check(_ images: borrowing IDXFile, _ labels: borrowing IDXFile) throws {
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
    }

    private func copy(_ file: inout IDXFile, to column: ImportedColumn, _ progress: (Int) throws -> Void) throws {
        let width = file.bytesPerRow, count = file.shape[0]
        let step = max(1, min(count, (1 << 20) / width))
        var bytes = [UInt8](repeating: 0, count: step * width)
        for start in stride(from: 0, to: count, by: step) {
            let rows = start..<min(start + step, count)
            var span = bytes.mutableSpan
            var part = span._mutatingExtracting(0..<(rows.count * width))
            try file.read(into: &part)
            try column.append(part.span)
            try progress(rows.upperBound)
        }
        try file.finish()
    }
}
