import Foundation
import ModelFiles
import Records
import Storage
import Training

/// What a run measures while it trains: lines of JSON in `metrics.jsonl`, appended as training goes on, and the same
/// numbers for TensorBoard in `tensorboard/TRAINING`.
///
/// Some lines are means over a stretch of steps, at most 400 in a training; one for each epoch has what was found on
/// held-out examples. Each has its number among the lines of its training, counted from 1, and the mark of its run, and ends
/// in the checksum of what stands before that.
final class MetricsLog {
    private let path: String
    private var file: FileWriter?
    private let events: EventFile
    private let training: String
    private let mark: String
    private var stretch = Stretch()
    /// The last step and the last epoch of which there is a line, and the last line's number.
    private var last = (step: 0, epoch: 0, line: 0)
    /// How many lines up to the last one are not there, without those that were found damaged.
    private var missingLineCount = 0

    /// The steps that one line summarizes.
    private struct Stretch {
        var start = Date()
        var terms: [String] = []
        var sums: [Double] = []
        var examples = 0
        var steps = 0
        /// Of the gradients' norms before clipping, where they are measured.
        var norms: Double?
        /// Of its last step: its number, learning rate and what else is scheduled.
        var step = 0
        var settings: [(name: String, value: Double)] = []
    }

    /// A number with its key in `metrics.jsonl`, and the group in which TensorBoard shows it under a name.
    private struct Scalar {
        let key: String
        let group: String
        let name: String
        let value: Double

        init(_ key: String, _ group: String, _ name: String, _ value: Double) {
            (self.key, self.group, self.name, self.value) = (key, group, name, value)
        }
    }

    /// Lines of steps in a training, at most.
    private static let mostLines = 400

    /// Whether a file is a log that a full disk ended in its first line, before the mark at the end of that.
    static func isHalfALine(_ path: String) -> Bool {
        guard path.hasSuffix("/metrics.jsonl"), let bytes = try? InputFile.bytes(of: path) else {
            return false
        }
        let start = Array(#"{"training":""#.utf8), count = min(start.count, bytes.count)
        return !bytes.contains(UInt8(ascii: "\n")) && Array(bytes.prefix(count)) == Array(start.prefix(count))
    }

    /// - Parameters:
    ///   - training: What is trained, such as `student` or `baseline`.
    ///   - mark: Identifies the owner of the files.
    ///   - isAppending: Whether it goes on from a checkpoint. Steps that were logged after that are not logged again;
    ///     otherwise what an earlier run logged of this training is removed.
    ///   - warn: Learns how many lines are damaged, which are dropped.
    init(
        _ directory: String, training: String, mark: String = "", isAppending: Bool, warn: (String) -> Void = { _ in }
    ) throws {
        (self.training, self.mark) = (training, mark)
        let path = "\(directory)/metrics.jsonl"
        self.path = path
        var kept: [UInt8] = [], damaged = 0, repeated = 0, numbers = Set<Int>()
        let lines = ((try? InputFile.bytes(of: path)) ?? Data()).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            guard let json = Self.read(line) else {
                // A run that was killed may have left half a line, which is no damage.
                if index < lines.count - 1 { damaged += 1 }
                continue
            }
            if json["training"]?.string == training {
                guard isAppending else { continue }
                if let number = json["line"]?.integer, !numbers.insert(number).inserted {
                    repeated += 1
                    continue
                }
                if let epoch = json["epoch"]?.integer {
                    last.epoch = max(last.epoch, epoch)
                } else {
                    last.step = max(last.step, json["step"]?.integer ?? 0)
                }
            }
            kept += line + [UInt8(ascii: "\n")]
        }
        last.line = numbers.max() ?? 0
        missingLineCount = max(0, last.line - numbers.count - damaged)
        let dropped = damaged + repeated
        if dropped > 0 { warn("'\(path)': \(dropped) damaged line\(dropped == 1 ? "" : "s") dropped") }
        try WholeFile.write(to: path) { partial in
            let file = try FileWriter(creating: partial, as: path)
            try file.write(kept)
            try file.close()
        }
        file = try FileWriter(appendingTo: path)
        events = try EventFile(in: "\(directory)/tensorboard/\(training.replacing(" ", with: "-"))", source: mark)
    }

    /// The deciding figure on validation examples after each epoch of a training, as far as there are lines of it.
    static func scores(of training: String, metric: String, in directory: String) -> [Double] {
        lines(in: directory).compactMap { json in
            guard json["training"]?.string == training, json["epoch"] != nil else { return nil }
            return json["validation_\(metric)"]?.number
        }
    }

    /// The lines of a run that are as they were written, in their order.
    static func lines(in directory: String) -> [JSON] {
        ((try? InputFile.bytes(of: "\(directory)/metrics.jsonl")) ?? Data()).split(separator: UInt8(ascii: "\n"))
            .compactMap(read)
    }

    /// What was taken out of the log, as a warning; nil where it has all that a checkpoint knows of.
    ///
    /// - Parameter epochs: Those that are complete in the checkpoint from which training goes on. Each had its line first.
    func missing(epochs: Int) -> String? {
        let lost = max(0, epochs - last.epoch)
        var parts = missingLineCount > 0 ? ["\(missingLineCount) line\(missingLineCount == 1 ? "" : "s")"] : []
        if lost > 0 { parts.append(lost == 1 ? "epoch \(epochs)" : "epochs \(last.epoch + 1) to \(epochs)") }
        guard !parts.isEmpty else { return nil }
        return "'\(path)' was shortened or edited: of '\(training)' it lacks \(parts.joined(separator: " and ")); "
            + "the weights do not depend on it, but figures of those epochs are lost"
    }

    // MARK: - Lines

    /// `{…,"crc32c":"1a2b3c4d"}`, of which the checksum is that of `{…}`.
    private static func seal(_ line: JSON.Object) -> String {
        let text = JSON.object(line).compact
        return text.dropLast() + checksum(text) + "}"
    }

    /// The content of a line; nil if it is not as it was written.
    private static func read(_ line: Data) -> JSON? {
        let text = String(decoding: line, as: UTF8.self), length = checksum("").count + 1
        guard text.utf8.count == line.count, text.count > length else { return nil }
        let body = text.dropLast(length) + "}"
        guard text == body.dropLast() + checksum(String(body)) + "}" else { return nil }
        return try? JSON(parsing: String(body))
    }

    private static func checksum(_ text: String) -> String {
        let digits = String(CRC32C.checksum(Array(text.utf8).span), radix: 16)
        return ",\"crc32c\":\"" + String(repeating: "0", count: 8 - digits.count) + digits + "\""
    }

    // MARK: - Steps and epochs

    func append(
        _ report: TrainingRun.StepReport, of total: Int, terms: [String], settings: [(name: String, value: Double)]
    ) throws {
        guard report.step > last.step else { return }
        if stretch.steps == 0 { (stretch.terms, stretch.sums) = (terms, terms.map { _ in 0 }) }
        for (index, term) in report.terms.enumerated() { stretch.sums[index] += term * Double(report.examples) }
        stretch.examples += report.examples
        stretch.steps += 1
        if let norm = report.gradientNorm { stretch.norms = (stretch.norms ?? 0) + norm }
        stretch.step = report.step
        stretch.settings = [("learning_rate", report.learningRate)] + settings
        if stretch.steps >= (total + Self.mostLines - 1) / Self.mostLines || report.step == total { try flush() }
    }

    /// Writes what the steps since the last line came to, if there were any.
    func flush() throws {
        guard stretch.steps > 0 else { return }
        let means = stretch.sums.map { $0 / Double(max(stretch.examples, 1)) }
        let rate = Double(stretch.examples) / max(Date().timeIntervalSince(stretch.start), 1e-9)
        try write(
            losses(means, stretch.terms) + stretch.settings.map { Scalar($0.name, "schedule", $0.name, $0.value) }
                + (stretch.norms.map {
                    [Scalar("gradient_norm", "gradient", "norm", $0 / Double(stretch.steps))]
                } ?? []) + [Scalar("examples_per_second", "speed", "examples_per_second", rate)],
            step: stretch.step)
        stretch = Stretch()
    }

    func append(_ report: TrainingRun.EpochReport, terms: [String]) throws {
        guard report.epoch > last.epoch else { return }
        let means = losses(report.terms, terms).map { Scalar("epoch_\($0.key)", "epoch loss", $0.name, $0.value) }
        let validation = report.validation.map { Scalar("validation_\($0.name)", "validation", $0.name, $0.value) }
        try write(
            means + validation + [Scalar("seconds", "speed", "seconds", report.seconds)], step: report.step,
            report.epoch)
        // A checkpoint of this epoch may follow, and whoever goes on from that does not report the epoch again.
        try file?.sync()
        // What comes next begins now, after the look at held-out examples.
        if stretch.steps == 0 { stretch = Stretch() }
    }

    /// Writes what is left, and closes both files.
    func close() throws {
        try flush()
        if let file = file.take() {
            try file.sync()
            try file.close()
        }
        try events.close()
    }

    private func losses(_ values: [Double], _ terms: [String]) -> [Scalar] {
        [Scalar("loss", "loss", "all", values.reduce(0, +))]
            + zip(terms, values).map { Scalar("\($0.replacing(" ", with: "_"))_loss", "loss", $0, $1) }
    }

    private func write(_ scalars: [Scalar], step: Int, _ epoch: Int? = nil) throws {
        var line = JSON.Object([.init("training", .string(training)), .init("step", .integer(step))])
        if let epoch { line["epoch"] = .integer(epoch) }
        for scalar in scalars { line[scalar.key] = .number(scalar.value) }
        last.line += 1
        line["line"] = .integer(last.line)
        line["run"] = .string(mark)
        guard file != nil else { preconditionFailure("'\(path)' was closed before its last line") }
        try file?.write(Array((Self.seal(line) + "\n").utf8))
        try events.write(
            scalars.map { ("\($0.group)/\($0.name)", $0.value) }, step: step, wallTime: Date().timeIntervalSince1970)
    }
}
