import Datasets
import Foundation
public import ModelFiles
public import Models
import Networks
import Ranks
public import Tensors
import Training

/// What a compression would do: what is known before it starts, and how long it would take, by a short trial.
public struct DryRunReport: Sendable {
    /// The student in one line.
    public let student: String
    public let parameters: Int
    /// How its weights are stored.
    public let precision: Precision
    /// Why `--precision auto` took more than 4 bits, if it did.
    public let precisionNote: String?
    public let input: Shape
    public let size: ByteCount
    public let budget: Budget
    public let teachers: [TeacherPlan]
    /// How good each teacher is on some held-out examples; empty where none are held out.
    public let measurements: [TeacherMeasurement]
    /// What should be known before anyone starts, in sentences.
    public let warnings: [String]
    /// Whether labels alone are tried, too, and why.
    public let baseline: String
    /// What decides about the teachers' shares, if the user leaves it to the program.
    public let weightChoice: String?
    /// The formula in force, that of the first stage before it.
    public let formulas: [String]
    public let augmentation: String?
    public let trainCount: Int
    public let unlabeledCount: Int
    public let validationCount: Int
    public let testCount: Int
    public let classCount: Int
    public let epochs: Int
    public let batchSize: Int
    public let stepsPerEpoch: Int
    /// How many students there are that differ in their seeds alone.
    public let seeds: Int
    /// How many trainings there are: of generations, perhaps of a baseline, and of each member that learns by itself.
    public let trainings: Int
    /// What happens to each of these students on its way to its file, in this order.
    public let stages: [Stage]
    /// All steps of all students.
    public let steps: Int
    /// The stored predictions of teachers in the run directory.
    public let softTargets: ByteCount
    public let softTargetForm: SoftTargetForm
    /// About the most memory at a time, while teachers predict and while the student trains.
    public let predictingMemory: ByteCount
    public let trainingMemory: ByteCount
    /// Why there is not enough memory for it here, if there is not.
    public let memoryProblem: String?
    /// About how long it would take; nil where there is no memory to try.
    public let teachingSeconds: Double?
    public let trainingSeconds: Double?
    /// What several processes gain; nil for one by itself, and where there is no memory to try.
    public let processes: ProcessesTrial?
    /// What the budget has room for with other precisions.
    public let frontier: [FrontierPoint]

    public struct Stage: Hashable, Sendable {
        public let name: String
        /// The passes over the training examples in which the student learns.
        public let epochs: Int
    }
}

extension Compressor {
    /// How many examples a trial shows to a network, at most.
    private static let trialCount = 512

    /// Says what `run` would do, and tries each network on a few examples; nothing is written.
    ///
    /// - Throws: What `run` would throw before it writes anything, but for too little memory, which the report has.
    public func dryRun() throws -> DryRunReport {
        try rehearseRunDirectory()
        let workers = Workers(request.threads, peers: peers, isInterrupted: isInterrupted)
        defer { workers.close() }
        let hyperparameters = request.hyperparameters
        let reader = BatchLoader(
            train, unlabeled: unlabeled, views: views, hyperparameters: hyperparameters, workers: workers)
        let live = liveTeachers, alwaysLive = alwaysLiveTeachers
        let others = unlabeled?.count ?? 0

        let memory = memory(threads: workers.count)
        let problem = MemoryError.refusal(
            of: max(memory.predicting, memory.training), threads: workers.count)
        var processes: ProcessesTrial?
        var predicting = 0.0, secondsOfLive = 0.0, perExample = 0.0, measurements: [TeacherMeasurement] = []
        if problem == nil {
            let examples = try HeldOutExamples(validation.count > 0 ? validation : train, atMost: Self.trialCount)
            var logits: [Tensor] = []
            for (index, teacher) in teachers.enumerated() {
                let (seconds, predictions) = try trial(teacher, examples.split, workers)
                logits.append(predictions)
                predicting += seconds * Double(data.test.count + predictedExamples(isLive: alwaysLive.contains(index)))
                if live.contains(index) { secondsOfLive += seconds }
            }
            if validation.count > 0 {
                measurements = try measureTeachers(
                    logits, keys: zip(teachers, digests).map { $0.key(fileDigest: $1) }, examples, workers)
            }
            perExample = try trial(reader, workers)
            // With lanes one process alone takes more memory.
            let alone = self.memory(threads: workers.count, isAlone: true).training
            if !peers.agree(MemoryError.refusal(of: alone, threads: workers.count) != nil) {
                processes = try processesTrial(perExample: perExample) {
                    let one = Workers(request.threads, isInterrupted: isInterrupted)
                    defer { one.close() }
                    return try trial(reader, one)
                }
            }
        }
        let trainings = (request.generations + (baseline.isWanted ? 1 : 0)) * request.seeds
        let costs = stageCosts, sampled = train.sample(measuring: plan.built.graph).count
        let trainingSeconds: Double? =
            problem != nil
            ? nil
            : costs.reduce(0.0) { seconds, cost in
                seconds + Double(reader.count * cost.epochs)
                    * (perExample + (cost.asksTeachers ? secondsOfLive : 0))
                    + Double(validation.count * cost.heldOutPasses + sampled * cost.samplePasses) * perExample / 3
            }
        return DryRunReport(
            student: plan.sentence("student", budget: request.limit), parameters: plan.export.size.parameters,
            precision: request.precision, precisionNote: precisionNote,
            input: plan.built.graph.shape(of: plan.built.graph.inputs[0]),
            size: plan.export.size.file, budget: request.limit, teachers: teachers.map(\.plan),
            measurements: measurements,
            warnings: data.warnings + (inputWarning.map { [$0] } ?? []) + warnings.texts
                + (processes?.advice ?? []),
            baseline: baseline.sentence,
            weightChoice: request.teacherWeights == .automatic && teachers.count > 1
                ? "teacher weights: learned if these are better than equal ones on \(grouped(validation.count)) held-out rows "
                    + "beyond the noise, else equal (auto)" : nil,
            formulas: formulas,
            augmentation: views.map { views in
                let count = views.count.map { "\($0) views of each example, shown to the teachers beforehand" }
                return
                    "\(views.augmentation), \(count ?? "a new view of each example in every epoch, which the teachers see too")"
            }, trainCount: train.count, unlabeledCount: others,
            validationCount: validation.count,
            testCount: data.test.count, classCount: data.classCount, epochs: hyperparameters.epochs,
            batchSize: hyperparameters.batchSize,
            stepsPerEpoch: reader.stepsPerEpoch, seeds: request.seeds,
            trainings: trainings * plan.parts(hyperparameters).count,
            stages: request.stages.filter { !$0.steps(plan, hyperparameters, titled: \.self).isEmpty }
                .map { .init(name: $0.name, epochs: $0.cost(plan, hyperparameters).epochs) },
            steps: costs.reduce(0) { $0 + reader.stepsPerEpoch * $1.epochs * $1.networks },
            softTargets: softTargetBytes, softTargetForm: request.softTargets,
            predictingMemory: ByteCount(memory.predicting), trainingMemory: ByteCount(memory.training),
            memoryProblem: problem?.description, teachingSeconds: problem == nil ? predicting : nil,
            trainingSeconds: trainingSeconds, processes: processes, frontier: frontier(trainingSeconds: trainingSeconds)
        )
    }

    /// What the stages of all students cost, and labels alone where they are tried.
    private var stageCosts: [StageCost] {
        let alone = baseline.isWanted ? [StageCost(training: plan, request.hyperparameters)] : []
        let each = request.stages.map { $0.cost(plan, request.hyperparameters) } + alone
        return (0..<request.seeds).flatMap { _ in each }
    }

    /// How long a teacher takes for an example, in seconds, and its logits.
    private func trial(
        _ teacher: any Teacher, _ some: ExampleSplit, _ workers: Workers
    ) throws -> (seconds: Double, logits: Tensor) {
        let teacher = try teacher.open()
        // The first run warms up.
        try teacher.predict(some, changing: nil, workers: workers) { _, _ in try workers.checkAgreement() }
        let start = Date()
        let logits = try teacher.logits(of: some, workers: workers)
        let seconds = Date().timeIntervalSince(start) / Double(max(some.count, 1))
        return (seconds, logits.tensor(count: some.count, shape: [some.classCount]))
    }

    /// How long the student's training takes for an example, its losses included, but not its teachers.
    private func trial(_ reader: BatchLoader, _ workers: Workers) throws -> Double {
        let graph = layers.student
        let trainer = Trainer(
            graph, weights: ParameterVector(initializing: graph.layout, key: RandomKey(seed: 0)),
            hyperparameters: request.hyperparameters, workers: workers)
        let share = 1 / Double(teachers.count)
        let loss = DistillationLoss(
            request.loss,
            mixture: EnsembleMixture(
                request.combination, labelKind, weights: teachers.map { _ in share },
                isByExample: request.teacherWeights == .byExample),
            places: layers.places)
        let batches = SyntheticBatches(
            loader: reader, batchSize: min(request.hyperparameters.batchSize, reader.count),
            classCount: data.classCount,
            teacherCount: teachers.count,
            layers: layers.places.map { place in
                guard let (graph, values) = layers.teachers[place.teacher] else { return [] }
                return values[place.values].map { graph.shape(of: $0) }
            })
        var seconds = 0.0, count = 0, steps = 0, last = Date()
        var run = TrainingRun(train: data.train, validation: nil)
        run.stepEnded = { report in
            // The first step warms up.
            if steps > 0 {
                seconds += Date().timeIntervalSince(last)
                count += report.examples
            }
            (steps, last) = (steps + 1, Date())
            if steps == 6 { throw EnoughSteps() }
        }
        do {
            try run.run(trainer, minimizing: loss, on: batches)
        } catch is EnoughSteps {}
        return seconds / Double(max(count, 1))
    }

    private var formulas: [String] {
        let first = request.firstStage.map { [$0.loss(temperature: request.loss.temperature)] } ?? []
        return (first + [request.loss]).map { $0.formula(labelKind) }
    }
}

/// Ends the trial of a training.
private struct EnoughSteps: Error {}

/// The batches of a training with arbitrary predictions of teachers: for the time that losses take, which depends on no value.
private struct SyntheticBatches: BatchSource {
    let loader: BatchLoader
    /// Each teacher's logits, B × classes, and for each term of layers what the teacher's layers give.
    private let logits: [Tensor]
    private let layers: [[Tensor]]

    init(loader: BatchLoader, batchSize: Int, classCount: Int, teacherCount: Int, layers: [[Shape]]) {
        self.loader = loader
        func anything(_ shape: Shape) -> Tensor {
            let tensor = Buffer(zeros: batchSize * shape.elementCount).tensor.viewed(count: batchSize, shape: shape)
            for element in 0..<tensor.elementCount { tensor[element] = Float(element % 7) }
            return tensor
        }
        logits = (0..<teacherCount).map { _ in anything([classCount]) }
        self.layers = layers.map { $0.map(anything) }
    }

    var count: Int { loader.count }
    var stepsPerEpoch: Int { loader.stepsPerEpoch }

    func batch(epoch: Int, step: Int) throws -> DistillationBatch {
        DistillationBatch(try loader.batch(epoch: epoch, step: step), logits: logits, layers: layers)
    }
}
