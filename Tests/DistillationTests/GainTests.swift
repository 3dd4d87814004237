import Tensors
import Testing

@testable import Distillation

@Suite struct GainTests {
    private func gain(ensemble: Double, student: Double, baseline: Double?) -> Double? {
        func metrics(_ value: Double) -> CompressionReport.Metrics { [("accuracy", value)] }
        return CompressionReport(
            teachers: [], ensembleBytes: ByteCount(1), ensembleValidation: [], ensembleTest: metrics(ensemble),
            comparisons: [],
            student: CompressionReport.Student(
                path: "s.h5", name: "s", parameters: 1, bytes: ByteCount(1), predictedBytes: ByteCount(1),
                validation: [], test: metrics(student), agreement: 1),
            baselineValidation: [], baselineTest: baseline.map(metrics), warnings: [],
            budget: ByteCount(1), seconds: CompressionReport.Seconds(), peakMemory: ByteCount(1)
        ).gainKept
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
}
