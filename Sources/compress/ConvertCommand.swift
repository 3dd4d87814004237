import ArgumentParser
import ModelFiles
import Networks
import Reports
import Tensors

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a model in another format, or in fewer bytes.",
        discussion: """
            Reads any model that 'compress' reads, and writes it as one HDF5 file (.h5), which Keras 2 and Keras 3 load, as an \
            archive (.keras) for Keras 3, as a graph of operations (.onnx) for ONNX Runtime and others, or as named tensors \
            (.safetensors). Nested models become flat; weights keep every bit unless --precision or --budget says otherwise.

            --budget makes any model fit without training: each tensor gets as many bits as its error is worth, from \
            float32 down to a few shared levels that are Huffman-coded. Keras loads the file as any other. With --data it \
            is measured on training examples by how much predictions change when a tensor is stored with fewer bits, and \
            held-out examples say what was lost; without, the errors of the weights decide.

            Examples:
              compress convert old.h5 --output new.keras
              compress convert model.h5 --output model.onnx --precision int8
              compress convert model.weights.h5 --architecture model.json --output model.h5
              compress convert large.h5 --budget 100KB --output small.h5
              compress convert large.h5 --budget 40KB --data train.h5 --output small.h5

            \(TeacherOptions.help)
            """)

    @Argument(help: "A trained model (\(ModelFormats.readableSuffixes)).", completion: .models)
    var model: String

    @Option(help: .init("The file to write: \(ModelFormats.summary).", valueName: "path"), completion: .written)
    var output: String

    @Option(
        help: .init(
            "How numbers are stored: float32, float16, float8 to float4, int8 for .onnx, or so many bits a weight, such as 3.5, that are shared "
                + "out as with --budget. (default: float32)", valueName: "type|bits"),
        transform: {
            let precision = try compress.precision($0, solved: true)
            guard precision != .automatic else {
                throw ValidationError("--budget gives as many bits as fit; leave --precision out")
            }
            return precision
        })
    var precision: Precision?

    @Option(
        help: .init(
            "The most bytes of the file, such as 100kB: weights are stored with as many bits as fit. (default: none)",
            valueName: "size"), transform: byteCount)
    var budget: ByteCount?

    @Option(
        help: .init(
            "With --budget: examples that show what each tensor's bits are worth, as for 'evaluate'. (default: none)",
            valueName: "path"), completion: .data)
    var data: String?

    @OptionGroup var testing: TestShareOptions

    @OptionGroup(title: "Models that do not match the data") var teacherOptions: TeacherOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if precision != nil, budget != nil {
            throw ValidationError("--budget chooses the precision of each tensor; give it or --precision, not both")
        }
        if data != nil, budget == nil, precision?.isSolved != true {
            throw ValidationError(
                "--data shows what bits are worth, which only --budget and bits a weight need to know")
        }
        if data == nil, testing.test != nil { throw ValidationError("--test is for --data, which is not given") }
        if data == nil, !teacherOptions.isEmpty {
            throw ValidationError(
                "--teacher-input, --teacher-output and --teacher-classes are for --data, which is not given")
        }
    }

    func run() throws {
        let files = teacherOptions.models.named(among: [model]).map(\.value) + (data.map { [$0] } ?? [])
        let format = try OutputFile.checkModel(output, inputs: [model] + files)
        let lock = try OutputFile.lock(output)
        defer { withExtendedLifetime(lock) {} }
        let file = try teacherOptions.models.open(model, among: [model])
        let (built, network) = try file.network(inputs: file.sampleInputs)
        let notes = ExportPlan.Notes(file.provenance.map { ["provenance": $0] } ?? [:], classNames: file.classNames)
        let measured = try data.map {
            try MeasuredConversion($0, testing.test, model, teacherOptions, threading, common.progress)
        }
        var plan = try ExportPlan(built, precision: precision ?? .float32, format: format, notes: notes)
        if budget != nil || precision?.isSolved == true {
            let limit = budget ?? plan.size.file
            plan =
                try measured?.fitted(plan, limit: limit, as: output)
                ?? plan.fitting(network.weights.tensor, limit: limit, as: output)
        }
        if let needs = plan.needs { common.note("'\(output)': \(needs)") }
        var weights = network.weights.tensor, report: EvaluationReport?
        if let measured {
            weights = try measured.adapted(plan, as: output)
            report = try measured.report(weights, plan.size.file, at: output)
        }
        let byteCount = try plan.write(weights, to: output, limit: budget)
        let table = report.map { (measured?.title ?? "") + $0.table(width: Terminal.output.limit) }
        try common.print(
            summary(plan.size, byteCount) + (table ?? ""), json: json(plan.size, byteCount, report))
    }

    private func summary(_ size: SizeReport, _ byteCount: ByteCount) -> String {
        let wrote = "wrote \(grouped(size.parameters)) parameters, \(byteCount)"
        let used = budget.map { " (\(fixed(100 * Double(byteCount.bytes) / Double($0.bytes), digits: 1)) % of \($0))" }
        let isSolved = budget != nil || precision?.isSolved == true
        let bits = isSolved ? ", \(fixed(size.bitsPerWeight, digits: 2)) bits a weight" : ""
        return "\(wrote)\(used ?? "")\(bits), to '\(output)'\n"
    }

    private func json(_ size: SizeReport, _ byteCount: ByteCount, _ report: EvaluationReport?) -> JSON {
        var members: JSON.Object = [
            "path": .string(output), "parameters": .integer(size.parameters), "bytes": .integer(byteCount.bytes),
        ]
        if let budget { members["budget"] = .integer(budget.bytes) }
        if budget != nil || precision?.isSolved == true { members["bits_per_weight"] = .number(size.bitsPerWeight) }
        if let report { members["validation"] = report.json }
        return .object(members)
    }
}

/// Reads a precision of those that an option takes.
///
/// - Parameter solved: Whether bits a weight can be shared out among the tensors here.
func precision(_ text: String, solved: Bool) throws -> Precision {
    let precision = Precision(rawValue: text)
    if let precision, solved || !precision.isSolved { return precision }
    let fixed = Precision.fixed.map(\.rawValue).joined(separator: ", ")
    let others = solved ? " or bits a weight such as 3.5" : ""
    throw ValidationError("expected \(fixed)\(others), found '\(text)'")
}
