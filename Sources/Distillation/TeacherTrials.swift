import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Tensors
import Training

/// What a compression has warned of so far.
final class Warnings {
    var texts: [String] = []
}

extension Compressor {
    /// How many numbers of each teacher are looked at, at most.
    static let mostNumbers = 16 << 20

    /// Measures the teachers on the held-out examples, or on as many of them as fit into memory, and warns of what is
    /// wrong with them.
    ///
    /// - Parameter predictions: Their predictions for all held-out examples.
    @discardableResult
    func measureTeachers(
        _ predictions: TeacherPredictions, _ validation: ExampleSplit, _ workers: Workers
    ) throws -> [TeacherMeasurement] {
        let limit = max(Self.mostNumbers / validation.classCount, 1)
        let examples = try HeldOutExamples(validation, atMost: limit)
        let rows = sampledRows(of: validation.count, atMost: limit)
        return try measureTeachers(
            try predictions.targets(validation).map { $0.rows(rows) }, keys: predictions.keys, examples, workers)
    }

    /// - Parameters:
    ///   - logits: Each teacher's predictions for the examples.
    ///   - keys: Equal for teachers that are the same.
    @discardableResult
    func measureTeachers(
        _ logits: [Tensor], keys: [String], _ examples: HeldOutExamples, _ workers: Workers
    ) throws -> [TeacherMeasurement] {
        guard examples.count > 0 else { return [] }
        let (teachers, data) = (teachers, data)
        // One teacher is in memory at a time.
        var last: (index: Int, shapes: [Shape], network: Network)?
        let measuring = TeacherMeasuring(
            teachers: teachers, keys: keys, examples: examples,
            predict: { index, rules, some in
                try workers.checkAgreement()
                guard let teacher = try teachers[index].model?.fed(rules, data) else { return nil }
                if last?.index != index || last?.shapes != teacher.inputs.shapes {
                    last = nil
                    last = (index, teacher.inputs.shapes, try teacher.network())
                }
                guard let network = last?.network else { return nil }
                do {
                    return try OpenModel(teacher, network).logits(of: some, workers: workers)
                        .tensor(count: some.count, shape: [some.classCount])
                } catch let error as ModelFileError where error.kind == .refused {
                    // Numbers beyond float32, for one.
                    return nil
                } catch is ExampleValueError {
                    // Numbers of words, which another scale makes something else.
                    return nil
                }
            },
            numbers: { try InputCures.Numbers(data.trainAndValidation().train) }, classNames: data.classNames)
        let measured = try measuring.measure(logits)
        for warning in measured.flatMap(\.warnings) { tell(.warning(warning)) }
        return measured
    }
}

extension Compressor {
    /// The same before any training, where teachers' predictions for the test split are stored: by an earlier run.
    func warnOfSeenRows(_ predictions: TeacherPredictions, _ ensemble: Ensemble) throws {
        let able = predictions.able(data.test), count = able.count
        var evaluation = Evaluation(
            data.test, shares: (0..<count).map { Evaluation.only($0, of: count) }, combination: request.combination,
            options: .init(hasSamples: true))
        try evaluation.add(data.test, from: try predictions.targets(data.test))
        warnOfSeenRows(ensemble, Dictionary(uniqueKeysWithValues: zip(able, evaluation.scores())))
    }

    /// Warns of teachers that are far better on held-out rows than on test examples: beyond three standard errors of the
    /// difference, and by a hundredth at least.
    ///
    /// - Parameter test: The scores on the test split of teachers, by their numbers.
    func warnOfSeenRows(_ ensemble: Ensemble, _ test: [Int: Evaluation.Scores]) {
        let areLearned = ensemble.areLearned
        for (index, teacher) in teachers.enumerated() {
            let seen = ensemble.teacherScores[index]
            guard let unseen = test[index], let there = seen.metrics.first, let here = unseen.metrics.first,
                let margins = (seen.samples.first?.margin).flatMap({ one in
                    unseen.samples.first.map { (one, $0.margin) }
                })
            else { continue }
            let gap = there.value - here.value, error = hypot(margins.0, margins.1) / MetricDifference.deviations
            guard gap >= 0.01, gap > TeacherSkill.deviations * error else { continue }
            let name = there.name == "accuracy" ? "accuracy" : "GAP@20"
            let figures =
                "\(fixed(there.value, digits: 4)) on held-out rows and \(fixed(here.value, digits: 4)) on test examples"
            tell(
                .warning(
                    "teacher '\(teacher.path)' has \(name) \(figures): it has probably been trained on the held-out rows, so "
                        + "that what is measured there\(areLearned ? ", and teacher weights learned there, mean" : " means") "
                        + "nothing. Give rows that no teacher has seen as validation/x and validation/y in the data file"
                        + (areLearned ? ", or use --teacher-weights uniform" : "")))
        }
    }
}
