import ArgumentParser
import Datasets
import ModelFiles
import Models
import Storage
import Tensors

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Write the predictions of a model.",
        discussion: """
            Reads examples from a dataset of an HDF5 file, or an array of a NumPy archive (digits.npz:x_test), of shape (examples, …) and of any type of numbers, and writes \
            the output of the model's last layer as float32: the dataset 'output', or 'output_0', 'output_1', … for a \
            model with several outputs. Inputs and outputs that are a dict are in the order of their sorted keys, as \
            Keras has them; an output's key is the attribute 'name' of its dataset. Examples may differ from the model's \
            input by axes of size 1. Attributes 'scale' and 'offset' of the dataset are applied: x·scale + offset. With \
            --teacher-input a dataset is called by the last part of its name: x for test/x; 'compress help evaluate' has \
            the rules.

            Examples:
              compress predict teacher.h5 --inputs digits.h5:test/x --output predictions.h5
              compress predict video-model.h5 --inputs video.h5:rgb video.h5:audio \\
                --output predictions.h5
            """)

    @Argument(help: "A Keras model (\(ModelFormats.readableSuffixes)).")
    var model: String

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "The examples, one dataset for each input of the model, in the model's order.", valueName: "file:dataset"))
    var inputs: [DatasetName]

    @Option(
        help: .init(
            "How the model is fed, such as conv=scale:0.00392157,resize:32x32 or '*=transpose:2-0-1'.",
            valueName: "name=rules"), transform: inputRules)
    var teacherInput: [TeacherOptions.Named<InputRules>] = []

    @Option(help: .init("The HDF5 file to write.", valueName: "path"))
    var output: String

    @OptionGroup var models: ModelOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let rules = try TeacherOptions.values(teacherInput, of: [model], "--teacher-input")[model]
        let files = [model] + models.named(among: [model]).map(\.value) + inputs.map(\.file)
        let watched = WatchedFiles(files)
        let lock = try OutputFile.lock(output, inputs: files)
        defer { withExtendedLifetime(lock) {} }
        let file = try models.open(model, among: [model])
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
