public import ModelFiles
public import Models
public import Tensors

/// How good models are, each by itself and together.
public struct EvaluationReport: Sendable {
    public struct Model: Sendable {
        public let path: String
        public let parameters: Int
        public let bytes: ByteCount
        public let metrics: NamedMetrics

        public init(path: String, parameters: Int, bytes: ByteCount, metrics: NamedMetrics) {
            self.path = path
            self.parameters = parameters
            self.bytes = bytes
            self.metrics = metrics
        }
    }

    public let models: [Model]
    public let ensemble: NamedMetrics?

    public init(models: [Model], ensemble: NamedMetrics?) {
        self.models = models
        self.ensemble = ensemble
    }

    public func table(width: Int? = nil) -> String {
        var table = TextTable(
            [.path("model"), .init("parameters"), .init("bytes")] + columns(models.first?.metrics ?? []))
        for model in models {
            table.add([model.path, grouped(model.parameters), grouped(model.bytes.bytes)] + cells(model.metrics))
        }
        if let ensemble {
            let parameters = models.reduce(0) { $0 + $1.parameters }, bytes = models.reduce(0) { $0 + $1.bytes.bytes }
            table.addRule()
            table.add(["ensemble", grouped(parameters), grouped(bytes)] + cells(ensemble))
        }
        return table.text(width: width)
    }

    /// What `evaluate --json` prints.
    public var json: JSON {
        let models = models.map { JSON.object(JSON.Object([.init("path", .string($0.path))] + members($0.metrics))) }
        var object: JSON.Object = ["models": .array(models)]
        object["ensemble"] = ensemble.map { .object(JSON.Object(members($0))) }
        return .object(object)
    }
}

extension EvaluationReport.Model {
    /// The keys of a model in JSON.
    var jsonMembers: [JSON.Object.Member] {
        [
            .init("path", .string(path)), .init("parameters", .integer(parameters)),
            .init("bytes", .integer(bytes.bytes)),
        ] + members(metrics)
    }
}
