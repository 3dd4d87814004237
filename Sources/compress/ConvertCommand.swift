public import ArgumentParser
public import ModelFiles
import Networks
import Tensors

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a model in another format of Keras.",
        discussion: """
            Reads any model that 'compress' reads, and writes it as one HDF5 file (.h5), which Keras 2 and Keras 3 load, or \
            as an archive (.keras) for Keras 3. Nested models become flat; weights keep every bit unless --precision says \
            float16.

            Examples:
              compress convert old.h5 --output new.keras
              compress convert model.weights.h5 --architecture model.json --output model.h5
            """)

    @Argument(help: "A Keras model (\(ModelFormats.readableSuffixes)).")
    var model: String

    @Option(help: .init("The file to write: \(ModelFormats.summary).", valueName: "path"))
    var output: String

    @Option(help: .init("How numbers are stored.", valueName: "type"))
    var precision: Precision = .float32

    @OptionGroup var models: ModelOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let format = try OutputFile.checkModel(output, inputs: [model] + models.named(among: [model]).map(\.value))
        let file = try models.open(model, among: [model])
        let (built, network) = try file.network(inputs: file.sampleInputs)
        let notes = ExportPlan.Notes(file.provenance.map { ["provenance": $0] } ?? [:], classNames: file.classNames)
        let plan = try ExportPlan(built, precision: precision, format: format, notes: notes)
        if let needs = plan.needs { common.note("'\(output)': \(needs)") }
        let byteCount = try plan.write(network.weights, to: output)
        try common.print(
            "wrote \(plan.size.parameters) parameters, \(byteCount), to '\(output)'\n",
            json: [
                "path": .string(output), "parameters": .integer(plan.size.parameters),
                "bytes": .integer(byteCount.bytes),
            ])
    }
}

extension Precision: ExpressibleByArgument {}
