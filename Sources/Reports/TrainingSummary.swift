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

    public func text(width: Int? = nil) -> String {
        EvaluationReport(models: [model], ensemble: nil).table(width: width) + "\ntrained in \(duration(seconds))\n"
    }

    /// What `train --json` prints.
    public var json: JSON { .object(JSON.Object(model.jsonMembers + [.init("seconds", .number(seconds))])) }
}
