import Datasets
import Models
import Networks
import Tensors
import TestSupport
import Testing
import Training

@testable import Distillation

/// A teacher that is no model: what another one predicted, written down.
private struct RecordedTeacher: Teacher, OpenTeacher {
    let path: String
    let plan: TeacherPlan
    /// The logits of each split.
    let logits: [String: [Float]]

    init(_ teacher: ModelTeacher, _ data: ExampleFile) throws {
        path = teacher.path
        plan = TeacherPlan(
            path: path, parameters: nil, bytes: nil, bindings: [], output: "logits", classes: teacher.classes)
        let workers = Workers(1)
        defer { workers.close() }
        let (train, validation) = data.trainAndValidation(), network = try teacher.open()
        logits = try [train, validation, data.test].reduce(into: [:]) { logits, split in
            logits[split.name] = try network.logits(of: split, workers: workers).tensor.values
        }
    }

    var size: TeacherSize? { nil }
    var model: ModelTeacher? { nil }
    func key(fileDigest: String) -> String { fileDigest }
    func open() throws -> any OpenTeacher { self }
    func memory(threads: Int) -> Int { 0 }
    func memory(of split: ExampleSplit, threads: Int) -> Int { 0 }

    func predict(
        _ split: ExampleSplit, changing change: ExampleChange?, workers: Workers,
        take: (ExampleBatch, Tensor) throws -> Void
    ) throws {
        let all = try #require(logits[split.name]), classes = split.classCount
        let reader = ExampleReader(split, batchSize: 7, order: .sequential)
        var first = 0
        for step in 0..<reader.stepsPerEpoch {
            let batch = try reader.batch(epoch: 0, step: step), count = batch.count * classes
            let rows = Buffer(zeros: count).tensor(count: batch.count, shape: [classes])
            rows.copy(from: Array(all[first..<(first + count)]))
            try take(batch, rows)
            first += count
        }
    }
}

/// Everything but models teaches by its predictions alone.
@Suite struct RecordedTeacherTests {
    private func recorded(_ request: CompressionRequest, _ told: Told = Told()) throws -> Compressor {
        try Compressor(request, tell: told.hear) { data in
            try request.teachers.map { try RecordedTeacher(try ModelTeacher($0, data: data), data) }
        }
    }

    @Test(arguments: [TeacherWeights.uniform, .learned])
    func teachesWhatItsModelTeaches(weights choice: TeacherWeights) throws {
        try withScene { scene in
            let teachers = try [1, 2].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0 * 3) }
            var request = scene.request(teachers)
            request.teacherWeights = choice
            let expected = try compress(request), wanted = try weights(request.output)
            request.runDirectory = scene.path("recorded")
            request.output = scene.path("recorded.h5")
            let report = try recorded(request).run(), found = try weights(request.output)
            #expect(found == wanted)
            #expect(report.teachers.map(\.weight) == expected.teachers.map(\.weight))
            #expect(report.teachers.map(\.size) == [nil, nil] && expected.teachers.allSatisfy { $0.size != nil })
            #expect(report.student.test.map(\.value) == expected.student.test.map(\.value))
        }
    }

    @Test func seesNothingButTheDataAndHasNoLayers() throws {
        try Images.withScene { scene in
            let path = try scene.writeImageTeacher("teacher.h5", seed: 1)
            for views in [nil, 2] {
                var request = scene.request([path])
                request.augmentation = try Augmentation("flip")
                request.views = views
                #expect(
                    message { _ = try recorded(request) }
                        == "teacher '\(path)' predicts the data's own examples alone, and cannot see the student's changed "
                        + "examples; leave --augment and losses of its layers out")
            }
            var request = scene.request([path])
            request.loss.terms = Images.layerTerms(weight: 1)
            let lines = try #require(message { _ = try recorded(request) }).split(separator: "\n")
            #expect(lines.count == request.loss.terms.count)
            #expect(lines.allSatisfy { $0.hasSuffix(": the teacher 'teacher' has predictions, and no layers") })
        }
    }
}
