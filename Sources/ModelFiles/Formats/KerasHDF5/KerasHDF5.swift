import HDF5
public import Tensors

/// One HDF5 file with architecture and weights, which Keras 2 and Keras 3 load.
public struct KerasHDF5: ModelFormat {
    public let suffixes = ["h5", "hdf5"]
    public let summary = "HDF5, for Keras 2 and 3"
    public let isReadable = true

    public init() {}

    public func expressing(_ built: BuiltArchitecture) throws(ModelFileError) -> BuiltArchitecture {
        if built.architecture.dialect == .keras3 {
            try built.refuseOrderOfMasks()
        } else {
            try refuseUnsaid(built.architecture)
        }
        return built
    }

    /// Refuses operations that Keras 2 has no words for in its files, such as einsum.
    private func refuseUnsaid(_ architecture: Architecture) throws(ModelFileError) {
        let problems = architecture.layers.filter { KerasOperation.named($0.className)?.functions.isEmpty == true }
            .map { "\($0.place): files of Keras 2 cannot hold this operation" }
        guard !problems.isEmpty else { return }
        throw ModelFileError(.refused, architecture.origin, problems, advice: "Write a .keras file, for Keras 3")
    }

    public func byteCount(of content: ModelContent) throws -> Int {
        try content.hdf5ByteCount { root in try write(content, nil, to: root) }
    }

    public func write(_ content: ModelContent, _ weights: Tensor, to partial: String, as path: String) throws {
        try HDF5File.writeContent(of: path, at: partial, version: content.version) {
            try write(content, weights, to: $0.root)
        }
    }

    /// Writes the whole file; without weights, all but the numbers.
    private func write(_ content: ModelContent, _ weights: Tensor?, to root: borrowing HDF5Group) throws {
        let writer = ConfigurationWriter(content.built, CommonSpelling()), version = content.kerasVersion
        try content.writeNotes(to: root)
        try root.attributes.write(writer.json.description, to: "model_config")
        try root.attributes.write(version, to: "keras_version")
        let group = try root.createGroup("model_weights")
        // Without it Keras 2 takes the weights for those of version 1, and turns some around.
        try group.attributes.write(version, to: "keras_version")
        let layers = writer.order.filter { content.slots[$0] != nil }
        try group.attributes.write(layers.map { writer.layerNames[$0] }, to: "layer_names")
        for index in layers {
            let layer = try group.createGroup(writer.layerNames[index])
            let slots = (content.slots[index] ?? []).inOwnOrder, counts = content.countsBatches(index)
            try layer.attributes.write(slots.map(\.name) + (counts ? ["count"] : []), to: "weight_names")
            for slot in slots { try content.write(slot, as: slot.name, weights, to: layer) }
            if counts { try layer.createDataset("count", [Int64(0)], shape: []) }
        }
    }
}
