import ArgumentParser
import Datasets
import Distillation
import Foundation
import ModelFiles
import Synchronization
import Tensors

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a data file of other people's files.",
        discussion: """
            The formats, each a folder with files under their usual names, or the files in the order given here:

              idx       train-images-idx3-ubyte, train-labels-idx1-ubyte,
                        t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte,
                        plain or .gz, as MNIST and its relatives have them
              cifar10   data_batch_1.bin to data_batch_5.bin, test_batch.bin;
                        batches.meta.txt in the folder names the classes
              cifar100  train.bin, test.bin, of which the fine labels are taken;
                        fine_label_names.txt in the folder names them
              npz       one archive of numpy's, with the arrays x_train, y_train,
                        x_test, y_test, or train_x and so on; labels are class
                        numbers from 0 on, (examples) or (examples, 1), or rows
                        of zeros and ones: one-hot, or multi-label
              youtube8m TFRecords of YouTube-8M, AudioSet and the like, plain or .gz:
                        frame level (SequenceExample) or video level (Example);
                        files whose names begin with train, validate and test, or
                        --train, --validation and --test

            The data file (HDF5) has train/x, train/y, test/x, test/y, and with --validation also validation/x and \
            validation/y.

            Of youtube8m, x is (examples, frames, features) of bytes, whose attributes scale and offset make of them \
            what the challenge reads, and zero behind the true length; or (examples, features) of floats. y is a row of \
            zeros and ones, stored compressed. Beside them are length, and id as strings. Where no files are for test, \
            those for validation are. Both checksums of every record are verified.

            Examples:
              compress import idx fashion-mnist/ --output fashion.h5
              compress import idx mnist/ --validation 5000 --output mnist.h5
              compress import cifar10 cifar-10-batches-bin/ --output cifar10.h5
              compress import npz mnist.npz --output mnist.h5
              compress import youtube8m yt8m/train*.tfrecord yt8m/validate*.tfrecord \\
                --output yt8m.h5
              compress import youtube8m --train balanced_train.tfrecord \\
                --test eval.tfrecord --frames 10 --classes 527 --output audioset.h5
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case idx, cifar10, cifar100, npz, youtube8m

        /// How many files it has, if they are not named by their folder; nil for any number.
        var fileCount: Int? {
            switch self {
            case .idx: 4
            case .cifar10: 6
            case .cifar100: 2
            case .npz: 1
            case .youtube8m: nil
            }
        }
    }

    @Argument(help: "What the files are.")
    var format: Format

    @Argument(help: "A folder, or files.")
    var source: [String] = []

    @Option(help: .init("The data file to write.", valueName: "path"))
    var output: String

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "Make the last N training examples the validation examples. Of youtube8m: the files of these.",
            valueName: "n"))
    var validation: [String] = []

    @Option(
        parsing: .upToNextOption, help: .init("The names of the classes, from class 0 on.", valueName: "name"))
    var classNames: [String] = []

    @OptionGroup(title: "Options of youtube8m") var records: RecordImportOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard format != .youtube8m else { return try records.refuse(source, validation: validation, names: classNames) }
        if let option = records.given.first { throw ValidationError("\(option) is for youtube8m, not for \(format)") }
        _ = try validationCount()
        guard source.count == 1 || source.count == format.fileCount else {
            let wanted = format == .npz ? "one file" : "a folder, or \(format.fileCount ?? 0) files"
            throw ValidationError("\(format) takes \(wanted), found \(source.count) sources")
        }
    }

    /// How many of the last training examples are for validation.
    private func validationCount() throws -> Int {
        guard let first = validation.first else { return 0 }
        guard validation.count == 1, let count = Int(first), count >= 1 else {
            throw ValidationError(
                "--validation: expected a whole number of at least 1, found '\(validation.joined(separator: " "))'")
        }
        return count
    }

    func run() throws {
        let skipped = SkippedRecords(), isRecords = format == .youtube8m
        let sources = source + records.train + records.test + (isRecords ? validation : [])
        for path in sources where !FileManager.default.fileExists(atPath: path) {
            throw Failure(.noInput, "'\(path)': there is no such file or folder")
        }
        try OutputFile.check(output, inputs: sources)
        let progress = common.progress
        let files = try files { remark in
            switch remark {
            case .skipped: skipped.count.add(1, ordering: .relaxed)
            case .lost(_, let bytes): skipped.byteCount.add(bytes, ordering: .relaxed)
            default: break
            }
            progress.message(remark.description)
        }
        progress.begin("importing", total: try files.amount(), unit: files.unit)
        let report = try files.write(to: output) { progress.advance(to: $0) }
        progress.end()
        for warning in report.warnings { progress.tell(.warning(warning)) }
        try common.print(text(report), json: json(report, isRecords ? skipped : nil))
    }

    private func files(remark: @escaping @Sendable (YouTube8MImport.Remark) -> Void) throws -> any ExampleImport {
        switch format {
        case .idx: try idxFiles()
        case .cifar10: try cifarFiles(.cifar10)
        case .cifar100: try cifarFiles(.cifar100)
        case .npz: try npzFile()
        case .youtube8m: try records.files(source, validation: validation, names: names, remark: remark)
        }
    }

    private var names: [String]? { classNames.isEmpty ? nil : classNames }

    private func idxFiles() throws -> IDXImport {
        var files =
            source.count == 1
            ? try IDXImport(folder: source[0], classNames: names)
            : IDXImport(
                trainImages: source[0], trainLabels: source[1], testImages: source[2], testLabels: source[3],
                classNames: names)
        files.validationCount = try validationCount()
        return files
    }

    private func cifarFiles(_ kind: CIFARImport.Kind) throws -> CIFARImport {
        var files =
            source.count == 1
            ? try CIFARImport(kind, folder: source[0], classNames: names)
            : CIFARImport(
                kind, trainFiles: source.dropLast(), testFile: source[source.count - 1], classNames: names)
        files.validationCount = try validationCount()
        return files
    }

    private func npzFile() throws -> NPZImport {
        var file = NPZImport(path: source[0], classNames: names)
        file.validationCount = try validationCount()
        return file
    }

    private func splits(_ report: ImportReport) -> [(name: String, count: Int)] {
        let validation = report.validationCount ?? 0
        let all = [("train", report.trainCount), ("validation", validation), ("test", report.testCount)]
        return all.filter { $0.1 > 0 }
    }

    private func text(_ report: ImportReport) -> String {
        let counts = splits(report).map { "\(grouped($0.count)) \($0.name)" }.joined(separator: ", ")
        return "\(report.path): \(counts) examples, \(report.classCount) classes, \(ByteCount(report.byteCount))\n"
    }

    private func json(_ report: ImportReport, _ skipped: SkippedRecords?) -> JSON {
        let splits = splits(report).map { JSON.Object.Member($0.name, ["examples": .integer($0.count)]) }
        var members: [JSON.Object.Member] = [
            .init("path", .string(report.path)), .init("splits", .object(JSON.Object(splits))),
            .init("classes", .integer(report.classCount)), .init("bytes", .integer(report.byteCount)),
        ]
        if let skipped {
            members.append(.init("skipped", .integer(skipped.count.load(ordering: .relaxed))))
            members.append(.init("skipped_bytes", .integer(skipped.byteCount.load(ordering: .relaxed))))
        }
        return .object(JSON.Object(members))
    }
}

/// What was left out.
private final class SkippedRecords: Sendable {
    /// Damaged records.
    let count = Atomic(0)
    /// Bytes behind them in which no record could be found.
    let byteCount = Atomic(0)
}
