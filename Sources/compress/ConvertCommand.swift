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
            as an archive (.keras) for Keras 3. Nested models become flat; weights keep every bit unless --precision or \
            --budget says otherwise.

            --budget makes any model fit without training: each tensor gets as many bits as its error is worth, from \
            float32 down to a few shared levels that are Huffman-coded. Keras loads the file as any other. The error of \
            the weights decides, not the predictions: evaluate the result.

            Examples:
              compress convert old.h5 --output new.keras
              compress convert model.weights.h5 --architecture model.json --output model.h5
              compress convert large.h5 --budget 100KB --output small.h5
            """)

    @Argument(help: "A Keras model (\(ModelFormats.readableSuffixes)).")
    var model: String

    @Option(help: .init("The file to write: \(ModelFormats.summary).", valueName: "path"))
    var output: String

    @Option(help: .init("How numbers are stored. (default: float32)", valueName: "type"))
    var precision: Precision?

    @Option(
        help: .init(
            "The most bytes of the file, such as 100kB: weights are stored with as many bits as fit. (default: none)",
            valueName: "size"), transform: byteCount)
    var budget: ByteCount?

    @OptionGroup var models: ModelOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if precision != nil, budget != nil {
            throw ValidationError("--budget chooses the precision of each tensor; give it or --precision, not both")
        }
    }

    func run() throws {
        let format = try OutputFile.checkModel(output, inputs: [model] + models.named(among: [model]).map(\.value))
        let file = try models.open(model, among: [model])
        let (built, network) = try file.network(inputs: file.sampleInputs)
        let notes = ExportPlan.Notes(file.provenance.map { ["provenance": $0] } ?? [:], classNames: file.classNames)
        let plan =
            if let budget {
                try ExportPlan.fitting(
                    built, network.weights.tensor, limit: budget, format: format, notes: notes, as: output)
            } else {
                try ExportPlan(built, precision: precision ?? .float32, format: format, notes: notes)
            }
        if let needs = plan.needs { common.note("'\(output)': \(needs)") }
        let byteCount = try plan.write(network.weights, to: output, limit: budget)
        try common.print(summary(plan.size, byteCount), json: json(plan.size, byteCount))
    }

    private func summary(_ size: SizeReport, _ byteCount: ByteCount) -> String {
        let wrote = "wrote \(size.parameters) parameters, \(byteCount)"
        guard let budget else { return "\(wrote), to '\(output)'\n" }
        let used = fixed(100 * Double(byteCount.bytes) / Double(budget.bytes), digits: 1)
        let bits = fixed(size.bitsPerWeight, digits: 2)
        return "\(wrote) (\(used) % of \(budget)), \(bits) bits a weight, to '\(output)'\n"
    }

    private func json(_ size: SizeReport, _ byteCount: ByteCount) -> JSON {
        var members: JSON.Object = [
            "path": .string(output), "parameters": .integer(size.parameters), "bytes": .integer(byteCount.bytes),
        ]
        if let budget {
            members["budget"] = .integer(budget.bytes)
            members["bits_per_weight"] = .number(size.bitsPerWeight)
        }
        return .object(members)
    }
}

extension Precision: ExpressibleByArgument {}
