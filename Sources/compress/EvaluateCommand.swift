import ArgumentParser
import Datasets
import Distillation
import Kernels
import ModelFiles
import Networks
import Reports
import Storage
import Tensors
import Training

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Say how good models are, each by itself and together.",
        discussion: """
            For data of one class each: accuracy. For data of several labels, as the YouTube-8M challenges have them: \
            GAP@20, mAP (of the best 20 classes of each example, over the classes that any example has), Hit@1 and \
            PERR. The ensemble predicts the mean of the models' probabilities; one model is in memory at a time. A \
            model that ends without softmax or sigmoid is given the one that the data ask for.

            \(TeacherOptions.help)

            Examples:
              compress evaluate student.h5 --data digits.h5
              compress evaluate a.h5 b.h5 c.h5 --data digits.h5 --ensemble --json
              compress evaluate resnet50.h5 --data digits.h5 \\
                --teacher-input resnet50=resize:224x224,channels:0-0-0
            """)

    enum Split: String, ExpressibleByArgument, CaseIterable { case test, validation, train }

    @Argument(help: "Keras models (\(ModelFormats.readableSuffixes)).")
    var models: [String]

    @Option(
        help: .init(
            "The examples: an HDF5 file with train/x, train/y, test/x and test/y, or a NumPy archive (.npz) with x_train, "
                + "y_train, x_test and y_test.", valueName: "path"))
    var data: String

    @Option(help: "Which examples. Without a group 'validation' in the file, a fixed part of train is held out for it.")
    var split = Split.test

    @Flag(help: "Evaluate the models together, too.")
    var ensemble = false

    @OptionGroup(title: "Models that do not match the data") var teacherOptions: TeacherOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let files = WatchedFiles(models + teacherOptions.files(of: models) + [data])
        let rules = try teacherOptions.rules(of: models), data = try ExampleFile(opening: data)
        let split = examples(of: data)
        // Whatever does not fit is told before the first model is run.
        let teachers = try Teacher.all(models, data: data, rules: rules)
        if !teachers.allSatisfy(\.isPlain) { common.progress.tell(.plan(teachers.map(\.plan))) }
        for warning in data.warnings { common.progress.tell(.warning(warning)) }
        var evaluation = Evaluation(split, teachers, together: ensemble)
        try MemoryError.check(evaluation.memory(threads: threading.count), threads: threading.count)
        let report = try evaluation.run(workers: threading.workers, progress: common.progress)
        try files.check()
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

/// Models looked at one after another, and what they say together.
///
/// Nothing grows with examples × classes: each model's predictions are measured batch by batch. Their sum is kept for a
/// block of examples, of which every model has its turn before the next block.
private struct Evaluation {
    /// The most memory for the sum of predictions, unless one batch needs more.
    private static let blockBytes = 128 << 20

    private let split: ExampleSplit
    private let models: [Teacher]
    private var each: [RunningMetrics]
    private var together: RunningMetrics?

    init(_ split: ExampleSplit, _ models: [Teacher], together isTogether: Bool) {
        (self.split, self.models) = (split, models)
        each = models.map { _ in RunningMetrics(split.labelKind, classCount: split.classCount) }
        together = isTogether ? RunningMetrics(split.labelKind, classCount: split.classCount) : nil
    }

    /// The examples after which the next model has its turn: whole batches, so that each is what it is without blocks.
    private var blocks: [Range<Int>] {
        let count = split.count, batch = split.countReadTogether(multipleOf: 128)
        let batchBytes = batch * split.classCount * MemoryLayout<Float>.stride
        let size = together == nil ? max(count, 1) : max(Self.blockBytes / max(batchBytes, 1), 1) * batch
        return stride(from: 0, to: max(count, 1), by: size).map { $0..<min($0 + size, count) }
    }

    /// About the most memory that it takes; none of it is taken.
    func memory(threads: Int) throws -> Int {
        let models = try models.map { try $0.memory(of: split, threads: threads) }
        let metrics = RunningMetrics.memory(split.labelKind, exampleCount: split.count)
        let sum = together == nil ? 0 : (blocks.first?.count ?? 0) * split.classCount * MemoryLayout<Float>.stride
        return (models.max() ?? 0) + each.count * metrics + sum
    }

    mutating func run(workers: Workers, progress: Progress) throws -> EvaluationReport {
        let blocks = blocks
        var found: [EvaluationReport.Model] = []
        for block in blocks {
            let sum = together == nil ? nil : Buffer(zeros: block.count * split.classCount).tensor
            for (index, model) in models.enumerated() {
                let part = blocks.count == 1 ? "" : " on examples \(block.lowerBound + 1) to \(block.upperBound)"
                progress.begin("evaluating \(model.path)\(part)", total: block.count)
                try add(index, split.selecting(Array(block), name: split.name), to: sum, workers, progress)
                progress.end()
                guard block.upperBound == split.count else { continue }
                found.append(
                    EvaluationReport.Model(
                        path: model.path, parameters: model.parameters, bytes: model.bytes,
                        metrics: each[index].values()))
                each[index] = RunningMetrics(split.labelKind, classCount: split.classCount)
            }
        }
        return EvaluationReport(models: found, ensemble: together?.values())
    }

    /// Measures a model on some examples, and adds what it says to the sum of all.
    private mutating func add(
        _ index: Int, _ examples: ExampleSplit, to sum: Tensor?, _ workers: Workers, _ progress: Progress
    ) throws {
        let model = models[index], count = models.count, labelKind = split.labelKind
        var first = 0
        try model.answer(model.network(), examples, workers: workers) { batch, scores in
            progress.advance(by: batch.count)
            probabilities(scores, labelKind: labelKind, temperature: 1, into: scores)
            each[index].add(scores, of: batch)
            guard let sum else { return }
            let rows = sum.slice(at: first, count: scores.elementCount)
            addScaled(scores, by: 1 / Float(count), to: rows)
            first += scores.elementCount
            if index == count - 1 { together?.add(rows, of: batch) }
        }
    }
}
