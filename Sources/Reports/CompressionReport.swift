public import Distillation
public import ModelFiles
import Tensors

// MARK: - For people

extension CompressionReport {
    /// Who taught, how good the student is, whether it fits, and what to think of it.
    public func text(width: Int? = nil) -> String {
        table(width: width) + "\n" + remarks.map { wrapped($0, width: width) + "\n" }.joined()
    }

    public var verdict: BudgetVerdict { BudgetVerdict(limit: budget, used: student.bytes) }

    private func table(width: Int?) -> String {
        var table = TextTable(
            [.init("", .left), .path("model"), .init("parameters"), .init("bytes"), .init("of ensemble")]
                + columns(ensembleTest))
        for teacher in teachers { table.add(row("teacher", teacher.model)) }
        table.addRule()
        let count = teachers.reduce(0) { $0 + $1.parameters }
        table.add(["ensemble", "", grouped(count), grouped(ensembleBytes.bytes), ""] + cells(ensembleTest))
        table.add(row("student", student.model))
        if let baselineTest { table.add(["baseline", "labels only", "", "", ""] + cells(baselineTest)) }
        return table.text(width: width)
    }

    private func row(_ role: String, _ model: EvaluationReport.Model) -> [String] {
        let part = Double(model.bytes.bytes) / Double(max(ensembleBytes.bytes, 1))
        return [role, model.path, grouped(model.parameters), grouped(model.bytes.bytes), percent(part)]
            + cells(model.metrics)
    }

    private var remarks: [String] {
        let ratio = Double(ensembleBytes.bytes) / Double(max(student.bytes.bytes, 1))
        let size = "\(fixed(ratio < 1 ? 1 / ratio : ratio, digits: 1)) times \(ratio < 1 ? "larger" : "smaller")"
        var remarks = [
            "the student is \(size) than the ensemble, and its first class is the ensemble's for "
                + "\(percent(student.agreement)) of the test examples"
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
            "teachers": .array(teachers.map { .object(JSON.Object($0.model.jsonMembers)) }),
            "ensemble": .object(JSON.Object(together)), "student": studentJSON,
        ]
        if let baselineTest {
            object["baseline"] = .object(JSON.Object(members(baselineTest)))
            object["gain_kept"] = gainKept.map { .number($0) } ?? .null
        }
        object["budget"] = verdict.json
        object["seconds"] = .object(
            JSON.Object((seconds.parts + [("total", seconds.total)]).map { .init($0.name, .number($0.value)) }))
        object["peak_memory_bytes"] = .integer(peakMemory.bytes)
        return .object(object)
    }

    private var studentJSON: JSON {
        var all = student.model.jsonMembers
        all.insert(.init("predicted_bytes", .integer(student.predictedBytes.bytes)), at: 3)
        all.append(.init("agreement", .number(student.agreement)))
        return .object(JSON.Object(all))
    }
}
