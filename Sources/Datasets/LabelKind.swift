import HDF5

/// How examples are labeled, and so what logits mean.
public enum LabelKind: String, CaseIterable, Hashable, Sendable {
    /// Each example belongs to exactly one class: softmax.
    case multiclass
    /// Each example has any number of labels, each with a probability of its own: sigmoid.
    case multilabel = "multi-label"

    /// The attribute of a data file that says so, where values alone could mean both.
    private static let attribute = "task"

    /// What the attribute of a file says; nil where it has none.
    init?(declaredIn root: borrowing HDF5Group, _ path: String) throws {
        guard try root.attributes.contains(Self.attribute) else { return nil }
        let word = try root.attributes.string(Self.attribute)
        guard let kind = Self(rawValue: word) else {
            throw ExampleFileError(
                path, expected: "'multiclass' or 'multi-label' as the attribute '\(Self.attribute)'",
                found: "'\(word)'",
                "Set it to one of them, or remove it.")
        }
        self = kind
    }

    /// Writes the attribute.
    func declare(in root: borrowing HDF5Group) throws(HDF5Error) {
        try root.attributes.write(rawValue, to: Self.attribute)
    }
}
