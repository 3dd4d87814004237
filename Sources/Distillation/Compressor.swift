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
/// `plan` is cheap and refuses what cannot work; `run` does the work, one teacher in memory at a time.
public final class Compressor {
    private let request: CompressionRequest
    private let tell: (CompressionEvent) -> Void
    private let isInterrupted: () -> Bool
    private let data: ExampleFile
    private let plan: StudentPlan
    private let teachers: [Teacher]
    /// The SHA-256 of each teacher's file.
    private let digests: [String]
    private let task: Task
    private var seconds = CompressionReport.Seconds()
    private let start = Date()

    /// Opens the data and fits the student to the budget; only then are the teachers opened, and checked against the data.
    /// Nothing is written.
    ///
    /// - Throws: `BudgetError` for a student over the budget; `ModelFileError` and `ExampleFileError` for bad input.
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
        plan = try StudentPlan(
            request.student, width: request.width, budget: request.budget, data: data, task: task,
            format: ExportPlan.Format(of: request.output), provenance: Provenance(request, task: task).placeholder)
        teachers = try Teacher.all(request.teachers, data: data, rules: request.teacherRules)
        digests = try request.teachers.map(sha256(ofFile:))
        seconds.load += Date().timeIntervalSince(start)
    }

    public func run() throws -> CompressionReport {
        try FileManager.default.createDirectory(atPath: request.runDirectory, withIntermediateDirectories: true)
        let workers = Workers(request.threads)
        defer { workers.close() }
        let (train, validation) = data.trainAndValidation()
        tell(.message(plan.sentence("student", budget: request.budget)))
        tell(.plan(teachers.map(\.plan)))

        let loading = Date()
        let dataDigest = try sha256(ofFile: request.data)
        let store = try TeacherStore("\(request.runDirectory)/soft-targets", dataDigest: dataDigest)
        seconds.load += Date().timeIntervalSince(loading)

        let teaching = Date()
        for index in teachers.indices { try teach(index, [train, validation], store, workers) }
        let ensemble = try Ensemble(
            teachers, keys: keys, store, validation: validation, task: task, combination: request.combination,
            weights: request.teacherWeights)
        for line in ensemble.messages { tell(line) }
        let softTargets = try ensemble.softTargets(train, store, temperature: Float(request.temperature(0)))
        try writeManifest(ensemble, dataDigest)
        seconds.teach += Date().timeIntervalSince(teaching)

        let loss = DistillationLoss(softTargets, softWeight: request.softWeight, lambda: request.lambda)
        tell(.message("loss: \(loss.formula)"))
        let fingerprint = fingerprint(loss.formula, ensemble, dataDigest)
        let student = try trainStudent(
            "student", minimizing: loss, train, validation, fingerprint: fingerprint, workers)
        let baseline =
            request.baseline
            ? try trainStudent(
                "baseline", minimizing: LabelLoss(data.labelKind), train, validation,
                fingerprint: "labels only; \(fingerprint)", workers) : nil

        return try finish(
            ensemble, store, student: student, baseline: baseline, dataDigest: dataDigest, validation: validation,
            workers)
    }

    // MARK: - Teaching

    /// What each teacher's logits are kept under: they depend on its file and on how it is asked.
    private var keys: [String] {
        zip(teachers, digests).map { teacher, digest in
            teacher.manner.map { sha256(of: "\(digest)\n\($0)") } ?? digest
        }
    }

    /// Makes sure that the store has a teacher's logits for some splits.
    private func teach(
        _ index: Int, _ splits: [ExampleSplit], _ store: TeacherStore, _ workers: Workers,
        phase: String = "teaching by"
    ) throws {
        let teacher = teachers[index], key = keys[index]
        let missing = splits.filter { $0.count > 0 && !store.has(key, $0) }
        guard !missing.isEmpty else {
            return tell(.message("teacher '\(teacher.path)': its predictions are in the run directory"))
        }
        let network = try teacher.network()
        tell(.began("\(phase) \(teacher.name)", total: missing.reduce(0) { $0 + $1.count }))
        for split in missing {
            let logits = try teacher.logits(
                network, of: split, workers: workers, advance: { self.tell(.advanced($0, note: nil)) },
                isInterrupted: isInterrupted)
            try store.keep(logits.tensor, of: key, split: split)
        }
        tell(.ended)
    }

    private func writeManifest(_ ensemble: Ensemble, _ dataDigest: String) throws {
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
            "temperature": .number(request.temperature(0)),
        ]
        try manifest.indented.write(
            toFile: "\(request.runDirectory)/manifest.json", atomically: true, encoding: .utf8)
    }

    // MARK: - Training

    /// Everything the student's weights depend on.
    private func fingerprint(_ formula: String, _ ensemble: Ensemble, _ data: String) -> String {
        let shares = zip(keys, ensemble.weights).map { "\($0):\($1)" }.joined(separator: ",")
        return
            "\(formula); \(request.recipe); \(plan.sentence("student", budget: request.budget)); \(request.combination); \(shares); data \(data)"
    }

    private func trainStudent(
        _ name: String, minimizing objective: some Objective<ExampleBatch>, _ train: ExampleSplit,
        _ validation: ExampleSplit, fingerprint: String, _ workers: Workers
    ) throws -> Trainer {
        let beginning = Date()
        defer { seconds.train += Date().timeIntervalSince(beginning) }
        let session = TrainingSession(
            name: name, directory: request.runDirectory, fingerprint: fingerprint, isResuming: request.isResuming,
            isInterrupted: isInterrupted, tell: tell)
        return try session.train(
            plan.built.graph, request.recipe, minimizing: objective, train, validation, workers)
    }

    // MARK: - Evaluation and export

    /// Reads the test split, for the first and only time, and writes the student with what was found.
    private func finish(
        _ ensemble: Ensemble, _ store: TeacherStore, student: Trainer, baseline: Trainer?, dataDigest: String,
        validation: ExampleSplit, _ workers: Workers
    ) throws -> CompressionReport {
        let evaluating = Date()
        let test = data.test, task = task, shape: Shape = [data.classCount]
        let labelBuffer = try test.allLabels()
        let labels = labelBuffer.tensor(count: test.count, shape: shape)
        for index in teachers.indices { try teach(index, [test], store, workers, phase: "testing") }
        let sum = EnsembleSum(
            rows: test.count, classes: data.classCount, combination: request.combination, task: task)
        var reports: [CompressionReport.Teacher] = []
        for (index, teacher) in teachers.enumerated() {
            let logits = try ensemble.logits(index, test, store)
            let rows = logits.buffer.tensor(count: test.count, shape: shape)
            sum.add(rows, weight: Float(ensemble.weights[index]))
            reports.append(
                CompressionReport.Teacher(
                    path: teacher.path, parameters: teacher.parameters, bytes: teacher.bytes,
                    weight: ensemble.weights[index], validation: ensemble.teacherValidation[index],
                    test: metrics(scores(rows), labels: labels, task: task)))
        }
        let together = sum.finish()

        func measure(_ trainer: Trainer, _ split: ExampleSplit, _ labels: Tensor) throws -> (
            CompressionReport.Metrics, SharedBuffer
        ) {
            let logits = SharedBuffer(
                try predictLogits(trainer.graph, weights: trainer.result, of: split, workers: workers))
            let result = metrics(
                scores(logits.buffer.tensor(count: split.count, shape: shape)), labels: labels, task: task)
            return (result, logits)
        }
        let (studentTest, studentLogits) = try measure(student, test, labels)
        let studentValidation =
            validation.count > 0
            ? try measure(student, validation, ensemble.labels.buffer.tensor(count: validation.count, shape: shape)).0
            : []
        let baselineTest = try baseline.map { try measure($0, test, labels).0 }
        let ensembleTest = metrics(together, labels: labels, task: task)
        let likeness = agreement(studentLogits.buffer.tensor(count: test.count, shape: shape), together)
        seconds.evaluate += Date().timeIntervalSince(evaluating)
        let bytes = try export(
            student,
            Provenance.Results(
                digests: digests, dataDigest: dataDigest, weights: ensemble.weights,
                scores: Array(
                    zip(Provenance.scoreNames, [studentValidation, studentTest, ensemble.validation, ensembleTest])
                ), agreement: likeness))
        seconds.total = Date().timeIntervalSince(start)
        return CompressionReport(
            teachers: reports, ensembleBytes: ByteCount(teachers.reduce(0) { $0 + $1.bytes.bytes }),
            ensembleValidation: ensemble.validation, ensembleTest: ensembleTest,
            student: CompressionReport.Student(
                path: request.output, name: plan.built.architecture.name,
                parameters: plan.export.size.parameters, bytes: bytes, predictedBytes: plan.export.size.file,
                validation: studentValidation, test: studentTest,
                agreement: likeness),
            baselineTest: baselineTest, budget: request.budget, seconds: seconds, peakMemory: peakMemory())
    }

    /// Writes the student, which says where it comes from.
    private func export(_ student: Trainer, _ results: Provenance.Results) throws -> ByteCount {
        let exporting = Date()
        defer { seconds.export += Date().timeIntervalSince(exporting) }
        let weights = ParameterVector(zeros: student.graph.layout)
        weights.tensor.copy(from: student.result)
        let provenance = Provenance(request, task: task).text(results)
        let notes = ExportPlan.Notes(["provenance": provenance], classNames: data.classNames)
        return try plan.export.noting(notes).write(weights, to: request.output, limit: request.budget)
    }

    /// Logits as scores between 0 and 1, in place.
    private func scores(_ logits: Tensor) -> Tensor {
        probabilities(logits, task: task, temperature: 1, into: logits)
        return logits
    }
}
