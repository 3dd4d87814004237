import Datasets
import Foundation
import Kernels
import ModelFiles
import Networks
public import Tensors
public import Training

/// A batch with what the teachers say of it.
public final class TaughtLesson: Batch {
    public let lesson: Lesson
    /// Each teacher's logits, examples × classes.
    let logits: [Tensor]
    /// For each term of layers, what the teacher's layers give: examples × the shape of each.
    let layers: [[Tensor]]

    public var count: Int { lesson.count }

    init(_ lesson: Lesson, logits: [Tensor], layers: [[Tensor]]) {
        (self.lesson, self.logits, self.layers) = (lesson, logits, layers)
    }

    public func readInputs(_ examples: Range<Int>, into input: Tensor) { lesson.readInputs(examples, into: input) }
}

/// The batches of a training together with the teachers' answers, which are looked up or made on the spot.
struct TaughtLessons: LessonSource {
    let lessons: LessonReader
    let teachers: [Answerer]
    /// For each term of layers: which teacher is asked, and which of its values are meant.
    let layers: [(teacher: Int, values: Range<Int>)]

    /// How a teacher's answers come about.
    enum Answerer: Sendable {
        case stored(StoredLogits)
        case live(LiveTeacher)
    }

    var count: Int { lessons.count }
    var stepsPerEpoch: Int { lessons.stepsPerEpoch }

    func lesson(epoch: Int, step: Int) throws -> TaughtLesson {
        let lesson = try lessons.lesson(epoch: epoch, step: step)
        var logits: [Tensor] = [], values: [[Tensor]] = []
        for teacher in teachers {
            switch teacher {
            case .stored(let stored):
                logits.append(stored.logits(of: lesson))
                values.append([])
            case .live(let live):
                let answer = try live.answer(lesson)
                logits.append(answer.logits)
                values.append(answer.layers)
            }
        }
        return TaughtLesson(lesson, logits: logits, layers: layers.map { Array(values[$0.teacher][$0.values]) })
    }
}

/// What a teacher said of all rows of a split, and of rows of which nothing is known.
final class StoredLogits: Sendable {
    private let labeled: Rows
    private let unlabeled: Rows?

    /// The logits of a split's rows, for each view of them.
    struct Rows: Sendable {
        let views: [Tensor]
        /// Where each row of the file is in them; −1 for rows that are not there.
        let places: [Int32]

        init(_ split: ExampleSplit, views: [Tensor]) {
            self.views = views
            var places = [Int32](repeating: -1, count: (split.rows.max() ?? -1) + 1)
            for (place, row) in split.rows.enumerated() { places[row] = Int32(place) }
            self.places = places
        }

        func copy(_ place: Lesson.Place, into result: Tensor) {
            precondition(
                place.row < places.count && places[place.row] >= 0, "row \(place.row) has no predictions of teachers")
            result.copy(
                from: views[place.view].slice(
                    at: Int(places[place.row]) * result.elementCount, count: result.elementCount))
        }
    }

    init(_ labeled: Rows, unlabeled: Rows?) { (self.labeled, self.unlabeled) = (labeled, unlabeled) }

    /// Those of a batch, examples × classes.
    func logits(of lesson: Lesson) -> Tensor {
        let shape = lesson.labels.shape
        let result = Buffer(zeros: lesson.count * shape.elementCount).tensor.viewed(count: lesson.count, shape: shape)
        for (index, place) in lesson.places.enumerated() {
            let row = result.slice(at: index * shape.elementCount, count: shape.elementCount)
            (index < lesson.labeledCount ? labeled : unlabeled ?? labeled).copy(place, into: row)
        }
        return result
    }
}

/// A teacher that runs beside the student, on the same inputs.
final class LiveTeacher: @unchecked Sendable {
    private let teacher: Teacher
    private let predictor: Predictor
    private let network: Network
    private let graph: LayerGraph
    private let values: [LayerGraph.Value]
    private let reading: OutputReading
    private let classCount: Int

    /// - Parameter values: What is wanted of it beside its logits; outputs of `graph`.
    init(
        _ teacher: Teacher, _ network: Network, graph: LayerGraph, values: [LayerGraph.Value], reading: OutputReading,
        classCount: Int, workers: Workers
    ) {
        (self.teacher, self.network, self.graph, self.values) = (teacher, network, graph, values)
        (self.reading, self.classCount) = (reading, classCount)
        predictor = Predictor(graph, weights: network.weights.tensor, workers: workers)
    }

    /// Its logits for a batch, examples × classes, and the values that are wanted.
    ///
    /// - Throws: `ModelFileError` for answers that are no numbers.
    func answer(_ lesson: Lesson) throws -> (logits: Tensor, layers: [Tensor]) {
        let (graph, inputs, isOneUnit, classCount) = (graph, teacher.inputs, teacher.output.isOneUnit, classCount)
        func memory(_ shape: Shape) -> Tensor {
            Buffer(zeros: lesson.count * shape.elementCount).tensor.viewed(count: lesson.count, shape: shape)
        }
        let logits = memory([classCount]), wanted = values, layers = wanted.map { memory(graph.shape(of: $0)) }
        predictor.run(lesson.count) { range, tensors in
            inputs.fill(tensors) { _, tensor in lesson.readInputs(range, into: tensor) }
        } take: { range, workspace in
            copyLogits(
                workspace.value(graph.logits, count: range.count), isOneUnit: isOneUnit,
                to: logits.slice(at: range.lowerBound * classCount, count: range.count * classCount))
            for (value, result) in zip(wanted, layers) {
                let size = result.shape.elementCount
                result.slice(at: range.lowerBound * size, count: range.count * size)
                    .copy(from: workspace.value(value, count: range.count))
            }
        }
        try teacher.takeLogits(logits, as: reading, of: "train")
        return (logits, layers)
    }
}
