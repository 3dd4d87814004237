import Datasets
import Models
import Networks
import TestSupport
import Testing

@testable import Distillation

/// `compress evaluate --ensemble` and a run measure alike.
@Suite struct EnsembleEvaluationTests {
    @Test(arguments: [false, true])
    func hasTheScoresOfARun(hasManyLabels: Bool) throws {
        var data = DataFile(classes: 5, train: 60, test: 40)
        data.hasManyLabels = hasManyLabels
        try withScene(data) { scene in
            let text = hasManyLabels ? Scene.teacher.replacing("softmax", with: "sigmoid") : Scene.teacher
            let paths = try [1, 2, 3].map {
                try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0, text: text)
            }
            var request = scene.request(paths)
            request.hyperparameters.epochs = 1
            let report = try compress(request), file = try ExampleFile(opening: request.data), workers = Workers(1)
            defer { workers.close() }
            let found = try ModelEvaluation(file.test, try ModelTeacher.all(paths, data: file), together: true)
                .run(workers: workers) { _ in }
            #expect(found.ensemble?.map(\.value) == report.ensembleTest.map(\.value))
            #expect(found.models.map { $0.map(\.value) } == report.teachers.map { $0.test.map(\.value) })
        }
    }
}
