import Datasets
import Foundation
import ModelFiles
import Training

/// Where a student comes from, as its file says it: the attribute `provenance`, JSON.
///
/// The file's size is known before training and the scores are not, so every number that is measured has one width: six
/// digits behind the point, or as many spaces.
public struct Provenance {
    /// The program's version.
    public static let version = "0.1.0"

    /// What is known at the end.
    struct Results {
        var digests: [String]
        var dataDigest: String
        var weights: [Double]
        var scores: [(name: String, metrics: CompressionReport.Metrics)]
        var agreement: Double
    }

    private let request: CompressionRequest
    private let labelKind: LabelKind

    init(_ request: CompressionRequest, labelKind: LabelKind) {
        self.request = request
        self.labelKind = labelKind
    }

    /// The text that holds the place of the one to come.
    var placeholder: String {
        let digest = String(repeating: "0", count: 64), count = request.teachers.count
        let names = RunningMetrics.names(labelKind)
        let metrics = names.map { (name: $0, value: 0.0) }
        return text(
            Results(
                digests: Array(repeating: digest, count: count), dataDigest: digest,
                weights: Array(repeating: 0, count: count),
                scores: Self.scoreNames.map { ($0, metrics) }, agreement: 0))
    }

    /// What the scores are of: the student and the ensemble, on held-out rows and on the test split.
    static let scoreNames = ["validation", "test", "ensemble_validation", "ensemble_test"]

    func text(_ results: Results) -> String {
        let recipe = request.recipe
        let teachers = zip(request.teachers, zip(results.digests, results.weights)).map { path, facts in
            "{\(string("file", name(path))),\(string("sha256", facts.0)),\"weight\":\(fixed(facts.1))}"
        }
        let scores = results.scores.map { score in
            let members = score.metrics.map { "\"\($0.name)\":\(fixed($0.value))" }
            return "\"\(score.name)\":{\(members.joined(separator: ","))}"
        }
        let formula = DistillationLoss.formula(
            labelKind, request.terms, temperature: request.temperature, softWeight: request.softWeight,
            lambda: request.lambda)
        return """
            {\(string("tool", "compress \(Self.version)")),"teachers":[\(teachers.joined(separator: ","))],\
            \(string("combination", request.combination.rawValue)),\(string("loss", formula)),\
            \(string("data", name(request.data))),\(string("data_sha256", results.dataDigest)),\(others)\
            "epochs":\(recipe.epochs),"batch_size":\(recipe.batchSize),\
            \(string("optimizer", recipe.optimizer.kind.rawValue)),"learning_rate":\(recipe.learningRate),\
            \(string("learning_rate_schedule", "\(recipe.learningRateSchedule)")),"seed":\(recipe.seed),\
            "scores":{\(scores.joined(separator: ",")),"agreement":\(fixed(results.agreement))}}
            """
    }

    /// What not every student has.
    private var others: String {
        var members: [String] = []
        if let unlabeled = request.unlabeled { members.append(string("unlabeled", name(unlabeled))) }
        if let norm = request.recipe.clipNorm { members.append("\"global_clipnorm\":\(norm)") }
        if let momentum = request.recipe.averageDecay { members.append("\"ema_momentum\":\(momentum)") }
        if let augmentation = request.augmentation {
            members.append(string("augmentation", "\(augmentation)"))
            members.append("\"views\":\(request.views.map(String.init) ?? "\"live\"")")
        }
        if request.teacherWeights == .byExample { members.append(string("teacher_weights", "by-example")) }
        if let stage = request.firstStage { members.append("\"first_stage_epochs\":\(stage.epochs)") }
        if request.generations > 1 { members.append("\"generations\":\(request.generations)") }
        return members.map { "\($0)," }.joined()
    }

    private func name(_ path: String) -> String { (path as NSString).lastPathComponent }

    private func string(_ key: String, _ value: String) -> String { "\"\(key)\":\(JSON.string(value))" }

    /// A number of one width; null, with spaces before it, where there is none.
    private func fixed(_ value: Double) -> String {
        let text = value.isFinite ? String(format: "%.6f", value) : "null"
        return String(repeating: " ", count: max(0, Self.width - text.count)) + text
    }

    /// Scores and weights lie between 0 and 1.
    private static let width = 8
}
