import ArgumentParser
import Datasets
import ModelFiles
import Models
import Reports
import Storage
import Tensors

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Evaluate models, each alone and as an ensemble.",
        discussion: """
            For multiclass data: accuracy. For multi-label data, as the YouTube-8M challenges have them: \
            GAP@20, mAP (of the best 20 classes of each example, over the classes that any example has), Hit@1 and \
            PERR. The ensemble predicts the mean of the models' probabilities; one model is in memory at a time. A \
            model that ends without softmax or sigmoid is given the one that fits the labels.

            \(TeacherOptions.help)

            Examples:
              compress evaluate student.h5 --data digits.h5
              compress evaluate a.h5 b.h5 c.h5 --data digits.h5 --ensemble --json
              compress evaluate student.h5 --data digits.h5 --per-class --latency
              compress evaluate resnet50.h5 --data digits.h5 \\
                --teacher-input resnet50=resize:224x224,channels:0-0-0
            """)

    enum Split: String, ExpressibleByArgument, CaseIterable { case test, validation, train }

    @Argument(help: "Trained models (\(ModelFormats.readableSuffixes)).", completion: .models)
    var models: [String]

    @Option(
        help: .init(
            "The examples: an HDF5 file with train/x, train/y, test/x and test/y, or a NumPy archive (.npz) with x_train, "
                + "y_train, x_test and y_test.", valueName: "path"), completion: .data)
    var data: String

    @OptionGroup var testing: TestShareOptions

    @Option(help: "Which examples. Without a group 'validation' in the file, a fixed part of train is held out for it.")
    var split = Split.test

    @Flag(help: "Evaluate the models together, too.")
    var ensemble = false

    @Flag(
        help:
            "Where models are right: precision, recall and F1 of each class, the confusion matrix (all of it with --json) and the expected calibration error."
    )
    var perClass = false

    @Flag(help: "How long predictions take: median and 99th percentile of single examples and of batches of 128.")
    var latency = false

    @OptionGroup(title: "Models that do not match the data") var teacherOptions: TeacherOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let files = WatchedFiles(models + teacherOptions.files(of: models) + [data])
        let rules = try teacherOptions.rules(of: models), data = try ExampleFile(opening: data, testShare: testing.test)
        let split = examples(of: data)
        // Whatever does not fit is reported before the first model is run.
        let teachers = try ModelTeacher.all(models, data: data, rules: rules)
        if !teachers.allSatisfy(\.isPlain) { common.progress.show { planText(teachers.map(\.plan), width: $0) } }
        for warning in data.warnings { common.progress.warn(warning) }
        let evaluation = ModelEvaluation(split, teachers, together: ensemble, hasDetails: perClass)
        try MemoryError.check(evaluation.memory(threads: threading.count), threads: threading.count)
        let workers = threading.workers
        let scores = try evaluation.run(workers: workers, tell: common.progress.tell)
        let details = scores.details.map { DetailsReport($0, classNames: data.classNames) }
        let models = try teachers.enumerated().map { index, teacher in
            EvaluationReport.Model(
                path: teacher.path, parameters: teacher.modelSize.parameters, bytes: teacher.modelSize.bytes,
                metrics: scores.models[index], details: perClass ? details[index] : nil,
                latency: latency ? try Latency(teacher, workers) : nil)
        }
        try files.check()
        let report = EvaluationReport(
            models: models, ensemble: scores.ensemble, ensembleDetails: perClass && ensemble ? details.last : nil)
        try common.print(title(split) + report.text(width: Terminal.output.limit), json: report.json)
    }

    private func examples(of data: ExampleFile) -> ExampleSplit {
        switch split {
        case .test: data.test
        case .validation: data.trainAndValidation().validation
        case .train: data.trainAndValidation().train
        }
    }

    private func title(_ split: ExampleSplit) -> String {
        "\(split.path), \(split.name): \(grouped(split.count)) examples, \(grouped(split.classCount)) classes\n"
            .styled(.bold, on: .output)
    }
}
