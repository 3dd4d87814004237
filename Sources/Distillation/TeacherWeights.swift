public import Datasets
import Foundation
import Kernels
public import Models
public import Tensors

/// Each teacher's share of the ensemble.
public enum TeacherWeights: Hashable, Sendable {
    /// Learned where these are better than equal ones on held-out rows beyond what may be chance, else equal.
    case automatic
    case uniform
    /// Those that minimise the ensemble's loss on held-out rows.
    case learned
    /// Equal, but larger for the teachers that know an example's label (`EnsembleMixture`).
    case byExample
    /// As the user sets them, divided by their sum.
    case given([Double])
}

extension TeacherWeights: CustomStringConvertible {
    /// As the option spells it.
    public var description: String {
        switch self {
        case .automatic: "auto"
        case .uniform: "uniform"
        case .learned: "learned"
        case .byExample: "by-example"
        case .given(let shares): shares.map { "\($0)" }.joined(separator: ",")
        }
    }
}

/// Finds the convex weights that minimise the ensemble's cross-entropy on held-out rows.
///
/// The loss is convex in the weights, for the mean of probabilities as for the mean of logits. Exponentiated gradient
/// descent (Kivinen and Warmuth, 1997) keeps the weights positive and their sum 1; a step that does not help is halved.
///
/// - Parameters:
///   - logits: Each teacher's logits, rows × classes.
///   - labels: Rows × classes, 1 for each of a row's labels.
public func learnWeights(_ logits: [Tensor], labels: Tensor, combination: Combination, labelKind: LabelKind) -> [Double]
{
    let count = logits.count, rows = Double(max(labels.rowCount, 1))
    let values = logits.map { tensor in
        let value = Buffer(zeros: tensor.elementCount).tensor.viewed(count: tensor.count, shape: tensor.shape)
        switch combination {
        case .mean: probabilities(tensor, labelKind: labelKind, temperature: 1, into: value)
        case .geometric: value.copy(from: tensor)
        }
        return value
    }
    let size = labels.elementCount, classes = labels.shape.channels
    let mixture = Buffer(zeros: size).tensor.viewed(count: size / classes, shape: [classes])

    /// The loss, with its gradient by each weight.
    func evaluate(_ weights: [Double]) -> (loss: Double, gradient: [Double]) {
        mixture.fill(with: 0)
        for (value, weight) in zip(values, weights) { addScaled(value, by: Float(weight), to: mixture) }
        if combination == .geometric { probabilities(mixture, labelKind: labelKind, temperature: 1, into: mixture) }
        var loss = 0.0
        for index in 0..<size {
            let y = labels[index], p = min(max(mixture[index], 1e-12), 1 - 1e-7)
            if y > 0 { loss -= Double(log(p)) }
            if labelKind == .multilabel, y == 0 { loss -= Double(log1p(-p)) }
            // From here on `mixture` is the gradient by the mixed value: of probabilities, or of logits.
            switch (combination, labelKind) {
            case (.geometric, _): mixture[index] -= y
            case (.mean, .multiclass): mixture[index] = y > 0 ? -1 / p : 0
            case (.mean, .multilabel): mixture[index] = y > 0 ? -1 / p : 1 / (1 - p)
            }
        }
        let gradient = values.map { value in
            (0..<size).reduce(0.0) { $0 + Double(mixture[$1]) * Double(value[$1]) } / rows
        }
        return (loss / rows, gradient)
    }

    var weights = [Double](repeating: 1 / Double(count), count: count)
    var (loss, gradient) = evaluate(weights)
    var rate = 1.0
    for _ in 0..<200 where rate > 1e-4 {
        let lowest = gradient.min() ?? 0
        let moved = zip(weights, gradient).map { $0 * exp(-rate * ($1 - lowest)) }
        let total = moved.reduce(0, +), candidate = moved.map { $0 / total }
        let (next, slope) = evaluate(candidate)
        if next < loss {
            let gain = loss - next
            (weights, loss, gradient) = (candidate, next, slope)
            rate *= 1.5
            if gain < 1e-8 { break }
        } else {
            rate /= 2
        }
    }
    return weights
}
