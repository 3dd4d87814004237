public import Distillation
public import ModelFiles
import Models
import Tensors
import Training

// MARK: - For people

extension CompressionReport {
    /// The teachers, how good the student is, whether it fits, and what to think of it.
    ///
    /// - Parameter paint: Gives the verdict a color.
    public func text(width: Int? = nil, paint: (String) -> String = { $0 }) -> String {
        caption + table(width: width) + "\n"
            + findings.map { wrapped($0, width: width, indentation: 2) + "\n" }.joined()
            + paint(wrapped("\(verdict)", width: width, indentation: 2)) + "\n"
    }

    public var verdict: BudgetVerdict { BudgetVerdict(budget, file: student.bytes, parameters: student.parameters) }

    /// What the last columns of the table are.
    private var caption: String {
        let columns = Reports.columns(student.test).map(\.title)
        guard let first = columns.first else { return "" }
        return columns.count == 1
            ? "\(first) on validation and test examples:\n"
            : "\(first) on validation examples, and all metrics on test examples:\n"
    }

    /// The columns of figures on test examples.
    private var testColumns: [TextTable.Column] {
        let columns = Reports.columns(student.test)
        return columns.count == 1 ? [.init("test")] : columns.map { .init("test \($0.title)") }
    }

    private func table(width: Int?) -> String {
        var table = TextTable(
            [.init("", .left), .path("model"), .init("parameters"), .init("bytes"), .init("of ensemble")]
                + [.init("validation")] + testColumns + [.init("errors")])
        for teacher in teachers {
            table.add(
                row(
                    "teacher", teacher.name ?? teacher.path, teacher.size, teacher.validation, teacher.test,
                    teacher.testSpread))
        }
        table.addRule()
        let counts = teachers.compactMap { $0.size?.parameters }
        let count = counts.count == teachers.count ? grouped(counts.reduce(0, +)) : Self.unknown
        table.add(
            ["ensemble", "", count, ensembleBytes.map { grouped($0.bytes) } ?? Self.unknown, ""]
                + cells(ensembleValidation, ensembleTest, ensembleTestSpread))
        for other in comparisons { table.add(["", other.name, "", "", ""] + cells(other.validation, other.test)) }
        table.add(row("student", student.path, student.size, student.validation, student.test, student.testSpread))
        if let baseline {
            func row(_ role: String, _ name: String, _ validation: NamedMetrics, _ test: NamedMetrics, _ spread: Spread)
            {
                table.add([role, name, "", "", ""] + cells(validation, test, spread))
            }
            row("baseline", "labels alone", baseline.validation, baseline.test, baseline.testSpread)
            if let best = baseline.best, best.isEarlier {
                let epochs = best.epochs.map { "\($0)" }.joined(separator: ", ")
                row("", "best epoch, \(epochs)", best.validation, best.test, best.testSpread)
            }
        }
        return table.text(width: width)
    }

    /// The deciding figure on held-out examples, and everything on the test split; errors where examples have one class.
    private func cells(_ validation: NamedMetrics, _ test: NamedMetrics, _ spread: Spread? = nil) -> [String] {
        let errors = test.count == 1 ? spread.map { grouped($0.errors) } ?? "" : ""
        let figures = test.isEmpty ? student.test.map { _ in Self.unknown } : Reports.cells(test)
        return [validation.first.map { fixed($0.value, digits: 4) } ?? ""] + figures + [errors]
    }

    /// What stands in a cell for what is not known of predictions in the place of a model.
    private static let unknown = "—"

    private func row(
        _ role: String, _ path: String, _ size: TeacherSize?, _ validation: NamedMetrics, _ test: NamedMetrics,
        _ spread: Spread
    ) -> [String] {
        let sizes = size.map { size in
            let part = ensembleWeightBytes.map { percent(Double(size.weightBytes.bytes) / Double(max($0.bytes, 1))) }
            return [grouped(size.parameters), grouped(size.bytes.bytes), part ?? ""]
        }
        return [role, path] + (sizes ?? [Self.unknown, Self.unknown, ""]) + cells(validation, test, spread)
    }

    /// What to think of it, in sentences.
    var findings: [String] {
        var remarks = besideEnsemble.map { [$0] } ?? []
        remarks.append(comparison)
        if let gainKept, gainKept >= 0 {
            remarks.append("of the ensemble's gain over \(labelsAlone), the student keeps \(percent(gainKept))")
        } else if gainKept == nil, baseline != nil, !ensembleTest.isEmpty {
            remarks.append("the ensemble is no better than \(labelsAlone)")
        }
        if let loss = lossToLabelsAlone {
            remarks.append("on held-out rows the student is worse than labels alone by \(points(loss))")
        }
        if let stage = student.stage {
            let cost = stage.cost.map { ": on held-out examples \($0)" } ?? ""
            remarks.append("the student's file: \(stage.size)\(cost)")
        }
        if let seeds { remarks.append(seeds.sentence) }
        if let weightChoice { remarks.append(weightChoice) }
        let times = seconds.parts.map { "\($0.name) \(duration($0.value))" }.joined(separator: ", ")
        remarks.append("time: \(duration(seconds.total)) (\(times)); peak memory: \(peakMemory.short)")
        remarks += warnings.map { "warning: \($0)" } + advice.map { "to do better: \($0)" }
        return remarks
    }

    /// How much smaller the student is than the ensemble, and how often it agrees with it, as far as that is known.
    private var besideEnsemble: String? {
        let size = ensembleWeightBytes.map { bytes in
            let ratio = Double(bytes.bytes) / Double(max(student.weightBytes.bytes, 1))
            return "the student's weights are \(fixed(ratio < 1 ? 1 / ratio : ratio, digits: 1)) times "
                + "\(ratio < 1 ? "larger" : "smaller") than the ensemble's"
        }
        let agreement = student.agreement.map { "agrees with the ensemble on \(percent($0)) of test examples" }
        guard let size else { return agreement.map { "the student \($0)" } }
        return size + (agreement.map { ", and it \($0)" } ?? "")
    }

    /// The better of labels alone, in words.
    private var labelsAlone: String {
        betterBaseline == .bestBaseline && baseline?.best?.isEarlier == true
            ? "labels alone at its best epoch" : "labels alone"
    }

    /// How many errors the student makes, and how it stands beside labels alone and the ensemble.
    private var comparison: String {
        let figure =
            student.test.count == 1
            ? "makes \(grouped(student.testSpread.errors)) errors of \(grouped(testCount))"
            : "has \(columns(student.test)[0].title) \(fixed(student.test[0].value, digits: 4))"
        let others = [betterBaseline, .ensemble].compactMap { other -> String? in
            guard let other, let difference = differences.first(where: { $0.other == other })?.test.first else {
                return nil
            }
            let name = other == .ensemble ? "the ensemble" : labelsAlone
            guard !difference.isNoise else { return "within noise of \(name) (\(points(difference, signed: true)))" }
            return "\(difference.value > 0 ? "better" : "worse") than \(name) by \(points(difference))"
        }
        return "on the test split the student \(figure)"
            + (others.isEmpty ? "" : ": \(others.joined(separator: ", "))")
    }

    private func points(_ difference: MetricDifference, signed: Bool = false) -> String {
        let value = 100 * (signed ? difference.value : abs(difference.value))
        return "\(fixed(value, digits: 1)) ± \(fixed(100 * difference.margin, digits: 1)) points"
    }

    private func percent(_ share: Double) -> String { "\(fixed(share * 100, digits: 1)) %" }
}

extension CompressionReport.Teacher {
    fileprivate var jsonMembers: [JSON.Object.Member] {
        [.init("path", .string(path))] + (name.map { [.init("name", .string($0))] } ?? [])
            + sizeMembers(size?.parameters, size?.bytes) + members(test)
    }
}

extension CompressionReport.Student {
    fileprivate var size: TeacherSize {
        TeacherSize(parameters: parameters, bytes: bytes, weightBytes: weightBytes)
    }

    fileprivate var model: EvaluationReport.Model {
        EvaluationReport.Model(path: path, parameters: parameters, bytes: bytes, metrics: test)
    }
}

extension CompressionReport.Seconds {
    /// What takes time: its key in `--json`, and its name in the report.
    fileprivate var parts: [(key: String, name: String, value: Double)] {
        [
            ("load", "load", load), ("teach", "predict", teach), ("train", "train", train),
            ("evaluate", "evaluate", evaluate), ("export", "export", export),
        ]
    }
}

// MARK: - For programs

extension CompressionReport {
    /// What the main job prints with `--json`.
    public var json: JSON {
        let together: [JSON.Object.Member] =
            [
                .init("bytes", ensembleBytes.map { .integer($0.bytes) } ?? .null),
                .init("weights_bytes", ensembleWeightBytes.map { .integer($0.bytes) } ?? .null),
            ] + members(ensembleTest)
        var object: JSON.Object = [
            "teachers": .array(
                teachers.map { teacher in
                    .object(
                        JSON.Object(
                            teacher.jsonMembers + [.init("weight", .number(teacher.weight))]
                                + validation(teacher.validation) + spread(teacher.test, teacher.testSpread)))
                }),
            "ensemble": .object(
                JSON.Object(
                    together + validation(ensembleValidation) + spread(ensembleTest, ensembleTestSpread)
                        + (weightChoice.map { [.init("weight_choice", .string($0))] } ?? []))), "student": studentJSON,
        ]
        if !comparisons.isEmpty {
            object["comparisons"] = .array(
                comparisons.map { other in
                    .object(
                        JSON.Object(
                            [.init("name", .string(other.name))] + members(other.test) + validation(other.validation)))
                })
        }
        if let baseline {
            object["baseline"] = json(baseline)
            object["gain_kept"] = gainKept.map { .number($0) } ?? .null
        }
        object["seeds"] = seeds?.json
        object["warnings"] = .array(warnings.map { .string($0) })
        object["advice"] = .array(advice.map { .string($0) })
        object["budget"] = verdict.json
        object["seconds"] = .object(
            JSON.Object(
                seconds.parts.map { .init($0.key, .number($0.value)) } + [.init("total", .number(seconds.total))]))
        object["peak_memory_bytes"] = .integer(peakMemory.bytes)
        return .object(object)
    }

    /// What was found on held-out examples.
    private func validation(_ metrics: NamedMetrics) -> [JSON.Object.Member] {
        metrics.isEmpty ? [] : [.init("validation", .object(JSON.Object(members(metrics))))]
    }

    /// What chance may have done to test figures.
    private func spread(_ test: NamedMetrics, _ spread: Spread) -> [JSON.Object.Member] {
        let intervals = zip(test, spread.margins).map { metric, margin in
            JSON.Object.Member(metric.name, interval(metric.value, margin))
        }
        guard !test.isEmpty else { return [] }
        return [.init("errors", .integer(spread.errors)), .init("interval", .object(JSON.Object(intervals)))]
    }

    /// From where to where, with a probability of 95 %.
    private func interval(_ value: Double, _ margin: Double) -> JSON {
        margin.isFinite ? .array([.number(value - margin), .number(value + margin)]) : .null
    }

    private func json(_ baseline: Baseline) -> JSON {
        var all = members(baseline.test) + validation(baseline.validation) + spread(baseline.test, baseline.testSpread)
        if let best = baseline.best {
            let epoch: JSON =
                best.epochs.count == 1 ? .integer(best.epochs[0]) : .array(best.epochs.map { .integer($0) })
            all.append(
                .init(
                    "best",
                    .object(
                        JSON.Object(
                            [.init("epoch", epoch)] + members(best.test) + validation(best.validation)
                                + spread(best.test, best.testSpread)))))
        }
        return .object(JSON.Object(all))
    }

    /// How much better the student is than others, by their names and by metric.
    private var differencesJSON: JSON {
        func metrics(_ differences: [MetricDifference]) -> JSON {
            let members = zip(student.test, differences).map { metric, difference -> JSON.Object.Member in
                let facts: JSON = [
                    "value": .number(difference.value), "interval": interval(difference.value, difference.margin),
                    "within_noise": .bool(difference.isNoise),
                ]
                return .init(metric.name, facts)
            }
            return .object(JSON.Object(members))
        }
        return .object(
            JSON.Object(
                differences.map { difference in
                    var all: JSON.Object = JSON.Object(metrics(difference.test).object?.members ?? [])
                    if !difference.validation.isEmpty { all["validation"] = metrics(difference.validation) }
                    return .init(difference.other.rawValue, .object(all))
                }))
    }

    private func json(_ outcome: StageOutcome) -> JSON {
        var all: [JSON.Object.Member] = [
            .init("name", .string(outcome.name)), .init("kept", .bool(outcome.isKept)),
            .init("bytes", .integer(outcome.size.file.bytes)),
            .init("bits_per_weight", .number(outcome.size.bitsPerWeight)), .init("zeros", .number(outcome.size.zeros)),
            .init("shared_values", outcome.size.sharedValues.map { .integer($0) } ?? .null),
        ]
        all += validation(outcome.validation)
        if let difference = outcome.difference {
            all.append(
                .init("difference", ["value": .number(difference.value), "margin": .number(difference.margin)]))
        }
        return .object(JSON.Object(all))
    }

    private var studentJSON: JSON {
        var all = student.model.jsonMembers
        all.insert(.init("predicted_bytes", .integer(student.predictedBytes.bytes)), at: 3)
        all.insert(.init("weights_bytes", .integer(student.weightBytes.bytes)), at: 4)
        all += [
            .init("precision", .string(student.precision.rawValue)),
            .init("bits_per_weight", .number(student.bitsPerWeight)),
            .init("loaded_bytes", .integer(student.loadedBytes.bytes)),
        ]
        if !student.stages.isEmpty { all.append(.init("stages", .array(student.stages.map(json)))) }
        all.append(.init("agreement", student.agreement.map { .number($0) } ?? .null))
        all += validation(student.validation) + spread(student.test, student.testSpread)
        all.append(.init("differences", differencesJSON))
        return .object(JSON.Object(all))
    }
}
