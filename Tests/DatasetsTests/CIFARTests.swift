import Datasets
import Foundation
import HDF5
import Testing

@Suite struct CIFARTests {
    /// The number that stands for a channel of a pixel of an image.
    private func value(_ image: Int, _ channel: Int, _ row: Int, _ column: Int) -> UInt8 {
        UInt8((image * 11 + channel * 89 + row * 7 + column) % 251)
    }

    /// An image as the files have it: all of red, all of green, all of blue.
    private func record(_ image: Int, labels: [UInt8]) -> [UInt8] {
        var bytes = labels
        for channel in 0..<3 {
            for row in 0..<32 { bytes += (0..<32).map { value(image, channel, row, $0) } }
        }
        return bytes
    }

    /// Lends a folder with six images to train with, in batches of 2, 1, 1, 1 and 1, and two to test with.
    private func withFiles(_ body: (URL) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let images: [(String, [Int])] = [
                ("data_batch_1", [0, 1]), ("data_batch_2", [2]), ("data_batch_3", [3]), ("data_batch_4", [4]),
                ("data_batch_5", [5]), ("test_batch", [6, 7]),
            ]
            for (name, images) in images {
                let bytes = images.flatMap { record($0, labels: [UInt8($0)]) }
                try Data(bytes).write(to: folder.appending(path: "\(name).bin"))
            }
            try body(folder)
        }
    }

    private func expectPixels(_ x: borrowing HDF5Dataset, ofImages images: Range<Int>) throws {
        #expect(x.shape == [images.count, 32, 32, 3])
        #expect(x.type == .uint8)
        var expected: [UInt8] = []
        for image in images {
            for row in 0..<32 {
                for column in 0..<32 { expected += (0..<3).map { value(image, $0, row, column) } }
            }
        }
        #expect(try x.read(as: UInt8.self) == expected)
    }

    @Test func putsChannelsLast() throws {
        try withFiles { folder in
            let output = folder.appending(path: "d.h5").path
            let files = try CIFARImport(.cifar10, folder: folder.path)
            #expect(try files.amount() == 8)
            let report = try files.write(to: output)
            #expect(report.trainCount == 6)
            #expect(report.testCount == 2)
            #expect(report.classCount == 10)
            let file = try HDF5File(opening: output)
            try expectPixels(file.root.dataset("train/x"), ofImages: 0..<6)
            try expectPixels(file.root.dataset("test/x"), ofImages: 6..<8)
            #expect(try file.root.dataset("train/y").read(as: UInt8.self) == [0, 1, 2, 3, 4, 5])
            #expect(try file.root.dataset("test/y").read(as: UInt8.self) == [6, 7])
            #expect(
                try file.root.attributes.strings("classes") == [
                    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
                ])
        }
    }

    @Test(arguments: [1, 4, 5])
    func takesValidationFromTheLastBatches(count: Int) throws {
        try withFiles { folder in
            let output = folder.appending(path: "d.h5").path
            var files = try CIFARImport(.cifar10, folder: folder.path)
            files.validationCount = count
            let report = try files.write(to: output)
            #expect(report.trainCount == 6 - count)
            #expect(report.validationCount == count)
            let file = try HDF5File(opening: output)
            try expectPixels(file.root.dataset("train/x"), ofImages: 0..<(6 - count))
            try expectPixels(file.root.dataset("validation/x"), ofImages: (6 - count)..<6)
            let labels = ((6 - count)..<6).map { UInt8($0) }
            #expect(try file.root.dataset("validation/y").read(as: UInt8.self) == labels)
            files.validationCount = 6
            let error = #expect(throws: ExampleFileError.self) { try files.write(to: output) }
            #expect(error?.expected == "more than the 6 examples wanted for validation")
        }
    }

    @Test func takesTheFineLabelsOfCIFAR100() throws {
        try withTemporaryFolder { folder in
            let inner = folder.appending(path: "cifar-100-binary"), output = folder.appending(path: "d.h5").path
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            try Data(record(0, labels: [19, 99]) + record(1, labels: [3, 0])).write(
                to: inner.appending(path: "train.bin"))
            try Data(record(2, labels: [0, 42])).write(to: inner.appending(path: "test.bin"))
            let names = (0..<100).map { "class \($0)" }
            try Data(names.joined(separator: "\n").utf8).write(to: inner.appending(path: "fine_label_names.txt"))
            _ = try CIFARImport(.cifar100, folder: folder.path).write(to: output)
            let file = try HDF5File(opening: output)
            try expectPixels(file.root.dataset("train/x"), ofImages: 0..<2)
            #expect(try file.root.dataset("train/y").read(as: UInt8.self) == [99, 0])
            #expect(try file.root.dataset("test/y").read(as: UInt8.self) == [42])
            #expect(try file.root.attributes.strings("classes") == names)
        }
    }

    @Test func takesTheNamesOfTheFolder() throws {
        try withFiles { folder in
            let names = folder.appending(path: "batches.meta.txt")
            try Data("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".utf8).write(to: names)
            #expect(
                try CIFARImport(.cifar10, folder: folder.path).classNames
                    == ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])
            #expect(try CIFARImport(.cifar10, folder: folder.path, classNames: ["x"]).classNames == ["x"])
            try Data("a\nb\n".utf8).write(to: names)
            let error = #expect(throws: ExampleFileError.self) { try CIFARImport(.cifar10, folder: folder.path) }
            #expect(
                error?.description == """
                    '\(names.path)': expected 10 names of classes, one a line, found 2. \
                    Remove the file, or name the classes with --class-names.
                    """)
        }
    }

    private let advice = """
        Fetch the binary version, cifar-10-binary.tar.gz, from https://www.cs.toronto.edu/~kriz/cifar.html, and unpack it.
        """

    @Test func saysWhichRecordHasAnUnknownClass() throws {
        try withFiles { folder in
            let path = folder.appending(path: "data_batch_1.bin").path
            try Data(record(0, labels: [9]) + record(1, labels: [10])).write(to: URL(filePath: path))
            let error = #expect(throws: ExampleFileError.self) {
                try CIFARImport(.cifar10, folder: folder.path).write(to: folder.appending(path: "d.h5").path)
            }
            #expect(
                error?.description
                    == "'\(path)': expected classes from 0 to 9, found 10 in record 1, at byte 3073. \(advice)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 6)
        }
    }

    @Test func refusesAFileOfPartialRecords() throws {
        try withFiles { folder in
            let path = folder.appending(path: "test_batch.bin").path
            for (size, found) in [
                (3074, "3074 bytes: 1 records, and 1 bytes from byte 3073 on"),
                (0, "0 bytes: 0 records, and 0 bytes from byte 0 on"),
            ] {
                try Data(count: size).write(to: URL(filePath: path))
                let error = #expect(throws: ExampleFileError.self) {
                    try CIFARImport(.cifar10, folder: folder.path).amount()
                }
                #expect(error?.description == "'\(path)': expected records of 3073 bytes, found \(found). \(advice)")
            }
        }
    }

    @Test func saysWhatIsMissing() throws {
        try withFiles { folder in
            let expected = """
                '\(folder.path)': expected the files 'data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', \
                'data_batch_4.bin', 'data_batch_5.bin', 'test_batch.bin', found
                """
            func expectError(_ found: String) {
                let error = #expect(throws: ExampleFileError.self) { try CIFARImport(.cifar10, folder: folder.path) }
                #expect(error?.description == "\(expected) \(found). \(advice)")
            }
            func remove(_ name: String) throws {
                try FileManager.default.removeItem(at: folder.appending(path: name))
            }
            try remove("data_batch_3.bin")
            try remove("test_batch.bin")
            expectError("no 'data_batch_3.bin', 'test_batch.bin'")
            for index in [1, 2, 4, 5] { try remove("data_batch_\(index).bin") }
            expectError("none of them")
            try Data().write(to: folder.appending(path: "data_batch_1"))
            expectError("'data_batch_1', which is of the Python version")
        }
    }
}
