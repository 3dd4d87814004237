import ArgumentParser
import Datasets
import Foundation

/// A format of other people's files: a subcommand of `import` with options of its own.
protocol ImportFormat: ParsableCommand {
    var options: ImportOptions { get }
    /// The files and folders that are read.
    var sources: [String] { get }
    /// What there is to do.
    ///
    /// - Throws: What is wrong with the sources.
    func job(_ progress: Progress) throws -> ImportJob
}

/// What every format takes.
struct ImportOptions: ParsableArguments {
    @Option(help: .init("The data file to write.", valueName: "path"), completion: .file(extensions: ["h5", "hdf5"]))
    var output: String

    @Option(
        parsing: .upToNextOption, help: .init("The names of the classes, from class 0 on.", valueName: "name"))
    var classNames: [String] = []

    @OptionGroup var common: CommonOptions

    var names: [String]? { classNames.isEmpty ? nil : classNames }
}

extension ImportFormat {
    func run() throws {
        for path in sources where !FileManager.default.fileExists(atPath: path) {
            throw Failure(.noInput, "'\(path)': there is no such file or folder")
        }
        let lock = try OutputFile.lock(options.output, inputs: sources)
        defer { withExtendedLifetime(lock) {} }
        let progress = options.common.progress
        try job(progress).run(to: options.output, progress, options.common)
    }
}

/// Formats whose files have usual names in a folder, or an order.
struct SourceOptions: ParsableArguments {
    @Argument(
        help: "A folder with files under their usual names, or the files in the order below.", completion: .file())
    var source: [String]

    @Option(
        help: .init("Make the last N training examples the validation examples.", valueName: "n"),
        transform: wholeNumber)
    var validation: Int?

    /// Throws unless there is a folder, or as many files as a format has.
    func check(_ format: String, fileCount: Int) throws {
        guard source.count == 1 || source.count == fileCount else {
            throw ValidationError("\(format) takes a folder, or \(fileCount) files, found \(source.count) sources")
        }
    }
}
