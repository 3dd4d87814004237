import Foundation
import Gzip
public import HDF5
import Storage

/// The files of CIFAR-10 or CIFAR-100 in their binary version (Krizhevsky, Learning Multiple Layers of Features from
/// Tiny Images, 2009).
///
/// A file is records: one byte with the class (in CIFAR-100 two: the coarse class, which is skipped, and the fine one),
/// then 32 × 32 bytes of red, row by row, as many of green, and of blue. In a data file, channels are last.
public struct CIFARImport: ExampleImport, Hashable {
    public let kind: Kind
    /// The files with the training examples, in order.
    public var trainFiles: [String]
    public var testFile: String
    public var classNames: [String]?
    public var validationCount = 0

    public init(_ kind: Kind, trainFiles: [String], testFile: String, classNames: [String]? = nil) {
        self.kind = kind
        self.trainFiles = trainFiles
        self.testFile = testFile
        self.classNames = classNames ?? kind.classNames
    }

    /// The files under their own names in a folder, or in the folder in it that the archive unpacks to.
    public init(_ kind: Kind, folder: String, classNames: [String]? = nil) throws {
        let folder = try kind.place(in: folder)
        self.init(
            kind, trainFiles: kind.trainNames.map { folder.appending(path: $0).path },
            testFile: folder.appending(path: kind.testName).path,
            classNames: try classNames ?? kind.readClassNames(in: folder))
    }

    public enum Kind: Hashable, Sendable {
        case cifar10, cifar100
    }
}

extension CIFARImport.Kind {
    /// How many classes there are; a label is less.
    public var classCount: Int { self == .cifar10 ? 10 : 100 }

    public var trainNames: [String] {
        self == .cifar10 ? (1...5).map { "data_batch_\($0).bin" } : ["train.bin"]
    }

    public var testName: String { self == .cifar10 ? "test_batch.bin" : "test.bin" }

    /// The bytes before the pixels, the last of which is the class.
    fileprivate var labelByteCount: Int { self == .cifar10 ? 1 : 2 }

    fileprivate var recordByteCount: Int { labelByteCount + CIFARImport.pixelCount * CIFARImport.channelCount }

    /// The names of the classes of CIFAR-10, which its file `batches.meta.txt` has, too.
    fileprivate var classNames: [String]? {
        guard self == .cifar10 else { return nil }
        return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    }

    fileprivate var advice: String {
        "Fetch the binary version, \(archive), from https://www.cs.toronto.edu/~kriz/cifar.html, and unpack it."
    }

    private var archive: String { self == .cifar10 ? "cifar-10-binary.tar.gz" : "cifar-100-binary.tar.gz" }

    private var archiveFolder: String { self == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary" }

    private var namesFile: String { self == .cifar10 ? "batches.meta.txt" : "fine_label_names.txt" }

    /// The folder with all files; an error names every file that is missing.
    fileprivate func place(in folder: String) throws -> URL {
        let names = trainNames + [testName]
        func missing(_ folder: URL) -> [String] {
            names.filter { !FileManager.default.fileExists(atPath: folder.appending(path: $0).path) }
        }
        let outer = URL(filePath: folder), inner = outer.appending(path: archiveFolder)
        let place = [outer, inner].min { missing($0).count < missing($1).count } ?? outer
        guard missing(place).isEmpty else {
            throw ExampleFileError(
                place.path, expected: "the files \(names.map { "'\($0)'" }.joined(separator: ", "))",
                found: found(place, missing(place)), advice)
        }
        return place
    }

    /// What is there instead of the files; those of the Python version have the same names without an extension.
    private func found(_ folder: URL, _ missing: [String]) -> String {
        let pickled = missing.first { name in
            FileManager.default.fileExists(atPath: folder.appending(path: name).deletingPathExtension().path)
        }
        if let pickled { return "'\(pickled.dropLast(".bin".count))', which is of the Python version" }
        let isAll = missing.count == trainNames.count + 1
        return isAll ? "none of them" : "no \(missing.map { "'\($0)'" }.joined(separator: ", "))"
    }

    /// One name a line.
    fileprivate func readClassNames(in folder: URL) throws -> [String]? {
        let path = folder.appending(path: namesFile).path
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1 << 16), reader = try GzipReader(opening: path)
        var span = bytes.mutableSpan
        let count = try reader.read(into: &span)
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(whereSeparator: \.isNewline)
        let names = lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard names.count == classCount else {
            throw ExampleFileError(
                path, expected: "\(classCount) names of classes, one a line", found: "\(names.count)",
                "Remove the file, or name the classes with --class-names.")
        }
        return names
    }
}

extension CIFARImport {
    fileprivate static let pixelCount = 32 * 32
    fileprivate static let channelCount = 3
    private static let recordsPerStep = 512

    public func amount() throws -> Int {
        try (trainFiles + [testFile]).reduce(0) { try $0 + recordCount($1) }
    }

    public func writeExamples(to root: borrowing HDF5Group, progress: (Int) throws -> Void) throws {
        var done = 0
        func write(_ files: [String], _ split: String, validation: Int) throws {
            let counts = try files.map(recordCount), count = counts.reduce(0, +)
            if validation > 0 { try leaveSomeToTrain(of: count, in: files[0]) }
            let x = try ImportedColumn(
                "x", of: split, in: root, .uint8, shape: [count, 32, 32, Self.channelCount], validation: validation)
            let y = try ImportedColumn("y", of: split, in: root, .uint8, shape: [count], validation: validation)
            for (file, count) in zip(files, counts) {
                try copy(file, count, x, y) { try progress(done + $0) }
                done += count
            }
        }
        try write(trainFiles, "train", validation: validationCount)
        try write([testFile], "test", validation: 0)
    }

    private func recordCount(_ path: String) throws -> Int {
        // Refuses what is no regular file.
        _ = try GzipReader(opening: path)
        let size = WholeFile.byteCount(of: path) ?? 0
        let (count, rest) = size.quotientAndRemainder(dividingBy: kind.recordByteCount)
        guard count > 0, rest == 0 else {
            throw ExampleFileError(
                path, expected: "records of \(kind.recordByteCount) bytes",
                found: "\(size) bytes: \(count) records, and \(rest) bytes from byte \(size - rest) on", kind.advice)
        }
        return count
    }

    private func copy(
        _ path: String, _ count: Int, _ x: ImportedColumn, _ y: ImportedColumn, _ progress: (Int) throws -> Void
    ) throws {
        let width = kind.recordByteCount, step = min(count, Self.recordsPerStep)
        var reader = try GzipReader(opening: path)
        var records = [UInt8](repeating: 0, count: step * width)
        var pixels = [UInt8](repeating: 0, count: step * Self.pixelCount * Self.channelCount)
        var labels = [UInt8](repeating: 0, count: step)
        for start in stride(from: 0, to: count, by: step) {
            let rows = start..<min(start + step, count)
            var span = records.mutableSpan
            var part = span._mutatingExtracting(0..<(rows.count * width))
            let found = try reader.read(into: &part)
            guard found == part.count else {
                throw ExampleFileError(
                    path, expected: "\(count) records of \(width) bytes",
                    found: "the end of the file in record \(start + found / width), at byte \(start * width + found)",
                    "Did the file change while it was read?")
            }
            unpack(part.span, &pixels, &labels)
            try refuseUnknownClasses(labels.prefix(rows.count), of: start, path)
            try x.append(pixels.span.extracting(0..<(rows.count * Self.pixelCount * Self.channelCount)))
            try y.append(labels.span.extracting(0..<rows.count))
            try progress(rows.upperBound)
        }
    }

    private func refuseUnknownClasses(_ labels: ArraySlice<UInt8>, of start: Int, _ path: String) throws {
        guard let row = labels.firstIndex(where: { $0 >= kind.classCount }) else { return }
        let record = start + row
        throw ExampleFileError(
            path, expected: "classes from 0 to \(kind.classCount - 1)",
            found:
                "\(labels[row]) in record \(record), at byte \(record * kind.recordByteCount + kind.labelByteCount - 1)",
            kind.advice)
    }

    /// Separates labels and pixels, and puts the channels of a pixel beside each other.
    private func unpack(_ records: Span<UInt8>, _ pixels: inout [UInt8], _ labels: inout [UInt8]) {
        let width = kind.recordByteCount, (pixelCount, channelCount) = (Self.pixelCount, Self.channelCount)
        var pixels = pixels.mutableSpan, labels = labels.mutableSpan
        for record in 0..<(records.count / width) {
            let image = record * width + kind.labelByteCount, target = record * pixelCount * channelCount
            labels[record] = records[image - 1]
            for channel in 0..<channelCount {
                for pixel in 0..<pixelCount {
                    pixels[target + pixel * channelCount + channel] = records[image + channel * pixelCount + pixel]
                }
            }
        }
    }
}
