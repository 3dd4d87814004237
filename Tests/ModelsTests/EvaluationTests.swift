import Datasets
import HDF5
import ModelFiles
import Models
import Networks
import Tensors
import TestSupport
import Testing

/// How good models are, each by itself and together.
@Suite struct EvaluationTests {
    private func evaluate(
        _ scene: Scene, _ paths: [String], together: Bool = true, blockBytes: Int = 128 << 20,
        tell: (ProgressEvent) -> Void = { _ in }
    ) throws -> ModelEvaluation.Scores {
        let data = try ExampleFile(opening: scene.path("data.h5"))
        let evaluation = ModelEvaluation(
            data.test, try ModelTeacher.all(paths, data: data), together: together, blockBytes: blockBytes)
        let workers = Workers(2)
        defer { workers.close() }
        return try evaluation.run(workers: workers, tell: tell)
    }

    private func teachers(_ scene: Scene) throws -> [String] {
        try [1, 2, 3].map { try scene.writeTeacher("teacher\($0).h5", seed: $0, epochs: $0) }
    }

    /// What the models' own last layers say, counted.
    @Test func ensembleIsTheMeanOfProbabilities() throws {
        try withScene { scene in
            let paths = try teachers(scene), file = try HDF5File(opening: scene.path("data.h5"))
            let x: [Float] = try file.root.dataset("test/x").read(),
                y = try file.root.dataset("test/y").read(as: Int.self)
            let answers = try paths.map { try KerasFile(opening: $0).network().network.predict([x])[0] }
            let mean = answers[0].indices.map { place in answers.reduce(0) { $0 + Double($1[place]) } / 3 }
            func accuracy(_ p: [Double]) -> Double {
                let hits = y.indices.count { row in
                    let own = Array(p[(row * 3)..<(row * 3 + 3)])
                    return own.firstIndex(of: own.max() ?? 0) == y[row]
                }
                return Double(hits) / Double(y.count)
            }
            let scores = try evaluate(scene, paths)
            #expect(scores.models.map { $0[0].value } == answers.map { accuracy($0.map { Double($0) }) })
            #expect(scores.ensemble?[0].value == accuracy(mean))
            #expect(scores.ensemble?.map(\.name) == ["accuracy"])
            #expect(try evaluate(scene, paths, together: false).ensemble == nil)
        }
    }

    /// One model is in memory at a time, and each sees one block of examples after another.
    @Test(arguments: [false, true]) func blocksChangeNothing(hasManyLabels: Bool) throws {
        var data = DataFile(train: 80, test: 5000)
        data.hasManyLabels = hasManyLabels
        try withScene(data) { scene in
            let paths = try teachers(scene)
            func values(_ scores: ModelEvaluation.Scores) -> [[Double]] {
                (scores.models + [scores.ensemble ?? []]).map { $0.map(\.value) }
            }
            var parts: [String] = [], examples = 0
            let whole = values(try evaluate(scene, paths))
            let blocks = try evaluate(scene, paths, blockBytes: 1) { event in
                switch event {
                case .began(let name, _): parts.append(name)
                case .advanced(let count): examples += count
                case .ended: break
                }
            }
            #expect(values(blocks) == whole)
            #expect(whole.count == 4 && whole.allSatisfy { !$0.isEmpty })
            let places = ["on examples 1 to 4096", "on examples 4097 to 5000"]
            #expect(parts == places.flatMap { place in paths.map { "evaluating \($0) \(place)" } })
            #expect(examples == 15000)
        }
    }
}
