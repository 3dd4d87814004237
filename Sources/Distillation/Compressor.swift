import Datasets
import Foundation
import ModelFiles
import Models
import Networks
public import Ranks
import Storage
import Tensors
import Training

/// Distils an ensemble of teachers into one student that fits a budget.
///
/// `init` is cheap and refuses what cannot work; `run` does the work.
public final class Compressor {
    let request: CompressionRequest
    let tell: (CompressionEvent) -> Void
    let isInterrupted: () -> Bool
    /// The processes that do this job together.
    let peers: any Peers
    let data: ExampleFile
    let plan: StudentPlan
    /// Why `--precision auto` took more than 4 bits.
    let precisionNote: String?
    let teachers: [any Teacher]
    let labelKind: LabelKind
    let train: ExampleSplit
    let validation: ExampleSplit
    let unlabeled: ExampleSplit?
    /// Whether labels alone are tried, too.
    let baseline: BaselineRule
    /// The terms of layers of the student's loss, and of the first stage's.
    let layers: LayerTerms
    let firstLayers: LayerTerms?
    /// The SHA-256 of each teacher's file.
    let digests: [String]
    /// What is read: nothing is kept that was computed from a file that changed.
    let inputs: WatchedFiles
    /// All that the user was warned of.
    let warnings: Warnings
    private let progress: RunSteps
    /// The warning for a given student whose first layers do not suit the data.
    let inputWarning: String?
    let clock = WorkClock()

    /// Opens the data and fits the student to the budget; only then are the teachers opened, and checked against the data.
    /// Nothing is written.
    ///
    /// - Throws: `UnknownFormatError` for an output that is no kind of model file; `BudgetError` for a student over the budget; `ModelFileError` and `ExampleFileError` for bad input;
    ///   `TeachersError` for several that do not fit; `LossError` for a loss that labels, student or teachers do not allow.
    public init(
        _ request: CompressionRequest, peers: any Peers = Alone(), isInterrupted: @escaping () -> Bool = { false },
        tell: @escaping (CompressionEvent) -> Void
    ) throws {
        let warnings = Warnings()
        self.warnings = warnings
        let progress = RunSteps()
        self.progress = progress
        self.tell = { event in
            if case .warning(let text) = event { warnings.texts.append(text) }
            if case .began(let phase, _) = event, let number = progress.number(of: phase) {
                tell(.step(number, of: progress.count))
            }
            tell(event)
        }
        (self.peers, self.isInterrupted) = (peers, isInterrupted)
        let names = request.stages.map(\.name)
        precondition(Set(names).count == names.count, "stages of one name would share their files: \(names)")
        inputs = WatchedFiles(request.inputs)
        // Before teachers are opened: predictions know the digest of their data.
        if !request.verifiesData { KeptDigests.recall(in: request.runDirectory) }
        try request.refuseUnclearTeachers()
        let format = try ModelFormats.named(by: request.output)
        let data = try ExampleFile(opening: request.data, testShare: request.testShare)
        self.data = data
        (train, validation) = data.trainAndValidation()
        let labelKind = data.labelKind
        self.labelKind = labelKind
        try request.refuseLosses(labelKind: labelKind, data: data)
        unlabeled = try request.unlabeled.map(data.unlabeled)
        let examples = train.count + (unlabeled?.count ?? 0)
        var request = request
        (plan, precisionNote) = try StudentPlan.settled(
            &request, examples: examples, data: data, labelKind: labelKind, format: format)
        if request.generations > 1 { _ = try ExportPlan(plan.built, format: RunDirectory.format) }
        self.request = request
        baseline = BaselineRule(
            request.baseline, examples: examples, epochs: request.hyperparameters.epochs, graph: plan.built.graph)
        let teachers = try openTeachers(request.teachers, data: data, rules: request.teacherRules)
        self.teachers = teachers
        try plan.refuse(request.allTerms)
        let built = plan.built
        func wire(_ terms: [LossTerm]) throws -> LayerTerms {
            try LayerTerms(terms, student: built, teachers: teachers.map(\.name)) { teachers[$0].model?.built }
        }
        layers = try wire(request.loss.terms)
        firstLayers = try request.firstStage.map { try wire($0.terms) }
        digests = try request.teacherSources.map { try sha256(ofFile: $0.file) }
        inputWarning = if case .file = request.student { try plan.inputWarning(data) } else { nil }
        try refuseOtherInputs()
        if peers.isFirst {
            try RunDirectory.check(
                request.runDirectory, inputs: request.inputs + request.otherInputs, output: request.output)
        }
        let trained = plan.members.isEmpty ? [layers.student] : plan.members.map(\.graph)
        for graph in trained {
            if let reason = Trainer.refusal(graph, self.request.hyperparameters, peers) {
                throw LossError(problems: ["the student cannot be trained by several processes: \(reason)"])
            }
        }
        try inputs.check()
    }

    /// How examples are changed.
    var views: Views? {
        request.augmentation.map { Views($0, count: request.views, seed: request.hyperparameters.seed) }
    }

    /// Does the work: the teachers predict, students flow through the stages, and the best is measured and written.
    ///
    /// - Parameters:
    ///   - configuration: Everything that is in force as a configuration file, to be kept for `--resume`.
    ///   - pages: Present the result in the run directory, once the student is written.
    /// - Throws: `OtherRunError` where the run that is to go on is another one, and `EarlierRunError` where one would be
    ///   replaced without `--force`, before any teacher runs and anything is written; `LockError` where another process
    ///   does the same; `InputChangedError` where an input changes meanwhile.
    public func run(configuration: String? = nil, pages: RunPages? = nil) throws -> CompressionReport {
        try refuseMemory(threads: request.threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let own =
            peers.isFirst
            ? try RunDirectory(
                request.runDirectory, inputs: request.inputs + request.otherInputs, output: request.output) : nil
        // Its locks are held to the end.
        defer { withExtendedLifetime(own) {} }
        let dataDigests = try DataDigests(peers) { try self.dataDigests() }, fingerprint = fingerprint(dataDigests)
        try fingerprint.refuseOthers(peers)
        if let own {
            try begin(own, fingerprint, configuration: configuration)
            try RunPages.write(planFacts(mark: own.mark), to: UnfinishedRun.planName, in: own)
        }
        peers.meet()
        let directory = try own ?? RunDirectory(of: request.runDirectory)
        let workers = Workers(request.threads, peers: peers, isInterrupted: isInterrupted)
        defer { workers.close() }
        progress.begin(steps.map(\.phases))
        introduce()
        let predictions = try predictions(dataDigests, workers)
        let ensemble = try clock.measuring(\.teach) { try predict(predictions, dataDigests, directory) }
        let context = StageContext(
            request: request, plan: plan, data: data, train: train, validation: validation, unlabeled: unlabeled,
            views: views, layers: layers, firstLayers: firstLayers, predictions: predictions,
            mixture: ensemble.mixture, directory: directory, fingerprint: fingerprint.digest, clock: clock)
        let runs = try clock.measuring(\.train) { try (0..<max(request.seeds, 1)).map { try train($0, context) } }
        let results = try clock.measuring(\.evaluate) { try measure(runs, ensemble, predictions) }
        let bytes = try clock.measuring(\.export) {
            peers.isFirst ? try export(results, ensemble, dataDigest: dataDigests.data) : plan.export.size.file
        }
        var report = report(results, ensemble, bytes: bytes)
        guard let pages, peers.isFirst else { return report }
        report.details = try details(results, directory)
        try pages.write(report, to: directory)
        return report
    }

    /// A student flows through its stages, and beside it one learns from labels alone where that is wanted.
    ///
    /// - Parameter run: Counts students that differ in their seeds alone.
    private func train(_ run: Int, _ context: StageContext) throws -> SeedRun {
        var context = context
        context.run = run
        let student = try request.stages.reduce(Student()) { try $1.run($0, context) }
        // What is measured has the weights that its file will have.
        guard let (export, network) = try student.written(plan, to: request.output) else {
            preconditionFailure("no stage has trained the student")
        }
        if let warning = request.warning(of: student.outcome) {
            tell(.warning("\(context.title("student")): \(warning)"))
        }
        return SeedRun(
            seed: context.hyperparameters.seed, student: network, export: export, predecessors: student.predecessors,
            outcomes: student.outcomes,
            labelsAlone: baseline.isWanted ? try context.trainBaseline() : nil)
    }
}
