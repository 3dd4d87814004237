public import Distillation
public import ModelFiles
import Models
import Tensors

/// What training a model for each fold came to.
public struct FoldSummary: Sendable {
    private let training: FoldedTraining
    /// Where the predictions are.
    private let path: String

    public init(_ training: FoldedTraining, path: String) { (self.training, self.path) = (training, path) }

    /// How good each model is on the rows that it was not trained on, and the predictions together.
    public func text(width: Int? = nil) -> String {
        var table = TextTable(
            [.path(""), .init("rows"), .init("parameters"), .init("bytes")] + columns(training.test))
        for fold in training.folds {
            table.add(
                [
                    fold.path, grouped(fold.count), grouped(fold.size.parameters), grouped(fold.size.bytes.bytes),
                ] + cells(fold.metrics))
        }
        table.addRule()
        let rows = training.folds.reduce(0) { $0 + $1.count }
        table.add(["training rows, out of fold", grouped(rows), "", ""] + cells(training.train))
        table.add(["test, mean of \(training.folds.count) models", "", "", ""] + cells(training.test))
        return "each model on the rows that it was not trained on:\n" + table.text(width: width)
            + "\nwrote the predictions to '\(path)' (\(training.bytes.short)) in \(duration(training.seconds))\n"
    }

    /// What `train --folds --json` prints.
    public var json: JSON {
        let folds = training.folds.map { fold -> JSON in
            let own: [JSON.Object.Member] = [
                .init("path", .string(fold.path)), .init("rows", .integer(fold.count)),
                .init("parameters", .integer(fold.size.parameters)), .init("bytes", .integer(fold.size.bytes.bytes)),
            ]
            return .object(JSON.Object(own + members(fold.metrics)))
        }
        return .object(
            JSON.Object(
                [.init("path", .string(path)), .init("bytes", .integer(training.bytes.bytes))] + members(training.test)
                    + [
                        .init("train", .object(JSON.Object(members(training.train)))), .init("folds", .array(folds)),
                        .init("seconds", .number(training.seconds)),
                    ]))
    }
}
