public import Datasets
public import Networks
import Tensors

/// The predictions of models for the rows of a data file, written as a file that teaches in their place.
///
/// They are the logits that a run with these models would have of them, of the very batches, and in the order of the data's
/// classes: a student of the file is bit for bit the models' student.
public struct DataPrediction {
    private let models: [any Teacher]
    private let data: ExampleFile
    private let unlabeled: ExampleSplit?
    private let arrays: [(model: Int, part: PredictedPart, array: PredictionFile.NewArray)]

    /// - Parameters:
    ///   - models: Several have the names of groups, which must differ.
    ///   - unlabeled: Further examples to predict.
    public init(_ models: [any Teacher], data: ExampleFile, unlabeled: ExampleSplit? = nil) {
        (self.models, self.data, self.unlabeled) = (models, data, unlabeled)
        let counts: [(PredictedPart, Int?)] = [
            (.train, data.train.partCount), (.validation, data.validation?.count),
            (.test, data.test.part == .test ? data.test.count : nil),
            (.unlabeled, unlabeled?.count),
        ]
        arrays = models.enumerated().flatMap { index, model in
            counts.compactMap { part, count in
                count.map { count in
                    let kind = models.count > 1 ? model.name : nil
                    return (index, part, .init(part, of: kind, rows: count, columns: data.classCount))
                }
            }
        }
    }

    /// What is written.
    public var outputs: [Prediction.Output] {
        arrays.map { Prediction.Output(name: $0.array.name, key: nil, shape: [$0.array.rows, $0.array.columns]) }
    }

    /// The examples of a part, in the pieces in which a run predicts them.
    private func splits(_ part: PredictedPart) -> [ExampleSplit] {
        let (train, validation) = data.trainAndValidation()
        return ([train, validation, data.test] + (unlabeled.map { [$0] } ?? [])).filter {
            $0.part == part && $0.count > 0
        }
    }

    /// About the most memory that it takes; none of it is taken.
    public func memory(threads: Int) -> Int {
        models.flatMap { model in
            PredictedPart.allCases.flatMap(splits).map { model.memory(of: $0, threads: threads) }
        }.max() ?? 0
    }

    /// Predicts, and writes an HDF5 file or a NumPy archive, which appears when it is complete.
    ///
    /// - Parameters:
    ///   - facts: What else is known of the predictions.
    ///   - check: Throws where they may not be kept, such as when an input changed meanwhile.
    /// - Returns: The number of bytes.
    @discardableResult
    public func write(
        to path: String, facts: [PredictionFile.Fact: String] = [:], workers: Workers, check: () throws -> Void,
        tell: (ProgressEvent) -> Void
    ) throws -> Int {
        var facts = facts
        facts[.output] = OutputReading.logits.rawValue
        facts[.dataDigest] = try FileDigests.digest(ofFile: data.path)
        facts[.unlabeledDigest] = try unlabeled.map { try FileDigests.digest(ofFile: $0.path) }
        let open = Opener(models)
        return try PredictionFile.write(
            arrays.map(\.array), classNames: data.classNames, facts: facts, to: path, check: check
        ) { number, put in
            try predict(number, open, workers, tell) { rows, logits in try logits.withSpan { try put(rows, $0) } }
        }
    }

    /// Computes what `write` does and keeps nothing, beside the first process of a job, which writes.
    public func accompany(workers: Workers) throws {
        let open = Opener(models)
        for number in arrays.indices { try predict(number, open, workers, { _ in }) { _, _ in } }
    }

    /// One model is in memory at a time.
    private final class Opener {
        private let models: [any Teacher]
        private var last: (index: Int, model: any OpenTeacher)?

        init(_ models: [any Teacher]) { self.models = models }

        func callAsFunction(_ index: Int) throws -> any OpenTeacher {
            if let last, last.index == index { return last.model }
            last = nil
            let model = try models[index].open()
            last = (index, model)
            return model
        }
    }

    private func predict(
        _ number: Int, _ open: Opener, _ workers: Workers, _ tell: (ProgressEvent) -> Void,
        _ take: ([Int], Tensor) throws -> Void
    ) throws {
        let (index, part, array) = arrays[number], model = try open(index)
        tell(.began("predicting \(part.rawValue) with \(models[index].name)", total: array.rows))
        for split in splits(part) {
            try model.predict(split, changing: nil, workers: workers) { batch, logits in
                try take((0..<batch.count).map(batch.row), logits)
                tell(.advanced(batch.count))
            }
        }
        tell(.ended)
    }
}
