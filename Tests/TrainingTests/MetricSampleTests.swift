import Datasets
import Tensors
import TestSupport
import Testing
import Training

/// Differences of metrics beside chance, against values worked by hand.
@Suite struct MetricSampleTests {
    private func measured(
        _ kind: LabelKind, _ scores: [[Float]], _ labels: [[Int]]
    ) -> (metrics: [Double], samples: [MetricSample]) {
        let classes = scores[0].count
        let x = Buffer(zeros: scores.count * classes).tensor, y = Buffer(zeros: scores.count * classes).tensor
        for (row, values) in scores.enumerated() {
            for (column, value) in values.enumerated() { x[row * classes + column] = value }
            for label in labels[row] { y[row * classes + label] = 1 }
        }
        var metrics = RunningMetrics(kind, classCount: classes, isSampled: true)
        metrics.add(x, labels: y)
        return (metrics.values().map(\.value), metrics.samples())
    }

    private func rightAndWrong(_ right: [Bool]) -> (value: Double, sample: MetricSample) {
        let found = measured(.multiclass, right.map { $0 ? [0, 1] : [1, 0] }, right.map { _ in [1] })
        return (found.metrics[0], found.samples[0])
    }

    /// One is right on 3 examples of 10 where the other is wrong, and wrong on 1: d̄ = 0.2, Σ (d − d̄)² = 4 − 10 · 0.04 =
    /// 3.6, so that the standard error is √(3.6 / 9 / 10) = 0.2.
    @Test func pairsExamples() {
        let one = rightAndWrong([true, true, true, false, true, true, true, true, false, false])
        let other = rightAndWrong([false, false, false, true, true, true, true, true, false, false])
        let difference = MetricDifference(one, other)
        #expect(abs(difference.value - 0.2) < 1e-12)
        #expect(abs(difference.margin - 1.96 * 0.2) < 1e-7)
        #expect(difference.isNoise)
        // Alone, 0.7 has √(0.7 · 0.3 / 9).
        #expect(abs(one.sample.margin - 1.96 * (0.21 / 9 as Double).squareRoot()) < 1e-7)
    }

    /// Of 1,000 examples so many change, all for the better. A sign test has p = 2 / 2ⁿ: 0.063 for 5, 0.031 for 6.
    @Test(arguments: [(0, true), (4, true), (5, true), (6, false), (100, false)])
    func knowsWhatMayBeChance(changed: Int, isNoise: Bool) {
        let one = rightAndWrong(Array(repeating: true, count: 1000))
        let other = rightAndWrong((0..<1000).map { $0 >= changed })
        #expect(MetricDifference(one, other).isNoise == isNoise)
        #expect(MetricDifference(other, one).isNoise == isNoise)
    }

    @Test func saysNothingOfOneExample() {
        let difference = MetricDifference(rightAndWrong([true]), rightAndWrong([false]))
        #expect(difference.isNoise && difference.margin == .infinity)
    }

    /// Without each of a few examples the ranking is another one: all are measured anew, example by example.
    @Test func leavesOutWhatItSays() throws {
        var state: UInt64 = 7
        func number() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 40)
        }
        let scores = (0..<40).map { _ in (0..<30).map { _ in Float(number() % 50) } }
        // Class 29 is that of one example alone; some have none.
        let labels = (0..<40).map { row in row == 3 ? [29] : (0..<(row % 4)).map { (row * 7 + $0 * 3) % 29 } }
        let samples = measured(.multilabel, scores, labels).samples
        for (metric, sample) in samples.enumerated().prefix(2) {
            guard case .groups(let without) = sample else {
                Issue.record("no jackknife")
                continue
            }
            let expected = (0..<40).map { row in
                let others = (0..<40).filter { $0 != row }
                return measured(.multilabel, others.map { scores[$0] }, others.map { labels[$0] }).metrics[metric]
            }
            #expect(without.count == 40)
            for (found, wanted) in zip(without.sorted(), expected.sorted()) { #expect(abs(found - wanted) < 1e-12) }
            // √(39 / 40 · Σ (θ − θ̄)²).
            let mean = expected.reduce(0, +) / 40
            let error = (expected.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * 39 / 40).squareRoot()
            #expect(abs(sample.margin - 1.96 * error) < 1e-12)
        }
        // Hit@1 and PERR are means of examples.
        for sample in samples.suffix(2) {
            guard case .examples(let values) = sample else {
                Issue.record("no mean")
                continue
            }
            #expect(values.count == 40)
        }
    }

    /// The jackknife of groups of many examples is about what the deviation of examples is, where a metric is a mean:
    /// with one label and one class above 0 for each example GAP depends on hits alone.
    @Test func groupsAreAsGoodAsExamples() {
        let rows = (0..<6400).map { RandomKey(seed: 3).uniform($0) < 0.7 }
        let found = measured(.multilabel, rows.map { $0 ? [0, 1] : [1, 0] }, rows.map { _ in [1] })
        let gap = found.samples[0].margin, hits = found.samples[2].margin
        #expect(gap > 0.4 * hits && gap < 1.6 * hits)
    }

    @Test func countsErrors() {
        var metrics = RunningMetrics(.multiclass, classCount: 2)
        let x = Buffer(zeros: 6).tensor, y = Buffer(zeros: 6).tensor
        x.copy(from: [1, 0, 0, 1, 1, 0])
        y.copy(from: [1, 0, 1, 0, 0, 1])
        metrics.add(x, labels: y)
        #expect(metrics.errors == 2)
        #expect(metrics.samples().isEmpty)
    }
}
