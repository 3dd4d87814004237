public import Datasets
public import Training

/// What a student's loss is, but for the ensemble that it is compared with: the terms of the prediction loss, and what weighs
/// and softens them over training.
///
///     w(t) · Σᵢ aᵢ(t) · Lᵢ + λ(t) · CE(y, softmax(z))
public struct LossSettings: Hashable, Sendable {
    /// The terms Lᵢ of the prediction loss with their weights aᵢ.
    public var terms: [LossTerm]
    /// T, which softens the predictions of teachers and student.
    public var temperature: Schedule
    /// w, the weight of the prediction loss.
    public var softWeight: Schedule
    /// λ, the weight of the ground-truth loss.
    public var lambda: Schedule

    public init(
        _ terms: [LossTerm] = [LossTerm(.kl)], temperature: Schedule, softWeight: Schedule, lambda: Schedule
    ) {
        (self.terms, self.temperature, self.softWeight, self.lambda) = (terms, temperature, softWeight, lambda)
    }

    /// The same without the terms that compare layers.
    var withoutLayers: Self {
        var settings = self
        settings.terms.removeAll(where: \.loss.comparesLayers)
        return settings
    }

    /// The loss in words, as it is printed before training.
    ///
    /// - Parameter plus: What stands between terms.
    public func formula(_ labelKind: LabelKind, plus: String = " + ") -> String {
        let texts = terms.map { term in
            let text = term.measure.formula(labelKind, temperature: "\(temperature)", teacher: term.teacher)
            return term.weight == .constant(1) ? text : "\(term.weight) · \(text)"
        }
        let soft = texts.count == 1 ? texts[0] : "(\(texts.joined(separator: plus)))"
        let hard = labelKind == .multiclass ? "cross-entropy(labels)" : "Σ binary cross-entropy(labels)"
        return "\(softWeight) · \(soft)\(plus)\(lambda) · \(hard)"
    }
}
