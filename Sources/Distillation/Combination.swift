public import Datasets
import Foundation
import Kernels
public import Tensors

/// How several teachers' predictions for one example become one.
public enum Combination: String, Hashable, Sendable, CaseIterable {
    /// Σ wₖ softmax(zₖ / T): the mean of probabilities.
    case mean
    /// softmax(Σ wₖ zₖ / T): the normalised geometric mean, which is the mean of logits.
    case geometric
}

/// Probabilities of a row of logits at a temperature: softmax(z / T), or sigmoid(z / T).
public func probabilities(_ logits: Tensor, labelKind: LabelKind, temperature: Float, into result: Tensor) {
    switch labelKind {
    case .oneClass: softmax(logits, temperature: temperature, into: result)
    case .manyLabels:
        scale(logits, by: 1 / temperature, into: result)
        activate(Activation(.sigmoid), result, into: result)
    }
}
