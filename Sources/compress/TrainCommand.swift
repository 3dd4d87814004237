import ArgumentParser
import Distillation
import ModelFiles
import Reports
import Training

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train one model on the true labels: a teacher, or a student to compare with.",
        discussion: """
            With --run-directory a stopped run (Ctrl-C) goes on where it was, if the same command is said again with --resume \
            in place of --run-directory.

            Examples:
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5
              compress train --architecture conv.yaml --width 2 --epochs 30 \\
                --data digits.h5 --output wide.h5
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5 \\
                --augment crop:4,flip --keep-best --run-directory conv.run
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5 \\
                --augment crop:4,flip --keep-best --resume conv.run
            """)

    @Option(
        help: .init(
            "An architecture (.yaml), a student of the program (\(CompressionRequest.Student.names.joined(separator: ", "))), or a "
                + "Keras model (.h5, .keras) whose architecture is taken.", valueName: "path|name"))
    var architecture: String

    @Option(
        help: .init(
            "The examples: an HDF5 file with train/x, train/y, test/x and test/y, or a NumPy archive (.npz) with x_train, "
                + "y_train, x_test and y_test.", valueName: "path"))
    var data: String

    @Option(help: .init("The model to write: \(ModelFormats.summary).", valueName: "path"))
    var output: String

    @Option(
        help: .init("The multiplier of the architecture's widths. (default: 1)", valueName: "x"),
        transform: positiveNumber)
    var width: Double?

    @Option(
        help: .init(
            "How weights are stored: as they are (float32), or rounded at the end of training: float16, float8 to float4. "
                + "(default: float32)",
            valueName: "type"), transform: { try compress.precision($0, solved: false) })
    var precision: Precision = .float32

    @OptionGroup(title: "Training options") var training: TrainingOptions

    @Option(
        help: .init("Where the checkpoint and the metrics of every epoch go. (default: nowhere)", valueName: "dir"))
    var runDirectory: String?

    @Option(
        help: .init(
            "Go on with the stopped run of this directory; all other options are those that it was started with.",
            valueName: "dir"))
    var resume: String?

    @Flag(help: "Replace the earlier run in the run directory.")
    var force = false

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard resume == nil || runDirectory == nil else {
            throw ValidationError("--resume names the run directory; leave --run-directory out")
        }
        guard resume == nil || !force else {
            throw ValidationError("--resume goes on with the run, and --force replaces it; leave one of them out")
        }
        guard runDirectory != nil || !force else {
            throw ValidationError("--force replaces the run in --run-directory; name that, too")
        }
    }

    func run() throws {
        _ = try OutputFile.checkModel(output, inputs: [architecture, data])
        let values = training.values
        var request = TrainingRequest(
            architecture: architecture, data: data, output: output, hyperparameters: values.hyperparameters)
        request.width = width
        request.precision = precision
        request.automatic = values.automatic
        request.augmentation = values.augmentation
        request.runDirectory = resume ?? runDirectory
        request.isResuming = resume != nil
        request.replacesRun = force
        request.threads = threading.threads
        let summary = try train(request, progress: common.progress)
        try common.print(summary.text(width: Terminal.output.limit), json: summary.json)
    }
}
