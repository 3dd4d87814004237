extension KerasFile {
    /// The names of the classes in the order of the outputs, where the file has them; Keras itself keeps none.
    ///
    /// They are looked for where people put them, in the root's attributes `classes`, which this program writes too,
    /// `class_names` and `class_indices`: a list of strings, or a text with a JSON list of names, or with a JSON object from
    /// names to indices, as Keras's data generators have it.
    public var classList: [String]? {
        guard let texts = classNames, !texts.isEmpty else { return nil }
        guard texts.count == 1, let json = try? JSON(parsing: texts[0]) else { return texts }
        if let names = json.array?.compactMap(\.string), !names.isEmpty { return names }
        let indices = (json.object?.members ?? []).compactMap { member in
            member.value.integer.map { (index: $0, name: member.key) }
        }
        let sorted = indices.sorted { $0.index < $1.index }
        return !sorted.isEmpty && sorted.map(\.index) == Array(sorted.indices) ? sorted.map(\.name) : texts
    }
}
