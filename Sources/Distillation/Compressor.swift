import Datasets
import Foundation
import HDF5
import Kernels
import ModelFiles
import Networks
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
    let teachers: [Teacher]
    let task: Task
    let unlabeled: ExampleSplit?
    /// The terms of layers of the student's loss, and of the first stage's.
    let layers: LayerTerms
    let firstLayers: LayerTerms?
    /// The SHA-256 of each teacher's file.
    private let digests: [String]
    private var seconds = CompressionReport.Seconds()
    private let start = Date()

    /// Opens the data and fits the student to the budget; only then are the teachers opened, and checked against the data.
    /// Nothing is written.
    ///
    /// - Throws: `BudgetError` for a student over the budget; `ModelFileError` and `ExampleFileError` for bad input;
    ///   `LossError` for a loss that task, student or teachers do not allow.
    public init(
        _ request: CompressionRequest, isInterrupted: @escaping () -> Bool = { false },
        tell: @escaping (CompressionEvent) -> Void
    ) throws {
        self.request = request
        self.tell = tell
        self.isInterrupted = isInterrupted
        let data = try ExampleFile(opening: request.data)
        self.data = data
        let task = Task(data.labelKind)
        self.task = task
        try request.refuseLosses(task: task, data: data)
        plan = try StudentPlan(
            request.student, width: request.width, budget: request.budget, data: data, task: task,
            format: ExportPlan.Format(of: request.output), provenance: Provenance(request, task: task).placeholder)
        unlabeled = try request.unlabeled.map(data.unlabeled)
        let teachers = try Teacher.all(request.teachers, data: data, rules: request.teacherRules)
        self.teachers = teachers
        try plan.refuse(request.terms + (request.firstStage?.terms ?? []))
        let built = plan.built
        func wire(_ terms: [LossTerm]) throws -> LayerTerms {
            try LayerTerms(terms, student: built, teachers: teachers.map(\.name)) { try teachers[$0].built() }
        }
        layers = try wire(request.terms)
        firstLayers = try request.firstStage.map { try wire($0.terms) }
        digests = try request.teachers.map(sha256(ofFile:))
        try refuseOtherInputs()
        seconds.load += Date().timeIntervalSince(start)
    }

    /// Refuses teachers that are fed with other datasets than x, where they are to see examples that have no others.
    private func refuseOtherInputs() throws {
        var problems: [String] = []
        for (index, teacher) in teachers.enumerated() where !teacher.readsOnlyX {
            let name = "teacher '\(teacher.path)' is fed with other datasets than x"
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

    public func run() throws -> CompressionReport {
        try FileManager.default.createDirectory(atPath: request.runDirectory, withIntermediateDirectories: true)
        if !request.isResuming { RunDirectory.clear(request.runDirectory) }
        let workers = Workers(request.threads)
        defer { workers.close() }
        let (train, validation) = data.trainAndValidation()
        tell(.message(plan.sentence("student", budget: request.budget)))
        tell(.plan(teachers.map(\.plan)))
        tell(.message("soft targets: \(softTargetBytes) as \(request.softTargets) in the run directory"))

        let loading = Date()
        let dataDigest = try sha256(ofFile: request.data)
        let store = try TeacherStore(
            "\(request.runDirectory)/soft-targets", dataDigest: dataDigest, form: request.softTargets)
        let others = try unlabeled.map { split in
            // How a teacher's answers are read depends on the labeled examples, too.
            let digest = sha256(of: "\(dataDigest)\n\(try sha256(ofFile: split.path))")
            return (
                split,
                try TeacherStore(
                    "\(request.runDirectory)/soft-targets-unlabeled", dataDigest: digest, form: request.softTargets)
            )
        }
        func teaching(_ teachers: [Teacher], _ digests: [String]) -> Teaching {
            Teaching(
                teachers: teachers, digests: digests, store: store, unlabeled: others, views: views,
                workers: workers, isInterrupted: isInterrupted, tell: tell)
        }
        seconds.load += Date().timeIntervalSince(loading)

        let first = teaching(teachers, digests)
        let ensemble = try measuring(\.teach) {
            try first.prepare(train, validation, live: alwaysLiveTeachers)
            let ensemble = try Ensemble(
                request.teachers, try first.targets(validation), of: validation, combination: request.combination,
                weights: request.teacherWeights, workers: workers)
            for line in ensemble.messages { tell(line) }
            try writeManifest(first, ensemble, dataDigest)
            return ensemble
        }
        let split = (train: train, validation: validation)
        var students = [try trainStudent(first, ensemble.mixture, split, dataDigest, generation: 1)]
        for generation in 2..<(request.generations + 1) {
            students.append(
                try trainGeneration(generation, after: students[generation - 2], teaching, split, dataDigest))
        }
        let baseline = request.baseline ? try trainBaseline(split, dataDigest, workers) : nil
        return try finish(
            first, ensemble, students, baseline: baseline, dataDigest: dataDigest, validation: validation, workers)
    }

    /// Does something whose time counts as part of a phase.
    private func measuring<Result>(
        _ phase: WritableKeyPath<CompressionReport.Seconds, Double>, _ body: () throws -> Result
    ) rethrows -> Result {
        let beginning = Date()
        defer { seconds[keyPath: phase] += Date().timeIntervalSince(beginning) }
        return try body()
    }

    // MARK: - Teaching

    private func writeManifest(_ teaching: Teaching, _ ensemble: Ensemble, _ dataDigest: String) throws {
        let manifest: JSON = [
            "data": ["path": .string(request.data), "sha256": .string(dataDigest)],
            "teachers": .array(
                teachers.indices.map { index in
                    let facts: [JSON.Object.Member] = [
                        .init("path", .string(teachers[index].path)), .init("sha256", .string(digests[index])),
                        .init("weight", .number(ensemble.weights[index])),
                    ]
                    return .object(JSON.Object(facts + teachers[index].plan.jsonMembers))
                }),
            "combination": .string(request.combination.rawValue),
            "temperature": Double("\(request.temperature)").map { .number($0) } ?? .string("\(request.temperature)"),
        ]
        try manifest.indented.write(
            toFile: "\(request.runDirectory)/manifest.json", atomically: true, encoding: .utf8)
    }

    // MARK: - Training

    /// Everything the student's weights depend on.
    private func fingerprint(_ teaching: Teaching, _ mixture: Mixture, _ formula: String, _ data: String) -> String {
        let shares = zip(teaching.keys, mixture.weights).map { "\($0):\($1)" }.joined(separator: ",")
        let views = views.map { "; \($0.augmentation), views \($0.count.map(String.init) ?? "live")" } ?? ""
        let others = teaching.unlabeled.map { "; unlabeled \($0.store.dataDigest)" } ?? ""
        let byExample = mixture.isByExample ? " by example" : ""
        let form = request.softTargets == .float32 ? "" : "; soft targets \(request.softTargets)"
        return
            "\(formula); \(request.terms); \(request.recipe); \(plan.sentence("student", budget: request.budget)); \(request.combination)\(byExample); \(shares); data \(data)\(views)\(others)\(form); \(architectureDigest)"
    }

    /// Layers and options of the student, of which its sentence says only the size.
    private var architectureDigest: String { sha256(of: "\(plan.built.architecture.layers)") }

    private func session(_ name: String, _ fingerprint: String, _ part: TrainingPart? = nil) -> TrainingSession {
        TrainingSession(
            name: part?.title(name) ?? name, key: part?.key(name) ?? name, directory: request.runDirectory,
            fingerprint: fingerprint, isResuming: request.isResuming,
            isInterrupted: isInterrupted, tell: tell)
    }

    private func trainStudent(
        _ teaching: Teaching, _ mixture: Mixture, _ split: (train: ExampleSplit, validation: ExampleSplit),
        _ dataDigest: String, generation: Int
    ) throws -> TrainedNetwork {
        try measuring(\.train) {
            var recipe = request.recipe
            recipe.seed &+= generation - 1
            return try plan.train(recipe) { part in
                try train(part, teaching, mixture, split, dataDigest, generation: generation)
            }
        }
    }

    private func train(
        _ part: TrainingPart, _ teaching: Teaching, _ mixture: Mixture,
        _ split: (train: ExampleSplit, validation: ExampleSplit), _ dataDigest: String, generation: Int
    ) throws -> TrainedNetwork {
        let name = request.generations == 1 ? "student" : "generation \(generation)"
        // The layers of the first teachers are not those of a generation, nor the student's those of a member.
        let layers = generation == 1 && part.member == nil ? layers : nil
        let terms = generation == 1 ? request.terms : request.terms.filter { $0.measure.layerPairs == nil }
        let loss = DistillationLoss(
            terms, mixture: mixture, temperature: request.temperature, softWeight: request.softWeight,
            lambda: request.lambda, places: layers?.places ?? [], teacherNames: teaching.names)
        let reader = LessonReader(
            split.train, unlabeled: unlabeled, views: views, recipe: part.recipe, workers: teaching.workers)
        var fingerprint = fingerprint(teaching, mixture, loss.formula, dataDigest)
        var first: TrainedNetwork?
        if generation == 1, let stage = request.firstStage, let firstLayers {
            (first, fingerprint) = try trainFirstStage(
                stage, firstLayers, teaching, mixture, split, reader, fingerprint)
        }
        if part.isFirst { tell(.message("loss: \(loss.formulaInLines)")) }
        let trainer = try session(name, fingerprint, part).train(
            layers?.student ?? part.graph, part.recipe, minimizing: loss,
            on: try teaching.lessons(reader, split.train, layers), split.train, split.validation,
            teaching.workers, from: first)
        return TrainedNetwork(trainer, as: part.graph)
    }

    /// Trains the student's layers before it learns to answer; returns its weights, and what the next stage depends on.
    private func trainFirstStage(
        _ stage: FirstStage, _ layers: LayerTerms, _ teaching: Teaching, _ mixture: Mixture,
        _ split: (train: ExampleSplit, validation: ExampleSplit), _ reader: LessonReader, _ fingerprint: String
    ) throws -> (TrainedNetwork, String) {
        let loss = DistillationLoss(
            stage.terms, mixture: mixture, temperature: request.temperature, softWeight: .constant(1),
            lambda: .constant(0), places: layers.places, teacherNames: teaching.names)
        var recipe = request.recipe
        recipe.epochs = stage.epochs
        (recipe.patience, recipe.keepsBest) = (nil, false)
        let fingerprint = "first stage of \(stage.epochs) epochs, \(loss.formula), \(stage.terms); \(fingerprint)"
        tell(.message("loss of the first stage: \(loss.formulaInLines)"))
        let trainer = try session("first stage", fingerprint).train(
            layers.student, recipe, minimizing: loss, on: try teaching.lessons(reader, split.train, layers),
            split.train, split.validation.selecting([], name: "validation"), teaching.workers)
        return (TrainedNetwork(trainer), fingerprint)
    }

    /// Trains a student that the one before it teaches (Furlanello et al., 2018).
    private func trainGeneration(
        _ generation: Int, after student: TrainedNetwork, _ teaching: ([Teacher], [String]) -> Teaching,
        _ split: (train: ExampleSplit, validation: ExampleSplit), _ dataDigest: String
    ) throws -> TrainedNetwork {
        let ending = request.output.hasSuffix(".keras") ? "keras" : "h5"
        let path = "\(request.runDirectory)/generation-\(generation - 1).\(ending)"
        // Where a student comes from is known at the end; those on the way are the run's own.
        _ = try plan.export.noting(ExportPlan.Notes(classNames: data.classNames)).write(
            student.weights, to: path)
        let teacher = try Teacher(path, data: data)
        let next = teaching([teacher], [try sha256(ofFile: path)])
        try measuring(\.teach) {
            try next.prepare(split.train, split.validation, live: next.isLive ? [0] : [])
        }
        return try trainStudent(
            next, Mixture(request.combination, task, weights: [1]), split, dataDigest, generation: generation)
    }

    private func trainBaseline(
        _ split: (train: ExampleSplit, validation: ExampleSplit), _ dataDigest: String, _ workers: Workers
    ) throws -> TrainedNetwork {
        try measuring(\.train) {
            let changes = views.map { "\($0.augmentation), \($0.count.map(String.init) ?? "live"); " } ?? ""
            let fingerprint =
                "labels only; \(changes)\(request.recipe); \(plan.sentence("student", budget: request.budget)); data \(dataDigest); \(architectureDigest)"
            return try plan.train(request.recipe) { part in
                let reader = LessonReader(split.train, views: views, recipe: part.recipe, workers: workers)
                let trainer = try session("baseline", fingerprint, part).train(
                    part.graph, part.recipe, minimizing: LabelLoss(data.labelKind), on: reader, split.train,
                    split.validation, workers)
                return TrainedNetwork(trainer)
            }
        }
    }

    // MARK: - Evaluation and export

    /// Reads the test split, for the first and only time, and writes the student with what was found.
    private func finish(
        _ teaching: Teaching, _ ensemble: Ensemble, _ students: [TrainedNetwork], baseline: TrainedNetwork?,
        dataDigest: String, validation: ExampleSplit, _ workers: Workers
    ) throws -> CompressionReport {
        let evaluating = Date(), test = data.test
        try teaching.prepare(test, phase: "testing")
        let (teacherCount, count) = (teachers.count, students.count)
        let networks = (students + (baseline.map { [$0] } ?? [])).map { Examination.Model.network($0) }
        func only(_ index: Int) -> [Double] { Examination.only(index, of: networks.count) }
        // Each network by itself, and the students together.
        let mixtures = networks.indices.map(only) + [Examination.equal(0..<count, of: networks.count)]
        let validated = try Examination(
            split: validation, models: networks, combination: request.combination, workers: workers
        ).marks(mixtures).map(\.metrics)
        // The ensemble, its teachers with equal shares and each by itself; then the networks as above.
        let nobody = [Double](repeating: 0, count: teacherCount), none = [Double](repeating: 0, count: networks.count)
        var shares = [ensemble.weights, Examination.equal(0..<teacherCount, of: teacherCount)]
        shares += teachers.indices.map { Examination.only($0, of: teacherCount) }
        let asked = try teaching.targets(test).map { Examination.Model.asked($0) }
        let marks = try Examination(
            split: test, models: asked + networks, combination: request.combination, workers: workers
        ).marks(shares.map { $0 + none } + mixtures.map { nobody + $0 })
        let tested = marks[shares.count...].map(\.metrics), last = count - 1

        var comparisons: [CompressionReport.Comparison] = []
        if let uniform = ensemble.uniformValidation {
            comparisons.append(
                CompressionReport.Comparison(
                    name: "ensemble, equal weights", validation: uniform, test: marks[1].metrics))
        }
        if count > 1 {
            comparisons += (0..<count).map {
                CompressionReport.Comparison(name: "generation \($0 + 1)", validation: validated[$0], test: tested[$0])
            }
            comparisons.append(
                CompressionReport.Comparison(
                    name: "generations 1 to \(count) together", validation: validated[networks.count],
                    test: tested[networks.count]))
        }
        let likeness = marks[shares.count + last].agreement
        seconds.evaluate += Date().timeIntervalSince(evaluating)
        let bytes = try measuring(\.export) {
            try export(
                students[last],
                Provenance.Results(
                    digests: digests, dataDigest: dataDigest, weights: ensemble.weights,
                    scores: Array(
                        zip(
                            Provenance.scoreNames,
                            [validated[last], tested[last], ensemble.validation, marks[0].metrics])),
                    agreement: likeness))
        }
        seconds.total = Date().timeIntervalSince(start)
        return CompressionReport(
            teachers: teachers.enumerated().map { index, teacher in
                CompressionReport.Teacher(
                    path: teacher.path, parameters: teacher.parameters, bytes: teacher.bytes,
                    weight: ensemble.weights[index], validation: ensemble.teacherValidation[index],
                    test: marks[2 + index].metrics)
            }, ensembleBytes: ByteCount(teachers.reduce(0) { $0 + $1.bytes.bytes }),
            ensembleValidation: ensemble.validation, ensembleTest: marks[0].metrics, comparisons: comparisons,
            student: CompressionReport.Student(
                path: request.output, name: plan.built.architecture.name,
                parameters: plan.export.size.parameters, bytes: bytes, predictedBytes: plan.export.size.file,
                validation: validated[last], test: tested[last], agreement: likeness),
            baselineValidation: baseline == nil ? [] : validated[count],
            baselineTest: baseline.map { _ in tested[count] },
            budget: request.budget, seconds: seconds, peakMemory: peakMemory())
    }

    /// Writes the student, which says where it comes from.
    private func export(_ student: TrainedNetwork, _ results: Provenance.Results) throws -> ByteCount {
        let provenance = Provenance(request, task: task).text(results)
        let notes = ExportPlan.Notes(["provenance": provenance], classNames: data.classNames)
        return try plan.export.noting(notes).write(student.weights, to: request.output, limit: request.budget)
    }
}

extension CompressionRequest {
    /// Refuses losses and augmentation that the task or the data do not allow.
    fileprivate func refuseLosses(task: Task, data: ExampleFile) throws {
        var problems = (terms + (firstStage?.terms ?? [])).compactMap { term in
            term.measure.refusal(task: task, classCount: data.classCount).map { "loss '\(term.measure.name)': \($0)" }
        }
        if let refusal = preset?.refusal(task: task) { problems.append(refusal) }
        let answers = terms.filter { $0.measure.layerPairs == nil && !$0.weight.isZero }
        if generations > 1, answers.isEmpty {
            problems.append("generations after the first learn from predictions alone: add a loss such as kl")
        }
        if unlabeled != nil, answers.allSatisfy({ if case .dkd = $0.measure { true } else { false } }) {
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
