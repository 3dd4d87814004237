public import ModelFiles
import Tensors

/// What training one model came to.
public struct TrainingSummary: Sendable {
    public let model: EvaluationReport.Model
    public let seconds: Double

    public init(model: EvaluationReport.Model, seconds: Double) {
        self.model = model
        self.seconds = seconds
    }

    public var text: String {
        EvaluationReport(models: [model], ensemble: nil).table + "\ntrained in \(duration(seconds))\n"
    }

    /// What `train --json` prints.
    public var json: JSON {
        let members: [JSON.Object.Member] = [
            .init("path", .string(model.path)), .init("parameters", .integer(model.parameters)),
            .init("bytes", .integer(model.bytes.bytes)),
        ]
        return .object(JSON.Object(members + model.metrics.members + [.init("seconds", .number(seconds))]))
    }
}
