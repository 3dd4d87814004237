import ArgumentParser
import Distillation
import Foundation
import ModelFiles
import Reports
import Tensors
import Training

struct DistillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Distil several models into one small student that fits a byte budget (the main job).",
        discussion: """
            The teachers' predictions for the training examples, combined, are what the student learns from, beside the \
            true labels:

              loss = w · prediction loss + λ · ground-truth loss

            The student is refused before any training if its file would exceed the budget, and its size is checked \
            again after the export. A stopped run (Ctrl-C) goes on with --resume.

            \(TeacherOptions.help)

            A schedule is a number, or a curve over training: linear:FROM:TO, cosine:FROM:TO, exponential:FROM:TO (the \
            same factor in every step) or step:FROM:TO:AT. Several may follow one another, each until a share of \
            training: linear:0:1@0.5,1 is linear until half of it, then 1.

            Examples:
              compress --teachers a.h5 b.h5 c.h5 --data digits.h5 --budget 1MB \\
                --output student.h5
              compress --teachers a.h5 b.h5 --data digits.h5 --budget 250kB \\
                --output student.h5 --student conv.yaml --baseline --json
              compress --resume student.run
            """)

    @Option(
        parsing: .upToNextOption,
        help: .init("Keras models (.h5, .hdf5, .keras), of any mix of architectures.", valueName: "path"))
    var teachers: [String] = []

    @OptionGroup(title: "Teachers that do not match the data") var teacherOptions: TeacherOptions

    @Option(
        help: .init("The examples: an HDF5 file with train/x, train/y, test/x and test/y.", valueName: "path"))
    var data: String?

    @Option(
        help: .init(
            "The most bytes that the student's file may take, such as 250kB, 1GB (10⁹ bytes) or 1GiB (2³⁰ bytes).",
            valueName: "size"), transform: byteCount)
    var budget: ByteCount?

    @Option(help: .init("The student to write: .h5, or .keras for Keras 3 alone.", valueName: "path"))
    var output: String?

    @Option(
        help: .init(
            "An architecture (.yaml), a Keras model (.h5, .keras) whose architecture is taken, or 'auto': one that suits the "
                + "data, as wide as the budget allows. (default: auto)", valueName: "path|auto"))
    var student: String?

    @Option(
        help: .init("The multiplier of the architecture's widths. (default: fitted to the budget)", valueName: "x"),
        transform: positiveNumber)
    var width: Double?

    @OptionGroup(title: "Training options") var training: TrainingOptions

    @Option(
        help: .init(
            "Softens the predictions of teachers and student. (default: \(Defaults.temperature))", valueName: "t"),
        transform: positiveNumber)
    var temperature: Double?

    @Option(
        help: .init(
            "λ, the weight of the ground-truth loss: a number or a schedule. (default: \(Defaults.lambda))",
            valueName: "schedule"), transform: lossWeight)
    var lambda: Schedule?

    @Option(
        help: .init(
            "w, the weight of the prediction loss: a number or a schedule. (default: \(Defaults.softWeight))",
            valueName: "schedule"), transform: lossWeight)
    var softWeight: Schedule?

    @Option(
        help: .init(
            "How predictions are combined: by the mean of probabilities, or of logits. (default: mean)",
            valueName: "mean|geometric"), transform: combinationName)
    var combine: Combination?

    @Option(
        help: .init(
            "The teachers' shares: equal, learned on held-out examples, or given. (default: uniform)",
            valueName: "uniform|learned|0.5,0.3,0.2"), transform: teacherShares)
    var teacherWeights: TeacherWeights?

    @Flag(help: "Also train the same student without teachers, and report the gain.")
    var baseline = false

    @Option(
        help: .init(
            "Where configuration, soft targets, checkpoints and metrics go. (default: beside --output, NAME.run)",
            valueName: "dir"))
    var runDirectory: String?

    @Option(help: .init("Go on with the stopped run of this directory.", valueName: "dir"))
    var resume: String?

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard resume == nil || runDirectory == nil else {
            throw ValidationError("--resume names the run directory; leave --run-directory out")
        }
        if case .given(let shares) = teacherWeights, !teachers.isEmpty, shares.count != teachers.count {
            throw ValidationError("--teacher-weights has \(shares.count) shares for \(teachers.count) --teachers")
        }
        if (lambda ?? Defaults.lambda).isZero && (softWeight ?? Defaults.softWeight).isZero {
            throw ValidationError("--lambda and --soft-weight are both 0: there would be nothing to learn from")
        }
    }

    private func requireAll() throws {
        let missing = [
            teachers.isEmpty ? "--teachers" : nil, data == nil ? "--data" : nil, budget == nil ? "--budget" : nil,
            output == nil ? "--output" : nil,
        ].compactMap(\.self)
        guard missing.isEmpty else { throw ValidationError("missing \(missing.joined(separator: ", "))") }
    }

    func run() throws {
        let options = try options()
        try OutputFile.check(options.output, inputs: options.teachers + [options.data])
        let report = try distill(options, progress: common.progress)
        try common.print(report.text(width: Terminal.output.limit), json: report.json)
    }

    /// The options, those of the stopped run included.
    func options() throws -> DistillOptions {
        var all = self
        if let resume { all.fill(from: try DistillOptions.saved(in: resume)) }
        try all.requireAll()
        guard let data = all.data, let budget = all.budget, let output = all.output else {
            throw Failure(.usage, "--data, --budget and --output are needed")
        }
        return DistillOptions(
            teachers: all.teachers, teacherOptions: all.teacherOptions,
            rules: try all.teacherOptions.rules(of: all.teachers), data: data, budget: budget, output: output,
            student: all.student.map { $0 == "auto" ? .automatic : .file($0) } ?? .automatic, width: all.width,
            training: all.training.values, temperature: all.temperature, lambda: all.lambda, softWeight: all.softWeight,
            combine: all.combine ?? .mean, teacherWeights: all.teacherWeights ?? .uniform, baseline: all.baseline,
            runDirectory: resume ?? all.runDirectory ?? DistillOptions.runDirectory(for: output),
            isResuming: resume != nil, threads: all.threading.threads)
    }

    /// Takes from a stopped run what was not said anew.
    private mutating func fill(from saved: DistillCommand) {
        if teachers.isEmpty { teachers = saved.teachers }
        teacherOptions.fill(from: saved.teacherOptions)
        data = data ?? saved.data
        budget = budget ?? saved.budget
        output = output ?? saved.output
        student = student ?? saved.student
        width = width ?? saved.width
        training.fill(from: saved.training)
        temperature = temperature ?? saved.temperature
        lambda = lambda ?? saved.lambda
        softWeight = softWeight ?? saved.softWeight
        combine = combine ?? saved.combine
        teacherWeights = teacherWeights ?? saved.teacherWeights
        baseline = baseline || saved.baseline
    }
}

@Sendable func combinationName(_ text: String) throws -> Combination {
    guard let combination = Combination(rawValue: text) else {
        throw ValidationError("expected mean or geometric, found '\(text)'")
    }
    return combination
}

/// Reads a schedule of a loss's weight.
@Sendable func lossWeight(_ text: String) throws -> Schedule {
    do throws(ScheduleError) {
        return try Schedule(weight: text)
    } catch {
        throw ValidationError(error.description)
    }
}

/// Reads `uniform`, `learned` or shares such as `0.5,0.3,0.2`.
@Sendable func teacherShares(_ text: String) throws -> TeacherWeights {
    switch text {
    case "uniform": return .uniform
    case "learned": return .learned
    default:
        let shares = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? -1 }
        guard shares.allSatisfy({ $0 >= 0 && $0.isFinite }), shares.reduce(0, +) > 0 else {
            throw ValidationError(
                "expected uniform, learned, or a share for each teacher such as 0.5,0.3,0.2, found '\(text)'")
        }
        return .given(shares)
    }
}
