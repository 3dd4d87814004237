import Datasets
public import ModelFiles
public import Models
import Tensors

/// What the pages of a run show that the table at its end has no room for.
public struct RunDetails: Sendable {
    /// How many examples are shown on which student and ensemble disagree.
    public static let disagreementCount = 12
    /// Settings that say where files are, which a page that is passed on leaves out.
    static let places: Set = ["teachers", "data", "unlabeled", "output", "threads"]

    /// Where the data lies, how many examples it has, and what its classes are called.
    public struct Data: Sendable {
        public let path: String
        public let train: Int
        public let validation: Int
        public let test: Int
        public let classCount: Int
        public let classNames: [String]?
        public let isMultilabel: Bool
        /// The extents of an example.
        public let exampleShape: [Int]
        /// Whether examples are sequences that have lengths of their own.
        public let hasLengths: Bool
    }

    /// The numbers of an example as models get them, in the order of its shape.
    public struct Example: Sendable {
        public let place: Disagreement
        public let numbers: [Float]
    }

    public let data: Data
    /// What the run was set to, by the keys of a configuration file.
    public let settings: JSON.Object
    /// The formula of the loss.
    public let loss: String
    /// What each layer of the student takes in its file.
    public let size: SizeReport
    /// Where ensemble and student are right on the test split; the ensemble's is nil where a teacher has not predicted that.
    public let ensemble: PredictionDetails?
    public let student: PredictionDetails?
    /// The examples on which they are farthest apart, the farthest first.
    public let disagreements: [Example]
    /// The lines of `metrics.jsonl`.
    public let lines: [JSON]
}

extension Compressor {
    /// - Throws: What reading a few of the test examples throws.
    func details(_ results: RunResults, _ directory: RunDirectory) throws -> RunDetails {
        let student = results.tested.scores[results.student]
        return RunDetails(
            data: RunDetails.Data(
                path: request.data, train: train.count, validation: validation.count, test: data.test.count,
                classCount: data.classCount, classNames: data.classNames, isMultilabel: labelKind == .multilabel,
                exampleShape: data.exampleShape, hasLengths: data.test.hasFrameCounts),
            settings: pageSettings,
            loss: request.loss.formula(labelKind),
            size: results.run.export.size, ensemble: results.tested.scores[.ensemble]?.details,
            student: student?.details, disagreements: try examples(student?.disagreements ?? []),
            lines: MetricsLog.lines(in: directory.path))
    }

    private func examples(_ places: [Disagreement]) throws -> [RunDetails.Example] {
        let split = data.test, width = split.exampleShape.reduce(1, *), most = 1 << 20
        guard !places.isEmpty, width <= most else { return places.map { RunDetails.Example(place: $0, numbers: []) } }
        let rows = places.map(\.example).sorted(), some = split.selecting(rows, name: split.name)
        let reader = ExampleReader(some, batchSize: rows.count, order: .sequential)
        let batch = try reader.batch(epoch: 0, step: 0), memory = Buffer(zeros: width).tensor
        return places.map { place in
            let index = rows.firstIndex(of: place.example) ?? 0
            memory.withMutableSpan { batch.readInputs(index..<(index + 1), into: &$0) }
            return RunDetails.Example(place: place, numbers: (0..<width).map { memory[$0] })
        }
    }
}
