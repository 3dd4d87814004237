import Datasets
import Foundation
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

extension Scene {
    /// What a student's file says beside the network: the names of its classes, and where it comes from, of which only
    /// the length is known before.
    func notes(_ request: CompressionRequest) -> ExportPlan.Notes {
        ExportPlan.Notes(
            ["provenance": Provenance(request, labelKind: data.hasManyLabels ? .multilabel : .multiclass).placeholder],
            classNames: classNames)
    }

    /// The size of the student's file.
    func studentSize(_ request: CompressionRequest) throws -> ByteCount {
        try ExportPlan(build(student), notes: notes(request)).size.file
    }

    func request(_ teachers: [String], run: String = "run", output: String = "student.h5") -> CompressionRequest {
        var hyperparameters = Hyperparameters(epochs: 3, batchSize: 16)
        hyperparameters.shardSize = 8
        hyperparameters.learningRate = 0.01
        hyperparameters.emaMomentum = 0.5
        var request = CompressionRequest(
            teachers: teachers, data: path("data.h5"), budget: ByteCount(100_000), output: path(output),
            hyperparameters: hyperparameters,
            loss: LossSettings(temperature: .constant(2), softWeight: .constant(1), lambda: .linear(from: 0, to: 0.5)),
            runDirectory: path(run))
        request.student = .file(path("student.yaml"))
        request.precision = .float32
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

/// A file that `Tools/reference/loss_fixtures.py` wrote.
func distillationFixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path
}

/// The first training examples of a file, in its order.
func firstBatch(_ path: String, count: Int) throws -> ExampleBatch {
    try ExampleReader(try ExampleFile(opening: path).train, batchSize: count, order: .sequential)
        .batch(epoch: 0, step: 0)
}
