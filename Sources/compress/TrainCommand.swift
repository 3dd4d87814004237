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
            in place of --run-directory. Where no run has begun, --resume begins one.

            Examples:
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5
              compress train --architecture conv.yaml --width 2 --epochs 30 \\
                --data digits.h5 --output wide.h5
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5 \\
                --augment crop:4,flip --keep-best --run-directory conv.run
              compress train --architecture conv.yaml --data digits.h5 --output conv.h5 \\
                --augment crop:4,flip --keep-best --resume conv.run

            With --folds K it trains K models, each without one of K parts of the training rows, and writes predictions \
            instead of a model: for each training row that of the model that was not trained on it (out of fold), for \
            validation, test and unlabeled examples the mean of the models' probabilities. --teachers takes the file in the \
            place of a model. The parts have an equal share of each class (multi-label data: of all rows), by --seed. The \
            models are fold-1.h5 and so on in the run directory, from which a stopped run goes on with --resume.

              compress train --architecture conv.yaml --data digits.h5 --folds 5 --output oof.h5
              compress --teachers oof.h5 --data digits.h5 --budget 100kB --output student.h5
            """)

    @Option(
        help: .init(
            "An architecture (.yaml), a student of the program (\(CompressionRequest.Student.names.joined(separator: ", "))), or a "
                + "Keras model (.h5, .keras) whose architecture is taken.", valueName: "path|name"),
        completion: .architectures)
    var architecture: String

    @Option(
        help: .init(
            "The examples: an HDF5 file with train/x, train/y, test/x and test/y, or a NumPy archive (.npz) with x_train, "
                + "y_train, x_test and y_test.", valueName: "path"), completion: .data)
    var data: String

    @OptionGroup var testing: TestShareOptions

    @Option(
        help: .init(
            "The model to write: \(ModelFormats.summary). With --folds the predictions: .h5 or .npz.", valueName: "path"
        ), completion: .written)
    var output: String

    @Option(
        help: .init("The multiplier of the architecture's widths. (default: 1)", valueName: "x"),
        transform: positiveNumber)
    var width: Double?

    @Option(
        help: .init(
            "How weights are stored: as they are (float32), or rounded at the end of training: float16, float8 to float4, or "
                + "int8 for .onnx. "
                + "(default: float32)",
            valueName: "type"), completion: .precisions, transform: { try compress.precision($0, solved: false) })
    var precision: Precision = .float32

    @OptionGroup(title: "Training options") var training: TrainingOptions

    @Option(
        help: .init(
            "Train that many models, each without one part of the training rows, and write their predictions for it. "
                + "(default: one model of all rows)", valueName: "k"), transform: foldCount)
    var folds: Int?

    @Option(
        help: .init("Unlabeled examples that the models of --folds predict, too.", valueName: "path"), completion: .data
    )
    var unlabeled: String?

    @Option(
        help: .init(
            "Where the checkpoint and the metrics of every epoch go, and with --folds the models. (default: nowhere; with "
                + "--folds beside --output, NAME.run)", valueName: "dir"), completion: .directory)
    var runDirectory: String?

    @Option(
        help: .init(
            "Go on with the stopped run of this directory, or begin one there; all other options are those that it was started "
                + "with.",
            valueName: "dir"), completion: .directory)
    var resume: String?

    @Flag(help: "Replace the earlier run in the run directory.")
    var force = false

    @OptionGroup var running: RunOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try training.check()
        guard resume == nil || runDirectory == nil else {
            throw ValidationError("--resume names the run directory; leave --run-directory out")
        }
        guard resume == nil || !force else {
            throw ValidationError("--resume goes on with the run, and --force replaces it; leave one of them out")
        }
        guard folds != nil || unlabeled == nil else {
            throw ValidationError(
                "--unlabeled is for the models of --folds; a model by itself learns from labels alone")
        }
        guard runDirectory != nil || folds != nil || !force else {
            throw ValidationError("--force replaces the run in --run-directory; name that, too")
        }
    }

    func run() throws {
        let values = training.values
        var request = TrainingRequest(
            architecture: architecture, data: data, output: output, hyperparameters: values.hyperparameters)
        request.width = width
        request.testShare = testing.test
        request.precision = precision
        request.automatic = values.automatic
        request.augmentation = values.augmentation
        request.runDirectory = resume ?? runDirectory
        request.isResuming = resume != nil
        request.checkpointInterval = running.checkpointEvery ?? request.checkpointInterval
        request.verifiesData = running.verifyData
        request.replacesRun = force
        request.threads = threading.threads
        if let resume, try !hasRun(resume) {
            common.progress.message("'\(resume)' has no run to go on with: one begins")
        }
        if let folds { return try trainFolds(folds, request) }
        if Launcher.isFirst { _ = try OutputFile.checkModel(output, inputs: request.inputs) }
        let summary = try train(request, progress: common.progress)
        try common.print(summary.text(width: Terminal.output.limit), json: summary.json)
    }

    private func trainFolds(_ folds: Int, _ request: TrainingRequest) throws {
        var request = request
        request.folds = folds
        request.unlabeled = unlabeled
        request.runDirectory = request.runDirectory ?? DistillOptions.runDirectory(for: output)
        if Launcher.isFirst { try OutputFile.checkPredictions(output, inputs: request.inputs) }
        let summary = try compress.trainFolds(request, progress: common.progress)
        try common.print(summary.text(width: Terminal.output.limit), json: summary.json)
    }
}

/// Reads a number of folds.
@Sendable private func foldCount(_ text: String) throws -> Int {
    let count = try wholeNumber(text)
    guard (2...1000).contains(count) else {
        throw ValidationError("expected a number of folds from 2 to 1000, found '\(text)'")
    }
    return count
}
