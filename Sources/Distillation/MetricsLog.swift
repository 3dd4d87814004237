import Foundation
import ModelFiles
import Training

/// A line of JSON for each epoch, appended as training goes on.
final class MetricsLog {
    private let file: FileHandle

    init(_ path: String, isAppending: Bool) throws {
        if !isAppending || !FileManager.default.fileExists(atPath: path) {
            try Data().write(to: URL(fileURLWithPath: path))
        }
        file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
    }

    func append(_ report: TrainingRun.EpochReport, terms: [String]) {
        var line = JSON.Object([
            .init("epoch", .integer(report.epoch)), .init("step", .integer(report.step)),
            .init("learning_rate", .number(report.learningRate)), .init("seconds", .number(report.seconds)),
        ])
        for (name, value) in zip(terms, report.terms) {
            line[name.replacing(" ", with: "_") + "_loss"] = .number(value)
        }
        if let accuracy = report.validationAccuracy { line["validation_accuracy"] = .number(accuracy) }
        file.write(Data((JSON.object(line).compact + "\n").utf8))
    }
}
