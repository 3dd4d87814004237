import ArgumentParser
import Datasets
import ModelFiles
import Models
import Reports
import Storage
import Tensors

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Write the predictions of a model, or of several for a whole data file.",
        discussion: """
            With --inputs it reads examples from a dataset of an HDF5 file, or an array of a NumPy archive \
            (digits.npz:x_test), of shape (examples, …) and of any type of numbers, and writes the output of the model's \
            last layer as float32: the dataset 'output', or 'output_0', 'output_1', … for a model with several outputs. \
            Inputs and outputs that are a dict are in the order of their sorted keys, as Keras has them; an output's key is \
            the attribute 'name' of its dataset. Examples may differ from the model's input by axes of size 1. Attributes \
            'scale' and 'offset' of the dataset are applied: x·scale + offset. With --teacher-input a dataset is called by \
            the last part of its name: x for test/x.

            With --data it writes predictions for all rows of a data file, which --teachers takes in the place of the \
            model: arrays train (held-out rows included), validation, test and unlabeled, as far as the data have them, of \
            logits in the order of the data's classes. A student of them is bit for bit the model's. Of several models \
            each has a group: --teachers p.h5:conv p.h5:rnn. The file names the classes and has the SHA-256 of the data, so \
            that it is refused with other data.

            \(TeacherOptions.help)

            Examples:
              compress predict teacher.h5 --inputs digits.h5:test/x --output predictions.h5
              compress predict video-model.h5 --inputs video.h5:rgb video.h5:audio \\
                --output predictions.h5
              compress predict conv.h5 rnn.h5 --data digits.h5 --output p.h5
              compress --teachers p.h5:conv p.h5:rnn --data digits.h5 --budget 1MB \\
                --output student.h5
            """)

    @Argument(
        help: "A trained model (\(ModelFormats.readableSuffixes)); with --data, any number of them.",
        completion: .models)
    var models: [String]

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "The examples, one dataset for each input of the model, in the model's order.", valueName: "file:dataset"),
        completion: .file(extensions: ["h5", "hdf5"]))
    var inputs: [DatasetName] = []

    @Option(
        help: .init(
            "The data file whose rows are predicted, all of them: HDF5 or a NumPy archive (.npz).", valueName: "path"),
        completion: .data)
    var data: String?

    @OptionGroup var testing: TestShareOptions

    @Option(
        help: .init("Unlabeled examples to predict beside the data, as in 'compress distill'.", valueName: "path"),
        completion: .data)
    var unlabeled: String?

    @Option(
        help: .init("The HDF5 file to write; with --data perhaps a NumPy archive (.npz).", valueName: "path"),
        completion: .file(extensions: ["h5", "hdf5", "npz"]))
    var output: String

    @OptionGroup(title: "Models that do not match the data") var teacherOptions: TeacherOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard inputs.isEmpty != (data == nil) else {
            throw ValidationError(
                inputs.isEmpty
                    ? "missing --inputs, the examples to predict, or --data, a data file to predict all of"
                    : "--inputs and --data do not go together; leave one of them out")
        }
        guard data == nil else { return }
        guard models.count == 1 else {
            throw ValidationError("--inputs is for one model, found \(models.count); predict with one after another")
        }
        guard teacherOptions.teacherOutput.isEmpty, teacherOptions.teacherClasses.isEmpty, unlabeled == nil,
            testing.test == nil
        else {
            throw ValidationError(
                "--teacher-output, --teacher-classes, --unlabeled and --test go with --data, not with --inputs")
        }
    }

    func run() throws {
        if let data { return try predict(data: data) }
        let model = models[0], architectures = teacherOptions.models
        let rules = try TeacherOptions.values(teacherOptions.teacherInput, of: models, "--teacher-input")[model]
        let files = models + architectures.named(among: models).map(\.value) + inputs.map(\.file)
        let watched = WatchedFiles(files)
        let lock = try OutputFile.lock(output, inputs: files)
        defer { withExtendedLifetime(lock) {} }
        let file = try architectures.open(model, among: models)
        let examples = try inputs.map { try InputDataset.open($0) }
        let feeds = try modelInputs(file.architecture, examples, rules)
        try MemoryError.check(
            Prediction.memory(try file.graph(inputs: feeds.shapes).graph, threads: threading.count),
            threads: threading.count)
        let network = try file.network(inputs: feeds.shapes).network
        let prediction = Prediction(
            network, feeds, examples, names: file.architecture.outputNames, workers: threading.workers)
        try prediction.write(to: output, check: watched.check, tell: common.progress.tell)
        try common.print(text(prediction.outputs), json: ["outputs": .array(prediction.outputs.map(\.json))])
    }

    /// Predicts all rows of a data file.
    private func predict(data path: String) throws {
        let files = models + teacherOptions.files(of: models) + [path] + (unlabeled.map { [$0] } ?? [])
        let watched = WatchedFiles(files)
        try OutputFile.checkPredictions(output, inputs: files)
        let lock = try OutputFile.lock(output, inputs: files)
        defer { withExtendedLifetime(lock) {} }
        let names = models.map(modelName)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ValidationError("several models are called '\(twice)'; predict with one after another")
        }
        let data = try ExampleFile(opening: path, testShare: testing.test),
            unlabeled = try unlabeled.map(data.unlabeled)
        let teachers = try ModelTeacher.all(models, data: data, rules: teacherOptions.rules(of: models))
        for teacher in teachers {
            if let refusal = unlabeled.flatMap(teacher.refusal) {
                throw Failure(.badInput, "'\(teacher.path)' \(refusal); leave --unlabeled out")
            }
            let (train, validation) = data.trainAndValidation()
            try teacher.checkWords(in: [train, validation, data.test] + (unlabeled.map { [$0] } ?? []))
        }
        if !teachers.allSatisfy(\.isPlain) { common.progress.show { planText(teachers.map(\.plan), width: $0) } }
        for warning in data.warnings { common.progress.warn(warning) }
        let prediction = DataPrediction(teachers, data: data, unlabeled: unlabeled)
        try MemoryError.check(prediction.memory(threads: threading.count), threads: threading.count)
        try checkAll(teachers)
        try prediction.write(
            to: output, workers: threading.workers, check: watched.check, tell: common.progress.tell)
        try common.print(text(prediction.outputs), json: ["outputs": .array(prediction.outputs.map(\.json))])
    }

    /// What feeds the model: the datasets in its order, or as rules have them.
    private func modelInputs(
        _ architecture: Architecture, _ examples: [InputDataset], _ rules: InputRules?
    ) throws -> ModelInputs {
        let datasets = examples.map { ExampleInput($0.name.shortName, $0.exampleShape) }
        guard rules?.bindings.isEmpty == false || datasets.count == architecture.inputs.count else {
            let count = architecture.inputs.count, names = architecture.inputs.map(\.description)
            throw Failure(
                .usage,
                "'\(architecture.origin)' takes \(count) input\(count == 1 ? "" : "s"), "
                    + "\(names.joined(separator: ", ")), but --inputs names \(datasets.count) "
                    + "dataset\(datasets.count == 1 ? "" : "s")")
        }
        if let other = examples.first(where: { $0.count != examples[0].count }) {
            throw Failure(
                .badInput, "\(other.name) has \(other.count) examples, but \(examples[0].name) has \(examples[0].count)"
            )
        }
        return try ModelInputs(
            architecture, datasets, inOrder: true, rules: rules, holder: "--inputs has",
            option: "--teacher-input \(modelName(ofFile: architecture.origin))=")
    }

    private func text(_ outputs: [Prediction.Output]) -> String {
        let lines = outputs.map { output in
            "wrote '\(output.name)'\(output.key.map { ", the model's '\($0)'," } ?? "") \(Shape(output.shape)) to '\(self.output)'\n"
        }
        return lines.joined()
    }
}
