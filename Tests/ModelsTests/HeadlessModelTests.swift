import Datasets
import Models
import Tensors
import Testing

/// Models that end in neither softmax nor sigmoid.
@Suite struct HeadlessModelTests {
    private func taken(_ outputs: [Float], _ labelKind: LabelKind) -> (logits: [Float], probabilities: [Float]) {
        let buffer = Buffer(zeros: outputs.count), rows = buffer.tensor(count: outputs.count / 2, shape: [2])
        rows.copy(from: outputs)
        convertToLogits(rows, labelKind: labelKind)
        let logits = rows.values
        probabilities(rows, labelKind: labelKind, temperature: 1, into: rows)
        return (logits, rows.values)
    }

    @Test func probabilitiesStayWhatTheyAre() {
        let cases: [([Float], LabelKind)] = [
            ([0.25, 0.75, 1, 0], .multiclass), ([0.25, 0.5, 0.75, 0.125], .multilabel),
        ]
        for (outputs, labelKind) in cases {
            for (found, expected) in zip(taken(outputs, labelKind).probabilities, outputs) {
                #expect(abs(found - expected) < 1e-6)
            }
        }
    }

    @Test func logitsAreLeftAlone() {
        #expect(taken([0.5, 0.75, 0.25, 0.75], .multiclass).logits == [0.5, 0.75, 0.25, 0.75])
        #expect(taken([0.5, -0.5, 2, 0.1], .multilabel).logits == [0.5, -0.5, 2, 0.1])
    }
}
