import Datasets
import Foundation
import Kernels
import ModelFiles
import Models
import Networks
public import Tensors
public import Training

/// A batch with the teachers' predictions.
public final class DistillationBatch: Batch {
    public let training: TrainingBatch
    private let predictions: [TeacherLogits]
    /// For each term of layers, what the teacher's layers give: examples × the shape of each.
    let layers: [[Tensor]]

    public var count: Int { training.count }
    var teacherCount: Int { predictions.count }

    init(_ training: TrainingBatch, predictions: [TeacherLogits], layers: [[Tensor]]) {
        (self.training, self.predictions, self.layers) = (training, predictions, layers)
    }

    /// - Parameter logits: Each teacher's, examples × classes.
    convenience init(_ training: TrainingBatch, logits: [Tensor], layers: [[Tensor]]) {
        self.init(training, predictions: logits.map { .made($0) }, layers: layers)
    }

    public func readInputs(_ examples: Range<Int>, into input: Tensor) { training.readInputs(examples, into: input) }

    /// Writes a teacher's logits for some of the examples, examples × classes.
    func readLogits(of teacher: Int, _ examples: Range<Int>, into rows: Tensor) {
        switch predictions[teacher] {
        case .kept(let kept): kept.readLogits(of: training, examples, into: rows)
        case .made(let all):
            let size = all.shape.elementCount
            rows.copy(from: all.slice(at: examples.lowerBound * size, count: examples.count * size))
        }
    }
}

/// A teacher's logits for the examples of a batch.
enum TeacherLogits: Sendable {
    /// Looked up by whoever needs them.
    case kept(KeptLogits)
    /// Examples × classes.
    case made(Tensor)
}

/// The batches of a training together with the teachers' predictions, which are read back or computed on the spot.
struct DistillationBatches: BatchSource {
    let loader: BatchLoader
    let teachers: [Answerer]
    /// For each term of layers: its teacher, and which of the teacher's values are meant.
    let layers: [(teacher: Int, values: Range<Int>)]

    /// Where a teacher's predictions come from.
    enum Answerer: Sendable {
        case kept(KeptLogits)
        case live(LiveTeacher)
    }

    var count: Int { loader.count }
    var stepsPerEpoch: Int { loader.stepsPerEpoch }

    func batch(epoch: Int, step: Int) throws -> DistillationBatch {
        let batch = try loader.batch(epoch: epoch, step: step)
        var predictions: [TeacherLogits] = [], values: [[Tensor]] = []
        for teacher in teachers {
            switch teacher {
            case .kept(let kept):
                predictions.append(.kept(kept))
                values.append([])
            case .live(let live):
                let predicted = try live.predict(batch)
                predictions.append(.made(predicted.logits))
                values.append(predicted.layers)
            }
        }
        return DistillationBatch(
            batch, predictions: predictions, layers: layers.map { Array(values[$0.teacher][$0.values]) })
    }
}

/// A teacher's predictions for all rows of a split, and for unlabeled rows.
struct KeptLogits: Sendable {
    private let labeled: Rows
    private let unlabeled: Rows?

    /// The logits of a split's rows, for each view of them.
    struct Rows: Sendable {
        let views: [SoftTargets]
        let places: RowPlaces

        func read(_ row: Int, view: Int, into result: Tensor) {
            let place = places[row]
            views[view].read(place..<(place + 1), into: result)
        }
    }

    init(_ labeled: Rows, unlabeled: Rows?) { (self.labeled, self.unlabeled) = (labeled, unlabeled) }

    /// Writes those of some of a batch's examples, examples × classes.
    func readLogits(of batch: TrainingBatch, _ examples: Range<Int>, into rows: Tensor) {
        let classes = rows.elementCount / max(examples.count, 1)
        for (index, example) in examples.enumerated() {
            let known = example < batch.labeledCount ? labeled : unlabeled ?? labeled
            known.read(
                batch.row(example), view: batch.view, into: rows.slice(at: index * classes, count: classes))
        }
    }
}

/// Where in a split the rows of its file are.
struct RowPlaces: Sendable {
    /// −1 for rows that are not there.
    private let places: [Int32]

    init(_ split: ExampleSplit) {
        var places = [Int32](repeating: -1, count: (split.rows.max() ?? -1) + 1)
        for (place, row) in split.rows.enumerated() { places[row] = Int32(place) }
        self.places = places
    }

    subscript(row: Int) -> Int {
        precondition(row < places.count && places[row] >= 0, "row \(row) has no predictions of teachers")
        return Int(places[row])
    }
}

/// A teacher that runs beside the student, on the same inputs.
final class LiveTeacher: @unchecked Sendable {
    private let teacher: ModelTeacher
    private let predictor: Predictor
    private let network: Network
    private let graph: LayerGraph
    private let values: [LayerGraph.Value]
    private let reading: OutputReading
    private let classCount: Int

    /// - Parameter values: What is wanted of it beside its logits; outputs of `graph`.
    init(
        _ teacher: ModelTeacher, _ network: Network, graph: LayerGraph, values: [LayerGraph.Value],
        reading: OutputReading, classCount: Int, workers: Workers
    ) {
        (self.teacher, self.network, self.graph, self.values) = (teacher, network, graph, values)
        (self.reading, self.classCount) = (reading, classCount)
        predictor = Predictor(graph, weights: network.weights.tensor, workers: workers)
    }

    /// Its logits for a batch, examples × classes, and the values that are wanted.
    ///
    /// - Throws: `ModelFileError` for predictions that are not finite.
    func predict(_ batch: TrainingBatch) throws -> (logits: Tensor, layers: [Tensor]) {
        let (graph, inputs, isBinaryLogit, classCount) = (
            graph, teacher.inputs, teacher.output.isBinaryLogit, classCount
        )
        func memory(_ shape: Shape) -> Tensor {
            Buffer(zeros: batch.count * shape.elementCount).tensor.viewed(count: batch.count, shape: shape)
        }
        let logits = memory([classCount]), wanted = values, layers = wanted.map { memory(graph.shape(of: $0)) }
        do throws(ValueFault) {
            try predictor.run(batch.count) { range, tensors in
                inputs.fill(tensors) { _, tensor in batch.readInputs(range, into: tensor) }
            } take: { range, workspace in
                copyLogits(
                    workspace.value(graph.logits, count: range.count), isBinaryLogit: isBinaryLogit,
                    to: logits.slice(at: range.lowerBound * classCount, count: range.count * classCount))
                for (value, result) in zip(wanted, layers) {
                    let size = result.shape.elementCount
                    result.slice(at: range.lowerBound * size, count: range.count * size)
                        .copy(from: workspace.value(value, count: range.count))
                }
            }
        } catch {
            let place = "row \(batch.row(error.example)) of 'train', as it is changed"
            throw ExampleValueError(error, in: place, model: teacher.path)
        }
        try teacher.convertToLogits(logits, as: reading, of: "train")
        return (logits, layers)
    }
}
