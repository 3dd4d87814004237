import Foundation
import ModelFiles
import Training

/// What a run measures while it trains: lines of JSON in `metrics.jsonl`, appended as training goes on, and the same
/// numbers for TensorBoard in `tensorboard/TRAINING`.
///
/// Some lines are means over a stretch of steps, at most 400 in a training; one for each epoch has what was found on
/// held-out examples.
final class MetricsLog {
    private let file: FileHandle
    private let events: EventFile
    private let training: String
    private var stretch = Stretch()

    /// Steps that one line tells of.
    private struct Stretch {
        var start = Date()
        var sums: [Double] = []
        var examples = 0
        var steps = 0
    }

    /// Lines of steps in a training, at most.
    private static let mostLines = 400

    /// - Parameter training: What is trained, such as `student` or `baseline`.
    init(_ directory: String, training: String) throws {
        self.training = training
        let path = "\(directory)/metrics.jsonl"
        if !FileManager.default.fileExists(atPath: path) {
            try Data().write(to: URL(fileURLWithPath: path))
        }
        file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        events = try EventFile(in: "\(directory)/tensorboard/\(training.replacing(" ", with: "-"))")
    }

    /// Removes what an earlier run has left.
    static func remove(in directory: String) {
        for name in ["metrics.jsonl", "tensorboard"] {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }

    func append(
        _ report: TrainingRun.StepReport, of total: Int, terms: [String], settings: [(name: String, value: Double)]
    ) throws {
        if stretch.steps == 0 { stretch.sums = report.terms.map { _ in 0 } }
        for (index, term) in report.terms.enumerated() { stretch.sums[index] += term * Double(report.examples) }
        stretch.examples += report.examples
        stretch.steps += 1
        guard stretch.steps >= max(1, (total + Self.mostLines - 1) / Self.mostLines) || report.step == total else {
            return
        }
        let means = stretch.sums.map { $0 / Double(max(stretch.examples, 1)) }
        let seconds = max(Date().timeIntervalSince(stretch.start), 1e-9)
        try write(
            losses(means, terms) + [("learning_rate", report.learningRate)] + settings
                + [("examples_per_second", Double(stretch.examples) / seconds)], step: report.step)
        stretch = Stretch()
    }

    func append(_ report: TrainingRun.EpochReport, terms: [String]) throws {
        let epoch = [(name: "epoch", value: Double(report.epoch))]
        let means = losses(report.terms, terms).map { (name: "epoch_\($0.name)", value: $0.value) }
        let validation = report.validation.map { (name: "validation_\($0.name)", value: $0.value) }
        try write(epoch + means + validation + [("seconds", report.seconds)], step: report.step)
        // What comes next begins now, after the look at held-out examples.
        if stretch.steps == 0 { stretch = Stretch() }
    }

    private func losses(_ values: [Double], _ terms: [String]) -> [(name: String, value: Double)] {
        let all = zip(terms, values).map { (name: "\($0.replacing(" ", with: "_"))_loss", value: $1) }
        return [(name: "loss", value: values.reduce(0, +))] + all
    }

    private func write(_ scalars: [(name: String, value: Double)], step: Int) throws {
        var line = JSON.Object([.init("training", .string(training)), .init("step", .integer(step))])
        for (name, value) in scalars { line[name] = name == "epoch" ? .integer(Int(value)) : .number(value) }
        try file.write(contentsOf: Data((JSON.object(line).compact + "\n").utf8))
        try events.write(scalars, step: step, wallTime: Date().timeIntervalSince1970)
    }
}
