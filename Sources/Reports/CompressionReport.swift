public import Distillation
public import ModelFiles
import Tensors

// MARK: - For people

extension CompressionReport {
    /// Who taught, how good the student is, whether it fits, and what to think of it.
    public func text(width: Int? = nil) -> String {
        caption + table(width: width) + "\n" + remarks.map { wrapped($0, width: width) + "\n" }.joined()
    }

    public var verdict: BudgetVerdict { BudgetVerdict(limit: budget, used: student.bytes) }

    /// What the last columns of the table are.
    private var caption: String {
        let columns = Reports.columns(ensembleTest).map(\.title)
        guard let first = columns.first else { return "" }
        return columns.count == 1
            ? "\(first) on validation and test examples:\n"
            : "\(first) on validation examples, and all metrics on test examples:\n"
    }

    /// The columns of figures on test examples.
    private var testColumns: [TextTable.Column] {
        let columns = Reports.columns(ensembleTest)
        return columns.count == 1 ? [.init("test")] : columns.map { .init("test \($0.title)") }
    }

    private func table(width: Int?) -> String {
        var table = TextTable(
            [.init("", .left), .path("model"), .init("parameters"), .init("bytes"), .init("of ensemble")]
                + [.init("validation")] + testColumns)
        for teacher in teachers { table.add(row("teacher", teacher.model, teacher.validation)) }
        table.addRule()
        let count = teachers.reduce(0) { $0 + $1.parameters }
        table.add(
            ["ensemble", "", grouped(count), grouped(ensembleBytes.bytes), ""] + cells(ensembleValidation, ensembleTest)
        )
        for other in comparisons { table.add(["", other.name, "", "", ""] + cells(other.validation, other.test)) }
        table.add(row("student", student.model, student.validation))
        if let baselineTest {
            table.add(["baseline", "labels only", "", "", ""] + cells(baselineValidation, baselineTest))
        }
        return table.text(width: width)
    }

    /// The deciding figure on held-out examples, and everything on the test split.
    private func cells(_ validation: Metrics, _ test: Metrics) -> [String] {
        [validation.first.map { fixed($0.value, digits: 4) } ?? ""] + Reports.cells(test)
    }

    private func row(_ role: String, _ model: EvaluationReport.Model, _ validation: Metrics) -> [String] {
        let part = Double(model.bytes.bytes) / Double(max(ensembleBytes.bytes, 1))
        return [role, model.path, grouped(model.parameters), grouped(model.bytes.bytes), percent(part)]
            + cells(validation, model.metrics)
    }

    private var remarks: [String] {
        let ratio = Double(ensembleBytes.bytes) / Double(max(student.bytes.bytes, 1))
        let size = "\(fixed(ratio < 1 ? 1 / ratio : ratio, digits: 1)) times \(ratio < 1 ? "larger" : "smaller")"
        var remarks = [
            "the student is \(size) than the ensemble, and agrees with the ensemble on \(percent(student.agreement)) of test "
                + "examples"
        ]
        if let gainKept, gainKept < 0 {
            remarks.append("the student is worse than the baseline, and keeps none of the ensemble's gain")
        } else if let gainKept {
            remarks.append("of the ensemble's gain over the baseline, the student keeps \(percent(gainKept))")
        } else if baselineTest != nil {
            remarks.append("the ensemble is no better than the baseline")
        }
        let times = seconds.parts.map { "\($0.name) \(duration($0.value))" }.joined(separator: ", ")
        remarks.append("time: \(duration(seconds.total)) (\(times)); peak memory: \(peakMemory.short)")
        remarks += warnings.map { "warning: \($0)" } + advice.map { "to do better: \($0)" }
        remarks.append("\(verdict)")
        return remarks
    }

    private func percent(_ share: Double) -> String { "\(fixed(share * 100, digits: 1)) %" }
}

extension CompressionReport.Teacher {
    fileprivate var model: EvaluationReport.Model {
        EvaluationReport.Model(path: path, parameters: parameters, bytes: bytes, metrics: test)
    }
}

extension CompressionReport.Student {
    fileprivate var model: EvaluationReport.Model {
        EvaluationReport.Model(path: path, parameters: parameters, bytes: bytes, metrics: test)
    }
}

extension CompressionReport.Seconds {
    fileprivate var parts: [(name: String, value: Double)] {
        [("load", load), ("teach", teach), ("train", train), ("evaluate", evaluate), ("export", export)]
    }
}

// MARK: - For programs

extension CompressionReport {
    /// What the main job prints with `--json`.
    public var json: JSON {
        let together: [JSON.Object.Member] = [.init("bytes", .integer(ensembleBytes.bytes))] + members(ensembleTest)
        var object: JSON.Object = [
            "teachers": .array(
                teachers.map { teacher in
                    .object(
                        JSON.Object(
                            teacher.model.jsonMembers + [.init("weight", .number(teacher.weight))]
                                + validation(teacher.validation)))
                }),
            "ensemble": .object(JSON.Object(together + validation(ensembleValidation))), "student": studentJSON,
        ]
        if !comparisons.isEmpty {
            object["comparisons"] = .array(
                comparisons.map { other in
                    .object(
                        JSON.Object(
                            [.init("name", .string(other.name))] + members(other.test) + validation(other.validation)))
                })
        }
        if let baselineTest {
            object["baseline"] = .object(JSON.Object(members(baselineTest) + validation(baselineValidation)))
            object["gain_kept"] = gainKept.map { .number($0) } ?? .null
        }
        object["warnings"] = .array(warnings.map { .string($0) })
        object["advice"] = .array(advice.map { .string($0) })
        object["budget"] = verdict.json
        object["seconds"] = .object(
            JSON.Object((seconds.parts + [("total", seconds.total)]).map { .init($0.name, .number($0.value)) }))
        object["peak_memory_bytes"] = .integer(peakMemory.bytes)
        return .object(object)
    }

    /// What was found on held-out examples.
    private func validation(_ metrics: Metrics) -> [JSON.Object.Member] {
        metrics.isEmpty ? [] : [.init("validation", .object(JSON.Object(members(metrics))))]
    }

    private var studentJSON: JSON {
        var all = student.model.jsonMembers
        all.insert(.init("predicted_bytes", .integer(student.predictedBytes.bytes)), at: 3)
        all.append(.init("agreement", .number(student.agreement)))
        all += validation(student.validation)
        return .object(JSON.Object(all))
    }
}
