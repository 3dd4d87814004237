import ArgumentParser
import Datasets

struct NPZCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "npz",
        abstract: "A NumPy archive.",
        discussion: """
            The archive has the arrays x_train, y_train, x_test and y_test, or train_x and so on. Labels are class numbers \
            from 0 on, (examples) or (examples, 1), or rows of zeros and ones: one-hot (multiclass) if every row has \
            exactly one 1, else multi-label; --task multi-label keeps one label each from being taken for one-hot.

            Examples:
              compress import npz mnist.npz --output mnist.h5
              compress import npz train.npz --test 0.1 --output train.h5
            """)

    @Argument(help: "The archive.", completion: .file(extensions: ["npz"]))
    var source: [String]

    @Option(
        help: .init("Make the last N training examples the validation examples.", valueName: "n"),
        transform: wholeNumber)
    var validation: Int?

    @OptionGroup var testing: TestShareOptions

    @Option(
        help: .init(
            "What rows of zeros and ones are: \(LabelKind.allCases.map(\.rawValue).joined(separator: " or ")). "
                + "(default: as they look)", valueName: "task"),
        transform: labelTask)
    var task: LabelKind?

    @OptionGroup var options: ImportOptions

    var sources: [String] { source }

    func validate() throws {
        guard source.count == 1 else { throw ValidationError("npz takes one file, found \(source.count) sources") }
    }

    func job(_ progress: Progress) throws -> ImportJob {
        var file = NPZImport(path: source[0], classNames: options.names)
        file.validationCount = validation ?? 0
        file.task = task
        file.testShare = testing.test
        return ImportJob(files: file)
    }
}
