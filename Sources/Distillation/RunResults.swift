import Datasets
import ModelFiles
import Models
import Networks
import Storage
import Tensors
import Training

/// What the students of a run came to, and which of them is written.
struct RunResults {
    /// Whose predictions are measured.
    enum Entrant: Hashable {
        /// The teachers together, with their weights or with equal ones, and one by itself.
        case ensemble, equalTeachers
        case teacher(Int)
        /// A generation of the student, and all of them together.
        case generation(Int)
        case generations
        /// The student on labels alone, with the student's recipe and at its best epoch.
        case baseline, bestBaseline
    }

    /// What each of them came to on a split.
    struct Standing {
        let scores: [Entrant: Evaluation.Scores]

        subscript(entrant: Entrant) -> NamedMetrics { scores[entrant]?.metrics ?? [] }

        func spread(_ entrant: Entrant) -> CompressionReport.Spread {
            CompressionReport.Spread(
                errors: scores[entrant]?.errors ?? 0, margins: scores[entrant]?.samples.map(\.margin) ?? [])
        }

        /// How much better one of them is than another; nil where one of them was not there.
        func difference(_ one: Entrant, _ other: Entrant) -> [MetricDifference]? {
            scores[one].flatMap { one in scores[other].map { one.minus($0) } }
        }
    }

    /// The number of the run whose student is written, and that run.
    let number: Int
    let run: SeedRun
    /// On held-out rows, without the teachers, and on the test split.
    let validated: Standing
    let tested: Standing
    let seeds: SeedReport?
    /// The student on training rows, as many as there are held out.
    let training: NamedMetrics

    /// The student that is written.
    var student: Entrant { .generation(run.predecessors.count) }
    /// How often its first class is the ensemble's, on the test split; nil where some teacher has not predicted that.
    var agreement: Double? { tested.scores[.ensemble].flatMap { _ in tested.scores[student]?.agreement } }
}

extension SeedRun {
    /// The networks that are measured, the student's generations first.
    fileprivate var networks: [(entrant: RunResults.Entrant, network: TrainedNetwork)] {
        let generations = (predecessors + [student]).enumerated().map { (RunResults.Entrant.generation($0), $1) }
        guard let labelsAlone else { return generations }
        return generations + [(.baseline, labelsAlone.last)] + (labelsAlone.best.map { [(.bestBaseline, $0)] } ?? [])
    }
}

extension Compressor {
    /// Chooses the student that is best on held-out rows, and reads the test split, for the first and only time.
    func measure(_ runs: [SeedRun], _ ensemble: Ensemble, _ predictions: TeacherPredictions) throws -> RunResults {
        let workers = predictions.workers, test = data.test, hasBeenTested = predictions.knows(test)
        let number = try best(of: runs, on: validation, workers), run = runs[number]
        try predictions.prepare(test: test)
        let ours = run.networks.map(\.entrant) + [.generations]
        // The first one is whom the student's classes are compared with.
        let able = predictions.able(test)
        let together: [RunResults.Entrant] = able.count == teachers.count ? [.ensemble, .equalTeachers] : []
        let all = together + able.map(RunResults.Entrant.teacher) + ours
        let validated = try standing(ours, run, ensemble, validation, teachers: [:], workers)
        let targets = Dictionary(uniqueKeysWithValues: zip(able, try predictions.targets(test)))
        let tested = try standing(all, run, ensemble, test, teachers: targets, hasDetails: true, workers)
        try inputs.check()
        let seeds = try report(runs, written: number, validation, test, workers)
        if !hasBeenTested {
            warnOfSeenRows(
                ensemble,
                Dictionary(
                    uniqueKeysWithValues: able.compactMap { index in
                        tested.scores[.teacher(index)].map { (index, $0) }
                    }))
        }
        let count = min(train.count, validation.count, 2_000)
        let some = train.selecting((0..<count).map { $0 * train.count / count }, name: "train")
        return RunResults(
            number: number, run: run, validated: validated, tested: tested, seeds: seeds,
            training: try evaluate(run.student.graph, weights: run.student.weights, on: some, workers: workers))
    }

    /// - Parameters:
    ///   - targets: What teachers predict for the split, by their numbers; empty where none of them is measured.
    ///   - hasDetails: Whether it is wanted where ensemble and student are right.
    private func standing(
        _ entrants: [RunResults.Entrant], _ run: SeedRun, _ ensemble: Ensemble, _ split: ExampleSplit,
        teachers targets: [Int: SoftTargets], hasDetails: Bool = false, _ workers: Workers
    ) throws -> RunResults.Standing {
        let networks = run.networks, able = targets.keys.sorted(), first = able.count, all = first + networks.count
        func shares(_ entrant: RunResults.Entrant) -> [Double] {
            switch entrant {
            case .ensemble: ensemble.weights + Array(repeating: 0, count: networks.count)
            case .equalTeachers: Evaluation.equal(0..<first, of: all)
            case .teacher(let index): Evaluation.only(able.firstIndex(of: index) ?? 0, of: all)
            case .generations: Evaluation.equal(first..<(first + run.predecessors.count + 1), of: all)
            case .generation, .baseline, .bestBaseline:
                Evaluation.only(first + (networks.firstIndex { $0.entrant == entrant } ?? 0), of: all)
            }
        }
        let predictors = networks.map {
            LogitsPredictor($0.network.graph, weights: $0.network.weights, for: split, workers: workers)
        }
        let student = entrants.firstIndex(of: .generation(run.predecessors.count))
        var options = Evaluation.Options(hasSamples: true, compared: student)
        if hasDetails {
            let ensemble = entrants.firstIndex(of: .ensemble)
            options.detailed = Set([ensemble, student].compactMap(\.self))
            options.disagreementCount = ensemble == nil ? 0 : RunDetails.disagreementCount
        }
        var evaluation = Evaluation(
            split, shares: entrants.map(shares), combination: request.combination, options: options)
        try evaluation.add(split, from: able.compactMap { targets[$0] }, predictors)
        return RunResults.Standing(scores: Dictionary(uniqueKeysWithValues: zip(entrants, evaluation.scores())))
    }

    /// Writes the student with its provenance.
    func export(_ results: RunResults, _ ensemble: Ensemble, dataDigest: String) throws -> ByteCount {
        var request = request
        request.hyperparameters.seed = results.run.seed
        let scores = [
            results.validated[results.student], results.tested[results.student], ensemble.validation,
            results.tested[.ensemble],
        ]
        let provenance = Provenance(request, labelKind: labelKind).text(
            Provenance.Results(
                digests: digests, dataDigest: dataDigest, weights: ensemble.weights,
                scores: Array(zip(Provenance.scoreNames, scores)), agreement: results.agreement))
        let notes = ExportPlan.Notes(["provenance": provenance], classNames: data.classNames)
        return try results.run.export.noting(notes).write(
            results.run.student.weights, to: request.output, limit: request.budgetCounts == .file ? request.budget : nil
        )
    }
}
