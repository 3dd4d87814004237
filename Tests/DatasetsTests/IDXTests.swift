import Datasets
import Foundation
import Gzip
import HDF5
import Testing

@Suite struct IDXTests {
    @Test func writesADataFile() throws {
        try withFiles { folder, files in
            let output = folder.appending(path: "d.h5").path
            let report = try files.write(to: output)
            #expect(report.trainCount == 6)
            #expect(report.testCount == 2)
            #expect(report.validationCount == nil)
            #expect(report.classCount == 3)
            #expect(report.byteCount > 6 * 8)
            let file = try HDF5File(opening: output)
            let x = try file.root.dataset("train/x")
            #expect(x.shape == [6, 4, 2, 1])
            #expect(x.type == .uint8)
            #expect(try x.read(as: UInt8.self) == (0..<48).map { UInt8($0) })
            #expect(try file.root.dataset("train/y").read(as: UInt8.self) == [0, 1, 2, 0, 1, 2])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy { !$0.contains("partial") })
        }
    }

    @Test func findsTheUsualNamesInAFolder() throws {
        try withFiles { folder, files in
            #expect(try IDXImport(folder: folder.path) == files)
            try FileManager.default.removeItem(atPath: files.testLabels)
            let error = #expect(throws: ExampleFileError.self) { try IDXImport(folder: folder.path) }
            #expect(
                error?.description == """
                    '\(folder.path)': expected a file 't10k-labels-idx1-ubyte', plain or .gz, found none. \
                    Name the folder that holds the four files.
                    """)
        }
    }

    @Test func leavesNothingBehindWhenAFileIsCutOff() throws {
        try withFiles { folder, files in
            let bytes = try Data(contentsOf: URL(filePath: files.testImages))
            try bytes.dropLast(3).write(to: URL(filePath: files.testImages))
            let error = #expect(throws: ExampleFileError.self) {
                try files.write(to: folder.appending(path: "d.h5").path)
            }
            #expect(
                error?.description == """
                    '\(files.testImages)': expected 16 bytes of shape [2, 4, 2], found the end of the file before that. \
                    The file is cut off; fetch it again.
                    """)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 4)
        }
    }

    @Test func refusesForeignAndDamagedFiles() throws {
        try withFiles { folder, files in
            let path = folder.appending(path: "x").path
            let cases: [([UInt8], String)] = [
                (
                    Array("PK\u{3}\u{4}".utf8),
                    "an IDX file, which begins with 0 0, found a zip archive. Is this the file you meant?"
                ),
                ([], "an IDX file, which begins with 0 0, found an empty file. Is this the file you meant?"),
                (
                    [0, 0, 13, 1, 0, 0, 0, 1],
                    "an IDX file of unsigned bytes with 1 to 4 axes (0 0 8 1 to 0 0 8 4), found 0 0 13 1. "
                        + "Other types are not supported."
                ),
                (
                    [0, 0, 8, 2, 0, 0, 0],
                    "2 extents, found 3 bytes after the first four. The file is cut off; fetch it again."
                ),
                (
                    [0, 0, 8, 2] + [UInt8](repeating: 255, count: 8),
                    "a shape of at least one byte, less than a tebibyte, and at most 268435456 an example, "
                        + "found [4294967295, 4294967295]. The file is damaged; fetch it again."
                ),
                (
                    // One example of half a tebibyte.
                    [0, 0, 8, 3, 0, 0, 0, 1, 128, 0, 0, 0, 0, 0, 1, 0],
                    "a shape of at least one byte, less than a tebibyte, and at most 268435456 an example, "
                        + "found [1, 2147483648, 256]. The file is damaged; fetch it again."
                ),
            ]
            for (bytes, text) in cases {
                try Data(bytes).write(to: URL(filePath: path))
                let error = #expect(throws: ExampleFileError.self) { _ = try IDXFile(opening: path) }
                #expect(error?.description == "'\(path)': expected \(text)")
            }
        }
    }

    @Test func refusesLabelsOfOtherExamples() throws {
        try withFiles { folder, files in
            var files = files
            files.testLabels = files.trainLabels
            let error = #expect(throws: ExampleFileError.self) {
                try files.write(to: folder.appending(path: "d.h5").path)
            }
            #expect(
                error?.description == """
                    '\(files.trainLabels)': expected 2 labels, one for each image in '\(files.testImages)', \
                    found shape [6]. Give the images and labels of the same examples.
                    """)
        }
    }

    @Test func refusesMoreThanWasAnnounced() throws {
        try withFiles { folder, files in
            try (Data(contentsOf: URL(filePath: files.testImages)) + [1]).write(to: URL(filePath: files.testImages))
            let error = #expect(throws: ExampleFileError.self) {
                try files.write(to: folder.appending(path: "d.h5").path)
            }
            #expect(error?.found == "more")
        }
    }

    @Test func replacesAFileWhenTheNewOneIsWhole() throws {
        try withFiles { folder, files in
            let output = folder.appending(path: "d.h5").path
            try Data([1]).write(to: URL(filePath: output))
            _ = try files.write(to: output)
            #expect(try ExampleFile(opening: output).train.count == 6)
            var damaged = files
            damaged.testLabels = files.testImages
            #expect(throws: ExampleFileError.self) { try damaged.write(to: output) }
            #expect(try ExampleFile(opening: output).train.count == 6)
        }
    }

    @Test func keepsTheLastExamplesForValidation() throws {
        try withFiles { folder, files in
            let output = folder.appending(path: "d.h5").path
            var files = files
            files.validationCount = 2
            let report = try files.write(to: output)
            #expect(report.trainCount == 4)
            #expect(report.validationCount == 2)
            let file = try HDF5File(opening: output)
            #expect(try file.root.dataset("validation/x").read(as: UInt8.self) == (32..<48).map { UInt8($0) })
            #expect(try file.root.dataset("validation/y").read(as: UInt8.self) == [1, 2])
            files.validationCount = 6
            let error = #expect(throws: ExampleFileError.self) { try files.write(to: output) }
            #expect(
                error?.description == """
                    '\(files.trainImages)': expected more than the 6 examples wanted for validation, found 6. \
                    Leave some to train with.
                    """)
        }
    }

    static let fashion = "/usr/share/datasets/fashion-mnist"

    @Test(.enabled(if: FileManager.default.fileExists(atPath: fashion), "needs the package dataset-fashion-mnist"))
    func importsFashionMNIST() throws {
        try withTemporaryFolder { folder in
            let output = folder.appending(path: "fashion.h5").path
            let report = try IDXImport(folder: Self.fashion).write(to: output)
            #expect(report.trainCount == 60_000)
            #expect(report.testCount == 10_000)
            #expect(report.classCount == 10)
            #expect(report.byteCount - 70_000 * 785 < 2000)
            let split = try ExampleFile(opening: output).trainAndValidation().train
            let batch = try ExampleReader(split, batchSize: 128, order: .shuffled(seed: 1)).batch(epoch: 0, step: 0)
            var images = [Float](repeating: 0, count: 128 * 784)
            var span = images.mutableSpan
            batch.readInputs(0..<128, into: &span)
            // The mean grey of Fashion-MNIST is 72.9.
            let mean: Float = images.reduce(0, +) / Float(images.count)
            #expect(abs(mean - 72.9) < 6)
        }
    }

    /// Lends four small files under their usual names.
    private func withFiles(_ body: (URL, IDXImport) throws -> Void) throws {
        try withTemporaryFolder { folder in
            func write(_ name: String, _ header: [UInt8], _ bytes: [UInt8]) throws -> String {
                let url = folder.appending(path: name)
                try Data([0, 0, 8] + header + bytes).write(to: url)
                return url.path
            }
            try body(
                folder,
                IDXImport(
                    trainImages: write(
                        "train-images-idx3-ubyte", [3, 0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2], (0..<48).map { UInt8($0) }),
                    trainLabels: write("train-labels-idx1-ubyte", [1, 0, 0, 0, 6], [0, 1, 2, 0, 1, 2]),
                    testImages: write(
                        "t10k-images-idx3-ubyte", [3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 2], (0..<16).map { UInt8($0) }),
                    testLabels: write("t10k-labels-idx1-ubyte", [1, 0, 0, 0, 2], [2, 0])))
        }
    }
}
