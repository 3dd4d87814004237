import Datasets
import Foundation
import ModelFiles
import Models
import Training

/// Where a student comes from, as its file has it: the attribute `provenance`, JSON.
///
/// The file's size is known before training, and the text here must not change the network that fits. So the text has a
/// room that depends on nothing but the numbers of teachers and metrics: it ends in spaces, and names and formulas that are
/// too long for it are cut.
public struct Provenance {
    /// The program's version.
    public static let version = Producer.version

    /// What is known at the end.
    struct Results {
        var digests: [String]
        var dataDigest: String
        var weights: [Double]
        var scores: [(name: String, metrics: NamedMetrics)]
        var agreement: Double?
    }

    private let request: CompressionRequest
    private let labelKind: LabelKind

    init(_ request: CompressionRequest, labelKind: LabelKind) {
        self.request = request
        self.labelKind = labelKind
    }

    /// The bytes of the text: spaces that hold the place of the one to come.
    var placeholder: String { String(repeating: " ", count: byteCount) }

    /// What all scores and digests take, and room for words as people usually write them.
    private var byteCount: Int {
        1024 + 152 * request.teachers.count + 4 * 28 * RunningMetrics.names(labelKind).count
    }

    /// What the scores are of: the student and the ensemble, on held-out rows and on the test split.
    static let scoreNames = ["validation", "test", "ensemble_validation", "ensemble_test"]

    /// The text, as long as the placeholder.
    func text(_ results: Results) -> String {
        var limit = 400, text = text(results, limit: limit)
        while text.utf8.count > byteCount, limit > 0 {
            limit = limit * 3 / 4
            text = self.text(results, limit: limit)
        }
        return text + String(repeating: " ", count: max(0, byteCount - text.utf8.count))
    }

    /// - Parameter limit: The most bytes of each name and formula.
    private func text(_ results: Results, limit: Int) -> String {
        func string(_ key: String, _ value: String) -> String { Self.string(key, value, limit: limit) }
        let teachers = zip(request.teacherSources, zip(results.digests, results.weights)).map { source, facts in
            "{\(string("file", fileName(source.file))),\(Self.string("sha256", facts.0, limit: 64)),\"weight\":\(fixed(facts.1))}"
        }
        let settings = request.settings.members(in: .provenance).map { member in
            member.value.string.map { string(member.key, $0) } ?? "\"\(member.key)\":\(member.value)"
        }
        let scores = results.scores.map { score in
            let members = score.metrics.map { "\"\($0.name)\":\(fixed($0.value))" }
            return "\"\(score.name)\":{\(members.joined(separator: ","))}"
        }
        return """
            {\(string("tool", "compress \(Self.version)")),"teachers":[\(teachers.joined(separator: ","))],\
            \(string("loss", request.loss.formula(labelKind))),\(settings.joined(separator: ",")),\
            \(Self.string("data_sha256", results.dataDigest, limit: 80)),\
            "scores":{\(scores.joined(separator: ",")),"agreement":\(fixed(results.agreement ?? .nan))}}
            """
    }

    /// A member of the object; a value of more bytes loses its middle.
    private static func string(_ key: String, _ value: String, limit: Int) -> String {
        var shown = value, kept = value.count
        while JSON.string(shown).description.utf8.count > limit + 2, kept > 0 {
            kept = kept * 9 / 10
            shown = value.prefix((kept + 1) / 2) + "…" + value.suffix(kept / 2)
        }
        return "\"\(key)\":\(JSON.string(shown))"
    }

    /// A number of six digits behind the point; null where there is none.
    private func fixed(_ value: Double) -> String { value.isFinite ? String(format: "%.6f", value) : "null" }
}
