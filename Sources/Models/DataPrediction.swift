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
        // One model is in memory at a time.
        var last: (index: Int, model: any OpenTeacher)?
        return try PredictionFile.write(
            arrays.map(\.array), classNames: data.classNames, facts: facts, to: path, check: check
        ) { number, put in
            let (index, part, array) = arrays[number]
            if last?.index != index { last = (index, try models[index].open()) }
            tell(.began("predicting \(part.rawValue) with \(models[index].name)", total: array.rows))
            for split in splits(part) {
                try last?.model.predict(split, changing: nil, workers: workers) { batch, logits in
                    try logits.withSpan { try put((0..<batch.count).map(batch.row), $0) }
                    tell(.advanced(batch.count))
                }
            }
            tell(.ended)
        }
    }
}
