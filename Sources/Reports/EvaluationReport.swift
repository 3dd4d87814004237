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
        /// Where it is right, and how long it takes, if that is wanted.
        public let details: DetailsReport?
        public let latency: Latency?

        public init(
            path: String, parameters: Int, bytes: ByteCount, metrics: NamedMetrics, details: DetailsReport? = nil,
            latency: Latency? = nil
        ) {
            self.path = path
            self.parameters = parameters
            self.bytes = bytes
            self.metrics = metrics
            (self.details, self.latency) = (details, latency)
        }
    }

    public let models: [Model]
    public let ensemble: NamedMetrics?
    public let ensembleDetails: DetailsReport?

    public init(models: [Model], ensemble: NamedMetrics?, ensembleDetails: DetailsReport? = nil) {
        self.models = models
        (self.ensemble, self.ensembleDetails) = (ensemble, ensembleDetails)
    }

    /// The table, and what else is wanted of each model and of the ensemble.
    public func text(width: Int? = nil) -> String {
        let parts = models.map { ($0.path, $0.latency, $0.details) } + [("ensemble", nil, ensembleDetails)]
        return table(width: width)
            + parts.filter { $1 != nil || $2 != nil }.map { name, latency, details in
                "\n\(name)\n" + (latency.map { $0.text(width: width) } ?? "")
                    + (details.map { $0.text(width: width) } ?? "")
            }.joined()
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
        let models = models.map { model in
            JSON.object(
                JSON.Object(
                    [.init("path", .string(model.path))] + members(model.metrics) + (model.details?.jsonMembers ?? [])
                        + (model.latency.map { [.init("latency", $0.json)] } ?? [])))
        }
        var object: JSON.Object = ["models": .array(models)]
        object["ensemble"] = ensemble.map {
            .object(JSON.Object(members($0) + (ensembleDetails?.jsonMembers ?? [])))
        }
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
