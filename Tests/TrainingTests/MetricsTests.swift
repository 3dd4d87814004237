import Datasets
import Testing
import Training

@Suite struct MetricsTests {
    @Test func countsTheFirstClass() {
        let metrics = measure(.oneClass, [[0.1, 0.9], [0.6, 0.4], [0.5, 0.5], [.nan, 0.1]], [[1], [1], [0], [1]])
        #expect(metrics.values.map(\.name) == ["accuracy"])
        #expect(metrics.main.value == 0.75)
    }

    @Test func measuresRankings() {
        // All pairs by score: 0.9 (true), 0.8 (false), 0.7 (true), 0.6 (false), 0.3 (true), 0.2 (false).
        let metrics = measure(.manyLabels, [[0.9, 0.6, 0.3], [0.2, 0.7, 0.8]], [[0, 2], [1]])
        #expect(close(metrics["gap_at_20"], (1.0 + 2 / 3 + 3 / 5) / 3))
        // Class 0: true, false. Class 1: true, false. Class 2: false, true.
        #expect(close(metrics["map"], (1.0 + 1 + 0.5) / 3))
        #expect(close(metrics["hit_at_1"], 0.5))
        // Of the first example's first two classes one is true; of the second's first class none.
        #expect(close(metrics["perr"], (0.5 + 0) / 2))
    }

    @Test func isOneForPerfection() {
        let metrics = measure(.manyLabels, [[0.9, 0.1, 0.8], [0.2, 0.7, 0.1]], [[0, 2], [1]])
        #expect(metrics.values.allSatisfy { $0.value == 1 })
    }

    @Test func countsLabelsBeyondTheTwentieth() {
        let scores = (0..<30).map { 1 - Float($0) / 100 }
        let metrics = measure(.manyLabels, [scores], [[0, 25]])
        #expect(close(metrics["gap_at_20"], 0.5))
        #expect(close(metrics["map"], 0.5))
        #expect(close(metrics["perr"], 0.5))
    }

    @Test func leavesOutWhatHasNoLabels() {
        let metrics = measure(.manyLabels, [[0.9, 0.1], [0.1, 0.05]], [[0], []])
        #expect(close(metrics["gap_at_20"], 1))
        #expect(close(metrics["map"], 1))
        #expect(close(metrics["hit_at_1"], 0.5))
        #expect(close(metrics["perr"], 1))
    }

    @Test func survivesNoLabelsAtAll() {
        let metrics = measure(.manyLabels, [[0.9, 0.1]], [[]])
        #expect(metrics.values.allSatisfy { $0.value == 0 })
    }

    @Test func comparesFirstClasses() {
        let a = predictions([[0.1, 0.9], [0.6, 0.4]]), b = predictions([[0.3, 0.7], [0.2, 0.8]])
        #expect(a.agreement(with: b) == 0.5)
        a.add(b, weight: 2)
        #expect(a.tensor.values.map { ($0 * 10).rounded() } == [7, 23, 10, 20])
    }

    private func predictions(_ rows: [[Float]]) -> Predictions {
        let predictions = Predictions(zeros: rows.count, classCount: rows[0].count)
        predictions.tensor.copy(from: rows.flatMap { $0 })
        return predictions
    }

    private func measure(_ kind: LabelKind, _ rows: [[Float]], _ truth: [[Int32]]) -> Metrics {
        var labels = Labels(kind, classCount: rows[0].count)
        for classes in truth { labels.append(classes) }
        return Metrics(predictions(rows), labels)
    }

    private func close(_ value: Double?, _ expected: Double) -> Bool {
        value.map { abs($0 - expected) < 1e-12 } ?? false
    }
}
