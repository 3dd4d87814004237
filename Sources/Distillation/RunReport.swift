import Datasets
import ModelFiles
import Models
import Networks
import Tensors
import Training

// What a run that is over is reported as.

extension Compressor {
    func report(_ results: RunResults, _ ensemble: Ensemble, bytes: ByteCount) -> CompressionReport {
        let (validated, tested, last) = (results.validated, results.tested, results.student)
        let differences: [(CompressionReport.Difference.Other, RunResults.Entrant)] = [
            (.ensemble, .ensemble), (.baseline, .baseline), (.bestBaseline, .bestBaseline),
        ]
        return CompressionReport(
            teachers: teachers.enumerated().map { index, teacher in
                CompressionReport.Teacher(
                    path: teacher.path, name: teacher.plan.givenName, size: teacher.size,
                    weight: ensemble.weights[index],
                    validation: ensemble.teacherScores[index].metrics,
                    test: tested[.teacher(index)], testSpread: tested.spread(.teacher(index)))
            }, ensembleBytes: ensembleSize(\.bytes), ensembleWeightBytes: ensembleSize(\.weightBytes),
            ensembleValidation: ensemble.validation, ensembleTest: tested[.ensemble],
            ensembleTestSpread: tested.spread(.ensemble), testCount: data.test.count, weightChoice: ensemble.choice,
            comparisons: comparisons(results, ensemble),
            student: CompressionReport.Student(
                path: request.output, name: plan.built.architecture.name,
                parameters: plan.export.size.parameters, bytes: bytes, predictedBytes: plan.export.size.file,
                weightBytes: results.run.export.size.weights,
                validation: validated[last], test: tested[last], testSpread: tested.spread(last),
                agreement: results.agreement, precision: request.precision, stages: results.run.outcomes),
            baseline: baseline(results), seeds: results.seeds,
            differences: differences.compactMap { other, entrant in
                guard let test = tested.difference(last, entrant) else { return nil }
                return CompressionReport.Difference(
                    other: other, validation: validated.difference(last, entrant) ?? [], test: test)
            },
            warnings: warnings.texts, advice: facts(results, ensemble).advice, budget: request.limit,
            seconds: clock.read(), peakMemory: peakMemory())
    }

    /// What all teachers take; nil where that of one is not known.
    private func ensembleSize(_ size: (TeacherSize) -> ByteCount) -> ByteCount? {
        let sizes = teachers.compactMap(\.size).map { size($0).bytes }
        return sizes.count == teachers.count ? ByteCount(sizes.reduce(0, +)) : nil
    }

    private func baseline(_ results: RunResults) -> CompressionReport.Baseline? {
        guard let labelsAlone = results.run.labelsAlone else { return nil }
        let (validated, tested) = (results.validated, results.tested)
        return CompressionReport.Baseline(
            validation: validated[.baseline], test: tested[.baseline], testSpread: tested.spread(.baseline),
            best: labelsAlone.best.map { _ in
                CompressionReport.Baseline.Best(
                    epochs: labelsAlone.bestEpochs, isEarlier: labelsAlone.isEarlier,
                    validation: validated[.bestBaseline], test: tested[.bestBaseline],
                    testSpread: tested.spread(.bestBaseline))
            })
    }

    /// The teachers with equal weights, if they have others, and the generations, if there are several.
    private func comparisons(_ results: RunResults, _ ensemble: Ensemble) -> [CompressionReport.Comparison] {
        let count = results.run.predecessors.count + 1
        func comparison(_ name: String, _ entrant: RunResults.Entrant) -> CompressionReport.Comparison {
            CompressionReport.Comparison(
                name: name, validation: results.validated[entrant], test: results.tested[entrant])
        }
        let equal = ensemble.uniformValidation.map {
            CompressionReport.Comparison(
                name: "ensemble, equal weights", validation: $0, test: results.tested[.equalTeachers])
        }
        guard count > 1 else { return equal.map { [$0] } ?? [] }
        return (equal.map { [$0] } ?? [])
            + (0..<count).map { comparison("generation \($0 + 1)", .generation($0)) }
            + [comparison("generations 1 to \(count) together", .generations)]
    }

    /// What this run suggests to try next.
    private func facts(_ results: RunResults, _ ensemble: Ensemble) -> RunFacts {
        let student = results.validated[results.student], generations = request.generations
        let title = Generation(number: generations, of: generations).name
        var facts = RunFacts()
        facts.metric = (student.first?.name ?? "accuracy").replacing("_", with: " ")
        facts.validationCount = validation.count
        facts.epochs = request.hyperparameters.epochs
        facts.scores = MetricsLog.scores(
            of: request.title(title, run: results.number), metric: student.first?.name ?? "",
            in: request.runDirectory)
        (facts.student, facts.ensemble) = (student.first?.value, ensemble.validation.first?.value)
        (facts.baseline, facts.training) = (
            results.validated[.baseline].first?.value, results.training.first?.value
        )
        facts.firstTemperature = request.loss.temperature(0)
        facts.budgetUse =
            Double(request.limit.used(by: results.run.export.size).bytes) / Double(max(request.budget.bytes, 1))
        facts.isAugmented = request.augmentation != nil
        facts.isFedBadly = inputWarning != nil
        var automatic = request.hyperparameters
        automatic.choose(
            .epochs, examples: train.count + (unlabeled?.count ?? 0),
            parameters: plan.built.graph.layout.trainableParameterCount)
        facts.automaticEpochs = automatic.epochs
        return facts
    }
}
