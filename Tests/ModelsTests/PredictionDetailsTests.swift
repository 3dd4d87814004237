import Datasets
import HDF5
import Tensors
import TestSupport
import Testing

@testable import Models

/// Figures worked by hand.
@Suite struct PredictionDetailsTests {
    private func tensor(_ rows: [[Float]]) -> Tensor {
        let tensor = Buffer(zeros: rows.count * rows[0].count).tensor(count: rows.count, shape: [rows[0].count])
        for (index, value) in rows.joined().enumerated() { tensor[index] = value }
        return tensor
    }

    /// Labels 0, 0, 1, 2 are taken for 0, 1, 1, 1.
    private var details: PredictionDetails {
        var details = PredictionDetails(.multiclass, classCount: 3)
        details.add(
            tensor([[0.9, 0.05, 0.05], [0.3, 0.6, 0.1]]), labels: tensor([[1, 0, 0], [1, 0, 0]]))
        details.add(
            tensor([[0.25, 0.5, 0.25], [0.1, 0.62, 0.28]]), labels: tensor([[0, 1, 0], [0, 0, 1]]))
        return details
    }

    @Test func countsClasses() {
        let classes = details.classes
        #expect(classes.map(\.support) == [2, 1, 1])
        #expect(classes.map(\.predicted) == [1, 3, 0])
        #expect(classes.map(\.right) == [1, 1, 0])
        #expect(classes[0].recall == 0.5 && classes[0].precision == 1)
        #expect(classes[0].f1 == 2.0 / 3)
        #expect(classes[1].recall == 1 && classes[1].precision == 1.0 / 3 && classes[1].f1 == 0.5)
        #expect(classes[2].recall == 0 && classes[2].precision == nil && classes[2].f1 == 0)
    }

    @Test func countsWhatIsTakenForWhat() {
        #expect(
            details.confusions == [
                .init(label: 0, predicted: 1): 1, .init(label: 2, predicted: 1): 1,
            ])
    }

    /// 0.9 is in bin 13 of 15, right; 0.6 and 0.62 in bin 9, wrong; 0.5 in bin 7, right:
    /// (|0.9 − 1| + |1.22 − 0| + |0.5 − 1|) / 4.
    @Test func findsTheExpectedCalibrationError() {
        let bins = details.bins
        #expect(bins.map(\.count) == [0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0])
        #expect(abs(bins[9].confidence - 0.61) < 1e-6 && bins[9].accuracy == 0)
        #expect(abs(details.calibrationError - 1.82 / 4) < 1e-6)
    }

    @Test func takesEachLabelOfSeveralByItself() {
        var details = PredictionDetails(.multilabel, classCount: 2)
        details.add(tensor([[0.5, 0.2], [0.9, 0.7]]), labels: tensor([[1, 1], [0, 1]]))
        #expect(details.classes.map(\.support) == [1, 2])
        #expect(details.classes.map(\.predicted) == [2, 1])
        #expect(details.classes.map(\.right) == [1, 1])
        #expect(details.confusions.isEmpty)
        // |0.5 − 1| + |0.2 − 1| + |0.9 − 0| + |0.7 − 1|, each in a bin of its own.
        #expect(abs(details.calibrationError - 2.5 / 4) < 1e-6)
    }

    /// ½ (0.6 + 0.5 + 0.1), then ½ (0.1 + 0.1); the same prediction is no disagreement.
    @Test func ranksDisagreements() {
        var apart = Disagreements(.multiclass, limit: 2)
        apart.add(
            tensor([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5]]), tensor([[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]]),
            labels: tensor([[1, 0, 0], [0, 1, 0]]))
        apart.add(tensor([[0.8, 0.1, 0.1]]), tensor([[0.2, 0.6, 0.2]]), labels: tensor([[0, 0, 1]]))
        #expect(apart.all.map(\.example) == [2, 1])
        #expect(abs(apart.all[0].distance - 0.6) < 1e-6 && abs(apart.all[1].distance - 0.1) < 1e-6)
        #expect(apart.all[0].labels == [2])
        #expect(apart.all[0].first == .init(label: 0, probability: 0.8))
        #expect(apart.all[0].second == .init(label: 1, probability: 0.6))
    }

    @Test func ranksDisagreementsOfLabels() {
        var apart = Disagreements(.multilabel, limit: 1)
        apart.add(
            tensor([[0.5, 0.4], [0.2, 0.3]]), tensor([[0.6, 0.4], [0.1, 0.7]]), labels: tensor([[1, 1], [0, 0]]))
        #expect(apart.all.map(\.example) == [1])
        #expect(apart.all[0].labels.isEmpty)
        #expect(apart.all[0].first == .init(label: 1, probability: 0.3))
        #expect(apart.all[0].second == .init(label: 1, probability: 0.7))
    }
}
