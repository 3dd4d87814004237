public import Datasets
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
