import ModelFiles
import Models
import Tensors
import Testing
import Training

@testable import Distillation

/// What the report says of student, ensemble and labels alone.
@Suite struct GainTests {
    private func metrics(_ value: Double) -> NamedMetrics { [("accuracy", value)] }
    private let spread = CompressionReport.Spread(errors: 0, margins: [0])

    private func report(
        ensemble: Double, student: Double, baseline: Double?, best: Double? = nil,
        differences: [CompressionReport.Difference] = []
    ) -> CompressionReport {
        CompressionReport(
            teachers: [], ensembleBytes: ByteCount(1), ensembleWeightBytes: ByteCount(1), ensembleValidation: [],
            ensembleTest: metrics(ensemble), ensembleTestSpread: spread, testCount: 1000, weightChoice: nil,
            comparisons: [],
            student: CompressionReport.Student(
                path: "s.h5", name: "s", parameters: 1, bytes: ByteCount(1), predictedBytes: ByteCount(1),
                weightBytes: ByteCount(1),
                validation: [], test: metrics(student), testSpread: spread, agreement: 1),
            baseline: baseline.map { value in
                CompressionReport.Baseline(
                    validation: [], test: metrics(value), testSpread: spread,
                    best: best.map {
                        CompressionReport.Baseline.Best(
                            epochs: [3], isEarlier: true, validation: [], test: metrics($0), testSpread: spread)
                    })
            }, seeds: nil, differences: differences, warnings: [], budget: Budget(ByteCount(1)),
            seconds: CompressionReport.Seconds(),
            peakMemory: ByteCount(1))
    }

    private func gain(ensemble: Double, student: Double, baseline: Double?, best: Double? = nil) -> Double? {
        report(ensemble: ensemble, student: student, baseline: baseline, best: best).gainKept
    }

    /// (student − baseline) / (ensemble − baseline).
    @Test func isTheShareOfTheEnsemblesGain() {
        #expect(gain(ensemble: 0.75, student: 0.6875, baseline: 0.5) == 0.75)
        #expect(gain(ensemble: 0.75, student: 0.375, baseline: 0.5) == -0.5)
        #expect(gain(ensemble: 0.75, student: 0.7, baseline: nil) == nil)
    }

    @Test func isNoneWhereTheEnsembleHasNone() {
        #expect(gain(ensemble: 0.625, student: 0.64, baseline: 0.955) == nil)
        #expect(gain(ensemble: 0.5, student: 0.75, baseline: 0.5) == nil)
    }

    @Test func isOverTheBetterOfLabelsAlone() {
        #expect(gain(ensemble: 0.75, student: 0.6875, baseline: 0.5, best: 0.625) == 0.5)
        #expect(gain(ensemble: 0.75, student: 0.6875, baseline: 0.625, best: 0.5) == 0.5)
        #expect(gain(ensemble: 0.75, student: 0.7, baseline: 0.5, best: 0.75) == nil)
    }

    /// 100 of 1,000 rows more, or 2 more.
    @Test func knowsAStudentThatIsWorseThanLabelsAlone() throws {
        func difference(_ other: CompressionReport.Difference.Other, lost: Int) -> CompressionReport.Difference {
            let right = MetricSample.examples(Array(repeating: 1, count: 1000))
            let wrong = MetricSample.examples(
                Array(repeating: 0, count: lost) + Array(repeating: 1, count: 1000 - lost))
            return CompressionReport.Difference(
                other: other, validation: [MetricDifference((1 - Double(lost) / 1000, wrong), (1, right))], test: [])
        }
        func loss(_ differences: [CompressionReport.Difference]) -> Double? {
            report(ensemble: 0.9, student: 0.8, baseline: 0.8, differences: differences).lossToLabelsAlone?.value
        }
        let found = try #require(loss([difference(.baseline, lost: 2), difference(.bestBaseline, lost: 100)]))
        #expect(abs(found + 0.1) < 1e-12)
        #expect(loss([difference(.baseline, lost: 2)]) == nil)
        #expect(loss([difference(.ensemble, lost: 100)]) == nil)
    }
}
