public import ModelFiles
public import Tensors
public import Training

/// How good models are, each by itself and together.
public struct EvaluationReport: Sendable {
    public struct Model: Sendable {
        public let path: String
        public let parameters: Int
        public let bytes: ByteCount
        public let metrics: Metrics

        public init(path: String, parameters: Int, bytes: ByteCount, metrics: Metrics) {
            self.path = path
            self.parameters = parameters
            self.bytes = bytes
            self.metrics = metrics
        }
    }

    public let models: [Model]
    public let ensemble: Metrics?

    public init(models: [Model], ensemble: Metrics?) {
        self.models = models
        self.ensemble = ensemble
    }

    public var table: String {
        var table = TextTable(
            [.init("model", .left), .init("parameters"), .init("bytes")] + (models.first?.metrics.columns ?? []))
        for model in models {
            table.add([model.path, grouped(model.parameters), grouped(model.bytes.bytes)] + model.metrics.cells)
        }
        if let ensemble {
            table.addRule()
            table.add([
                "ensemble", grouped(models.reduce(0) { $0 + $1.parameters }),
                grouped(models.reduce(0) { $0 + $1.bytes.bytes }),
            ] + ensemble.cells)
        }
        return table.text
    }

    /// What `evaluate --json` prints.
    public var json: JSON {
        let models = models.map { JSON.object(JSON.Object([.init("path", .string($0.path))] + $0.metrics.members)) }
        var object: JSON.Object = ["models": .array(models)]
        object["ensemble"] = ensemble.map { .object(JSON.Object($0.members)) }
        return .object(object)
    }
}

/// A part of a whole, from 0 to 1, as tables show it: `0.9812`.
func share(_ value: Double) -> String { fixed(value, digits: 4) }
