import Datasets
import Training

/// Settings of the loss that go together, under a name.
public enum Preset: String, Hashable, Sendable, CaseIterable {
    /// What the winners of the second YouTube-8M challenge trained their students with ("Building a size constrained
    /// predictive model for video classification", Skalic and Austin, 2018):
    ///
    ///     ½ · BCE(teachers) + ½ · BCE(labels)
    ///
    /// the binary cross-entropies summed over the classes, of probabilities as they are.
    case youTube8MWinners = "youtube8m-winners"

    public var loss: LossSettings {
        LossSettings(
            [LossTerm(.crossEntropy)], temperature: .constant(1), softWeight: .constant(0.5), lambda: .constant(0.5))
    }

    /// Why it is not for such labels; nil where it is.
    func refusal(labelKind: LabelKind) -> String? {
        guard labelKind == .multiclass else { return nil }
        return "preset '\(rawValue)' is for multi-label data, and here each example has one class: leave "
            + "--preset out"
    }
}
