import ArgumentParser
import Datasets
import Foundation
import ModelFiles
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
                        numbers, or rows of zeros and ones

            The data file (HDF5) has train/x, train/y, test/x, test/y, and with --validation also validation/x and \
            validation/y.

            Examples:
              compress import idx fashion-mnist/ --output fashion.h5
              compress import idx mnist/ --validation 5000 --output mnist.h5
              compress import cifar10 cifar-10-batches-bin/ --output cifar10.h5
              compress import npz mnist.npz --output mnist.h5
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case idx, cifar10, cifar100, npz

        /// How many files it has, if they are not named by their folder.
        var fileCount: Int {
            switch self {
            case .idx: 4
            case .cifar10: 6
            case .cifar100: 2
            case .npz: 1
            }
        }
    }

    @Argument(help: "What the files are.")
    var format: Format

    @Argument(help: "A folder, or files.")
    var source: [String]

    @Option(help: .init("The data file to write.", valueName: "path"))
    var output: String

    @Option(
        help: .init("Make the last N training examples the validation examples.", valueName: "n"),
        transform: wholeNumber)
    var validation: Int?

    @Option(
        parsing: .upToNextOption, help: .init("The names of the classes, from class 0 on.", valueName: "name"))
    var classNames: [String] = []

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard source.count == 1 || source.count == format.fileCount else {
            let wanted = format == .npz ? "one file" : "a folder, or \(format.fileCount) files"
            throw ValidationError("\(format) takes \(wanted), found \(source.count) sources")
        }
    }

    func run() throws {
        for path in source where !FileManager.default.fileExists(atPath: path) {
            throw Failure(.noInput, "'\(path)': there is no such file or folder")
        }
        try OutputFile.check(output, inputs: source)
        let files = try files(), progress = common.progress
        progress.begin("importing", total: try files.exampleCount())
        let report = try files.write(to: output) { done in
            progress.advance(to: done)
            try Interruption.check()
        }
        progress.end()
        try common.print(text(report), json: json(report))
    }

    private func files() throws -> any ExampleImport {
        switch format {
        case .idx: try idxFiles()
        case .cifar10: try cifarFiles(.cifar10)
        case .cifar100: try cifarFiles(.cifar100)
        case .npz: npzFile()
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
        files.validationCount = validation ?? 0
        return files
    }

    private func cifarFiles(_ kind: CIFARImport.Kind) throws -> CIFARImport {
        var files =
            source.count == 1
            ? try CIFARImport(kind, folder: source[0], classNames: names)
            : CIFARImport(
                kind, trainFiles: source.dropLast(), testFile: source[source.count - 1], classNames: names)
        files.validationCount = validation ?? 0
        return files
    }

    private func npzFile() -> NPZImport {
        var file = NPZImport(path: source[0], classNames: names)
        file.validationCount = validation ?? 0
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

    private func json(_ report: ImportReport) -> JSON {
        let splits = splits(report).map { JSON.Object.Member($0.name, ["examples": .integer($0.count)]) }
        return [
            "path": .string(report.path), "splits": .object(JSON.Object(splits)),
            "classes": .integer(report.classCount), "bytes": .integer(report.byteCount),
        ]
    }
}
