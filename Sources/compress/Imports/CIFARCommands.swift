import ArgumentParser
import Datasets

struct CIFAR10Command: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "cifar10",
        abstract: "CIFAR-10, the binary version.",
        discussion: """
            A folder has data_batch_1.bin to data_batch_5.bin and test_batch.bin; batches.meta.txt in it names the \
            classes. Files are given in this order.

            Examples:
              compress import cifar10 cifar-10-batches-bin/ --output cifar10.h5
            """)

    @OptionGroup var files: SourceOptions
    @OptionGroup var options: ImportOptions

    var sources: [String] { files.source }

    func validate() throws { try files.check("cifar10", fileCount: 6) }

    func job(_ progress: Progress) throws -> ImportJob { try ImportJob(.cifar10, files, options) }
}

struct CIFAR100Command: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "cifar100",
        abstract: "CIFAR-100, the binary version, with its fine labels.",
        discussion: """
            A folder has train.bin and test.bin; fine_label_names.txt in it names the classes. Files are given in this order.

            Examples:
              compress import cifar100 cifar-100-binary/ --output cifar100.h5
            """)

    @OptionGroup var files: SourceOptions
    @OptionGroup var options: ImportOptions

    var sources: [String] { files.source }

    func validate() throws { try files.check("cifar100", fileCount: 2) }

    func job(_ progress: Progress) throws -> ImportJob { try ImportJob(.cifar100, files, options) }
}

extension ImportJob {
    fileprivate init(_ kind: CIFARImport.Kind, _ sources: SourceOptions, _ options: ImportOptions) throws {
        let paths = sources.source
        var files =
            paths.count == 1
            ? try CIFARImport(kind, folder: paths[0], classNames: options.names)
            : CIFARImport(
                kind, trainFiles: paths.dropLast(), testFile: paths[paths.count - 1], classNames: options.names)
        files.validationCount = sources.validation ?? 0
        self.init(files: files)
    }
}
