/// What Keras's kinds of files write differently in the architecture of a model.
protocol KerasSpelling: Sendable {
    /// What an InputLayer calls the shape of a batch.
    var batchShapeKey: String { get }

    /// Whether a model is written in Keras 2's words where the versions have none in common.
    func speaksKeras2(_ dialect: Architecture.Dialect) -> Bool

    /// A model as a whole.
    func model(_ className: String, _ config: JSON.Object) -> JSON

    /// A layer as an entry of its model.
    func entry(_ className: String, _ config: JSON.Object) -> JSON

    /// An initializer, a regularizer or a constraint.
    func carried(_ option: JSON) -> JSON
}
