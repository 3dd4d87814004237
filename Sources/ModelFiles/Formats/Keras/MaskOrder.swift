import Networks

// Where Keras 3 makes the masks of a functional model, they are operations of its graph, and the layers that read masks are
// further from the inputs than they are here: that may change the order in which it lists the layers, and with them the
// weights of a file.

extension BuiltArchitecture {
    /// Refuses a network whose layers Keras 3 lists in another order than the file, and would give each other's weights.
    func refuseOrderOfMasks() throws(ModelFileError) {
        guard graph.hasMasks, !architecture.isChain else { return }
        let operations = MaskOperations(self)
        let plain = architecture.kerasOrder
        let masked = operations.order
        guard let place = zip(plain, masked).first(where: { $0 != $1 }) else { return }
        throw ModelFileError(
            .refused, architecture.origin,
            [
                "\(architecture.layers[place.0].place): Keras 3 would list it behind "
                    + "'\(architecture.layers[place.1].name)' because of the masks, and mix up their weights"
            ],
            advice: "Models with masks in one of several branches cannot be written for Keras 3")
    }
}

/// The operations that Keras 3 adds to the graph of a model: those that make the masks that layers read.
///
/// Keras makes them also for masks that hide nothing, such as that of a Concatenate of a masked sequence and a plain one.
/// Such a mask is none in a `LayerGraph`, so that what has a mask is found here by Keras's own rules.
private struct MaskOperations {
    private let built: BuiltArchitecture
    private let positions: [String: Int]
    private var reads: [LayerCall: [LayerCall]] = [:]
    /// The operation that makes the mask of a value.
    private var masks: [Architecture.Source: LayerCall] = [:]
    private var count = 0

    /// Layers whose calls take a mask, where that is the only tensor beside the input.
    private static let readers: Set = [
        "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "TimeDistributed", "GlobalAveragePooling1D",
        "BatchNormalization", "Softmax",
    ]
    private static let merging: Set = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]

    init(_ built: BuiltArchitecture) {
        self.built = built
        positions = Dictionary(
            built.architecture.layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let outputs = built.architecture.outputs.map { LayerCall($0) }
        for call in callsInOrder(outputs, plainReads, enter: { _ in }) { add(call) }
    }

    /// The positions of the layers in the order in which Keras 3 lists them.
    var order: [Int] {
        kerasOrder(outputs: built.architecture.outputs.map { LayerCall($0) }) { reads[$0] ?? [] }.compactMap {
            positions[$0]
        }
    }

    private func plainReads(_ call: LayerCall) -> [LayerCall] { built.architecture.reads(call, positions) }

    private mutating func operation(_ reads: [LayerCall]) -> LayerCall {
        // No layer's name has a slash at its beginning.
        let call = LayerCall(layer: "/\(count)", number: 0)
        count += 1
        self.reads[call] = reads
        return call
    }

    /// Notes what a call reads, and makes the mask of its result.
    private mutating func add(_ call: LayerCall) {
        reads[call] = plainReads(call)
        guard let position = positions[call.layer] else { return }
        let layer = built.architecture.layers[position], sources = layer.calls[call.number]
        let className = built.writtenClass(position)
        if Self.readers.contains(className), sources.count == 1, let mask = masks[sources[0]] {
            reads[call]?.append(mask)
        }
        var masked: [Architecture.Source] = []
        var result = Architecture.Source(call.layer, call: call.number, tensor: 0)
        while built.values[result] != nil {
            if hasMask(result, layer, className, sources) { masked.append(result) }
            result = Architecture.Source(call.layer, call: call.number, tensor: result.tensor + 1)
        }
        guard !masked.isEmpty, let mask = mask(layer, className, sources) else { return }
        for result in masked { masks[result] = mask }
    }

    /// Whether a result of a call has the mask that the call makes, if it makes one.
    private func hasMask(
        _ result: Architecture.Source, _ layer: Architecture.Layer, _ className: String,
        _ sources: [Architecture.Source]
    ) -> Bool {
        guard let value = built.values[result], let input = built.values[sources[0]] else { return false }
        switch className {
        case _ where layer.hasExplicitMask, "Embedding", "Masking": return built.graph.isMasked(value)
        case "Concatenate",
            _ where Self.merging.contains(className):
            return built.architecture.rules.masksOfListsGoOn
        // Where they stand for operations, which have no masks.
        case "Rescaling", "Activation": return true
        default: return built.graph.passesMask(of: input, to: value)
        }
    }

    /// What makes the mask of a call's results; nil if there is none.
    private mutating func mask(
        _ layer: Architecture.Layer, _ className: String, _ sources: [Architecture.Source]
    ) -> LayerCall? {
        let given = sources.map { masks[$0] }
        switch className {
        case _ where layer.hasExplicitMask: return LayerCall(sources[1])
        case "Embedding": return operation([LayerCall(sources[0])])
        case "Masking": return operation([operation([LayerCall(sources[0])])])
        case _ where Self.merging.contains(className):
            let all = given.compactMap(\.self)
            guard let first = all.first, all.count == given.count else { return nil }
            return all.dropFirst().reduce(first) { operation([$0, $1]) }
        case "Concatenate":
            guard given.contains(where: { $0 != nil }) else { return nil }
            let parts = zip(sources, given).map { source, mask in
                guard let mask else { return operation([LayerCall(source)]) }
                return operation([operation([mask]), operation([LayerCall(source)])])
            }
            return operation([operation(parts)])
        case "Attention", "AdditiveAttention": return given[0].map { operation([$0]) }
        default: return given[0]
        }
    }
}
