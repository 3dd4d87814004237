public import Datasets
public import Tensors

/// The predictions of the student and of the ensemble for some examples, and their labels.
public struct Responses {
    public let labelKind: LabelKind
    public let temperature: Float
    /// The student's logits z, examples × classes; not divided by the temperature.
    public let student: Tensor
    /// The ensemble's logits at the temperature, examples × classes: its softened predictions q are their softmax, or
    /// their sigmoid for multi-label data. They are as if divided by the temperature already.
    public let teacher: Tensor
    /// Examples × classes: the share of each class in an example's labels, mostly 0 or 1; zeros of unlabeled examples.
    public let labels: Tensor

    public init(labelKind: LabelKind, temperature: Float, student: Tensor, teacher: Tensor, labels: Tensor) {
        (self.labelKind, self.temperature, self.student, self.teacher) = (labelKind, temperature, student, teacher)
        self.labels = labels
    }
}
