public import Datasets
public import Tensors

/// What the student and the ensemble say of some examples, and what is true of them.
public struct Answers {
    public let labelKind: LabelKind
    public let temperature: Float
    /// The student's logits z, examples × classes; not divided by the temperature.
    public let student: Tensor
    /// The ensemble's logits at the temperature, examples × classes: its softened predictions q are their softmax, or
    /// their sigmoid where examples have several labels. They are as if divided by the temperature already.
    public let teacher: Tensor
    /// Examples × classes: the share of each class in an example's truth, mostly 0 or 1; zeros where nothing is known.
    public let labels: Tensor

    public init(labelKind: LabelKind, temperature: Float, student: Tensor, teacher: Tensor, labels: Tensor) {
        (self.labelKind, self.temperature, self.student, self.teacher) = (labelKind, temperature, student, teacher)
        self.labels = labels
    }
}
