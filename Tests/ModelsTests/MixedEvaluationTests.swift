import Datasets
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Mixtures of models against values worked by hand.
@Suite struct MixedEvaluationTests {
    private func tensor(_ rows: [[Double]], _ value: (Double) -> Double) -> Tensor {
        let tensor = Buffer(zeros: rows.count * rows[0].count).tensor(count: rows.count, shape: [rows[0].count])
        tensor.copy(from: rows.flatMap { $0.map { Float(value($0)) } })
        return tensor
    }

    private func withSplit(hasManyLabels: Bool = false, _ body: (ExampleSplit) throws -> Void) throws {
        var data = DataFile(train: 10, test: 3)
        data.hasManyLabels = hasManyLabels
        try withScene(data) { try body(try ExampleFile(opening: $0.path("data.h5")).test) }
    }

    @Test func measuresModelsByThemselvesAndTogether() throws {
        try withSplit { split in
            // What two models give three classes, and the mean; the labels are 0, 1 and 2.
            let one = [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]]
            let two = [[0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]]
            let labels = tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) { $0 }
            var evaluation = Evaluation(
                split, shares: [[0.5, 0.5], [1, 0], [0, 1]],
                options: .init(hasSamples: true, hasLoss: true, compared: 2))
            evaluation.add([tensor(one, log), tensor(two, log)], labels: labels)
            let scores = evaluation.scores()
            // Means: 0.45 0.35 0.2, 0.3 0.6 0.1 and 0.3 0.25 0.45.
            #expect(scores[0].metrics.map(\.value) == [1] && scores[0].errors == 0)
            #expect(scores[1].metrics.map(\.value) == [2.0 / 3] && scores[2].metrics.map(\.value) == [1.0 / 3])
            #expect(scores[1].errors == 1 && scores[2].errors == 2)
            let losses = [[0.45, 0.6, 0.45], [0.6, 0.4, 0.7], [0.3, 0.8, 0.2]].map { $0.reduce(0) { $0 - log($1) } / 3 }
            for (score, loss) in zip(scores, losses) { #expect(abs(score.loss - loss) < 1e-6) }
            // The second model has the first class of the mean for the second example alone; the first was not compared.
            #expect(scores[2].agreement == 1.0 / 3 && scores[1].agreement == 0)
            let difference = scores[1].minus(scores[2])[0]
            #expect(abs(difference.value - 1.0 / 3) < 1e-12)
        }
    }

    /// Cut into batches, the examples have the same scores.
    @Test(arguments: [false, true], Combination.allCases)
    func batchesChangeNothing(hasManyLabels: Bool, combination: Combination) throws {
        try withSplit(hasManyLabels: hasManyLabels) { split in
            let one = [[2.0, -1, 0.5], [0.1, 0.2, -0.3], [-2, 1, 1.5]],
                two = [[0, 1.0, -1], [0.5, -0.5, 0], [1, 2, -1]]
            let labels = [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]
            func scores(_ batches: [Range<Int>]) -> [Evaluation.Scores] {
                var evaluation = Evaluation(
                    split, shares: [[0.3, 0.7], [0, 1]], combination: combination, options: .init(hasSamples: true))
                for rows in batches {
                    evaluation.add(
                        [one, two].map { tensor(Array($0[rows])) { $0 } }, labels: tensor(Array(labels[rows])) { $0 })
                }
                return evaluation.scores()
            }
            let whole = scores([0..<3]), parts = scores([0..<1, 1..<3])
            for (one, other) in zip(whole, parts) {
                #expect(one.metrics.map(\.value) == other.metrics.map(\.value) && one.errors == other.errors)
            }
            #expect(whole[0].metrics.map(\.name) == RunningMetrics.names(split.labelKind))
        }
    }

    @Test func hasNoScoresOfNothing() throws {
        try withSplit { split in
            var evaluation = Evaluation(split, shares: [[1]])
            #expect(evaluation.scores().map(\.metrics.isEmpty) == [true])
            #expect(evaluation.metrics().map { $0.map(\.value) } == [[0]])
        }
    }
}
