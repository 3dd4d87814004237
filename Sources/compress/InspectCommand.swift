import ArgumentParser
import Datasets
import Distillation
import ModelFiles
import Models
import Networks
import Reports
import Storage
import Tensors

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show layers, shapes, parameters and bytes of a model or architecture, or what is in a data file.",
        discussion: """
            Prints for every layer its class, output shape, parameters, bytes in the file, and multiplications with \
            additions for one example; where weights are not stored as float32, also each parameter with its type and bits per \
            number. The size of an architecture (.yaml) is that of the .h5 file that would be exported, but for the names of classes; \
            of one with members there is also what each of them takes. Several models are added up in one more table, and two are put side by side, \
            layer by layer. With --budget the exit code is 1 if all models together take more.

            Of a data file it prints the splits with their numbers as models get them (range, mean, deviation), the examples of \
            each class, lengths, and what is odd; --html writes the same as a page, with the darkest and the brightest \
            images of each class.

            Examples:
              compress inspect teacher.h5
              compress inspect a.h5 b.h5 c.h5 --budget 1GB
              compress inspect Architectures/youtube8m/*.yaml --classes 3862 --input 300,1152
              compress inspect conv.yaml --input 28,28,1 --classes 10 --width 0.5
              compress inspect teacher.h5 student.h5 --latency
              compress inspect digits.h5 --html digits.html
            """)

    @Argument(
        help: "Keras models (\(ModelFormats.readableSuffixes)), architectures (.yaml) or data files (.h5, .npz).",
        completion: .inspected)
    var paths: [String]

    @Option(
        help: .init(
            "The most bytes that all of them may take together, such as 250kB, 1GB or 1GiB.", valueName: "size"),
        transform: byteCount)
    var budget: ByteCount?

    @Option(
        help: .init("The number of classes, for architectures that leave it open. (default: 10)", valueName: "n"),
        transform: wholeNumber)
    var classes: Int?

    @Option(help: .init("The multiplier of the widths of an architecture.", valueName: "x"), transform: positiveNumber)
    var width: Double = 1

    @Option(
        help: .init(
            "The shape of an example, such as 28,28,1, for architectures that leave extents open.", valueName: "n,n,…"),
        transform: shapeNumbers)
    var input: Shape?

    @Option(
        help: .init(
            "How the weights of an architecture would be stored: float32, float16, float8 to float4, or bits a weight such as "
                + "3.5. (default: float32)", valueName: "type|bits"),
        transform: { try compress.precision($0, solved: true) })
    var precision: Precision = .float32

    @Flag(help: "How long predictions take: median and 99th percentile of single examples and of batches of 128.")
    var latency = false

    @Option(help: .init("A page for a browser to write, of one data file.", valueName: "path"), completion: .pages)
    var html: String?

    @OptionGroup var models: ModelOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    /// The number of classes without --classes.
    private static let usualClasses = 10
    /// The extent of an axis that an architecture leaves open, without --input.
    private static let usualLength = 64

    func validate() throws {
        guard html == nil || paths.count == 1 else {
            throw ValidationError("--html is for one data file, found \(paths.count) paths")
        }
    }

    func run() throws {
        let data = paths.filter(HDF5View.holdsExamples)
        guard data.isEmpty else { return try show(data) }
        if let html { throw ValidationError("--html \(html) is for data files, and '\(paths[0])' is a model") }
        let (reports, origins) = try read()
        let used = ByteCount(reports.reduce(0) { $0 + $1.file.bytes })
        let verdict = budget.map { BudgetVerdict(limit: $0, used: used) }
        let times = latency ? try self.times() : []
        try common.print(text(reports, origins, times, verdict), json: json(reports, origins, times, verdict))
        if verdict?.fits == false { throw ExitCode(ExitStatus.overBudget.rawValue) }
    }

    /// The sizes of each model, and its provenance.
    private func read() throws -> (reports: [SizeReport], origins: [JSON?]) {
        var reports: [SizeReport] = [], origins: [JSON?] = []
        for path in paths {
            if ArchitectureFile.isNamed(path) {
                reports.append(try report(ofArchitecture: path))
                origins.append(nil)
            } else {
                let file = try models.open(path, among: paths)
                try tryToBuild(file)
                reports.append(file.sizeReport())
                origins.append(file.provenance.flatMap { try? JSON(parsing: $0) })
            }
        }
        return (reports, origins)
    }

    /// What is in data files.
    private func show(_ data: [String]) throws {
        guard data.count == paths.count else {
            let model = paths.first { !data.contains($0) } ?? ""
            throw ValidationError("'\(data[0])' is data, and '\(model)' is not: inspect them one by one")
        }
        guard budget == nil, !latency else {
            throw ValidationError("--budget and --latency are for models, and '\(data[0])' is data")
        }
        if let html { try OutputFile.check(html, inputs: data) }
        let reports = try data.map { path in
            let file = try ExampleFile(opening: path)
            return DataReport(file, try DataSurvey(file))
        }
        if let html { try WholeFile.write(try reports[0].html(program: "compress \(Provenance.version)"), to: html) }
        try common.print(
            reports.map { $0.title.styled(.bold, on: .output) + "\n" + $0.text(width: Terminal.output.limit) }
                .joined(separator: "\n") + (html.map { "page: \($0)\n" } ?? ""),
            json: ["models": [], "data": .array(reports.map(\.json))])
    }

    /// How long each model takes; of an architecture with weights of 0.
    private func times() throws -> [Latency] {
        let workers = threading.workers
        defer { workers.close() }
        return try paths.map { path in
            let file = ArchitectureFile.isNamed(path) ? nil : try models.open(path, among: paths)
            let built = try file.map { try $0.graph(inputs: $0.sampleInputs) } ?? built(ofArchitecture: path)
            let memory = Latency.memory(built.graph, threads: workers.count) + 4 * built.graph.layout.extent
            try MemoryError.check(memory, threads: workers.count)
            let network = try file?.network(built)
            let weights = network?.weights.tensor ?? Buffer(zeros: built.graph.layout.extent).tensor
            return try Latency(built.graph, weights: weights, workers: workers)
        }
    }

    /// Whatever stands in a model's way is worth knowing; an architecture that somebody gave must fit.
    private func tryToBuild(_ file: KerasFile) throws {
        do {
            _ = try file.graph(inputs: file.sampleInputs)
        } catch {
            guard try models.sources(of: paths)[file.path] == nil else { throw error }
            common.note("\(error)")
        }
    }

    private func report(ofArchitecture path: String) throws -> SizeReport {
        try ExportPlan(built(ofArchitecture: path), precision: precision).size
    }

    private func built(ofArchitecture path: String) throws -> BuiltArchitecture {
        let file = try ArchitectureFile(reading: path)
        if file.usesClasses && classes == nil {
            common.note("'\(path)': sized for \(Self.usualClasses) classes; set the number with --classes")
        }
        let architecture = try file.architecture(classes: classes ?? Self.usualClasses, input: input, width: width)
        if architecture.inputShapes == nil {
            common.note(
                "'\(path)': sized for extents of \(Self.usualLength) where they are open; set the shape with --input")
        }
        let inputs = architecture.inputs.map { Shape($0.axes.map { $0 ?? Self.usualLength }) }
        return try architecture.graph(inputs: inputs)
    }

    private func text(
        _ reports: [SizeReport], _ origins: [JSON?], _ times: [Latency], _ verdict: BudgetVerdict?
    ) -> String {
        let tables = reports.indices.map { index in
            let report = reports[index], origin = origins[index]
            return report.title.styled(.bold, on: .output) + "\n" + report.table(width: Terminal.output.limit)
                + (times.isEmpty ? "" : "\n" + times[index].text(width: Terminal.output.limit))
                + (origin.map { "\n" + provenanceText($0, width: Terminal.output.limit) } ?? "")
        }
        var text = tables.joined(separator: "\n")
        if reports.count == 2 {
            text += "\n" + reports[0].table(beside: reports[1], width: Terminal.output.limit)
        }
        if reports.count > 1 { text += "\n" + reports.table(budget: budget, width: Terminal.output.limit) }
        if let verdict {
            text += "\n" + "\(verdict)".styled(verdict.fits ? .green : .red, on: .output) + "\n"
        }
        return text
    }

    private func json(
        _ reports: [SizeReport], _ origins: [JSON?], _ times: [Latency], _ verdict: BudgetVerdict?
    ) -> JSON {
        let models = reports.indices.map { index in
            var object = reports[index].json.object ?? [:]
            object["provenance"] = origins[index]
            if !times.isEmpty { object["latency"] = times[index].json }
            return JSON.object(object)
        }
        var object: JSON.Object = ["models": .array(models)]
        object["budget"] = verdict?.json
        return .object(object)
    }
}

/// Reads the shape of an example, such as `28,28,1`.
@Sendable private func shapeNumbers(_ text: String) throws -> Shape {
    let axes = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard axes.allSatisfy({ (1...1 << 30).contains($0) }) else {
        throw ValidationError("expected the extents of an example, such as 28,28,1, found '\(text)'")
    }
    return Shape(axes)
}
