import ArgumentParser
import Datasets

struct CSVCommand: ImportFormat {
    static let configuration = CommandConfiguration(
        commandName: "csv",
        abstract: "A table of text (CSV), plain or .gz, with the class in one column.",
        discussion: """
            The first line names the columns. Columns of numbers become columns of x; columns of text are categories, and \
            become one-hot: a column of x for each category. The texts of the label column become the names of the classes, \
            in their order; whole numbers from 0 on stay what they are. The dataset 'columns' of the data file keeps, as \
            JSON, which columns of x are which column of the table.

            A value that is missing (an empty field, NA, N/A, NaN, null, ?) or not understood is an error with its line and \
            column. Columns are named as in the first line, or by their numbers from 1 on.

            Examples:
              compress import csv iris.csv --label species --output iris.h5
              compress import csv titanic.csv --label Survived --ignore Name Ticket \\
                Cabin --missing mean --output titanic.h5
              compress import csv train.csv --test test.csv --validation 0.1 \\
                --label digit --output digits.h5
            """)

    @Argument(
        help: "The table; several files with the same columns are read one after another.",
        completion: .file(extensions: ["csv", "tsv", "txt", "gz"]))
    var source: [String]

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "The column of the class; or several columns of 0 and 1, one for each class, for multi-label or one-hot data.",
            valueName: "column"))
    var label: [String]

    @Option(
        parsing: .upToNextOption, help: .init("Columns to leave out, such as ids.", valueName: "column"))
    var ignore: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: .init("Columns whose numbers are categories, such as postal codes.", valueName: "column"))
    var categorical: [String] = []

    @Option(
        help: .init(
            "What categories become: one-hot, or integers in the order of their texts. (default: one-hot; a column of more "
                + "than 32 is refused)", valueName: "encoding"),
        transform: categoryEncoding)
    var categories: CSVImport.Categories = .automatic

    @Option(
        help: .init(
            "What stands for values that are missing: mean, that of the column in train, or 0; a missing category is all "
                + "zeros. (default: none: they are an error)", valueName: "value"),
        transform: missingValue)
    var missing: CSVImport.Missing = .refused

    @Option(
        help: .init(
            "What separates fields: a character, or tab. (default: the one of , ; tab and | that the first line has most of)",
            valueName: "character"),
        transform: delimiterByte)
    var delimiter: UInt8?

    @Flag(help: "The first line is data; columns are called 1, 2, ….")
    var noHeader = false

    @OptionGroup var splits: SplitOptions

    @Option(
        help: .init(
            "What several label columns are: multiclass or multi-label. (default: as they look)", valueName: "task"),
        transform: labelTask)
    var task: LabelKind?

    @OptionGroup var options: ImportOptions

    var sources: [String] { source + splits.paths }

    func validate() throws {
        guard !label.isEmpty else { throw ValidationError("--label names no column") }
        guard task == nil || label.count > 1 else {
            throw ValidationError("--task says what several label columns are, but --label names one")
        }
    }

    func job(_ progress: Progress) throws -> ImportJob {
        var table = CSVImport(files: source, labels: label)
        table.ignored = ignore
        table.categorical = categorical
        table.categories = categories
        table.missing = missing
        table.delimiter = delimiter
        table.hasHeader = !noHeader
        table.test = splits.test ?? table.test
        table.validation = splits.validation
        table.seed = UInt64(splits.seed)
        table.givenClasses = options.names
        table.task = task
        table.remark = { progress.message($0) }
        return ImportJob(files: table)
    }
}

/// Reads one ASCII character, or `tab`.
@Sendable private func delimiterByte(_ text: String) throws -> UInt8 {
    if ["tab", "\\t"].contains(text) { return UInt8(ascii: "\t") }
    guard text.utf8.count == 1, let byte = text.utf8.first, byte > 0x20 || byte == 9, byte < 0x7F,
        !(text.first?.isNumber ?? true), !"\".+-".contains(text)
    else {
        throw ValidationError("--delimiter is one character, such as ',' or ';', or the word tab, found '\(text)'")
    }
    return byte
}

@Sendable private func categoryEncoding(_ text: String) throws -> CSVImport.Categories {
    try choice(text, of: "--categories")
}

@Sendable private func missingValue(_ text: String) throws -> CSVImport.Missing { try choice(text, of: "--missing") }
