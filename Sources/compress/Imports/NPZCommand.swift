import ArgumentParser
import Datasets

struct NPZCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "npz",
        abstract: "A NumPy archive.",
        discussion: """
            The archive has the arrays x_train, y_train, x_test and y_test, or train_x and so on. Labels are class numbers \
            from 0 on, (examples) or (examples, 1), or rows of zeros and ones: one-hot, or multi-label.

            Examples:
              compress import npz mnist.npz --output mnist.h5
            """)

    @Argument(help: "The archive.")
    var source: [String]

    @Option(
        help: .init("Make the last N training examples the validation examples.", valueName: "n"),
        transform: wholeNumber)
    var validation: Int?

    @OptionGroup var options: ImportOptions

    var sources: [String] { source }

    func validate() throws {
        guard source.count == 1 else { throw ValidationError("npz takes one file, found \(source.count) sources") }
    }

    func job(_ progress: Progress) throws -> ImportJob {
        var file = NPZImport(path: source[0], classNames: options.names)
        file.validationCount = validation ?? 0
        return ImportJob(files: file)
    }
}
