import Datasets
import ModelFiles
import Tensors
import TestSupport
import Testing
import Training

@Suite struct MetricsTests {
    @Test func countsTheFirstClass() {
        let found = measure(.multiclass, [[0.1, 0.9], [0.6, 0.4], [0.5, 0.5], [0.2, 0.1]], [[1], [1], [0], [0]])
        #expect(found == ["accuracy": 0.75])
    }

    @Test func measuresRankings() {
        // All pairs by score: 0.9 (true), 0.8 (false), 0.7 (true), 0.6 (false), 0.3 (true), 0.2 (false).
        let found = measure(.multilabel, [[0.9, 0.6, 0.3], [0.2, 0.7, 0.8]], [[0, 2], [1]])
        #expect(close(found["gap_at_20"], (1.0 + 2.0 / 3 + 3.0 / 5) / 3))
        // Class 0: true, false. Class 1: true, false. Class 2: false, true.
        #expect(close(found["map"], (1.0 + 1 + 0.5) / 3))
        #expect(close(found["hit_at_1"], 0.5))
        // Of the first example's first two classes one is true; of the second's first class none.
        #expect(close(found["perr"], (0.5 + 0) / 2))
    }

    @Test func isOneForPerfection() {
        let found = measure(.multilabel, [[0.9, 0.1, 0.8], [0.2, 0.7, 0.1]], [[0, 2], [1]])
        #expect(found == ["gap_at_20": 1, "map": 1, "hit_at_1": 1, "perr": 1])
    }

    @Test func countsLabelsBeyondTheTwentieth() {
        let scores = (0..<30).map { 1 - Float($0) / 100 }
        let found = measure(.multilabel, [scores], [[0, 25]])
        #expect(found == ["gap_at_20": 0.5, "map": 0.5, "hit_at_1": 1, "perr": 0.5])
    }

    /// As in the starter code, whose precision of no labels is that of all classes: 0.
    @Test func missesWhatHasNoLabels() {
        let found = measure(.multilabel, [[0.9, 0.1], [0.1, 0.05]], [[0], []])
        #expect(found == ["gap_at_20": 1, "map": 1, "hit_at_1": 0.5, "perr": 0.5])
    }

    /// Of three labels two have scores above 0: ⅔, though all three come first.
    @Test func findsNothingAtZero() {
        let found = measure(.multilabel, [[0.5, 0, 0.25, 0]], [[0, 1, 2]])
        #expect(found["perr"] == 2.0 / 3)
    }

    @Test func ranksEqualScoresInOrder() {
        #expect(measure(.multilabel, [[0.5, 0.5]], [[0]])["hit_at_1"] == 1)
        #expect(measure(.multilabel, [[0.5, 0.5]], [[1]])["hit_at_1"] == 0)
    }

    /// In one list by score, those of the first example come first, and of each example those of the lower classes.
    @Test func ranksEqualScoresInTheOrderOfTheExamples() {
        let found = measure(.multilabel, [[0.5, 0.5], [0.5, 0.5]], [[1], [0]])
        #expect(close(found["gap_at_20"], (1.0 / 2 + 2.0 / 3) / 2))
        #expect(found["map"] == 0.75)
    }

    @Test func ranksScoresBelowZero() {
        let found = measure(.multilabel, [[-3, -1, -2], [0, -0.0, 1]], [[1], [0]])
        // All pairs by score: 1, 0 (true), −0, −1 (true), −2, −3.
        #expect(close(found["gap_at_20"], (1.0 / 2 + 2.0 / 4) / 2))
    }

    @Test func survivesNoLabelsAndNoNumbers() {
        let found = measure(.multilabel, [[.nan, .nan]], [[]])
        #expect(found == ["gap_at_20": 0, "map": 0, "hit_at_1": 0, "perr": 0])
    }

    // MARK: - Another implementation

    /// `metrics.json` is written by `Tools/reference/metric_fixtures.py`: the definitions in numpy.
    private static let fixture = try? JSON(reading: trainingFixture("metrics.json"))

    @Test func measuresWhatNumpyMeasures() throws {
        let cases = try #require(Self.fixture?["cases"]?.array)
        #expect(cases.count == 9)
        for item in cases {
            let rows = try #require(item["scores"]?.rows), truth = try #require(item["labels"]?.rows)
            let names = truth.map { row in row.indices.filter { row[$0] > 0 } }
            let found = measure(.multilabel, rows.map { $0.map { Float($0) } }, names)
            for (name, value) in found {
                let expected = try #require(item["metrics"]?[name]?.number)
                #expect(close(value, expected), "\(item["name"]?.string ?? ""), \(name): \(value), not \(expected)")
            }
        }
    }

    /// 10,000 × 3,862, as numpy makes them, too: batch by batch, in which nobody ever has them all.
    @Test func measuresAtTheSizeOfTheChallenge() throws {
        let (count, classes, batch) = (10_000, 3_862, 125)
        var metrics = RunningMetrics(.multilabel, classCount: classes)
        let scores = Buffer(zeros: batch * classes).tensor, labels = Buffer(zeros: batch * classes).tensor
        for first in stride(from: 0, to: count, by: batch) {
            scores.withMutableSpan { scores in
                for place in scores.indices {
                    scores[place] = Float(mixed(UInt64(first * classes + place)) >> 41) / 0x1p23
                }
            }
            labels.fill(with: 0)
            for row in 0..<batch {
                let example = UInt64(first + row), labelCount = mixed(1 << 40 + example) % 6
                var near: Set<Int> = []
                for label in 0..<labelCount {
                    let place = row * classes + Int(mixed(1 << 41 + 8 * example + label) % 3_000)
                    labels[place] = 1
                    if label.isMultiple(of: 2) { near.insert(place) }
                }
                for place in near { scores[place] = 1 - 0x1p-10 + (scores[place] * 0x1p13).rounded(.down) * 0x1p-23 }
            }
            metrics.add(scores, labels: labels)
        }
        for (name, value) in metrics.values() {
            let expected = try #require(Self.fixture?["large"]?[name]?.number)
            #expect(abs(value - expected) < 1e-9, "\(name): \(value), not \(expected)")
        }
    }

    /// Many of the scores are equal.
    @Test(arguments: [LabelKind.multiclass, .multilabel])
    func doesNotDependOnTheBatches(kind: LabelKind) {
        let (count, classes) = (50, 30), scores = Buffer(zeros: count * classes).tensor
        let labels = Buffer(zeros: count * classes).tensor
        for place in 0..<scores.elementCount {
            scores[place] = Float(mixed(UInt64(place)) >> 60) / 16
            labels[place] = mixed(UInt64(place) + 1 << 40).isMultiple(of: 9) ? 1 : 0
        }
        func measured(_ sizes: [Int], looking: Bool) -> [Double] {
            var metrics = RunningMetrics(kind, classCount: classes), first = 0
            for size in sizes {
                metrics.add(
                    scores.slice(at: first * classes, count: size * classes),
                    labels: labels.slice(at: first * classes, count: size * classes))
                first += size
                if looking { _ = metrics.values() }
            }
            return metrics.values().map(\.value)
        }
        let whole = measured([count], looking: false)
        #expect(whole.allSatisfy { $0 > 0 && $0 < 1 })
        for sizes in [[1, 49], [7, 0, 20, 23], Array(repeating: 1, count: 50)] {
            #expect(measured(sizes, looking: false) == whole)
            #expect(measured(sizes, looking: true) == whole)
        }
    }

    /// Random numbers of 64 bits, as SplitMix64 makes them (Steele, Lea, Flood, 2014).
    private func mixed(_ n: UInt64) -> UInt64 {
        var z = n &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    // MARK: - Help

    private func measure(_ kind: LabelKind, _ rows: [[Float]], _ truth: [[Int]]) -> [String: Double] {
        let classes = rows[0].count, scores = Buffer(zeros: rows.count * classes), labels = Buffer(zeros: scores.count)
        scores.tensor.copy(from: rows.flatMap { $0 })
        for (row, names) in truth.enumerated() { for name in names { labels[row * classes + name] = 1 } }
        var metrics = RunningMetrics(kind, classCount: classes)
        metrics.add(
            scores.tensor(count: rows.count, shape: [classes]),
            labels: labels.tensor(count: rows.count, shape: [classes])
        )
        return Dictionary(uniqueKeysWithValues: metrics.values().map { ($0.name, $0.value) })
    }

    private func close(_ value: Double?, _ expected: Double) -> Bool {
        value.map { abs($0 - expected) < 1e-12 } ?? false
    }
}
