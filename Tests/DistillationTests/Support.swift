import Datasets
import Foundation
import ModelFiles
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// Tiny data, tiny teachers and a tiny student in a folder of their own.
struct Scene {
    let folder: URL
    var data: DataFile
    var student = """
        name: tiny
        input: [6]
        layers:
          - Dense: {units: 8, activation: relu}
            name: hidden
          - BatchNormalization: {}
            name: normalization
          - Dense: {units: classes, activation: softmax}
            name: answer
        """

    static let teacher = """
        input: [6]
        layers:
          - Dense: {units: 10, activation: tanh}
          - Dense: {units: classes, activation: softmax}
        """

    func path(_ name: String) -> String { folder.appending(path: name).path }

    init(_ folder: URL, _ data: DataFile = DataFile(train: 80, test: 30)) throws {
        self.folder = folder
        self.data = data
        try writeData()
        try writeStudent()
    }

    /// The names of the classes that `DataFile` writes, and that students keep.
    var classNames: [String] { (0..<data.classes).map { "class \($0)" } }

    /// What a student's file says beside the network: the names of its classes, and where it comes from, of which only
    /// the length is known before.
    func notes(_ request: CompressionRequest) -> ExportPlan.Notes {
        ExportPlan.Notes(
            ["provenance": Provenance(request, labelKind: data.hasManyLabels ? .manyLabels : .oneClass).placeholder],
            classNames: classNames)
    }

    /// The size of the student's file.
    func studentSize(_ request: CompressionRequest) throws -> ByteCount {
        try ExportPlan(build(student), notes: notes(request)).size.file
    }

    func writeData() throws {
        try? FileManager.default.removeItem(atPath: path("data.h5"))
        try data.write(to: path("data.h5"))
    }

    func writeStudent() throws {
        try student.write(toFile: path("student.yaml"), atomically: true, encoding: .utf8)
    }

    /// Writes a teacher of random weights, or one that learned the training split from that start.
    ///
    /// - Parameters:
    ///   - factor: Multiplies the last layer's weights: −1 makes of a good teacher one that is sure and wrong.
    ///   - order: Which class each output stands for, if they are not in the data's order.
    ///   - names: The file's attribute `classes`.
    ///   - notes: Other attributes of the file.
    @discardableResult
    func writeTeacher(
        _ name: String, seed: Int, epochs: Int = 0, factor: Float = 1, text: String = teacher, input: Shape? = nil,
        classes: Int? = nil, order: [Int]? = nil, names: [String]? = nil, notes: [String: String] = [:]
    ) throws -> String {
        let built = try build(text, classes: classes ?? data.classes, input: input)
        let graph = built.graph, layout = graph.layout
        let weights = ParameterVector(initializing: layout, key: RandomKey(seed: seed))
        let result = ParameterVector(zeros: layout)
        result.copy(from: weights)
        if epochs > 0 {
            let workers = Workers(1), file = try ExampleFile(opening: path("data.h5"))
            defer { workers.close() }
            var recipe = Recipe(epochs: epochs, batchSize: 16)
            recipe.learningRate = 0.02
            let trainer = Trainer(graph, weights: weights, recipe: recipe, workers: workers)
            try TrainingRun(train: file.trainAndValidation().train, validation: nil)
                .run(trainer, minimizing: LabelLoss(file.labelKind), workers: workers)
            result.tensor.copy(from: trainer.result)
        }
        for entry in layout.entries.suffix(2) where factor != 1 {
            for index in 0..<result[entry].elementCount { result[entry][index] *= factor }
        }
        for entry in layout.entries.suffix(2) {
            guard let order else { continue }
            let values = result[entry].values
            for index in values.indices {
                let (row, column) = index.quotientAndRemainder(dividingBy: order.count)
                result[entry][index] = values[row * order.count + order[column]]
            }
        }
        try ExportPlan(built, notes: ExportPlan.Notes(notes, classNames: names)).write(result, to: path(name))
        return path(name)
    }

    func request(_ teachers: [String], run: String = "run", output: String = "student.h5") -> CompressionRequest {
        var recipe = Recipe(epochs: 3, batchSize: 16)
        recipe.shardSize = 8
        recipe.learningRate = 0.01
        recipe.averageDecay = 0.5
        var request = CompressionRequest(
            teachers: teachers, data: path("data.h5"), budget: ByteCount(100_000), output: path(output), recipe: recipe,
            loss: LossSettings(temperature: .constant(2), softWeight: .constant(1), lambda: .linear(from: 0, to: 0.5)),
            runDirectory: path(run))
        request.student = .file(path("student.yaml"))
        request.threads = 2
        // Most tests that use a directory twice are about something else.
        request.replacesRun = true
        return request
    }
}

/// What a compression told.
final class Told {
    var plans: [TeacherPlan] = []
    var messages: [String] = []
    var warnings: [String] = []
    /// The parts of the work, with the number of examples of each.
    var parts: [String] = []
    /// The number of each part that is a step of its own.
    var steps: [String] = []
    var examples = 0

    func hear(_ event: CompressionEvent) {
        switch event {
        case .plan(let teachers): plans = teachers
        case .message(let text): messages.append(text)
        case .warning(let text): warnings.append(text)
        case .step(let number, let count): steps.append("\(number)/\(count)")
        case .began(let name, let total): parts.append("\(name): \(total)")
        case .advanced(let count, _): examples += count
        case .ended: break
        }
    }
}

func withScene<Result>(
    _ data: DataFile = DataFile(train: 80, test: 30), _ body: (Scene) throws -> Result
) throws -> Result {
    try withTemporaryFolder { try body(Scene($0, data)) }
}

@discardableResult
func compress(
    _ request: CompressionRequest, told: Told = Told(), isInterrupted: @escaping () -> Bool = { false }
) throws -> CompressionReport {
    try Compressor(request, isInterrupted: isInterrupted, tell: told.hear).run()
}

/// Runs a job, and once more, stopped inside a training and resumed: both must write the same weights.
///
/// - Parameter training: As it is told: `generation 2`.
func compressStopped(
    during training: String, _ whole: CompressionRequest, _ request: CompressionRequest
) throws -> (whole: CompressionReport, resumed: CompressionReport, CompressionRequest) {
    let expected = try compress(whole), told = Told()
    var stopped = request, asked = 0
    #expect(throws: CancellationError.self) {
        try compress(stopped, told: told) {
            guard told.parts.last?.hasPrefix("training \(training)") == true else { return false }
            asked += 1
            return asked > 7
        }
    }
    #expect(!FileManager.default.fileExists(atPath: stopped.output))
    stopped.isResuming = true
    let report = try compress(stopped)
    let (found, wanted) = (try weights(stopped.output), try weights(whole.output))
    #expect(found == wanted)
    return (expected, report, stopped)
}

/// The bits of a written model's weights.
func weights(_ path: String) throws -> [UInt32] { bits(try KerasFile(opening: path).network().network.weights.tensor) }

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

/// A file that `Tools/reference/teacher_fixtures.py` wrote.
func distillationFixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
}

/// The first training examples of a file, in its order.
func firstBatch(_ path: String, count: Int) throws -> ExampleBatch {
    try ExampleReader(try ExampleFile(opening: path).train, batchSize: count, order: .sequential)
        .batch(epoch: 0, step: 0)
}
