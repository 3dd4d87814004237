import ArgumentParser
import Datasets

struct IDXCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "idx",
        abstract: "MNIST and its relatives: images and labels in IDX files, plain or .gz.",
        discussion: """
            A folder has train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
            t10k-labels-idx1-ubyte, or the same with .gz. Files are given in this order.

            Examples:
              compress import idx fashion-mnist/ --output fashion.h5
              compress import idx mnist/ --validation 5000 --output mnist.h5
            """)

    @OptionGroup var files: SourceOptions
    @OptionGroup var options: ImportOptions

    var sources: [String] { files.source }

    func validate() throws { try files.check("idx", fileCount: 4) }

    func job(_ progress: Progress) throws -> ImportJob {
        var files =
            sources.count == 1
            ? try IDXImport(folder: sources[0], classNames: options.names)
            : IDXImport(
                trainImages: sources[0], trainLabels: sources[1], testImages: sources[2], testLabels: sources[3],
                classNames: options.names)
        files.validationCount = self.files.validation ?? 0
        return ImportJob(files: files)
    }
}
