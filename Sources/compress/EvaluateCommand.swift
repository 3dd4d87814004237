import ArgumentParser
import Datasets
import Distillation
import Kernels
import ModelFiles
import Networks
import Reports
import Tensors
import Training

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Say how good models are, each by itself and together.",
        discussion: """
            For data of one class each: accuracy. For data of several labels: GAP@20, mAP (over the classes that any \
            example has), Hit@1 and PERR (over the examples that have labels). The ensemble predicts the mean of the \
            models' probabilities; one model is in memory at a time. A model that ends without softmax or sigmoid is \
            given the one that the data ask for.

            \(TeacherOptions.help)

            Examples:
              compress evaluate student.h5 --data digits.h5
              compress evaluate a.h5 b.h5 c.h5 --data digits.h5 --ensemble --json
              compress evaluate resnet50.h5 --data digits.h5 \\
                --teacher-input resnet50=resize:224x224,channels:0-0-0
            """)

    enum Split: String, ExpressibleByArgument, CaseIterable { case test, validation, train }

    @Argument(help: "Keras models (.h5, .hdf5, .keras).")
    var models: [String]

    @Option(help: .init("The examples: an HDF5 file with train/x, train/y, test/x and test/y.", valueName: "path"))
    var data: String

    @Option(help: "Which examples. Without a group 'validation' in the file, a fixed part of train is held out for it.")
    var split = Split.test

    @Flag(help: "Evaluate the models together, too.")
    var ensemble = false

    @OptionGroup(title: "Models that do not match the data") var teacherOptions: TeacherOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let rules = try teacherOptions.rules(of: models), data = try ExampleFile(opening: data)
        let split = examples(of: data)
        // Whatever does not fit is told before the first model is run.
        let teachers = try Teacher.all(models, data: data, rules: rules)
        if !teachers.allSatisfy(\.isPlain) { common.progress.tell(.plan(teachers.map(\.plan))) }
        let evaluation = try Evaluation(split, workers: threading.workers, progress: common.progress)
        let rows = try teachers.map { try evaluation.add($0, of: teachers.count) }
        let report = EvaluationReport(models: rows, ensemble: ensemble ? evaluation.ensemble : nil)
        try common.print(title(split) + report.table(width: Terminal.output.limit), json: report.json)
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

/// Models looked at one after another.
private final class Evaluation {
    private let split: ExampleSplit
    private let workers: Workers
    private let progress: Progress
    private let labels: Buffer
    /// The mean of the models' scores so far.
    private let sum: Buffer

    init(_ split: ExampleSplit, workers: Workers, progress: Progress) throws {
        self.split = split
        self.workers = workers
        self.progress = progress
        labels = try split.allLabels()
        sum = Buffer(zeros: labels.count)
    }

    private func rows(_ buffer: borrowing Buffer) -> Tensor {
        buffer.tensor(count: split.count, shape: [split.classCount])
    }

    /// Measures a model, and adds it to the ensemble of `count`.
    func add(_ teacher: Teacher, of count: Int) throws -> EvaluationReport.Model {
        let network = try teacher.network()
        progress.begin("evaluating \(teacher.path)", total: split.count)
        let logits = Buffer(zeros: split.count * split.classCount), scores = rows(logits)
        try teacher.answer(network, split, workers: workers, isInterrupted: { Interruption.requested }) { rows, some in
            scores.slice(at: rows.lowerBound * split.classCount, count: some.elementCount).copy(from: some)
            progress.advance(by: rows.count)
        }
        progress.end()
        probabilities(scores, task: Task(split.labelKind), temperature: 1, into: scores)
        addScaled(scores, by: 1 / Float(count), to: rows(sum))
        return EvaluationReport.Model(
            path: teacher.path, parameters: teacher.parameters, bytes: teacher.bytes,
            metrics: metrics(scores, labels: rows(labels), kind: split.labelKind))
    }

    var ensemble: NamedMetrics { metrics(rows(sum), labels: rows(labels), kind: split.labelKind) }
}
