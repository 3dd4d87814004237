import ArgumentParser
import Distillation
import Foundation
import ModelFiles
import Models
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

            \(ConfigurationFile.help)

            Examples:
              compress --teachers a.h5 b.h5 c.h5 --data digits.h5 --budget 1MB \\
                --output student.h5
              compress --teachers a.h5 b.h5 --data digits.h5 --budget 250kB \\
                --output student.h5 --student conv.yaml --baseline --json
              compress --configuration run.yaml --epochs 60
              compress --resume student.run
            """)

    @Option(
        parsing: .upToNextOption,
        help: .init(
            "Trained models (\(ModelFormats.readableSuffixes)), of any mix of architectures, and predictions in the place of "
                + "models of any kind: .npz, .npy, .csv or HDF5 with rows for train, test and so on. NAME=FILE names one, "
                + "FILE:ARRAY says which array or group is meant.", valueName: "[name=]path[:array]"),
        completion: .teachers)
    var teachers: [String] = []

    @OptionGroup(title: "Teachers that do not match the data") var teacherOptions: TeacherOptions

    @Option(
        help: .init(
            "The examples: an HDF5 file with train/x, train/y, test/x and test/y, or a NumPy archive (.npz) with x_train, "
                + "y_train, x_test and y_test.", valueName: "path"), completion: .data)
    var data: String?

    @Option(
        help: .init(
            "Which share of each class's training examples is for testing, in data without test examples, such as 0.1. "
                + "(default: none)", valueName: "share|none"), transform: { try switchable($0, share) })
    var test: Switchable<Double>?

    @Option(
        help: .init(
            "Unlabeled examples, to train on the teachers' predictions for them: an HDF5 file with train/x, a NumPy archive with "
                + "x_train or x, or none. (default: none)",
            valueName: "path|none"), completion: .data, transform: { switchable($0) { $0 } })
    var unlabeled: Switchable<String>?

    @Option(
        help: .init(
            "The most bytes that the student's file may take, such as 250kB, 1GB (10⁹ bytes) or 1GiB (2³⁰ bytes).",
            valueName: "size"), transform: byteCount)
    var budget: ByteCount?

    @Option(help: .init("The student to write: \(ModelFormats.summary).", valueName: "path"), completion: .written)
    var output: String?

    @Option(
        help: .init(
            "A student of the program (\(CompressionRequest.Student.names.joined(separator: ", "))), an architecture "
                + "(.yaml), a Keras model (.h5, .keras) whose architecture is taken, or auto: one that suits the data, as "
                + "wide as the budget allows. (default: auto)", valueName: "name|path|auto"), completion: .architectures
    )
    var student: String?

    @Option(
        help: .init(
            "The multiplier of the architecture's widths, or auto: fitted to the budget. (default: auto)",
            valueName: "x|auto"), transform: { try switchable($0, off: "auto", positiveNumber) })
    var width: Switchable<Double>?

    @Option(
        help: .init(
            "The most multiply-adds of the student's prediction for one example, such as 5M (million) or 2G, or none: it "
                + "bounds the width as the budget does. (default: none)", valueName: "n|none"),
        transform: { try switchable($0, multiplyAddCount) })
    var maxMultiplyAdds: Switchable<Int>?

    @Option(
        help: .init(
            "How weights are stored: float32, or in fewer bits, which leaves room for a wider student in the same budget: "
                + "float16, float8 to float4 (int8 in .onnx) for all alike; bits a weight, such as 3.5, that each tensor gets its "
                + "share of, measured after training; auto plans 4 (8 in .onnx) and uses all of the budget. Where training would be long, "
                + "it takes fewer epochs, a smaller family or more bits. (default: auto)",
            valueName: "type|bits|auto"), completion: .words("auto", "3", "4", "8", "float32", "float16", "float8"),
        transform: { try compress.precision($0, solved: true) })
    var precision: Precision?

    @Option(
        help: .init(
            "What makes the trained student's file smaller, separated by commas, or auto: what --precision needs. pruning sets "
                + "weights to 0, weight-sharing gives them few values, quantization fewer bits, and quantized-distillation trains "
                + "the student with the weights of its file. (default: auto)", valueName: "stage,…|auto"),
        transform: { try switchable($0, off: "auto", byteStages) })
    var stages: Switchable<Set<ByteStage>>?

    @Option(
        help: .init(
            "How many points of its first metric the student may lose on held-out examples by fewer bits, or auto: one standard "
                + "error. If it loses more, quantized distillation goes on once more; the budget is kept in any case. "
                + "(default: auto)", valueName: "points|auto"),
        transform: { try switchable($0, off: "auto", points) })
    var allowLoss: Switchable<Double>?

    @Option(
        help: .init(
            "What --budget limits: the bytes of the file, or the number of parameters, of which each counts as 4 bytes. "
                + "(default: file)", valueName: "file|parameters"), completion: .words("file", "parameters"),
        transform: countedByBudget)
    var budgetCounts: Budget.Counted?

    @OptionGroup(title: "Training options") var training: TrainingOptions

    @Option(
        help: .init(
            "The views of each example, varied by --augment, that teachers see beforehand, or none: they see what the "
                + "student sees. (default: none)", valueName: "n|none"),
        transform: { try switchable($0, wholeNumber) })
    var views: Switchable<Int>?

    @Option(
        help: .init(
            "How the teachers' predictions are stored: all logits, or the K largest as float16 and one number for all "
                + "others. (default: float32)", valueName: "float32|float16|top:K"),
        completion: .words("float32", "float16", "top:20"),
        transform: softTargetForm)
    var softTargets: SoftTargetForm?

    @Option(
        help: .init(
            "Train so many students in sequence, each distilled from the one before. (default: 1)",
            valueName: "n"), transform: wholeNumber)
    var generations: Int?

    @Option(
        help: .init(
            "Train so many students that differ in their seeds alone (--seed, the next, …), report mean and standard error, "
                + "and write the one that is best on held-out examples. (default: 1)", valueName: "n"),
        transform: wholeNumber)
    var seeds: Int?

    @Option(
        help: .init(
            "A loss under a name; options override it. youtube8m-winners, for multi-label data: "
                + "½ · BCE(teachers) + ½ · BCE(labels), T = 1. (default: none)",
            valueName: "youtube8m-winners|none"), completion: .list(Preset.allCases.map(\.rawValue) + ["none"]),
        transform: { try switchable($0, presetName) })
    var preset: Switchable<Preset>?

    @Option(
        help: .init(
            "T, which softens the predictions of teachers and student: a number or a schedule. (default: "
                + "\(Defaults.loss.temperature))", valueName: "schedule"), transform: temperatureSchedule)
    var temperature: Schedule?

    @Option(
        help: .init(
            "λ, the weight of the ground-truth loss: a number or a schedule. (default: \(Defaults.loss.lambda))",
            valueName: "schedule"), transform: lossWeight)
    var lambda: Schedule?

    @Option(
        help: .init(
            "w, the weight of the prediction loss: a number or a schedule. (default: \(Defaults.loss.softWeight))",
            valueName: "schedule"), transform: lossWeight)
    var softWeight: Schedule?

    @Option(
        help: .init(
            "How predictions are combined: by the mean of probabilities, or of logits. (default: mean)",
            valueName: "mean|geometric"), completion: .words("mean", "geometric"), transform: combinationName)
    var combine: Combination?

    @Option(
        help: .init(
            "The teachers' shares: equal, learned on held-out examples, another for each example, or given. auto: learned "
                + "if these are better than equal ones on held-out examples beyond the noise, else equal. (default: auto)",
            valueName: "auto|uniform|learned|by-example|0.5,0.3,0.2"),
        completion: .words("auto", "uniform", "learned", "by-example"), transform: teacherShares)
    var teacherWeights: TeacherWeights?

    @Flag(
        inversion: .prefixedNo,
        help:
            "Also train the same student on labels alone, and report what teachers gain over it. (default: where training takes fewer than 10^14 multiply-adds: examples × epochs × 3 × those of an example)"
    )
    var baseline: Bool?

    @Option(
        help: .init(
            "Where configuration, soft targets, checkpoints and metrics go. (default: beside --output, NAME.run)",
            valueName: "dir"), completion: .directory)
    var runDirectory: String?

    @Option(
        help: .init(
            "Go on with the stopped run of this directory; where none has begun, begin one there by the other options.",
            valueName: "dir"), completion: .directory)
    var resume: String?

    @Flag(
        help:
            "Replace the earlier run in the run directory. Predictions of the same teachers for the same data are kept."
    )
    var force = false

    @Option(
        help: .init("A file of options. The command line overrides it.", valueName: "path"),
        completion: .file(extensions: ["yaml", "yml"]))
    var configuration: String?

    @Flag(
        help: "Check everything, try each network on a few examples, print the plan with its memory and time, and stop."
    )
    var dryRun = false

    @OptionGroup var running: RunOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard resume == nil || runDirectory == nil else {
            throw ValidationError("--resume names the run directory; leave --run-directory out")
        }
        guard resume == nil || !force else {
            throw ValidationError("--resume goes on with the run, and --force replaces it; leave one of them out")
        }
    }

    func run() throws {
        let options = try options()
        if Launcher.isFirst {
            _ = try OutputFile.checkModel(
                options.request.output, inputs: options.request.inputs + options.request.otherInputs)
        }
        if dryRun {
            let report = try dryRunReport(options)
            return try common.print(report.text(width: Terminal.output.limit), json: report.json)
        }
        if let resume, !options.request.isResuming {
            common.progress.message("'\(resume)' has no run to go on with: one begins")
        }
        let report = try distill(options, progress: common.progress)
        // Where both are seen together, a line between the course of the run and its result.
        if Terminal.error.isTerminal && Terminal.output.isTerminal { common.progress.show { _ in "\n" } }
        let text = report.text(width: Terminal.output.limit) {
            $0.styled(report.verdict.fits ? .green : .red, on: .output)
        }
        try common.print(text, json: report.json)
        common.note("report: \(options.request.runDirectory)/report.html")
    }

    /// What will be done: by the words of the command line, then by the configuration file or the stopped run.
    func options() throws -> DistillOptions {
        var all = self
        var files = try configuration.map { [try ConfigurationFile(reading: $0)] } ?? []
        for file in files { all.fill(from: file.command) }
        let goesOn = try resume.map(hasRun) ?? false
        // Where no run has begun, and the job is not said here, there is nothing to go by.
        if let resume, goesOn || !all.missing.isEmpty { files.append(try DistillOptions.saved(in: resume)) }
        if let saved = files.last { all.fill(from: saved.command) }
        // Without augmentation there are no views of it.
        if case .off = training.augment, views == nil { all.views = nil }
        return try all.options(with: files, goesOn: goesOn)
    }

    /// - Parameter files: What the command line does not say is in the first that says it.
    private func options(with files: [ConfigurationFile], goesOn: Bool) throws -> DistillOptions {
        guard !teachers.isEmpty, let data, let budget, let output else { throw ValidationError("missing \(missing)") }
        try training.check()
        let preset = preset?.value
        var loss = preset?.loss ?? Defaults.loss
        loss.terms = files.lazy.compactMap(\.losses).first ?? loss.terms
        loss.temperature = temperature ?? loss.temperature
        loss.lambda = lambda ?? loss.lambda
        loss.softWeight = softWeight ?? loss.softWeight
        var request = CompressionRequest(
            teachers: teachers, data: data, budget: budget, output: output,
            hyperparameters: training.values.hyperparameters,
            loss: loss, runDirectory: resume ?? runDirectory ?? DistillOptions.runDirectory(for: output))
        request.teacherRules = try teacherOptions.rules(of: teachers)
        request.student = student.map { CompressionRequest.Student($0) } ?? .automatic
        request.width = width?.value
        request.mostMultiplyAdds = maxMultiplyAdds?.value
        request.precision = precision ?? request.precision
        request.byteStages = stages?.value
        request.allowedLoss = allowLoss?.value
        request.budgetCounts = budgetCounts ?? request.budgetCounts
        request.preset = preset
        request.firstStage = files.lazy.compactMap(\.firstStage).first
        request.combination = combine ?? request.combination
        request.teacherWeights = teacherWeights ?? .automatic
        request.automatic = training.values.automatic
        request.augmentation = training.values.augmentation
        request.views = views?.value
        request.testShare = test?.value
        request.unlabeled = unlabeled?.value
        request.softTargets = softTargets ?? request.softTargets
        request.generations = generations ?? request.generations
        request.seeds = seeds ?? request.seeds
        request.baseline = baseline
        request.isResuming = goesOn
        request.checkpointInterval = running.checkpointEvery
        request.verifiesData = running.verifyData
        request.replacesRun = force
        request.threads = threading.threads
        request.otherInputs = configuration.map { [$0] } ?? []
        try request.check()
        return DistillOptions(request: request, teacherOptions: teacherOptions)
    }

    /// The options without which there is no job, as far as they were not given.
    private var missing: String {
        [
            teachers.isEmpty ? "--teachers" : nil, data == nil ? "--data" : nil, budget == nil ? "--budget" : nil,
            output == nil ? "--output" : nil,
        ].compactMap(\.self).joined(separator: ", ")
    }

    /// Takes over what is not set already.
    mutating func fill(from other: DistillCommand) {
        if teachers.isEmpty { teachers = other.teachers }
        teacherOptions.fill(from: other.teacherOptions)
        data = data ?? other.data
        test = test ?? other.test
        unlabeled = unlabeled ?? other.unlabeled
        budget = budget ?? other.budget
        output = output ?? other.output
        student = student ?? other.student
        width = width ?? other.width
        maxMultiplyAdds = maxMultiplyAdds ?? other.maxMultiplyAdds
        precision = precision ?? other.precision
        stages = stages ?? other.stages
        allowLoss = allowLoss ?? other.allowLoss
        budgetCounts = budgetCounts ?? other.budgetCounts
        training.fill(from: other.training)
        views = views ?? other.views
        softTargets = softTargets ?? other.softTargets
        generations = generations ?? other.generations
        seeds = seeds ?? other.seeds
        preset = preset ?? other.preset
        temperature = temperature ?? other.temperature
        lambda = lambda ?? other.lambda
        softWeight = softWeight ?? other.softWeight
        combine = combine ?? other.combine
        teacherWeights = teacherWeights ?? other.teacherWeights
        baseline = baseline ?? other.baseline
        runDirectory = runDirectory ?? other.runDirectory
        running.fill(from: other.running)
        threading.threads = threading.threads ?? other.threading.threads
    }
}

extension CompressionRequest {
    /// Refuses what does not go together.
    fileprivate func check() throws(ValidationError) {
        if case .given(let shares) = teacherWeights, shares.count != teachers.count {
            throw ValidationError("--teacher-weights has \(shares.count) shares for \(teachers.count) --teachers")
        }
        if loss.lambda.isZero && loss.softWeight.isZero {
            throw ValidationError("--lambda and --soft-weight are both 0: there would be nothing to learn from")
        }
        if loss.lambda.isZero && loss.terms.allSatisfy(\.weight.isZero) {
            throw ValidationError("--lambda and the weights of all losses are 0: there would be nothing to learn from")
        }
        if let byteStages, let problem = precision.problem(with: byteStages) { throw ValidationError(problem) }
        if allowedLoss != nil, (byteStages ?? precision.defaultStages).isEmpty {
            throw ValidationError(
                "--allow-loss is for a student in fewer bits: give --precision auto, or bits such as 3.5")
        }
        let asksForFewerBits = precision != .automatic || byteStages?.isEmpty == false || allowedLoss != nil
        if budgetCounts == .parameters, precision.isSolved, asksForFewerBits {
            throw ValidationError(
                "--budget-counts parameters counts 4 bytes for each, however few bits it has: leave --precision out, and "
                    + "--stages and --allow-loss")
        }
        if seeds > 1 && generations > 1 {
            throw ValidationError("--seeds and --generations do not go together: leave one of them out")
        }
        if views != nil && augmentation == nil {
            throw ValidationError("--views is the number of augmented views of each example; add --augment")
        }
    }
}

@Sendable func byteStages(_ text: String) throws -> Set<ByteStage> {
    guard let stages = ByteStage.stages(text) else {
        throw ValidationError(
            "expected some of \(ByteStage.allCases.map(\.rawValue).joined(separator: ", ")), each once and separated by commas, "
                + "auto or none, found '\(text)'")
    }
    return stages
}

/// Reads points of a percentage.
@Sendable func points(_ text: String) throws -> Double {
    guard let points = Double(text), points >= 0, points <= 100 else {
        throw ValidationError("expected points from 0 to 100, or auto, found '\(text)'")
    }
    return points
}

@Sendable func countedByBudget(_ text: String) throws -> Budget.Counted {
    guard let counted = Budget.Counted(rawValue: text) else {
        throw ValidationError("expected file or parameters, found '\(text)'")
    }
    return counted
}

@Sendable func combinationName(_ text: String) throws -> Combination {
    guard let combination = Combination(rawValue: text) else {
        throw ValidationError("expected mean or geometric, found '\(text)'")
    }
    return combination
}

@Sendable func softTargetForm(_ text: String) throws -> SoftTargetForm {
    guard let form = SoftTargetForm(text) else {
        throw ValidationError("expected float32, float16, or top: and how many logits, such as top:20, found '\(text)'")
    }
    return form
}

@Sendable func presetName(_ text: String) throws -> Preset {
    guard let preset = Preset(rawValue: text) else {
        let names = Preset.allCases.map(\.rawValue).joined(separator: " or ")
        throw ValidationError("expected \(names), found '\(text)'")
    }
    return preset
}

/// Reads a number of multiply-adds: `5000000`, `5e6`, `5M`, `2G`.
@Sendable func multiplyAddCount(_ text: String) throws -> Int {
    let units: [Character: Double] = ["k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12]
    let unit = text.last.flatMap { units[$0] }
    guard let number = Double(unit == nil ? text : String(text.dropLast())), (1..<9e18).contains(number * (unit ?? 1))
    else { throw ValidationError("expected a number of multiply-adds such as 5000000 or 5M, found '\(text)'") }
    return Int(number * (unit ?? 1))
}

/// Reads a schedule of a loss's weight.
@Sendable func lossWeight(_ text: String) throws -> Schedule {
    do throws(ScheduleError) {
        return try Schedule(weight: text)
    } catch {
        throw ValidationError(error.description)
    }
}

@Sendable func temperatureSchedule(_ text: String) throws -> Schedule {
    do throws(ScheduleError) {
        return try Schedule(temperature: text)
    } catch {
        throw ValidationError(error.description)
    }
}

/// Reads `auto`, `uniform`, `learned`, `by-example` or shares such as `0.5,0.3,0.2`.
@Sendable func teacherShares(_ text: String) throws -> TeacherWeights {
    switch text {
    case "auto": return .automatic
    case "uniform": return .uniform
    case "learned": return .learned
    case "by-example": return .byExample
    default:
        let shares = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? -1 }
        guard shares.allSatisfy({ $0 >= 0 && $0.isFinite }), shares.reduce(0, +) > 0 else {
            throw ValidationError(
                "expected auto, uniform, learned, by-example, or a share for each teacher such as 0.5,0.3,0.2, found '\(text)'"
            )
        }
        return .given(shares)
    }
}
