public import Datasets
import Foundation
import Kernels
public import Tensors

/// What the numbers are that a model outputs.
public enum OutputReading: String, Hashable, Sendable, CaseIterable {
    /// Probabilities that add up to 1.
    case softmax
    /// A probability for each class by itself.
    case sigmoid
    /// What a softmax or sigmoid would be taken of.
    case logits
}

/// How a model's output becomes logits of the data's classes.
///
/// One sigmoid unit p for two classes means (1 − p, p): logits (0, z). Where a model was trained for another task than the
/// data's, its probabilities are read in the light of that task:
///
///     labels are one class each, the model has sigmoids: p given that exactly one label is true. Independent labels
///         with odds oᵢ = pᵢ / (1 − pᵢ) = exp zᵢ are (0 … 1 … 0) with a probability proportional to oᵢ, which makes
///         it softmax(z): the logits stay
///     labels are several each, the model has a softmax: each p by itself: log p − log(1 − p)
public struct ModelOutput: Hashable, Sendable {
    /// What it is by the last layer; nil for a model that ends in neither softmax nor sigmoid.
    let head: OutputReading?
    /// What it is by `--teacher-output`.
    let given: OutputReading?
    /// Whether it comes from a Dense layer: who ends a model without a head in one means logits.
    let isDense: Bool
    /// Whether one unit distinguishes two classes.
    public let isBinaryLogit: Bool
    let classCount: Int
    let labelKind: LabelKind
    /// For each of the data's classes, the place that it has in the output; nil where they are the same.
    public let order: [Int]?

    /// What the output is, as far as it is known before the model has predicted.
    public var reading: OutputReading? { head ?? given ?? (isDense ? .logits : nil) }

    /// Whether the user may set what the output is.
    public var canBeGiven: Bool { head == nil && !isBinaryLogit }

    /// Makes logits of the data's classes of what `predictLogits` returns, in place.
    ///
    /// - Parameter reading: What the outputs are, of a model without a head.
    func convertToLogits(_ rows: Tensor, as reading: OutputReading) {
        if head == nil {
            if isBinaryLogit {
                convertBinary(rows, reading)
            } else {
                Models.convertToLogits(rows, as: reading, labelKind: labelKind)
            }
        } else if head == .softmax, labelKind == .multilabel {
            takeLogOdds(ofSoftmax: rows)
        }
        if let order { permute(rows, order) }
    }

    /// What outputs of a model without a head seem to be.
    func reading(of rows: Tensor) -> OutputReading {
        guard isBinaryLogit else { return Models.reading(of: rows, labelKind: labelKind) }
        return (0..<rows.rowCount).allSatisfy { isProbability(rows[$0 * 2 + 1]) } ? .sigmoid : .logits
    }

    /// The first output that contradicts how they are read; nil if there is none.
    func contradiction(to reading: OutputReading, in rows: Tensor) -> Float? {
        guard head == nil, reading != .logits else { return nil }
        let found = rows.withSpan { rows in rows.indices.first { !isProbability(rows[$0]) } }
        return found.map { rows[$0] }
    }

    private func convertBinary(_ rows: Tensor, _ reading: OutputReading) {
        guard reading != .logits else { return }
        for row in 0..<rows.rowCount { rows[row * 2 + 1] = logOdds(rows[row * 2 + 1]) }
    }

    private func permute(_ rows: Tensor, _ order: [Int]) {
        let classes = order.count
        for row in 0..<rows.rowCount {
            let place = rows.slice(at: row * classes, count: classes), values = place.values
            for (column, other) in order.enumerated() { place[column] = values[other] }
        }
    }
}

extension ModelOutput: CustomStringConvertible {
    /// As the plan shows it: `softmax of 10`, `one sigmoid`.
    public var description: String {
        let name = reading?.rawValue ?? "logits?"
        return isBinaryLogit ? "one \(name == "logits" ? "logit" : name)" : "\(name) of \(grouped(classCount))"
    }

    /// What should be known of the way in which it is read.
    var note: String? {
        switch (reading, labelKind) {
        case (nil, _):
            "logits?: the model ends in neither softmax nor sigmoid; its outputs for the first training examples "
                + "decide whether they are probabilities, unless --teacher-output is given"
        case (.sigmoid, .multiclass) where !isBinaryLogit:
            "sigmoid, for multiclass labels: the probabilities given that exactly one class is true"
        case (.softmax, .multilabel):
            "softmax, for multi-label data: each class's probability by itself"
        default: nil
        }
    }
}

/// Makes logits, in place, of what a model says that ends in neither softmax nor sigmoid: a mean of softmax branches says
/// probabilities already, and a softmax of those would be another prediction.
///
/// Outputs are taken for probabilities when all lie in 0 … 1 and, for one class, every row adds up to 1.
public func convertToLogits(_ outputs: Tensor, labelKind: LabelKind) {
    convertToLogits(outputs, as: reading(of: outputs, labelKind: labelKind), labelKind: labelKind)
}

/// What outputs seem to be.
public func reading(of outputs: Tensor, labelKind: LabelKind) -> OutputReading {
    let classes = outputs.shape.channels
    for row in 0..<outputs.rowCount {
        let values = outputs.slice(at: row * classes, count: classes).values
        guard values.allSatisfy(isProbability) else { return .logits }
        guard labelKind == .multilabel || abs(values.reduce(0, +) - 1) < 1e-3 else { return .logits }
    }
    return labelKind == .multiclass ? .softmax : .sigmoid
}

/// log p for one class of several; log p − log(1 − p) for labels by themselves, and for one class that sigmoids predict.
func convertToLogits(_ outputs: Tensor, as reading: OutputReading, labelKind: LabelKind) {
    guard reading != .logits else { return }
    for place in 0..<outputs.elementCount {
        let p = outputs[place]
        outputs[place] = reading == .softmax && labelKind == .multiclass ? log(min(max(p, 1e-12), 1)) : logOdds(p)
    }
}

/// Means of probabilities may be rounded to slightly more than 1.
private func isProbability(_ value: Float) -> Bool { value >= 0 && value <= 1 + 1e-5 }

private func logOdds(_ p: Float) -> Float {
    let p = min(max(p, 1e-12), 1)
    return log(p) - log(max(1 - p, 1e-7))
}

/// log p − log(1 − p) of p = softmax(z), in place, without the difference 1 − p:  zᵢ − log Σⱼ≠ᵢ exp zⱼ.
private func takeLogOdds(ofSoftmax rows: Tensor) {
    let classes = rows.shape.channels
    for row in 0..<rows.rowCount {
        let place = rows.slice(at: row * classes, count: classes), z = place.values.map { Double($0) }
        let largest = z.max() ?? 0, powers = z.map { exp($0 - largest) }, sum = powers.reduce(0, +)
        for column in 0..<classes {
            // Only one class can be more than half of the sum, where a difference would lose digits.
            let others =
                powers[column] > sum / 2
                ? z.indices.reduce(0.0) { $1 == column ? $0 : $0 + powers[$1] } : sum - powers[column]
            place[column] = Float(z[column] - largest - log(max(others, 1e-300)))
        }
    }
}
