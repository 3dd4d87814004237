import Datasets
import Tensors
import Testing
import Training

@Suite struct MetricsTests {
    @Test func countsTheFirstClass() {
        let found = measure(.oneClass, [[0.1, 0.9], [0.6, 0.4], [0.5, 0.5], [0.2, 0.1]], [[1], [1], [0], [0]])
        #expect(found == ["accuracy": 0.75])
    }

    @Test func measuresRankings() {
        // All pairs by score: 0.9 (true), 0.8 (false), 0.7 (true), 0.6 (false), 0.3 (true), 0.2 (false).
        let found = measure(.manyLabels, [[0.9, 0.6, 0.3], [0.2, 0.7, 0.8]], [[0, 2], [1]])
        #expect(close(found["gap_at_20"], (1.0 + 2.0 / 3 + 3.0 / 5) / 3))
        // Class 0: true, false. Class 1: true, false. Class 2: false, true.
        #expect(close(found["map"], (1.0 + 1 + 0.5) / 3))
        #expect(close(found["hit_at_1"], 0.5))
        // Of the first example's first two classes one is true; of the second's first class none.
        #expect(close(found["perr"], (0.5 + 0) / 2))
    }

    @Test func isOneForPerfection() {
        let found = measure(.manyLabels, [[0.9, 0.1, 0.8], [0.2, 0.7, 0.1]], [[0, 2], [1]])
        #expect(found == ["gap_at_20": 1, "map": 1, "hit_at_1": 1, "perr": 1])
    }

    @Test func countsLabelsBeyondTheTwentieth() {
        let scores = (0..<30).map { 1 - Float($0) / 100 }
        let found = measure(.manyLabels, [scores], [[0, 25]])
        #expect(found == ["gap_at_20": 0.5, "map": 0.5, "hit_at_1": 1, "perr": 0.5])
    }

    @Test func leavesOutWhatHasNoLabels() {
        let found = measure(.manyLabels, [[0.9, 0.1], [0.1, 0.05]], [[0], []])
        #expect(found == ["gap_at_20": 1, "map": 1, "hit_at_1": 0.5, "perr": 1])
    }

    @Test func ranksEqualScoresInOrder() {
        #expect(measure(.manyLabels, [[0.5, 0.5]], [[0]])["hit_at_1"] == 1)
        #expect(measure(.manyLabels, [[0.5, 0.5]], [[1]])["hit_at_1"] == 0)
    }

    @Test func survivesNoLabelsAndNoNumbers() {
        let found = measure(.manyLabels, [[.nan, .nan]], [[]])
        #expect(found == ["gap_at_20": 0, "map": 0, "hit_at_1": 0, "perr": 0])
    }

    private func measure(_ kind: LabelKind, _ rows: [[Float]], _ truth: [[Int]]) -> [String: Double] {
        let classes = rows[0].count, scores = Buffer(zeros: rows.count * classes), labels = Buffer(zeros: scores.count)
        scores.tensor.copy(from: rows.flatMap { $0 })
        for (row, names) in truth.enumerated() { for name in names { labels[row * classes + name] = 1 } }
        let found = metrics(
            scores.tensor(count: rows.count, shape: [classes]),
            labels: labels.tensor(count: rows.count, shape: [classes]),
            kind: kind)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.value) })
    }

    private func close(_ value: Double?, _ expected: Double) -> Bool {
        value.map { abs($0 - expected) < 1e-12 } ?? false
    }
}
