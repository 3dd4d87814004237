public import Datasets
import Foundation
import Kernels
public import Tensors

/// Probabilities of a row of logits at a temperature: softmax(z / T), or sigmoid(z / T).
public func probabilities(_ logits: Tensor, labelKind: LabelKind, temperature: Float, into result: Tensor) {
    switch labelKind {
    case .multiclass: softmax(logits, temperature: temperature, into: result)
    case .multilabel:
        scale(logits, by: 1 / temperature, into: result)
        activate(Activation(.sigmoid), result, into: result)
    }
}

/// The mean cross-entropy of probabilities, or binary cross-entropy summed over classes.
public func crossEntropy(_ probabilities: Tensor, labels: Tensor, labelKind: LabelKind) -> Double {
    var sum = 0.0
    for index in 0..<labels.elementCount {
        let p = min(max(Double(probabilities[index]), 1e-12), 1 - 1e-12)
        if labels[index] > 0 { sum -= log(p) } else if labelKind == .multilabel { sum -= log1p(-p) }
    }
    return sum / Double(max(labels.rowCount, 1))
}
