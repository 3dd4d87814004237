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
            The format idx is that of MNIST and its relatives: a folder with the four files under their usual names \
            (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, plain or \
            .gz), or the four files in this order.

            The data file (HDF5) has train/x, train/y, test/x, test/y, and with --validation also validation/x and \
            validation/y.

            Examples:
              compress import idx fashion-mnist/ --output fashion.h5
              compress import idx mnist/ --validation 5000 --output mnist.h5
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case idx }

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
        guard source.count == 1 || source.count == 4 else {
            throw ValidationError("expected a folder, or four files, found \(source.count) sources")
        }
    }

    func run() throws {
        for path in source where !FileManager.default.fileExists(atPath: path) {
            throw Failure(.noInput, "'\(path)': there is no such file or folder")
        }
        try OutputFile.check(output, inputs: source)
        let files = try files(), progress = common.progress
        progress.begin("importing", total: try count(files))
        let report = try files.write(to: output) { done in
            progress.advance(to: done)
            try Interruption.check()
        }
        progress.end()
        try common.print(text(report), json: json(report))
    }

    private func files() throws -> IDXImport {
        let names = classNames.isEmpty ? nil : classNames
        var files =
            source.count == 1
            ? try IDXImport(folder: source[0], classNames: names)
            : IDXImport(
                trainImages: source[0], trainLabels: source[1], testImages: source[2], testLabels: source[3],
                classNames: names)
        files.validationCount = validation ?? 0
        return files
    }

    private func count(_ files: IDXImport) throws -> Int {
        let train = try IDXFile(opening: files.trainImages), test = try IDXFile(opening: files.testImages)
        return train.shape[0] + test.shape[0]
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
