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
    public let testCount: Int
    public let classCount: Int
    public let byteCount: Int
}

extension IDXImport {
    /// Writes the images and labels to a data file, which appears under its name only when it is whole.
    public func write(to output: String) throws -> ImportReport {
        let partial = output + ".partial"
        guard !FileManager.default.fileExists(atPath: output) else {
            throw ExampleFileError(
                output, expected: "no file of this name", found: "one", "Remove it, or choose another name.")
        }
        // What an interrupted import left.
        try? FileManager.default.removeItem(atPath: partial)
        do {
            try writeAll(to: partial)
            let data = try ExampleFile(opening: partial)
            try publish(partial, as: output)
            let size = try FileManager.default.attributesOfItem(atPath: output)[.size] as? Int
            return ImportReport(
                path: output, trainCount: data.train.count, testCount: data.test.count, classCount: data.classCount,
                byteCount: size ?? 0)
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
    }

    private func writeAll(to path: String) throws {
        let file = try HDF5File(creating: path)
        if let classNames {
            try file.root.attributes.write(classNames, to: "classes")
        }
        try writeSplit("train", trainImages, trainLabels, file.root)
        try writeSplit("test", testImages, testLabels, file.root)
        try file.close()
    }

    private func writeSplit(
        _ split: String, _ imagePath: String, _ labelPath: String, _ root: borrowing HDF5Group
    ) throws {
        var images = try IDXFile(opening: imagePath), labels = try IDXFile(opening: labelPath)
        guard images.shape.count >= 2 else {
            throw ExampleFileError(
                imagePath, expected: "images, of at least two axes", found: "shape \(images.shape)",
                "Are images and labels exchanged?")
        }
        guard labels.shape == [images.shape[0]] else {
            throw ExampleFileError(
                labelPath, expected: "\(images.shape[0]) labels, one for each image in '\(imagePath)'",
                found: "shape \(labels.shape)", "Give the images and labels of the same examples.")
        }
        // Channels are last, and grey images have one.
        let shape = images.shape.count == 3 ? images.shape + [1] : images.shape
        try copy(&images, to: root.createDataset("\(split)/x", .uint8, shape: shape))
        try copy(&labels, to: root.createDataset("\(split)/y", .uint8, shape: labels.shape))
    }

    private func copy(_ file: inout IDXFile, to dataset: borrowing HDF5Dataset) throws {
        let width = file.bytesPerRow, count = file.shape[0]
        let step = max(1, min(count, (1 << 20) / width))
        var bytes = [UInt8](repeating: 0, count: step * width)
        for start in stride(from: 0, to: count, by: step) {
            let rows = start..<min(start + step, count)
            var span = bytes.mutableSpan
            var part = span._mutatingExtracting(0..<(rows.count * width))
            try file.read(into: &part)
            try dataset.write(rows: rows, part.span)
        }
        try file.finish()
    }

    /// Gives a file its final name once the system has stored it.
    private func publish(_ partial: String, as output: String) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: partial))
        try handle.synchronize()
        try handle.close()
        try FileManager.default.moveItem(atPath: partial, toPath: output)
    }
}
