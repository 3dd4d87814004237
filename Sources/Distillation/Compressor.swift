import Datasets
import Foundation
import Kernels
import ModelFiles
import Models
import Networks
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
    let data: ExampleFile
    let plan: StudentPlan
    let teachers: [any Teacher]
    let labelKind: LabelKind
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
    private let steps: RunSteps
    /// What is to be said of a given student whose first layers do not suit the data.
    let inputWarning: String?
    private var seconds = CompressionReport.Seconds()
    private let start = Date()

    /// Opens the data and fits the student to the budget; only then are the teachers opened, and checked against the data.
    /// Nothing is written.
    ///
    /// - Throws: `UnknownFormatError` for an output that is no kind of model file; `BudgetError` for a student over the budget; `ModelFileError` and `ExampleFileError` for bad input;
    ///   `LossError` for a loss that labels, student or teachers do not allow.
    public convenience init(
        _ request: CompressionRequest, isInterrupted: @escaping () -> Bool = { false },
        tell: @escaping (CompressionEvent) -> Void
    ) throws {
        try self.init(request, isInterrupted: isInterrupted, tell: tell) { data in
            try ModelTeacher.all(request.teachers, data: data, rules: request.teacherRules)
        }
    }

    /// - Parameter open: Opens the teachers whose files the request names.
    init(
        _ request: CompressionRequest, isInterrupted: @escaping () -> Bool = { false },
        tell: @escaping (CompressionEvent) -> Void, teachers open: (ExampleFile) throws -> [any Teacher]
    ) throws {
        let warnings = Warnings()
        self.warnings = warnings
        let steps = RunSteps()
        self.steps = steps
        self.tell = { event in
            if case .warning(let text) = event { warnings.texts.append(text) }
            if case .began(let phase, _) = event, let number = steps.number(of: phase) {
                tell(.step(number, of: steps.count))
            }
            tell(event)
        }
        self.isInterrupted = isInterrupted
        inputs = WatchedFiles(request.inputs)
        try request.refuseUnclearTeachers()
        let format = try ModelFormats.named(by: request.output)
        let data = try ExampleFile(opening: request.data)
        self.data = data
        let labelKind = data.labelKind
        self.labelKind = labelKind
        try request.refuseLosses(labelKind: labelKind, data: data)
        plan = try StudentPlan(
            request.student, width: request.width, budget: request.budget,
            mostMultiplyAdds: request.mostMultiplyAdds, data: data, labelKind: labelKind,
            format: format, precision: request.precision,
            provenance: Provenance(request, labelKind: labelKind).placeholder)
        if request.generations > 1 { _ = try ExportPlan(plan.built, format: RunDirectory.format) }
        unlabeled = try request.unlabeled.map(data.unlabeled)
        var request = request
        let examples = data.trainAndValidation().train.count + (unlabeled?.count ?? 0)
        request.recipe.choose(
            request.automatic, examples: examples, parameters: plan.built.graph.layout.trainableParameterCount)
        self.request = request
        baseline = BaselineRule(
            request.baseline, examples: examples, epochs: request.recipe.epochs, graph: plan.built.graph)
        let teachers = try open(data)
        self.teachers = teachers
        try plan.refuse(request.allTerms)
        let built = plan.built
        func wire(_ terms: [LossTerm]) throws -> LayerTerms {
            try LayerTerms(terms, student: built, teachers: teachers.map(\.name)) { teachers[$0].model?.built }
        }
        layers = try wire(request.loss.terms)
        firstLayers = try request.firstStage.map { try wire($0.terms) }
        digests = try request.teachers.map(sha256(ofFile:))
        inputWarning = if case .file = request.student { try plan.inputWarning(data) } else { nil }
        try refuseOtherInputs()
        try RunDirectory.check(
            request.runDirectory, inputs: request.inputs + request.otherInputs, output: request.output)
        try inputs.check()
        seconds.load += Date().timeIntervalSince(start)
    }

    /// Refuses teachers that are fed with other datasets than x, where they are to see examples that have no others.
    private func refuseOtherInputs() throws {
        var problems: [String] = []
        for (index, teacher) in teachers.enumerated() where teacher.model?.readsOnlyX != true {
            let fact =
                teacher.model == nil ? "predicts the data's own examples alone" : "is fed with other datasets than x"
            let name = "teacher '\(teacher.path)' \(fact)"
            if views != nil || liveTeachers.contains(index) {
                problems.append(
                    "\(name), and cannot see the student's changed examples; leave --augment and losses of its "
                        + "layers out"
                )
            }
            if let unlabeled {
                problems.append("\(name), which '\(unlabeled.path)' does not have; leave --unlabeled out")
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }

    /// How examples are changed.
    var views: Views? { request.augmentation.map { Views($0, count: request.views, seed: request.recipe.seed) } }

    /// Does the work.
    ///
    /// - Parameter configuration: Everything that is in force as a configuration file, to be kept for `--resume`.
    /// - Throws: `OtherRunError` where the run that is to go on is another one, and `EarlierRunError` where one would be
    ///   replaced without being told, before any teacher runs and anything is written; `LockError` where another process
    ///   does the same; `InputChangedError` where an input changes meanwhile.
    public func run(configuration: String? = nil) throws -> CompressionReport {
        try refuseMemory(threads: request.threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let directory = try RunDirectory(
            request.runDirectory, inputs: request.inputs + request.otherInputs, output: request.output)
        // Its locks are held to the end.
        defer { withExtendedLifetime(directory) {} }
        let loading = Date(), dataDigest = try sha256(ofFile: request.data)
        let otherDigest = try unlabeled.map { try sha256(ofFile: $0.path) }
        let fingerprint = fingerprint(data: dataDigest, unlabeled: otherDigest)
        try inputs.check()
        if request.isResuming {
            try directory.resume(fingerprint)
        } else {
            try directory.begin(fingerprint, configuration: configuration, replacing: request.replacesRun)
        }
        steps.begin(phases)
        let workers = Workers(request.threads, isInterrupted: isInterrupted)
        defer { workers.close() }
        let (train, validation) = data.trainAndValidation()
        tell(.message(plan.sentence("student", budget: request.budget)))
        if let line = request.recipe.sentence(request.automatic, examples: train.count + (unlabeled?.count ?? 0)) {
            tell(.message(line))
        }
        tell(.message(baseline.sentence))
        for warning in data.warnings + (inputWarning.map { [$0] } ?? []) { tell(.warning(warning)) }
        tell(.plan(teachers.map(\.plan)))
        tell(.message("soft targets: \(softTargetBytes) as \(request.softTargets) in the run directory"))

        let store = try TeacherStore(
            "\(request.runDirectory)/soft-targets", dataDigest: dataDigest, form: request.softTargets)
        let others = try unlabeled.map { split in
            // How a teacher's answers are read depends on the labeled examples, too.
            let digest = sha256(of: "\(dataDigest)\n\(otherDigest ?? "")")
            return (
                split,
                try TeacherStore(
                    "\(request.runDirectory)/soft-targets-unlabeled", dataDigest: digest, form: request.softTargets)
            )
        }
        let splits = [train, validation, data.test] + (unlabeled.map { [$0] } ?? [])
        for split in splits { try checkWords(of: plan.built.graph, in: split) }
        for teacher in teachers { try teacher.model?.checkWords(in: splits) }
        func predictions(_ teachers: [any Teacher], _ digests: [String]) -> TeacherPredictions {
            TeacherPredictions(
                teachers: teachers, digests: digests, store: store, unlabeled: others, views: views,
                inputs: inputs, workers: workers, tell: tell)
        }
        seconds.load += Date().timeIntervalSince(loading)

        let first = predictions(teachers, digests)
        let ensemble = try measuring(\.teach) {
            try first.prepare(train, validation, live: alwaysLiveTeachers)
            let ensemble = try Ensemble(
                request.teachers, try first.targets(validation), of: validation, combination: request.combination,
                weights: request.teacherWeights, workers: workers)
            for line in ensemble.messages { tell(line) }
            try measureTeachers(first, validation, workers)
            if first.knows(data.test) { try warnOfSeenRows(first, ensemble, workers) }
            try writeManifest(ensemble, dataDigest, directory)
            return ensemble
        }
        let training = StudentTraining(
            request: request, plan: plan, labelKind: data.labelKind, directory: directory,
            fingerprint: fingerprint.digest, inputs: inputs, train: train, validation: validation, unlabeled: unlabeled,
            views: views, layers: layers, firstLayers: firstLayers,
            workers: workers, tell: tell)
        var students = [
            try measuring(\.train) { try training.student(first, ensemble.mixture, generation: 1) }
        ]
        for generation in 2..<(request.generations + 1) {
            students.append(try trainGeneration(generation, after: students[generation - 2], training, predictions))
        }
        func labelsAlone(run: Int) throws -> LabelsAlone? {
            baseline.isWanted ? try measuring(\.train) { try training.baseline(run: run) } : nil
        }
        let seed = request.recipe.seed
        var runs = [
            SeedRun(
                seed: seed, student: try asWritten(students[students.count - 1]), labelsAlone: try labelsAlone(run: 0))
        ]
        for run in 1..<max(request.seeds, 1) {
            let student = try measuring(\.train) {
                try training.student(first, ensemble.mixture, generation: 1, run: run)
            }
            runs.append(
                SeedRun(seed: seed &+ run, student: try asWritten(student), labelsAlone: try labelsAlone(run: run)))
        }
        let written = try measuring(\.evaluate) { try best(of: runs, on: validation, workers) }
        students[students.count - 1] = runs[written].student
        return try finish(
            first, ensemble, students, runs, written, dataDigest: dataDigest, validation: validation, workers)
    }

    /// What the run has in common with one that goes on where it stopped.
    private func fingerprint(data: String, unlabeled: String?) -> RunFingerprint {
        RunFingerprint(
            request, inputs: [("data", data)] + (unlabeled.map { [("unlabeled", $0)] } ?? []),
            teachers: zip(teachers, digests).map { $0.key(fileDigest: $1) }, student: plan.digest)
    }

    /// Throws what `run` would throw because of what is in the run directory; nothing is written.
    func rehearseRunDirectory() throws {
        try RunDirectory.rehearse(
            request.runDirectory, output: request.output,
            {
                fingerprint(
                    data: try sha256(ofFile: request.data), unlabeled: try unlabeled.map { try sha256(ofFile: $0.path) }
                )
            }, isResuming: request.isResuming, replacing: request.replacesRun)
    }

    /// Does something whose time counts as part of a phase.
    private func measuring<Result>(
        _ phase: WritableKeyPath<CompressionReport.Seconds, Double>, _ body: () throws -> Result
    ) rethrows -> Result {
        let beginning = Date()
        defer { seconds[keyPath: phase] += Date().timeIntervalSince(beginning) }
        return try body()
    }

    // MARK: - Predictions of teachers

    private func writeManifest(_ ensemble: Ensemble, _ dataDigest: String, _ directory: RunDirectory) throws {
        var manifest: JSON.Object = [
            "run": .string(directory.mark),
            "data": ["path": .string(request.data), "sha256": .string(dataDigest)],
            "teachers": .array(
                teachers.indices.map { index in
                    let facts: [JSON.Object.Member] = [
                        .init("path", .string(teachers[index].path)), .init("sha256", .string(digests[index])),
                        .init("weight", .number(ensemble.weights[index])),
                    ]
                    return .object(JSON.Object(facts + teachers[index].plan.jsonMembers))
                }),
        ]
        for member in request.settings.members(in: .manifest) { manifest[member.key] = member.value }
        try directory.write(JSON.object(manifest).indented, to: "manifest.json")
    }

    // MARK: - Training

    /// Trains a student that the one before it teaches (Furlanello et al., 2018).
    private func trainGeneration(
        _ generation: Int, after student: TrainedNetwork, _ training: StudentTraining,
        _ predictions: ([any Teacher], [String]) -> TeacherPredictions
    ) throws -> TrainedNetwork {
        let path = RunDirectory.student(request.runDirectory, ofGeneration: generation - 1)
        // Where a student comes from is known at the end; those on the way are the run's own.
        let notes = ExportPlan.Notes(["run": training.directory.mark], classNames: data.classNames)
        try ExportPlan(plan.built, format: RunDirectory.format, notes: notes).write(student.weights, to: path)
        let teacher = try ModelTeacher(path, data: data)
        let next = predictions([teacher], [try sha256(ofFile: path)])
        try measuring(\.teach) {
            try next.prepare(training.train, training.validation, live: next.isLive ? [0] : [])
        }
        return try measuring(\.train) {
            try training.student(
                next, Mixture(request.combination, labelKind, weights: [1]), generation: generation)
        }
    }

    // MARK: - Evaluation and export

    /// A student with the weights that its file will have: it is what is measured.
    private func asWritten(_ student: TrainedNetwork) throws -> TrainedNetwork {
        TrainedNetwork(
            graph: student.graph, weights: try plan.export.rounded(student.weights, for: request.output))
    }

    /// Whose answers are measured at the end.
    private enum Entrant: Hashable {
        /// The teachers together, with their weights or with equal ones, and one by itself.
        case ensemble, equalTeachers
        case teacher(Int)
        /// A student or the baseline, and the students together.
        case network(Int)
        case students
    }

    /// What each of them came to on a split.
    private struct Standing {
        let marks: [Entrant: Examination.Marks]

        subscript(entrant: Entrant) -> CompressionReport.Metrics { marks[entrant]?.metrics ?? [] }

        func spread(_ entrant: Entrant) -> CompressionReport.Spread {
            CompressionReport.Spread(
                errors: marks[entrant]?.errors ?? 0, margins: marks[entrant]?.samples.map(\.margin) ?? [])
        }

        /// How much better one of them is than another; nil where one of them was not there.
        func difference(_ one: Entrant, _ other: Entrant) -> [MetricDifference]? {
            marks[one].flatMap { one in marks[other].map { one.minus($0) } }
        }
    }

    /// Reads the test split, for the first and only time, and writes the student with what was found.
    private func finish(
        _ predictions: TeacherPredictions, _ ensemble: Ensemble, _ students: [TrainedNetwork],
        _ runs: [SeedRun], _ written: Int, dataDigest: String, validation: ExampleSplit, _ workers: Workers
    ) throws -> CompressionReport {
        let evaluating = Date(), test = data.test, hasBeenTested = predictions.knows(test)
        let labelsAlone = runs[written].labelsAlone
        try predictions.prepare(test: test)
        let networks = (students + (labelsAlone?.networks ?? [])).map { Examination.Model.network($0) }
        func shares(_ entrant: Entrant, besides count: Int) -> [Double] {
            let all = count + networks.count
            switch entrant {
            case .ensemble: return ensemble.weights + Array(repeating: 0, count: networks.count)
            case .equalTeachers: return Examination.equal(0..<count, of: all)
            case .teacher(let index): return Examination.only(index, of: all)
            case .network(let index): return Examination.only(count + index, of: all)
            case .students: return Examination.equal(count..<(count + students.count), of: all)
            }
        }
        /// - Parameter teachers: Those that were asked, in front of the networks.
        func standing(_ split: ExampleSplit, _ entrants: [Entrant], teachers: [SoftTargets] = []) throws -> Standing {
            let examination = Examination(
                split: split, models: teachers.map { .asked($0) } + networks, combination: request.combination,
                workers: workers)
            let marks = try examination.marks(
                entrants.map { shares($0, besides: teachers.count) },
                compared: entrants.firstIndex(of: .network(students.count - 1)))
            return Standing(marks: Dictionary(uniqueKeysWithValues: zip(entrants, marks)))
        }
        let ours = networks.indices.map(Entrant.network) + [.students]
        // The first one is whom the student's classes are compared with.
        let all = [.ensemble, .equalTeachers] + teachers.indices.map(Entrant.teacher) + ours
        let validated = try standing(validation, ours)
        let tested = try standing(test, all, teachers: try predictions.targets(test))
        try inputs.check()
        let seeds = try report(runs, written: written, validation, test, workers)
        if !hasBeenTested {
            warnOfSeenRows(ensemble, teachers.indices.compactMap { tested.marks[.teacher($0)] })
        }
        let last = Entrant.network(students.count - 1), likeness = tested.marks[last]?.agreement ?? 0
        seconds.evaluate += Date().timeIntervalSince(evaluating)
        let bytes = try measuring(\.export) {
            let scores = [validated[last], tested[last], ensemble.validation, tested[.ensemble]]
            return try export(
                students[students.count - 1], seed: runs[written].seed,
                Provenance.Results(
                    digests: digests, dataDigest: dataDigest, weights: ensemble.weights,
                    scores: Array(zip(Provenance.scoreNames, scores)), agreement: likeness))
        }
        let facts = try facts(
            students[students.count - 1], of: written, validation, workers, student: validated[last],
            ensemble: ensemble.validation,
            baseline: labelsAlone == nil ? [] : validated[.network(students.count)])
        seconds.total = Date().timeIntervalSince(start)
        let labels = (first: Entrant.network(students.count), best: Entrant.network(students.count + 1))
        return CompressionReport(
            teachers: teachers.enumerated().map { index, teacher in
                CompressionReport.Teacher(
                    path: teacher.path, size: teacher.size, weight: ensemble.weights[index],
                    validation: ensemble.teacherMarks[index].metrics,
                    test: tested[.teacher(index)], testSpread: tested.spread(.teacher(index)))
            }, ensembleBytes: ByteCount(teachers.reduce(0) { $0 + ($1.size?.bytes.bytes ?? 0) }),
            ensembleWeightBytes: ByteCount(teachers.reduce(0) { $0 + ($1.size?.weightBytes.bytes ?? 0) }),
            ensembleValidation: ensemble.validation, ensembleTest: tested[.ensemble],
            ensembleTestSpread: tested.spread(.ensemble), testCount: test.count, weightChoice: ensemble.choice,
            comparisons: comparisons(ensemble, students.count, validated, tested),
            student: CompressionReport.Student(
                path: request.output, name: plan.built.architecture.name,
                parameters: plan.export.size.parameters, bytes: bytes, predictedBytes: plan.export.size.file,
                weightBytes: plan.export.size.weights,
                validation: validated[last], test: tested[last], testSpread: tested.spread(last), agreement: likeness,
                precision: request.precision),
            baseline: labelsAlone.map { labelsAlone in
                CompressionReport.Baseline(
                    validation: validated[labels.first], test: tested[labels.first],
                    testSpread: tested.spread(labels.first),
                    best: labelsAlone.best.map { _ in
                        CompressionReport.Baseline.Best(
                            epochs: labelsAlone.bestEpochs, isEarlier: labelsAlone.isEarlier,
                            validation: validated[labels.best], test: tested[labels.best],
                            testSpread: tested.spread(labels.best))
                    })
            },
            seeds: seeds,
            differences: [
                (.ensemble, Entrant.ensemble), (.baseline, labels.first), (.bestBaseline, labels.best),
            ].compactMap { other, entrant in
                guard let test = tested.difference(last, entrant) else { return nil }
                return CompressionReport.Difference(
                    other: other, validation: validated.difference(last, entrant) ?? [], test: test)
            },
            warnings: warnings.texts, advice: facts.advice, budget: request.budget, seconds: seconds,
            peakMemory: peakMemory())
    }

    /// What this run says of what to try next.
    private func facts(
        _ network: TrainedNetwork, of run: Int, _ validation: ExampleSplit, _ workers: Workers,
        student: CompressionReport.Metrics, ensemble: CompressionReport.Metrics, baseline: CompressionReport.Metrics
    ) throws -> RunFacts {
        let (train, _) = data.trainAndValidation(), last = request.generations
        let count = min(train.count, validation.count, 2_000)
        let some = train.selecting((0..<count).map { $0 * train.count / count }, name: "train")
        let training = try evaluate(network.graph, weights: network.weights, on: some, workers: workers)
        var facts = RunFacts()
        facts.metric = (student.first?.name ?? "accuracy").replacing("_", with: " ")
        facts.validationCount = validation.count
        facts.epochs = request.recipe.epochs
        facts.scores = MetricsLog.scores(
            of: request.title(last == 1 ? "student" : "generation \(last)", run: run),
            metric: student.first?.name ?? "",
            in: request.runDirectory)
        (facts.student, facts.ensemble) = (student.first?.value, ensemble.first?.value)
        (facts.baseline, facts.training) = (baseline.first?.value, training.first?.value)
        facts.firstTemperature = request.loss.temperature(0)
        facts.budgetUse = Double(plan.export.size.file.bytes) / Double(max(request.budget.bytes, 1))
        facts.isAugmented = request.augmentation != nil
        facts.isFedBadly = inputWarning != nil
        var automatic = request.recipe
        automatic.choose(
            .epochs, examples: train.count + (unlabeled?.count ?? 0),
            parameters: plan.built.graph.layout.trainableParameterCount)
        facts.automaticEpochs = automatic.epochs
        return facts
    }

    /// The teachers with equal weights, if they have others, and the generations, if there are several.
    private func comparisons(
        _ ensemble: Ensemble, _ count: Int, _ validated: Standing, _ tested: Standing
    ) -> [CompressionReport.Comparison] {
        func comparison(_ name: String, _ entrant: Entrant) -> CompressionReport.Comparison {
            CompressionReport.Comparison(name: name, validation: validated[entrant], test: tested[entrant])
        }
        let equal = ensemble.uniformValidation.map {
            CompressionReport.Comparison(
                name: "ensemble, equal weights", validation: $0, test: tested[.equalTeachers])
        }
        guard count > 1 else { return equal.map { [$0] } ?? [] }
        return (equal.map { [$0] } ?? []) + (0..<count).map { comparison("generation \($0 + 1)", .network($0)) }
            + [comparison("generations 1 to \(count) together", .students)]
    }

    /// Writes the student, which says where it comes from.
    private func export(
        _ student: TrainedNetwork, seed: Int, _ results: Provenance.Results
    ) throws -> ByteCount {
        var request = request
        request.recipe.seed = seed
        let provenance = Provenance(request, labelKind: labelKind).text(results)
        let notes = ExportPlan.Notes(["provenance": provenance], classNames: data.classNames)
        return try plan.export.noting(notes).write(student.weights, to: request.output, limit: request.budget)
    }
}

extension CompressionRequest {
    /// Refuses losses of layers that do not say clearly whose layers they mean.
    fileprivate func refuseUnclearTeachers() throws {
        let names = teachers.map(modelName), known = "the teachers are \(names.joined(separator: ", "))"
        var problems: [String] = []
        for term in allTerms where term.loss.comparesLayers {
            let loss = "loss '\(term.loss.name)'"
            switch term.teacher {
            case nil where names.count > 1:
                problems.append("\(loss) must say whose layers it means, with 'teacher' (\(known))")
            case let name? where !names.contains(name):
                problems.append("\(loss) names the teacher '\(name)', but \(known)\(didYouMean(name, names))")
            case let name? where names.count(where: { $0 == name }) > 1:
                let paths = teachers.filter { modelName(ofFile: $0) == name }.joined(separator: " and ")
                problems.append("\(loss) names the teacher '\(name)', which is \(paths); rename one of them")
            default: break
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }

    /// Refuses losses and augmentation that the data do not allow.
    fileprivate func refuseLosses(labelKind: LabelKind, data: ExampleFile) throws {
        var problems = allTerms.compactMap { term in
            term.measure.refusal(labelKind: labelKind, classCount: data.classCount).map {
                "loss '\(term.loss.name)': \($0)"
            }
        }
        if let refusal = preset?.refusal(labelKind: labelKind) { problems.append(refusal) }
        let answers = loss.terms.filter { !$0.loss.comparesLayers && !$0.weight.isZero }
        if generations > 1, answers.isEmpty {
            problems.append("generations after the first learn from predictions alone: add a loss such as kl")
        }
        if unlabeled != nil, answers.allSatisfy({ $0.measure.response?.needsLabels == true }) {
            problems.append("from unlabeled examples decoupled KD and losses of layers alone learn no answer: add kl")
        }
        if let refusal = softTargets.refusal(classCount: data.classCount) { problems.append(refusal) }
        if let augmentation {
            problems += augmentation.refusals(of: data)
            if augmentation.mixes, views != nil {
                problems.append("mixup needs teachers beside the student: leave --views out")
            }
        }
        if !problems.isEmpty { throw LossError(problems: problems) }
    }
}
