import Networks

// An archive is Keras 3's, which does not know every word of Keras 2, and means other things by a few.

extension BuiltArchitecture {
    /// The same network as Keras 3 understands its words.
    ///
    /// - Throws: `ModelFileError` if Keras 3 has no such words, or would compute something else.
    func asKeras3() throws(ModelFileError) -> BuiltArchitecture {
        let unsaid = layers.indices.flatMap { index in
            Keras3Words.problems(layers[index].className, layers[index].written).map {
                "\(architecture.layers[index].place): \($0)"
            }
        }
        guard unsaid.isEmpty else {
            throw ModelFileError(
                .refused, architecture.origin, unsaid, advice: "A .keras file is for Keras 3; write .h5")
        }
        guard architecture.dialect == .keras2 else { return self }
        let other = try architecture.inKeras3().graph(inputs: graph.inputs.map { graph.shape(of: $0) })
        var problems = layers.indices.filter { Keras3Words.contains("hard_sigmoid", .object(layers[$0].written)) }.map {
            "\(architecture.layers[$0].place): Keras 3 computes 'hard_sigmoid' by another formula than Keras 2"
        }
        let masked = Set(graph.layersMasked(unlike: other.graph))
        problems += layers.indices.filter { layers[$0].parts.contains { masked.contains($0.name) } }.map {
            "\(architecture.layers[$0].place): Keras 3 masks what it reads by another rule than Keras 2"
        }
        guard problems.isEmpty else {
            throw ModelFileError(
                .refused, architecture.origin, problems, advice: "A .keras file would predict something else; write .h5"
            )
        }
        return other
    }
}

extension Architecture {
    /// The same words, as if Keras 3 had written them, and those added that go without saying in Keras 2 alone.
    fileprivate func inKeras3() -> Architecture {
        var other = self
        other.dialect = .keras3
        other.renew()
        for index in layers.indices
        where layers[index].className == "ops.gelu" && layers[index].options["approximate"]?.isNull != false {
            other.layers[index].options["approximate"] = false
        }
        return other
    }
}

private enum Keras3Words {
    /// What Keras 3 cannot say of a layer, or of the one inside.
    static func problems(_ className: String, _ options: JSON.Object) -> [String] {
        let own = LayerCatalog.entries[className]?.unsaidInKeras3(options) ?? []
        guard let inner = options["layer"], let name = inner["class_name"]?.string else { return own }
        return own + problems(name, inner["config"]?.object ?? [:])
    }

    /// Whether a word is a value anywhere in some options.
    static func contains(_ word: String, _ json: JSON) -> Bool {
        switch json {
        case .string(let text): text == word
        case .array(let elements): elements.contains { contains(word, $0) }
        case .object(let object): object.members.contains { contains(word, $0.value) }
        default: false
        }
    }
}
