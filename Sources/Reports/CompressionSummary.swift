public import ModelFiles
public import Tensors
public import Training

/// What the main job came to: who taught, how good the student is, and whether it fits.
public struct CompressionSummary: Sendable {
    /// A student trained from teachers' predictions.
    public struct Student: Sendable {
        public var model: EvaluationReport.Model
        /// The size that was predicted before training.
        public var predictedBytes: ByteCount
        /// How often its first class is the ensemble's.
        public var agreement: Double

        public init(model: EvaluationReport.Model, predictedBytes: ByteCount, agreement: Double) {
            self.model = model
            self.predictedBytes = predictedBytes
            self.agreement = agreement
        }
    }

    /// How long each part took.
    public struct Seconds: Sendable {
        public var load = 0.0, teach = 0.0, train = 0.0, evaluate = 0.0, export = 0.0, total = 0.0

        public init() {}

        fileprivate var parts: [(name: String, value: Double)] {
            [("load", load), ("teach", teach), ("train", train), ("evaluate", evaluate), ("export", export)]
        }
    }

    public var teachers: [EvaluationReport.Model]
    public var ensemble: Metrics
    public var student: Student
    /// The same student trained on labels alone.
    public var baseline: Metrics?
    public var limit: ByteCount
    public var seconds: Seconds
    public var peakMemory: ByteCount

    public init(
        teachers: [EvaluationReport.Model], ensemble: Metrics, student: Student, baseline: Metrics?, limit: ByteCount,
        seconds: Seconds, peakMemory: ByteCount
    ) {
        self.teachers = teachers
        self.ensemble = ensemble
        self.student = student
        self.baseline = baseline
        self.limit = limit
        self.seconds = seconds
        self.peakMemory = peakMemory
    }

    public var ensembleBytes: ByteCount { ByteCount(teachers.reduce(0) { $0 + $1.bytes.bytes }) }

    public var verdict: BudgetVerdict { BudgetVerdict(limit: limit, used: student.model.bytes) }

    /// How much of what the ensemble has over the baseline the student has; nil without a baseline, or without a gain.
    public var gainKept: Double? {
        guard let baseline else { return nil }
        let gain = ensemble.main.value - baseline.main.value
        return gain == 0 ? nil : (student.model.metrics.main.value - baseline.main.value) / gain
    }
}

// MARK: - For people

extension CompressionSummary {
    /// The models in a table, and what to think of them.
    public var text: String { ([table] + remarks.map { $0 + "\n" }).joined(separator: "\n") }

    public var table: String {
        var table = TextTable(
            [.init("", .left), .init("model", .left), .init("parameters"), .init("bytes"), .init("of ensemble")]
                + ensemble.columns)
        for teacher in teachers { table.add(cells("teacher", teacher)) }
        table.addRule()
        let count = teachers.reduce(0) { $0 + $1.parameters }
        table.add(["ensemble", "", grouped(count), grouped(ensembleBytes.bytes), ""] + ensemble.cells)
        table.add(cells("student", student.model))
        if let baseline { table.add(["baseline", "labels only", "", "", ""] + baseline.cells) }
        return table.text
    }

    private func cells(_ role: String, _ model: EvaluationReport.Model) -> [String] {
        let part = Double(model.bytes.bytes) / Double(max(ensembleBytes.bytes, 1))
        return [role, model.path, grouped(model.parameters), grouped(model.bytes.bytes), "\(percent(part))"]
            + model.metrics.cells
    }

    private var remarks: [String] {
        let ratio = Double(ensembleBytes.bytes) / Double(max(student.model.bytes.bytes, 1))
        var remarks = [
            "the student is \(fixed(ratio, digits: 1)) times smaller than the ensemble, and its first class is the "
                + "ensemble's for \(percent(student.agreement)) of the examples"
        ]
        if let gainKept {
            remarks.append("of the ensemble's gain over the baseline, the student keeps \(percent(gainKept))")
        } else if baseline != nil {
            remarks.append("the ensemble is no better than the baseline")
        }
        let parts = seconds.parts.map { "\($0.name) \(duration($0.value))" }.joined(separator: ", ")
        remarks.append("time: \(duration(seconds.total)) (\(parts)); peak memory: \(peakMemory.short)")
        remarks.append("\(verdict)")
        return remarks
    }

    private func percent(_ share: Double) -> String { "\(fixed(share * 100, digits: 1)) %" }
}

// MARK: - For programs

extension CompressionSummary {
    public var json: JSON {
        var object: JSON.Object = [
            "teachers": .array(teachers.map { .object(JSON.Object(Self.members($0))) }),
            "ensemble": .object(JSON.Object([.init("bytes", .integer(ensembleBytes.bytes))] + ensemble.members)),
            "student": .object(studentObject),
        ]
        object["baseline"] = baseline.map { .object(JSON.Object($0.members)) }
        if baseline != nil { object["gain_kept"] = gainKept.map { .number($0) } ?? .null }
        object["budget"] = verdict.json
        object["seconds"] = .object(
            JSON.Object((seconds.parts + [("total", seconds.total)]).map { .init($0.name, .number($0.value)) }))
        object["peak_memory_bytes"] = .integer(peakMemory.bytes)
        return .object(object)
    }

    private var studentObject: JSON.Object {
        var members = Self.members(student.model)
        members.insert(.init("predicted_bytes", .integer(student.predictedBytes.bytes)), at: 3)
        members.append(.init("agreement", .number(student.agreement)))
        return JSON.Object(members)
    }

    private static func members(_ model: EvaluationReport.Model) -> [JSON.Object.Member] {
        [
            .init("path", .string(model.path)), .init("parameters", .integer(model.parameters)),
            .init("bytes", .integer(model.bytes.bytes)),
        ] + model.metrics.members
    }
}
